"""Expression programmes between HER2 states, within each patient and then across patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import as_names, obs_column, step_record
from her2plastic._errors import MissingKeyError, ParameterError, one_of
from her2plastic.models.resample import benjamini_hochberg, mean_interval, sign_flip_p
from her2plastic.tl.panel_counts import PanelCounts, panel_counts, patient_ctc_mask

if TYPE_CHECKING:
    from anndata import AnnData

#: Fewer patients than this are shown one by one, without a pooled result.
MIN_DONORS: Final = 6
COLUMNS: Final = ("programme", "n_donors", "log2_ratio", "lower", "upper", "p_value", "p_adjusted", "note")
DONOR_COLUMNS: Final = (
    "programme",
    "donor",
    "log2_ratio",
    "counts_first",
    "counts_second",
    "cells_first",
    "cells_second",
)


@dataclass(frozen=True)
class ProgrammeComparison:
    """Programmes in one set of HER2 states against another, paired within donors.

    Parameters
    ----------
    first, second
        The states compared; a positive log2 ratio is higher in ``first``.
    weights
        How cells were given to states.
    level
        Coverage of the intervals.
    pooled
        One row per programme; see :meth:`to_frame`.
    donors
        One row per programme and donor with enough cells on both sides: its ``log2_ratio``, the counts and the cells
        (sums of weights) behind it.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    weights: str
    level: float
    pooled: pd.DataFrame
    donors: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return one row per programme.

        Returns
        -------
        Columns ``programme``, ``n_donors`` (with both sides), ``log2_ratio`` (mean over donors), ``lower``, ``upper``
        (Student interval over donors), ``p_value`` (sign flips over donors), ``p_adjusted`` (Benjamini-Hochberg over
        the programmes) and ``note`` (why something is ``insufficient``).
        """
        return self.pooled.copy()

    def summary(self) -> str:
        """Return the comparison in words, a line per programme.

        Returns
        -------
        Text.
        """
        lines = [f"{' or '.join(self.first)} against {' or '.join(self.second)}, log2 ratio within patients:"]
        for row in self.pooled.to_dict("records"):
            text = row["note"] or (
                f"{row['log2_ratio']:+.2f} ({self.level:.0%} interval {row['lower']:+.2f} to {row['upper']:+.2f}, "
                f"{row['n_donors']} patients, adjusted p {row['p_adjusted']:.2g})"
            )
            lines.append(f"  {row['programme']}: {text}")
        return "\n".join(lines)


def compare_programmes(
    adata: AnnData,
    *,
    between: tuple[str | Sequence[str], str | Sequence[str]] = ("HER2-positive", ("HER2-0", "HER2-low")),
    donor_key: str = _keys.DONOR_ID,
    weights: Literal["posterior", "state"] = "posterior",
    min_cells: float = 3.0,
    level: float = 0.95,
    seed: int = 0,
) -> ProgrammeComparison:
    """Compare programmes between HER2 states by pseudobulk, paired within patients.

    Counts and depth of a patient's CTCs are summed on each side, and the log2 ratio of the two rates is that patient's
    value (of a patient with cells of several assays, those of the assay with most CTCs are used; control cells with a
    ``label`` are left out). Patients are the units: the interval and the test are over them, never over cells. With
    fewer than six patients that have both sides, only the patients' own values are returned and the pooled ones are
    ``insufficient``.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.programmes` and :func:`her2plastic.tl.her2_state`.
    between
        Two disjoint sets of states.
    donor_key
        Column of ``obs`` with the patient.
    weights
        ``posterior``: each cell counts on both sides by its probability; uncertain cells draw the ratio towards 0.
        ``state``: each cell counts for its most probable state.
    min_cells
        Cells (sum of weights) that a patient needs on each side at least.
    level
        Coverage of the intervals, between 0 and 1.
    seed
        Seed of the random sign flips, used with more than 14 patients only.

    Returns
    -------
    The comparison. Nothing is written.

    Raises
    ------
    MissingKeyError
        If programmes or HER2 states are not there yet.
    ParameterError
        If ``between``, ``weights``, ``min_cells`` or ``level`` cannot be used.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=8, draws=(0,), n_ctc=30)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> hp.tl.programmes(cells)
    >>> found = hp.tl.compare_programmes(cells)  # HER2-positive against the others
    >>> print(found.to_frame()[["programme", "log2_ratio", "lower", "upper"]].round(1).to_string())
           programme  log2_ratio  lower  upper
    0  proliferation         0.1   -0.0    0.3
    1            rtk         0.0   -0.0    0.1
    2          notch        -0.0   -0.2    0.1
    3     dna_damage        -0.1   -0.2   -0.0
    4            emt        -0.0   -0.3    0.2
    5        hormone         0.1   -0.3    0.6
    6         stress        -0.1   -0.3   -0.0
    """
    first, second = _sides(between)
    one_of("weights", weights, ("posterior", "state"))
    if not 0 < level < 1:
        raise ParameterError(f"level={level!r}: expected a number between 0 and 1")
    if not min_cells > 0:
        raise ParameterError(f"min_cells={min_cells!r}: expected a number above 0")
    record = step_record(adata, "programmes")
    if not record or _keys.PROGRAMMES not in adata.obsm:
        raise MissingKeyError("obsm", _keys.PROGRAMMES, adata.obsm.keys(), "Run her2plastic.tl.programmes first.")
    genes = {str(name): [str(gene) for gene in members] for name, members in record["genes"].items()}
    found = panel_counts(adata, genes, needed_by="tl.compare_programmes")
    donors = as_names(obs_column(adata, donor_key, remedy="Name the patient column with donor_key."))
    patients = patient_ctc_mask(adata) & _main_assay(adata, donors)
    sides = np.stack([np.where(patients, _membership(adata, states, weights), 0.0) for states in (first, second)])
    bulk = _pseudobulk(found, donors, sides)
    enough = (bulk["cells"] >= min_cells).all(axis=1)
    skipped = dict(str(line).split(": ", 1) for line in record.get("insufficient", ()))
    per_donor, pooled = [], []
    for programme in map(str, pd.DataFrame(adata.obsm[_keys.PROGRAMMES])):  # a record from h5ad has lost their order
        up = record["panels_up"][programme]
        down = record.get("panels_down", {}).get(programme, ())
        rows = [] if programme in skipped else _donor_rows(programme, bulk, [*up], [*down], np.flatnonzero(enough))
        per_donor += rows
        pooled.append({"programme": programme, **_pool(rows, level, seed, skipped.get(programme, ""))})
    frame = pd.DataFrame(pooled, columns=list(COLUMNS))
    frame["p_adjusted"] = benjamini_hochberg(frame["p_value"].to_numpy(dtype=float))
    return ProgrammeComparison(
        first, second, weights, level, frame, pd.DataFrame(per_donor, columns=list(DONOR_COLUMNS))
    )


def _sides(between: tuple[str | Sequence[str], str | Sequence[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(between, str) or len(between) != 2:
        raise ParameterError(f"between={between!r}: expected two sets of states")
    first, second = ((side,) if isinstance(side, str) else tuple(side) for side in between)
    for state in first + second:
        one_of("between", state, _keys.STATES)
    if not first or not second or set(first) & set(second):
        raise ParameterError(f"between={between!r}: expected two disjoint sets of states, none empty")
    return first, second


def _membership(adata: AnnData, states: tuple[str, ...], weights: str) -> np.ndarray:
    """Return how much each cell counts for a set of states."""
    remedy = "Run her2plastic.tl.her2_state first."
    if weights == "state":
        member = obs_column(adata, _keys.HER2_STATE, remedy=remedy).isin(states).to_numpy(dtype=float)
    else:
        if _keys.HER2_POSTERIOR not in adata.obsm:
            raise MissingKeyError("obsm", _keys.HER2_POSTERIOR, adata.obsm.keys(), remedy)
        member = adata.obsm[_keys.HER2_POSTERIOR][list(states)].sum(axis=1).to_numpy(dtype=float)
    return np.nan_to_num(member)


def _main_assay(adata: AnnData, donors: np.ndarray) -> np.ndarray:
    """Return the cells of each donor's most frequent assay: rates of genes differ between assays."""
    if _keys.ASSAY not in adata.obs:
        return np.ones(adata.n_obs, dtype=bool)
    assay = pd.Series(as_names(adata.obs[_keys.ASSAY]))
    patients = patient_ctc_mask(adata)
    usual = assay[patients].groupby(donors[patients]).agg(lambda names: names.mode().iloc[0])
    return assay.to_numpy() == pd.Series(donors).map(usual).to_numpy()


def _pseudobulk(found: PanelCounts, donors: np.ndarray, sides: np.ndarray) -> dict[str, Any]:
    """Sum weighted counts, depth and cells per donor and side: arrays donors x 2."""
    names, index = np.unique(donors, return_inverse=True)

    def total(values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(index, weights=side * values, minlength=names.size) for side in sides], axis=1)

    return {
        "donors": names,
        "cells": total(np.ones(donors.size)),
        "depth": total(found.depth),
        "panels": {name: total(values) for name, values in found.sums.items()},
    }


def _donor_rows(
    programme: str, bulk: dict[str, Any], up: list[str], down: list[str], donors: np.ndarray
) -> list[dict[str, Any]]:
    ratios = np.zeros(donors.size)
    for panel, sign in [(panel, 1.0) for panel in up] + [(panel, -1.0) for panel in down]:
        ratios += sign * _log2_ratio(bulk["panels"][panel][donors], bulk["depth"][donors])
    shown = np.sum([bulk["panels"][panel][donors] for panel in up + down], axis=0)
    return [
        {"programme": programme, "donor": bulk["donors"][donor], "log2_ratio": ratio, "counts_first": both[0],
         "counts_second": both[1], "cells_first": bulk["cells"][donor, 0], "cells_second": bulk["cells"][donor, 1]}
        for donor, ratio, both in zip(donors, ratios, shown, strict=True)
    ]  # fmt: skip


def _log2_ratio(panel: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return log2 of the rates' ratio, with half a count at the donor's own mean rate added on each side."""
    rate = (panel.sum(axis=1, keepdims=True) + 0.5) / depth.sum(axis=1, keepdims=True)
    rates = (panel + 0.5) / (depth + 0.5 / rate)
    return np.log2(rates[:, 0] / rates[:, 1])


def _pool(rows: list[dict[str, Any]], level: float, seed: int, note: str) -> dict[str, Any]:
    values = np.array([row["log2_ratio"] for row in rows], dtype=float)
    if not note and values.size < MIN_DONORS:
        note = f"insufficient: {values.size} patients have enough cells of both, {MIN_DONORS} needed"
    if note:
        return {"n_donors": values.size, "note": note}
    mean, lower, upper = mean_interval(values, level=level)
    return {"n_donors": values.size, "log2_ratio": mean, "lower": lower, "upper": upper,
            "p_value": sign_flip_p(values, seed=seed), "note": ""}  # fmt: skip

"""The share of each HER2 state among the CTCs of a patient or a draw, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, control_cells, obs_column, step_record
from her2plastic._errors import MissingKeyError, ParameterError, check_probability
from her2plastic.models.count_noise import CountNoise
from her2plastic.models.expression_scale import ExpressionScale
from her2plastic.models.ordered_counts import OrderedCounts
from her2plastic.tl import her2_calibration as calibrations
from her2plastic.tl.her2_cells import collect

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


@dataclass(frozen=True)
class HER2Shares:
    """Shares of the HER2 states per group.

    Attributes
    ----------
    frame
        One row per group: the grouping columns, ``n_cells``, ``n_ctc``, ``n_callable``; per state ``share_``,
        ``lower_`` and ``upper_``; ``note`` when something is insufficient.
    by
        The grouping columns.
    level
        Probability that an interval holds.
    """

    frame: pd.DataFrame
    by: tuple[str, ...]
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.frame.copy()

    def summary(self) -> str:
        """Return one line per group."""
        lines = []
        for row in self.frame.to_dict("records"):
            name = " / ".join(str(row[column]) for column in self.by)
            if row["note"]:
                lines.append(f"{name}: {row['note']}")
                continue
            parts = [
                f"{state} {row[f'share_{state}']:.0%} ({row[f'lower_{state}']:.0%} to {row[f'upper_{state}']:.0%})"
                for state in _keys.STATES
                if np.isfinite(row[f"share_{state}"])
            ]
            lines.append(f"{name}: {', '.join(parts)}; {row['n_ctc']} CTCs")
        return "\n".join(lines)


def her2_shares(adata: AnnData, *, by: Sequence[str] = (_keys.DONOR_ID,), level: float = 0.9) -> HER2Shares:
    """Return the share of each HER2 state among the CTCs of each group.

    The shares are those of the population the CTCs came from: the interval holds both the uncertainty of each cell's
    state and the number of cells. Expression offsets of groups and the prior common to them are integrated as in
    :func:`her2plastic.tl.her2_state`, whose calibration, noise and seed are used again.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state`.
    by
        Columns of ``obs`` that make a group: the donor, or donor and draw. Donors are grouped by name, those without
        one together.
    level
        Probability that an interval holds; 0.9, since a share of few CTCs does not tell the tails of its
        distribution.

    Returns
    -------
    The table; see :class:`HER2Shares`. Groups without a CTC have a row that says so. Control cells are left out.

    Raises
    ------
    MissingKeyError
        A column is missing, or ``her2_state`` has not run.
    ParameterError
        ``level`` is out of range, ``by`` is empty or holds a column twice, or the assays are not those that
        ``her2_state`` met.

    Notes
    -----
    After a published rule (``calibration="jordan2016"``) only the share of HER2-positive is known; its interval is the
    Jeffreys interval of the binomial.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> print(hp.tl.her2_shares(cells).summary())
    D01: HER2-0 34% (2% to 82%), HER2-low 42% (3% to 88%), HER2-positive 24% (0% to 73%); 37 CTCs
    D02: HER2-0 41% (5% to 84%), HER2-low 39% (3% to 83%), HER2-positive 20% (1% to 53%); 36 CTCs
    """
    import pandas as pd

    check_probability("level", level)
    by = (by,) if isinstance(by, str) else tuple(by)
    if not by:
        raise ParameterError("by=(): expected at least one column of obs")
    if len(set(by)) < len(by):
        raise ParameterError(f"by={by!r}: expected each column once")
    record = step_record(adata, "her2_state")
    if not record:
        raise MissingKeyError("uns['her2plastic']", "her2_state", step_names(adata), "Run tl.her2_state first.")
    kept = ~control_cells(adata)
    donor_key = str(record["params"]["donor_key"])
    keys = pd.DataFrame({column: _key(adata, column, donor_key)[kept] for column in by})
    grouped = keys.groupby(list(by), dropna=False, sort=True)
    codes, groups = grouped.ngroup().to_numpy(), grouped.size().reset_index()[list(by)]
    calibration = calibrations.recorded(record["calibration"])
    if isinstance(calibration, calibrations.Her2Rule):
        values = _binomial(adata, kept, codes, len(groups), level)
    else:
        values = _modelled(adata, record, calibration, kept, codes, len(groups), level)
    frame = pd.concat([groups, _numbers(adata, kept, codes, len(groups)), values], axis=1)
    return HER2Shares(frame=frame, by=by, level=level)


def _key(adata: AnnData, column: str, donor_key: str) -> np.ndarray:
    """Return a grouping column; donors by name, as the states were called with them."""
    values = obs_column(adata, column)
    return as_names(values) if column == donor_key else values.to_numpy(dtype=object)


def step_names(adata: AnnData) -> list[str]:
    """Return the names of the steps that have been recorded."""
    return list(adata.uns.get(_keys.ROOT, {}))


def _numbers(adata: AnnData, kept: np.ndarray, codes: np.ndarray, n_groups: int) -> pd.DataFrame:
    import pandas as pd

    call = obs_column(adata, _keys.HER2_CALL, remedy="Run tl.her2_state first.").astype(str).to_numpy()[kept]
    is_ctc = call != _keys.NOT_A_CTC
    callable_ = is_ctc & (call != _keys.NOT_CALLABLE)
    return pd.DataFrame(
        {
            "n_cells": np.bincount(codes, minlength=n_groups),
            "n_ctc": np.bincount(codes[is_ctc], minlength=n_groups),
            "n_callable": np.bincount(codes[callable_], minlength=n_groups),
        }
    )


def _empty(n_groups: int) -> pd.DataFrame:
    import pandas as pd

    names = [f"{what}_{state}" for state in _keys.STATES for what in ("share", "lower", "upper")]
    frame = pd.DataFrame(np.nan, index=range(n_groups), columns=names)
    frame["note"] = "insufficient: no CTC"
    return frame


def _modelled(
    adata: AnnData,
    record: Mapping[str, Any],
    scale: ExpressionScale,
    kept: np.ndarray,
    codes: np.ndarray,
    n_groups: int,
    level: float,
) -> pd.DataFrame:
    """Fit the groups' shares assay by assay with the recorded scale and noise."""
    params = record["params"]
    cells = collect(
        adata, donor_key=str(params["donor_key"]), only_ctcs=bool(params["only_ctcs"]),
        assumed_assay=next((name for name, entry in record["assays"].items() if entry["assumed"]), None),
    )  # fmt: skip
    group = np.full(adata.n_obs, -1)
    group[kept] = codes
    used = kept & cells.is_ctc & (cells.depth > 0)
    frame = _empty(n_groups)
    for assay in cells.assay_names:
        fitted = used & cells.of_assay(assay)
        if not fitted.any():
            continue
        if assay not in record["assays"]:
            raise ParameterError(
                f"`obs[{_keys.ASSAY!r}]` holds {assay!r}, which was not there when the states were called "
                f"({', '.join(record['assays'])}). Run tl.her2_state again."
            )
        noise = record["assays"][assay]
        model = OrderedCounts(
            scale,
            CountNoise(float(noise["dispersion"]), float(noise["zero_inflation"]), float(noise["ambient_cpm"])),
            cohort_sd=float(noise["cohort_sd"]),
            seed=int(params["seed"]),
        ).fit(cells.count[fitted], cells.depth[fitted], group[fitted])
        intervals = model.shares(level)
        for k, state in enumerate(_keys.STATES):
            frame.loc[model.groups_, f"share_{state}"] = intervals.mean[:, k]
            frame.loc[model.groups_, f"lower_{state}"] = intervals.lower[:, k]
            frame.loc[model.groups_, f"upper_{state}"] = intervals.upper[:, k]
        frame.loc[model.groups_, "note"] = ""
    mixed = _mixed_groups(cells.assay[used], group[used])
    frame.loc[mixed, [c for c in frame if c != "note"]] = np.nan
    frame.loc[mixed, "note"] = "insufficient: cells of several assays; group by assay too"
    return frame


def _mixed_groups(assay: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the groups with cells of more than one assay: their shares cannot be pooled under one noise model."""
    pairs = np.unique(np.stack([group, assay]), axis=1)
    groups, numbers = np.unique(pairs[0], return_counts=True)
    return groups[numbers > 1]


def _binomial(adata: AnnData, kept: np.ndarray, codes: np.ndarray, n_groups: int, level: float) -> pd.DataFrame:
    """Return the share of positive calls with Jeffreys intervals."""
    from scipy.stats import beta

    call = adata.obs[_keys.HER2_CALL].astype(str).to_numpy()[kept]
    decided = ~np.isin(call, [_keys.NOT_A_CTC, _keys.NOT_CALLABLE])
    n = np.bincount(codes[decided], minlength=n_groups)
    k = np.bincount(codes[call == "HER2-positive"], minlength=n_groups)
    frame = _empty(n_groups)
    some = n > 0
    tail = (1 - level) / 2
    frame.loc[some, "share_HER2-positive"] = k[some] / n[some]
    lower = np.where(k == 0, 0.0, beta.ppf(tail, k + 0.5, n - k + 0.5))
    upper = np.where(k == n, 1.0, beta.ppf(1 - tail, k + 0.5, n - k + 0.5))
    frame.loc[some, "lower_HER2-positive"] = lower[some]
    frame.loc[some, "upper_HER2-positive"] = upper[some]
    frame.loc[some, "note"] = ""
    return frame

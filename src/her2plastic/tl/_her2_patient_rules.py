"""Published rules that call a patient's CTCs HER2-positive, side by side, with the probability that each is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import obs_column, step_record
from her2plastic._errors import MissingKeyError, ParameterError, one_of
from her2plastic.reference import patient_rules
from her2plastic.tl._her2_if import STEP
from her2plastic.tl._her2_shares import step_names
from her2plastic.tl.if_cells import scored_cells

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_INSUFFICIENT = "insufficient: no CTC with a HER2 score"


@dataclass(frozen=True)
class HER2PatientRules:
    """What published rules say of each patient.

    Attributes
    ----------
    frame
        One row per group and rule: the grouping columns, ``rule``, ``n_ctc``, ``value`` with ``lower`` and ``upper``,
        ``threshold``, ``probability`` that the rule is met, ``seen_if_tenth`` (for rules on numbers: how likely the
        rule would be met if a tenth of the patient's CTCs were positive), ``note``, ``warning``, ``source``.
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
        """Return one line per group and rule."""
        lines = []
        for row in self.frame.to_dict("records"):
            name = " / ".join(str(row[column]) for column in self.by)
            if row["note"]:
                lines.append(f"{name}, {row['rule']}: {row['note']}")
                continue
            lines.append(
                f"{name}, {row['rule']} ({row['threshold']}): {row['value']:.3g} ({row['lower']:.3g} to "
                f"{row['upper']:.3g}), met with probability {row['probability']:.2f}; {row['n_ctc']} CTCs"
            )
        return "\n".join(lines)


def her2_patient_rules(
    adata: AnnData,
    *,
    by: Sequence[str] = (_keys.DONOR_ID,),
    rules: Sequence[str] | None = None,
    level: float = 0.9,
    n_draws: int = 2000,
    seed: int = 0,
) -> HER2PatientRules:
    """Apply the published rules to each patient's CTCs; none of them is the default.

    The scores of the cells are drawn from their posterior, so that the probability of a rule being met holds what is
    unsure about each cell. Intervals of shares and of the H-score also hold the number of CTCs.

    Parameters
    ----------
    adata
        Objects after :func:`her2plastic.tl.her2_if`.
    by
        Columns of ``obs`` that make a group.
    rules
        Names of :func:`her2plastic.reference.patient_rules`; all by default.
    level
        Probability that an interval holds; 0.9, since a share of few CTCs does not tell the tails of its
        distribution.
    n_draws
        Number of draws.
    seed
        Their seed.

    Returns
    -------
    The table; see :class:`HER2PatientRules`. ``insufficient`` for patients without a CTC, and for rules that need FISH.

    Raises
    ------
    MissingKeyError
        A column is missing, or ``her2_if`` has not run.
    ParameterError
        A parameter is out of range, or a rule is not known.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> cells = hp.im.measure(hp.im.segment(made.slide))
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> print(hp.tl.her2_patient_rules(cells, by=["slide_id"]).summary())
    slide, any_3plus (number at least 1): 1.35 (1 to 2), met with probability 0.96; 6 CTCs
    slide, any_positive (number at least 1): 1.35 (1 to 2), met with probability 0.96; 6 CTCs
    slide, half_positive (share at least 0.5): 0.368 (0.136 to 0.706), met with probability 0.21; 6 CTCs
    slide, over_30_percent (share above 0.3): 0.368 (0.136 to 0.706), met with probability 1.00; 6 CTCs
    slide, h_score_200 (h_score at least 200): 122 (65.7 to 199), met with probability 0.00; 6 CTCs
    slide, intensity_2_5 (intensity at least 2.5): 2.86 (1.14 to 12.1), met with probability 0.79; 6 CTCs
    slide, fish_2_0: insufficient: needs HER2/CEP17 by FISH, not the protein
    slide, fish_2_2: insufficient: needs HER2/CEP17 by FISH, not the protein
    """
    import pandas as pd

    if not 0 < level < 1:
        raise ParameterError(f"level={level!r}: expected a probability between 0 and 1")
    if n_draws < 100:
        raise ParameterError(f"n_draws={n_draws!r}: expected a whole number of at least 100")
    by = (by,) if isinstance(by, str) else tuple(by)
    if not by:
        raise ParameterError("by=(): expected at least one column of obs")
    table = patient_rules()
    for rule in rules or ():
        one_of("rules", rule, table.index)
    table = table.loc[list(rules)] if rules is not None else table
    record = step_record(adata, STEP)
    if not record:
        raise MissingKeyError("uns['her2plastic']", STEP, step_names(adata), "Run tl.her2_if first.")
    cells = scored_cells(adata, control_key=str(record["params"]["control_key"]))
    posterior = np.asarray(adata.obsm[_keys.HER2_IF_SCORE_POSTERIOR], dtype=float)
    slide_sd = float(record["calibration"]["slide_sd"])
    keys = pd.DataFrame({column: obs_column(adata, column).to_numpy(dtype=object) for column in by})
    rng = np.random.default_rng(seed)
    rows = []
    for name, members in keys[cells.of_patient].groupby(list(by), dropna=False, sort=True).indices.items():
        places = np.flatnonzero(cells.of_patient)[members]
        places = places[cells.scored[places]]
        drawn = _Draws.of(posterior[places], 2.0 ** cells.log2_intensity[places], slide_sd, n_draws, rng)
        group: dict[str, Any] = dict(zip(by, name if isinstance(name, tuple) else (name,), strict=True))
        for row in table.reset_index().to_dict("records"):
            rows.append(group | {"rule": row["rule"], "n_ctc": len(places)} | _apply(row, drawn, level))
    columns = [*by, "rule", "n_ctc", *_RESULTS]
    return HER2PatientRules(frame=pd.DataFrame(rows, columns=columns), by=by, level=level)


_RESULTS = ("value", "lower", "upper", "threshold", "probability", "seen_if_tenth", "note", "warning", "source")


@dataclass(frozen=True)
class _Draws:
    """Draws of one patient: cells of each score ``(draws, 4)``, shares of their population, medians of intensity."""

    counts: np.ndarray
    shares: np.ndarray
    medians: np.ndarray
    medians_of_population: np.ndarray

    @property
    def n(self) -> int:
        return int(self.counts[0].sum()) if len(self.counts) else 0

    @classmethod
    def of(
        cls, posterior: np.ndarray, intensity: np.ndarray, slide_sd: float, n_draws: int, rng: np.random.Generator
    ) -> _Draws:
        n = len(posterior)
        if n == 0:
            empty = np.empty((0, len(_keys.IF_SCORES)))
            return cls(empty, empty, np.empty(0), np.empty(0))
        cumulative = posterior.cumsum(axis=1)
        cumulative /= cumulative[:, -1:]
        counts = np.zeros((n_draws, len(_keys.IF_SCORES)))
        for row in cumulative:  # one cell at a time, so that memory does not grow with the cells
            counts[np.arange(n_draws), np.searchsorted(row, rng.random(n_draws), side="right").clip(0, 3)] += 1
        gamma = rng.gamma(counts + 0.5)
        shares = gamma / gamma.sum(axis=1, keepdims=True)
        lost = 2.0 ** (slide_sd * rng.standard_normal(n_draws))
        medians = np.median(intensity) * lost
        again = np.array([np.median(intensity[rng.integers(n, size=n)]) for _ in range(n_draws)]) * lost
        return cls(counts, shares, medians, again)


def _apply(row: Mapping[Any, Any], drawn: _Draws, level: float) -> dict[str, Any]:
    """Return the columns of one rule for one patient."""
    quantity, bound, value = str(row["quantity"]), str(row["bound"]), float(row["value"])
    counted = [_keys.IF_SCORES.index(score) for score in str(row["scores"]).split(",")]
    out: dict[str, Any] = dict.fromkeys(("value", "lower", "upper", "probability", "seen_if_tenth"), np.nan)
    out |= {
        "threshold": f"{quantity} {bound} {value:g}",
        "note": "",
        "warning": row["warning"],
        "source": row["source"],
    }
    if quantity == "fish":
        return out | {"note": "insufficient: needs HER2/CEP17 by FISH, not the protein"}
    if drawn.n == 0:
        return out | {"note": _INSUFFICIENT}
    if quantity == "intensity":
        seen, population = drawn.medians, drawn.medians_of_population
    elif quantity == "h_score":
        weight = 100.0 * np.arange(len(_keys.IF_SCORES))
        seen, population = drawn.counts @ weight / drawn.n, drawn.shares @ weight
    elif quantity == "share":
        seen, population = drawn.counts[:, counted].sum(axis=1) / drawn.n, drawn.shares[:, counted].sum(axis=1)
    else:
        seen = population = drawn.counts[:, counted].sum(axis=1)
        out["seen_if_tenth"] = 1 - 0.9**drawn.n
    met = seen >= value - 1e-9 if bound == "at least" else seen > value + 1e-9
    mean = float(seen.mean())
    # of 7 cells all positive, the share seen is 1, at the edge of what the population's may be
    lower, upper = np.quantile(population, [(1 - level) / 2, (1 + level) / 2])
    return out | {
        "value": mean, "lower": min(float(lower), mean), "upper": max(float(upper), mean),
        "probability": float(met.mean()),
    }  # fmt: skip

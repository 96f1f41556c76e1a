"""Whether patients with much HER2 in serum have many HER2-positive CTCs: a model of both, not of their fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column, patient_cells
from her2plastic._errors import MissingKeyError, ParameterError, check_probability
from her2plastic.io.serum import CYCLE_DAYS
from her2plastic.models.censored_mixed.estimator import CensoredMixed
from her2plastic.models.censored_mixed.likelihood import SharedCounts
from her2plastic.models.censored_mixed.shared_counts import SharedFit, fit_shared
from her2plastic.tl.serum_visits import serum_visits

if TYPE_CHECKING:
    from anndata import AnnData

#: Fewest patients with both, and fewest CTCs of each kind.
LEAST_PATIENTS: Final = 10
LEAST_CTCS: Final = 10
#: Below this number of patients what holds for many patients is said to be rough.
_MANY_PATIENTS: Final = 50
_COUNTS: Final = (_keys.DONOR_ID, "day", "n_ctc", "n_positive")


@dataclass(frozen=True)
class SerumCtcLink:
    """Serum HER2 and HER2-positive CTCs of the same patients.

    Attributes
    ----------
    status
        ``"ok"``, or why there is no answer.
    frame
        A row per quantity: ``quantity``, ``estimate``, ``lower``, ``upper``: correlation of a patient's serum level
        (and slope) with the log-odds that a CTC is HER2-positive; the odds ratio per doubling of serum HER2.
    p
        Of the likelihood-ratio test that nothing is shared.
    n_patients, n_draws, n_ctc, n_positive
        Patients with both; draws with CTCs, their CTCs, and those that are HER2-positive.
    ctc_sd
        Standard deviation of the log-odds between patients.
    level
        Probability that an interval holds.
    notes
        What a reader must know, a sentence each.
    """

    status: str
    frame: pd.DataFrame
    p: float
    n_patients: int
    n_draws: int
    n_ctc: int
    n_positive: int
    ctc_sd: float
    level: float
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per quantity."""
        return self.frame.copy()

    def summary(self) -> str:
        """Return the result in lines."""
        lines = [
            f"{self.n_patients} patients with serum HER2 and CTCs; {self.n_draws} draws, {self.n_ctc} CTCs, "
            f"{self.n_positive} HER2-positive"
        ]
        if self.status != "ok":
            return "\n".join([*lines, self.status])
        for row in self.frame.to_dict("records"):
            lines.append(f"{row['quantity']}: {row['estimate']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})")
        return "\n".join([*lines, f"nothing shared: p {self.p:.3g}", *self.notes])


def serum_ctc_link(
    data: pd.DataFrame | str | Path,
    *,
    ctcs: pd.DataFrame | AnnData,
    slopes: bool = True,
    looks: Sequence[float] = (2, 4, 6),
    level: float = 0.95,
) -> SerumCtcLink:
    """Link serum HER2 with the HER2 states of CTCs by a model of both.

    The log of serum HER2 follows a line over the cycles with a level (and slope) of each patient; of the CTCs of a draw
    a binomial number is HER2-positive, with log-odds that change over the cycles and differ between patients. The
    patients' effects are normal together, and their correlation is what is asked for. A draw of three CTCs so counts
    for what three CTCs say; fractions would pretend that all draws are alike, and pull the correlation to 0.

    Parameters
    ----------
    data
        What :func:`her2plastic.io.read_serum` returned, or the path of such a table.
    ctcs
        A row per draw: ``donor_id``, ``day``, ``n_ctc``, ``n_positive``; or cells with ``her2_state``.
    slopes
        Whether patients have slopes of serum HER2 of their own, where they have values enough.
    looks
        Cycles of the looks on treatment.
    level
        Probability that an interval holds.

    Returns
    -------
    Correlations with intervals and a test.

    Raises
    ------
    MissingKeyError
        A column is not there.
    ParameterError
        Counts are no whole numbers, or more CTCs are positive than there are.

    Examples
    --------
    >>> import her2plastic as hp
    >>> study = hp.datasets.simulate_serum(n_patients=40, correlation=0.6, seed=1)
    >>> found = hp.tl.serum_ctc_link(study.visits, ctcs=study.ctcs, slopes=False)
    >>> print(found.to_frame().round(1).to_string())
                                                            quantity  estimate  lower  upper
    0                                       correlation, serum level       0.5    0.1    0.7
    1  odds ratio of a HER2-positive CTC, per doubling of serum HER2       2.0    1.2    3.4
    """
    check_probability("level", level)
    visits = serum_visits(data, group=None, looks=looks, window=0.5)
    counts = _counts(ctcs)
    frame = visits.on_treatment
    both = sorted(set(frame[_keys.DONOR_ID]) & set(counts[_keys.DONOR_ID]))
    frame = frame[frame[_keys.DONOR_ID].isin(both)]
    counts = counts[counts[_keys.DONOR_ID].isin(both)]
    total, positive = int(counts["n_ctc"].sum()), int(counts["n_positive"].sum())
    numbers: dict[str, Any] = {
        "n_patients": len(both),
        "n_draws": len(counts),
        "n_ctc": total,
        "n_positive": positive,
        "level": level,
    }
    short = _shortfall(len(both), total, positive)
    names = ("intercept", "time")
    cycle = frame["cycle"].to_numpy(dtype=float)
    x = np.stack([np.ones(len(cycle)), cycle], axis=1)
    random = names if slopes else names[:1]
    if not short:
        model = CensoredMixed(names, random=random, level=level).fit(
            frame[_keys.DONOR_ID].to_numpy(), x, x[:, : len(random)], np.log(frame["value"].to_numpy(dtype=float)),
            frame["below_lod"].to_numpy(dtype=bool),
        )  # fmt: skip
        short = "" if model.status_ == "ok" else model.status_
    if short or model.fitted_ is None:
        return SerumCtcLink(short, _no_rows(), float("nan"), ctc_sd=float("nan"), **numbers)
    place = {name: number for number, name in enumerate(model.rows_.patients)}
    when = np.maximum(counts["day"].to_numpy(dtype=float), 0.0) / CYCLE_DAYS
    shared = SharedCounts(
        counts[_keys.DONOR_ID].map(place).to_numpy(), np.stack([np.ones(len(when)), when], axis=1),
        np.ones((len(when), 1)), counts["n_positive"].to_numpy(dtype=float), counts["n_ctc"].to_numpy(dtype=float),
    )  # fmt: skip
    found = fit_shared(model.rows_, shared, model.fitted_)
    rows = _rows(found, level) if found.status == "ok" else _no_rows()
    notes = (*model.fitted_.notes, *_rough(len(both)))
    return SerumCtcLink(found.status, rows, found.p, ctc_sd=found.sd, notes=notes, **numbers)


def _rough(patients: int) -> tuple[str, ...]:
    """Return what few patients make of intervals and p that are those of many."""
    if patients >= _MANY_PATIENTS:
        return ()
    return (
        f"{patients} patients: intervals are too narrow and p too small (of 40 simulated patients without a link "
        "intervals of 95 % held in 87 %, and p was below 0.05 in 10 %)",
    )


def _counts(ctcs: Any) -> pd.DataFrame:
    """Return draws with CTCs, checked."""
    if not isinstance(ctcs, pd.DataFrame):
        kept = patient_cells(ctcs) & obs_column(ctcs, _keys.HER2_STATE).notna().to_numpy()
        cells = pd.DataFrame({
            _keys.DONOR_ID: obs_column(ctcs, _keys.DONOR_ID).astype(str).to_numpy(),
            "day": obs_column(ctcs, _keys.DRAW_DAY).to_numpy(dtype=float),
            "n_positive": (obs_column(ctcs, _keys.HER2_STATE).astype(object) == _keys.STATES[-1]).to_numpy(dtype=int),
            "n_ctc": 1,
        })[kept]  # fmt: skip
        return cells.groupby([_keys.DONOR_ID, "day"], as_index=False).sum()
    for column in _COUNTS:
        if column not in ctcs.columns:
            raise MissingKeyError("table", column, map(str, ctcs.columns), "Give a row per draw.")
    table = ctcs[list(_COUNTS)].copy()
    table[_keys.DONOR_ID] = table[_keys.DONOR_ID].astype(str)
    for column in _COUNTS[1:]:
        table[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
    numbers = table[["n_ctc", "n_positive"]].to_numpy()
    if not np.isfinite(table[list(_COUNTS[1:])].to_numpy()).all():
        raise ParameterError("ctcs: 'day', 'n_ctc' and 'n_positive' must be numbers, none missing")
    if (numbers < 0).any() or (numbers != np.round(numbers)).any() or (numbers[:, 1] > numbers[:, 0]).any():
        raise ParameterError("ctcs: expected whole numbers of at least 0, 'n_positive' at most 'n_ctc'")
    return table[table["n_ctc"] > 0].reset_index(drop=True)


def _shortfall(patients: int, total: int, positive: int) -> str:
    if patients < LEAST_PATIENTS:
        return f"insufficient: {patients} patients have serum HER2 and CTCs; at least {LEAST_PATIENTS} are needed"
    if min(positive, total - positive) < LEAST_CTCS:
        return (
            f"insufficient: {positive} of {total} CTCs are HER2-positive; at least {LEAST_CTCS} that are and as many "
            "that are not are needed"
        )
    return ""


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame(columns=["quantity", "estimate", "lower", "upper"])


def _rows(found: SharedFit, level: float) -> pd.DataFrame:
    """Return correlations, and the odds ratio per doubling."""
    from scipy.stats import norm

    names = {"intercept": "correlation, serum level", "time": "correlation, serum slope"}
    rows: list[tuple[str, float, float, float]] = [
        (names[one.name], one.correlation, one.lower, one.upper) for one in found.shared
    ]
    per_doubling, half = np.log(2) * found.slope[0], np.log(2) * float(norm.ppf(0.5 + level / 2)) * found.slope[1]
    bounds = np.exp([per_doubling, per_doubling - half, per_doubling + half]).tolist()
    rows.append(("odds ratio of a HER2-positive CTC, per doubling of serum HER2", *bounds))
    return pd.DataFrame(rows, columns=["quantity", "estimate", "lower", "upper"])

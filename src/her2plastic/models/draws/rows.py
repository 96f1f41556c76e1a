"""Draws of patients put in order of time, with what happened between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.models.draws.evidence import DrawTerms


@dataclass(frozen=True)
class TreatmentPeriod:
    """Days on which a patient was under a treatment.

    Parameters
    ----------
    patient
        The patient, as in the draws.
    start, end
        First day and the day it ended; the end may be infinite.
    treatment
        Name of the treatment.

    Examples
    --------
    >>> import her2plastic as hp
    >>> given = hp.datasets.DrawTreatment(day=21.0, share=1.0)
    >>> table = hp.datasets.simulate_draws(n_patients=20, n_ctc=10, treatment=given, seed=1).to_frame()
    >>> counts = table.iloc[:, 3:].to_numpy()  # CTCs read as each state
    >>> periods = [hp.models.TreatmentPeriod(name, 21, 63, "T-DM1") for name in table["patient"].unique()]
    >>> model = hp.models.DrawComposition().fit(table["patient"], table["day"], counts, periods=periods)
    >>> model.effects_["T-DM1"][0].round(1)
    array([[nan, 0.4],
           [0.3, nan]])
    """

    patient: Any
    start: float
    end: float
    treatment: str = "treatment"


@dataclass(frozen=True)
class DrawRows:
    """Rows of all patients: draws, and days between them on which a treatment begins or ends.

    Attributes
    ----------
    patients
        Names of the patients.
    starts
        Shape ``(patients + 1,)``: where each patient's rows begin.
    day
        Shape ``(rows,)``.
    draw
        Shape ``(rows,)``: number of the draw; -1 for a day on which only a treatment changed.
    kinds
        Shape ``(rows,)``: kind of the interval before the row; -1 for a patient's first.
    length
        Shape ``(kinds,)``: days.
    treated
        Shape ``(kinds, treatments)``: whether each treatment was given.
    treatments
        Names of the treatments.
    """

    patients: tuple[Any, ...]
    starts: np.ndarray
    day: np.ndarray
    draw: np.ndarray
    kinds: np.ndarray
    length: np.ndarray
    treated: np.ndarray
    treatments: tuple[str, ...]

    @property
    def patient(self) -> np.ndarray:
        """Shape ``(rows,)``: place of each row's patient."""
        return np.repeat(np.arange(len(self.patients)), np.diff(self.starts))

    def with_draws(self, draw: np.ndarray) -> DrawRows:
        """Return the same rows with other draws in them."""
        return replace(self, draw=draw)


def check_days(day: np.ndarray) -> np.ndarray:
    """Return days as floats; missing or infinite ones are refused."""
    day = np.asarray(day, dtype=float)
    if not np.isfinite(day).all():
        place = int(np.flatnonzero(~np.isfinite(day))[0])
        raise ParameterError(f"day[{place}] is {day[place]}: expected the day of the draw. Leave out what has no day.")
    return day


def order_draws(
    patient: np.ndarray, day: np.ndarray, periods: Sequence[TreatmentPeriod] = (), *, last_day: np.ndarray | None = None
) -> DrawRows:
    """Return the rows of draws.

    Parameters
    ----------
    patient, day
        Shape ``(draws,)``: in any order; days may be negative.
    periods
        Treatments.
    last_day
        Shape ``(patients,)``, patients sorted: a day without a draw to which each patient is followed; missing for
        none.

    Returns
    -------
    Rows sorted by patient and day.

    Raises
    ------
    ParameterError
        Two draws of a patient on one day, or a treatment that ends before it begins.
    """
    names, codes = np.unique(patient, return_inverse=True)
    treatments = tuple(sorted({period.treatment for period in periods}))
    for period in periods:
        if not period.end > period.start:
            raise ParameterError(
                f"{period.treatment!r} of patient {period.patient!r}: from day {period.start} to {period.end}; "
                "expected an end after the start"
            )
    rows: list[tuple[float, int]] = []
    starts, kinds, known = [0], [], dict[tuple[float, ...], int]()
    for p, name in enumerate(names):
        own = np.flatnonzero(codes == p)
        own = own[np.argsort(day[own], kind="stable")]
        twice = np.flatnonzero(np.diff(day[own]) <= 0)
        if len(twice):
            raise ParameterError(
                f"patient {name!r} has two draws on day {day[own[twice[0]]]:g}: pool their cells, or correct the days"
            )
        given = [period for period in periods if period.patient == name]
        mine = [(float(day[d]), int(d)) for d in own]
        if last_day is not None and np.isfinite(last_day[p]) and last_day[p] > mine[-1][0]:
            mine.append((float(last_day[p]), -1))
        changes = {float(at) for period in given for at in (period.start, period.end)}
        within = [(at, -1) for at in changes if mine[0][0] < at < mine[-1][0] and at not in {d for d, _ in mine}]
        mine = sorted(mine + within)
        kinds.append(-1)
        for (before, _), (after, _) in zip(mine, mine[1:], strict=False):
            under = [
                float(any(g.treatment == t and g.start <= before and g.end >= after for g in given)) for t in treatments
            ]
            kinds.append(known.setdefault((round(after - before, 9), *under), len(known)))
        rows += mine
        starts.append(len(rows))
    table = np.array(list(known), dtype=float).reshape(len(known), 1 + len(treatments))
    return DrawRows(
        patients=tuple(names.tolist()), starts=np.array(starts), day=np.array([at for at, _ in rows]),
        draw=np.array([d for _, d in rows], dtype=np.int64), kinds=np.array(kinds, dtype=np.int64),
        length=np.ascontiguousarray(table[:, 0]), treated=table[:, 1:], treatments=treatments,
    )  # fmt: skip


def cells_of_counts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the draw and the state of each cell of counts ``(draws, states)``, draw by draw."""
    n_draws, n_states = counts.shape
    state = np.repeat(np.tile(np.arange(n_states), n_draws), counts.ravel())
    return np.repeat(np.arange(n_draws), counts.sum(axis=1)), state


def terms_of_counts(counts: np.ndarray, misclassification: np.ndarray) -> list[DrawTerms]:
    """Return the terms of draws ``(draws, observed states)`` read through a misclassification matrix."""
    return [DrawTerms.of_cells(np.repeat(misclassification.T, row, axis=0)) for row in counts]

"""How many patients, draws and CTCs are needed to see a given rate of switching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import ParameterError, as_numbers, check_probability, check_seed, one_of
from her2plastic.io.progress import steps_shown
from her2plastic.models.power import DrawPlan, PanelPlan, Plan, StudyFit, share_interval, verdicts

Matrix = Sequence[Sequence[float]]

DESIGNS: Final = ("draws", "panel")
#: The power that a study is commonly planned for.
WANTED: Final = 0.8


@dataclass(frozen=True)
class Power:
    """What studies of several sizes would find, from simulated data.

    Attributes
    ----------
    design
        ``"draws"`` or ``"panel"``.
    frame
        A row per size of study: see :meth:`to_frame`.
    rates
        The true rates per day, from row to column.
    states
        Names of the states.
    alpha
        Probability below which a test counts as a transition found.
    level
        Probability that an interval of a rate is to hold.
    n
        Data sets simulated per size with switching; twice as many without.
    notes
        What a reader must know, a sentence each.
    """

    design: str
    frame: pd.DataFrame
    rates: np.ndarray
    states: tuple[str, ...]
    alpha: float
    level: float
    n: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per size of study.

        ``patients``, ``draws``, ``days_between``, ``ctcs`` (median per draw; missing for a panel); ``power`` (share of
        data sets in which a transition was found) with its Monte-Carlo interval ``power_lower`` and ``power_upper``;
        the same of ``false_positive`` (without switching); ``insufficient`` (share that said so, with switching);
        ``interval_ratio`` (median of upper over lower bound of the best known rate) and ``covered`` (share of the
        intervals of all rates that hold the truth).
        """
        return self.frame.copy()

    def enough(self, wanted: float = WANTED) -> pd.DataFrame:
        """Return the rows whose power is at least ``wanted`` even at the lower end of its Monte-Carlo interval."""
        check_probability("wanted", wanted)
        return self.frame[self.frame["power_lower"] >= wanted].copy()

    def summary(self) -> str:
        """Return one line per size of study, then what has to be known."""
        lines = [f"{self.design}: power at the {self.alpha:.0%} level, {self.n} data sets per size"]
        for row in self.frame.to_dict("records"):
            ctcs = "" if np.isnan(row["ctcs"]) else f", median {row['ctcs']:g} CTCs"
            size = f"{row['patients']:g} patients, {row['draws']:g} draws{ctcs}"
            found = f"{row['power']:.0%} ({row['power_lower']:.0%} to {row['power_upper']:.0%})"
            lines.append(f"{size}: {found}; without switching {row['false_positive']:.0%}")
        return "\n".join([*lines, *self.notes])


def power(
    design: str = "draws",
    *,
    rates: Matrix = ((0.0, 0.012), (0.020, 0.0)),
    n_patients: Sequence[int] = (10, 20, 40),
    n_draws: Sequence[int] = (4,),
    days_between: float = 21.0,
    n_ctc: Sequence[float] = (7.0,),
    ctc_sd_log: float = 1.5,
    rate_sd: float = 0.0,
    overdispersion: float = 0.03,
    misclassification: Matrix | None = None,
    alpha: float = 0.05,
    level: float = 0.9,
    n: int = 100,
    seed: int = 0,
    progress: bool | None = None,
) -> Power:
    """Simulate studies of several sizes and fit them with the package's own models: what would they find?

    Every combination of the numbers given is one size of study. Each is simulated ``n`` times with the rates and twice
    as often without, and fitted by the model of its design. A transition counts as found where the likelihood gains by
    moves more than in all but a share of ``alpha`` of the studies without switching.

    Parameters
    ----------
    design
        ``"draws"``: CTC counts of several blood draws. ``"panel"``: one state of a patient at several times.
    rates
        True rates per day from state (row) to state (column), 2 x 2 or 3 x 3; the diagonal is not used. For draws they
        are effective: switching, growth, shedding and clearance together.
    n_patients, n_draws
        Numbers of patients; numbers of draws (times) of each.
    days_between
        Days from draw to draw.
    n_ctc
        Median numbers of CTCs per draw (log-normal, between 1 and 300); not used for a panel.
    ctc_sd_log
        Standard deviation of the natural log of the number of CTCs.
    rate_sd
        Standard deviation between patients of the natural log of each rate.
    overdispersion
        Intra-draw correlation of the states; not used for a panel.
    misclassification
        Probability of each read state (column) of a true state (row), in the data and, as known, in the fit; None for
        no misreading.
    alpha
        Probability below which a test counts as a transition found.
    level
        Probability that an interval of a rate is to hold; 0.9 as in :func:`switching`.
    n
        Data sets per size with switching, at least ``1 / alpha - 1``; twice as many are made without.
    seed
        Seed of everything random. Sizes share it, so that they differ by their size alone.
    progress
        Show a bar; by default where standard error is a terminal.

    Returns
    -------
    Power with its Monte-Carlo interval per size of study, the false positive rate and the width of intervals.

    Raises
    ------
    ParameterError
        When a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> found = hp.tl.power("panel", n_patients=(10,), n_draws=(4,), alpha=0.2, n=4, progress=False)
    >>> print(found.to_frame()[["patients", "draws", "power", "false_positive"]].round(1).to_string())
       patients  draws  power  false_positive
    0        10      4    1.0             0.0
    """
    one_of("design", design, DESIGNS)
    check_probability("alpha", alpha)
    check_probability("level", level)
    check_seed(seed)
    _whole("n", n, int(np.ceil(1 / alpha - 1 - 1e-9)))
    for name, numbers in (("n_patients", n_patients), ("n_draws", n_draws), ("n_ctc", n_ctc)):
        if np.ndim(numbers) != 1 or isinstance(numbers, str):
            raise ParameterError(f"{name}={numbers!r}: expected a list of numbers")
    states = _keys.STATES_BY_NUMBER.get(len(np.atleast_1d(as_numbers("rates", rates))), ())
    table = _table("rates", rates, len(states)) * ~np.eye(len(states), dtype=bool)
    error = np.eye(len(states))
    if misclassification is not None:
        error = _table("misclassification", misclassification, len(states))
    if not np.allclose(error.sum(axis=1), 1.0, rtol=0, atol=1e-8):
        raise ParameterError(f"misclassification={misclassification!r}: expected rows that sum to 1")
    gap, spread = _at_least("days_between", days_between, 1e-6), _at_least("rate_sd", rate_sd, 0)
    if not 0 <= _at_least("overdispersion", overdispersion, 0) < 1:
        raise ParameterError(f"overdispersion={overdispersion!r}: expected a number of at least 0 and below 1")
    rho, ctc_sd = _at_least("overdispersion", overdispersion, 0), _at_least("ctc_sd_log", ctc_sd_log, 0)
    rows: list[dict[str, float]] = []
    for patients, draws, ctcs in product(n_patients, n_draws, n_ctc if design == "draws" else (np.nan,)):
        _whole("n_patients", patients, 1)
        _whole("n_draws", draws, 2)
        days = np.arange(draws) * gap
        plan: Plan
        if design == "draws":
            plan = DrawPlan(patients, days, table, _at_least("n_ctc", ctcs, 1), ctc_sd, spread, rho, error)
        else:
            plan = PanelPlan(patients, days, table, spread, error)
        size = {"patients": patients, "draws": draws, "days_between": gap, "ctcs": float(ctcs)}
        rows.append(size | _measured(plan, table, n=n, alpha=alpha, level=level, seed=seed, progress=progress))
    if not rows:
        raise ParameterError("n_patients, n_draws, n_ctc: expected at least one number each")
    return Power(design, pd.DataFrame(rows), table, states, alpha, level, n, _notes(design, table, misclassification))


def _measured(
    plan: Plan, rates: np.ndarray, *, n: int, alpha: float, level: float, seed: int, progress: bool | None
) -> dict[str, float]:
    """Return what was found in studies of one size, with and without switching."""
    first, second, third = np.random.SeedSequence(seed).generate_state(3 * n).reshape(3, n).tolist()

    def fits(seeds: list[int], *, switching: bool) -> list[StudyFit]:
        what = f"{plan.n_patients} patients, {'with' if switching else 'without'} switching"
        shown = steps_shown(seeds, what=what, shown=progress)
        return [plan.fitted(own, switching=switching, level=level) for own in shown]

    still = [fits(seeds, switching=False) for seeds in (second, third)]
    gains = [np.array([fit.gain for fit in lot]) for lot in still]
    moving = verdicts(fits(first, switching=True), np.concatenate(gains), rates, alpha=alpha)
    # each half against the other: a half that happens to lie high makes up for it on the other side
    halves = [verdicts(lot, other, rates * 0, alpha=alpha) for lot, other in zip(still, gains[::-1], strict=True)]
    false = sum(half.found for half in halves)
    lower, upper = share_interval(moving.found, n)
    false_lower, false_upper = share_interval(false, 2 * n)
    return {
        "power": moving.found / n, "power_lower": lower, "power_upper": upper, "false_positive": false / (2 * n),
        "false_positive_lower": false_lower, "false_positive_upper": false_upper,
        "insufficient": moving.insufficient / n, "interval_ratio": moving.interval_ratio, "covered": moving.covered,
    }  # fmt: skip


def _notes(design: str, rates: np.ndarray, misclassification: Matrix | None) -> tuple[str, ...]:
    """Return what has to be known to read the table."""
    notes = ["The simulated patients are like the model that fits them: real ones are not, so power is an upper bound."]
    if design == "draws":
        notes.append(
            "Rates of draws are effective: switching, growth, shedding and clearance move the composition alike, and "
            "no number of draws tells them apart."
        )
    notes.append(
        "No misreading was simulated: where states are misread, more is needed."
        if misclassification is None
        else "The misreading is taken as known exactly: where it has to be estimated, more is needed."
    )
    if not (rates > 0).any():
        notes.append("All rates are 0: the column of power is a false positive rate.")
    return tuple(notes)


def _whole(name: str, value: object, low: int) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < low:
        raise ParameterError(f"{name}={value!r}: expected a whole number of at least {low}")


def _at_least(name: str, value: object, low: float) -> float:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and low <= float(value) < np.inf:
        return float(value)
    raise ParameterError(f"{name}={value!r}: expected a number of at least {low:g}")


def _table(name: str, given: Matrix, size: int) -> np.ndarray:
    """Return a square table of numbers of at least 0."""
    if size == 0:
        raise ParameterError(f"{name}={given!r}: expected 2 x 2 or 3 x 3 rates per day")
    table = np.array([[_at_least(f"{name}[{i}]", value, 0) for value in row] for i, row in enumerate(given)])
    if table.shape != (size, size):
        raise ParameterError(f"{name}={given!r}: expected {size} x {size} numbers")
    return table

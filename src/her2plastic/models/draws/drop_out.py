"""How effective rates change if patients leave because of their composition, which no draw can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import chi2

from her2plastic._errors import ParameterError
from her2plastic.models.draws.estimator import DrawComposition
from her2plastic.models.draws.evidence import composition_grid
from her2plastic.models.draws.maxima import climb, rate_limits
from her2plastic.models.draws.objective import DrawsObjective
from her2plastic.models.draws.profile import RateIntervals, rate_intervals
from her2plastic.models.draws.rows import DrawRows, order_draws
from her2plastic.models.quasi_newton import Maximum

if TYPE_CHECKING:
    import pandas as pd

#: Log odds of leaving, from none to all cells in the state: up to a factor of 20 either way.
LOG_ODDS: Final = (-3.0, -1.5, 0.0, 1.5, 3.0)
_ROUNDS = 4


@dataclass(frozen=True)
class DropOutSensitivity:
    """Rates under assumed dependence of drop-out on composition.

    Attributes
    ----------
    log_odds
        Shape ``(assumptions,)``: by how much the log-odds of missing a draw rise from no to all cells in the state.
    intervals
        The rates under each.
    deviance
        Twice the gain in log-likelihood by moves under each.
    critical
        The gain above which moves are found.
    dropped
        Patients who left before the cohort's last draw.
    state
        The state, counted from 0.
    """

    log_odds: np.ndarray
    intervals: tuple[RateIntervals, ...]
    deviance: np.ndarray
    critical: float
    dropped: int
    state: int

    @property
    def tipping_point(self) -> float:
        """The assumption nearest to none under which what was found is found no longer; infinite within the range.

        Missing where nothing is found without informative drop-out either.
        """
        found = self.deviance > self.critical
        if not found[np.argmin(np.abs(self.log_odds))]:
            return float("nan")
        lost = self.log_odds[~found]
        return float(lost[np.argmin(np.abs(lost))]) if len(lost) else float("inf")

    def to_frame(self) -> pd.DataFrame:
        """Return a row per assumption and rate."""
        import pandas as pd

        rows = [
            {
                "log_odds": at, "from": i, "to": j, "rate": found.rates[i, j], "lower": found.lower[i, j],
                "upper": found.upper[i, j], "identifiability": found.words[i, j], "deviance": gain,
                "found": bool(gain > self.critical),
            }
            for at, found, gain in zip(self.log_odds, self.intervals, self.deviance, strict=True)
            for i, j in np.argwhere(found.words != "")
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return the result in a sentence."""
        span = f"{self.log_odds.min():g} to {self.log_odds.max():g}"
        tip = self.tipping_point
        if np.isnan(tip):
            verdict = "no moves are found, with or without informative drop-out"
        elif np.isinf(tip):
            verdict = f"moves are found for log-odds of leaving from {span}"
        else:
            verdict = f"moves are no longer found at log-odds of leaving of {tip:g} (tried: {span})"
        return f"{self.dropped} patients left early; {verdict}"


def drop_out_sensitivity(
    model: DrawComposition,
    *,
    state: int = -1,
    log_odds: Sequence[float] = LOG_ODDS,
    critical: float | None = None,
) -> DropOutSensitivity:
    """Fit the rates again, jointly with drop-out that depends on the composition at the missed draw.

    A patient stays for a draw with probability ``1 - p(x)`` and misses it and leaves with ``p(x)``, where
    ``logit p = c + log_odds * (x[state] - 1/2)``; ``c`` follows from how many left. The dependence itself cannot be
    estimated from draws, only assumed.

    Parameters
    ----------
    model
        A fitted model that is ``"ok"``.
    state
        The state whose share matters; the last one by default.
    log_odds
        Assumptions to try.
    critical
        Gain in deviance above which moves count as found, such as the 95 % point of a null; None for that of the
        chi-squared distribution with as many degrees of freedom as rates.

    Returns
    -------
    The rates under every assumption.

    Raises
    ------
    ParameterError
        The model was not fitted, nobody left early, or the state does not exist.

    Examples
    --------
    >>> import her2plastic as hp
    >>> left = hp.datasets.DropOut(probability=0.1)
    >>> table = hp.datasets.simulate_draws(n_patients=12, n_ctc=10, drop_out=left, seed=1).to_frame()
    >>> counts = table.iloc[:, 3:].to_numpy()  # CTCs read as each state
    >>> model = hp.models.DrawComposition().fit(table["patient"], table["day"], counts, intervals=False)
    >>> print(hp.models.drop_out_sensitivity(model, log_odds=(-1.5, 1.5)).summary())
    3 patients left early; moves are found for log-odds of leaving from -1.5 to 1.5
    """
    if model.status_ != "ok":
        raise ParameterError(f"drop-out cannot be looked at where the rates could not be fitted: {model.status_}")
    if not -model.n_states_ <= state < model.n_states_:
        raise ParameterError(f"state={state}: expected one of {model.n_states_} states, counted from 0")
    rows, missed = _followed_to_the_missed_draw(model)
    state %= model.n_states_
    assumed = np.asarray(log_odds, dtype=float)
    if assumed.ndim != 1 or not len(assumed) or not np.isfinite(assumed).all():
        raise ParameterError("log_odds: expected at least one finite number")
    found, gains = [], []
    for slope in assumed:
        intervals, gain = _joint_fit(model, rows, missed, state, float(slope))
        found.append(intervals)
        gains.append(gain)
    limit = float(chi2.ppf(0.95, model.layout_.n_rates)) if critical is None else critical
    return DropOutSensitivity(assumed, tuple(found), np.array(gains), limit, int(missed.sum()), state)


def _followed_to_the_missed_draw(model: DrawComposition) -> tuple[DrawRows, np.ndarray]:
    """Return rows with a day for the draw that each patient who left has missed, and which rows these are."""
    rows = model.rows_
    drawn = rows.draw >= 0
    last = np.array([rows.day[a:b][drawn[a:b]].max() for a, b in zip(rows.starts[:-1], rows.starts[1:], strict=True)])
    same = np.diff(rows.patient[drawn]) == 0
    usual = float(np.median(np.diff(rows.day[drawn])[same]))
    left = last + usual / 2 < last.max()
    if not left.any():
        raise ParameterError("no patient left before the last draw of the cohort: there is no drop-out to look at")
    names = np.array(rows.patients, dtype=object)[rows.patient[drawn]]
    # draws by their number, so that the tables keep their places
    order = np.argsort(rows.draw[drawn])
    again = order_draws(
        names[order], rows.day[drawn][order], model.periods_, last_day=np.where(left, last + usual, np.nan)
    )
    ends = again.starts[1:] - 1
    missed = np.zeros(len(again.day), dtype=bool)
    missed[ends[left]] = True
    return again, missed


def _joint_fit(
    model: DrawComposition, rows: DrawRows, missed: np.ndarray, state: int, slope: float
) -> tuple[RateIntervals, float]:
    """Return the rates under one assumption and the gain by moves."""
    share = composition_grid(model.n_states_)[:, state]
    later = np.flatnonzero((rows.draw >= 0) & (rows.kinds >= 0))
    left = np.flatnonzero(missed)
    at_risk = np.concatenate([later, left])
    level = _level_of_leaving(np.full(len(at_risk), 0.5), slope, len(left))
    gain, moving, extra = 0.0, model.moving_, np.zeros((len(rows.day), len(share)))
    for _ in range(_ROUNDS):
        extra = np.zeros((len(rows.day), len(share)))
        logit = level + slope * (share - 0.5)
        extra[later] = -np.logaddexp(0.0, logit)
        extra[left] = -np.logaddexp(0.0, -logit)
        static, moving = climb(rows, model.tables_, model.layout_, extra)
        gain = 2 * max(moving.height - static.height, 0.0)
        expected = _expected_share(model, rows, moving, extra, state)[at_risk]
        if slope == 0:
            break
        level = _level_of_leaving(expected, slope, len(left))
    objective = DrawsObjective(rows, model.tables_, model.layout_, extra)
    return rate_intervals(objective, moving, level=model.level, box=rate_limits(rows))[0], gain


def _level_of_leaving(share: np.ndarray, slope: float, left: int) -> float:
    """Return the constant under which as many leave as have left."""
    return float(brentq(lambda level: float(expit(level + slope * (share - 0.5)).sum()) - left, -40, 40))


def _expected_share(model: DrawComposition, rows: DrawRows, top: Maximum, extra: np.ndarray, state: int) -> np.ndarray:
    """Return the expected share of the state at every row."""
    objective = DrawsObjective(rows, model.tables_, model.layout_, extra)
    weights, carried = objective.evaluate(top.place)[3], objective.carried(top.place)[..., state]
    return np.einsum("rbi,iz,brz->r", weights[rows.patient], objective.first, carried)

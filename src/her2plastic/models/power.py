"""What a study of a given size would find: simulated, fitted by the package's own models, and counted."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from her2plastic._errors import ConvergenceError, DataWarning
from her2plastic.models.draws.sampling import closed, lognormal_numbers, sample_states, shares_over
from her2plastic.models.transition_rates import TransitionRates

#: Fewest and most CTCs of a simulated draw.
CTC_LIMITS = (1, 300)

# One random stream for each purpose, so that a study without switching shares all else with the one with it.
_FIRST, _RATES, _NUMBERS, _STATES, _READS = range(5)


@dataclass(frozen=True)
class StudyFit:
    """What the model says of one study.

    Attributes
    ----------
    gain
        Twice the gain in log-likelihood by moves; missing where the model could not answer.
    rates
        The rates; None where the model could not answer.
    """

    gain: float
    rates: TransitionRates | None


class Plan(Protocol):
    """A study that can be simulated and fitted."""

    @property
    def n_patients(self) -> int:
        """Number of patients."""

    def fitted(self, seed: int, *, switching: bool, level: float) -> StudyFit:
        """Return what the model says of one simulated study, with or without switching."""


@dataclass(frozen=True)
class DrawPlan:
    """A study of CTC counts over blood draws.

    Attributes
    ----------
    n_patients, days
        Number of patients; days of the draws.
    rates
        Effective rates per day, states x states; the diagonal is not used.
    ctc_median, ctc_sd_log
        Log-normal number of CTCs per draw.
    rate_sd
        Standard deviation between patients of the natural log of each rate.
    overdispersion
        Intra-draw correlation of the states.
    misclassification
        True state x read state, in the data and, as known, in the fit.
    """

    n_patients: int
    days: np.ndarray
    rates: np.ndarray
    ctc_median: float
    ctc_sd_log: float
    rate_sd: float
    overdispersion: float
    misclassification: np.ndarray

    def counts(self, seed: int, *, switching: bool) -> np.ndarray:
        """Return counts of one simulated study, patients x draws x states."""
        n_states, shape = len(self.rates), (self.n_patients, len(self.days))
        start = _rng(seed, _FIRST).dirichlet(np.ones(n_states), self.n_patients)
        shares = shares_over(start, _own_rates(self, seed, switching=switching), self.days)
        numbers = lognormal_numbers(_rng(seed, _NUMBERS), shape, self.ctc_median, self.ctc_sd_log, CTC_LIMITS)
        states = sample_states(_rng(seed, _STATES), shares, numbers, self.overdispersion)
        return _rng(seed, _READS).multinomial(states, self.misclassification).sum(axis=2)

    def fitted(self, seed: int, *, switching: bool, level: float) -> StudyFit:
        """Return what :class:`DrawComposition` says of one simulated study."""
        from her2plastic.models.draws.estimator import DrawComposition

        counts = self.counts(seed, switching=switching).reshape(-1, len(self.rates))
        patient, day = np.repeat(np.arange(self.n_patients), len(self.days)), np.tile(self.days, self.n_patients)
        model = DrawComposition(_allowed(self.rates), misclassification=self.misclassification, level=level)
        try:
            with warnings.catch_warnings():
                # a study of a hundred cells a draw is planned in cells, and not in percentages
                warnings.filterwarnings("ignore", "counts: all .* sum to about 100", DataWarning)
                model.fit(patient, day, counts)
        except ConvergenceError:
            return StudyFit(float("nan"), None)
        return StudyFit(model.deviance_, model.transition_rates()) if model.status_ == "ok" else StudyFit(np.nan, None)


@dataclass(frozen=True)
class PanelPlan:
    """A study of one state per patient at several times.

    Attributes
    ----------
    n_patients, days
        Number of patients; days at which each is seen.
    rates
        Rates per day, states x states; the diagonal is not used.
    rate_sd
        Standard deviation between patients of the natural log of each rate.
    misclassification
        True state x read state, in the data and, as known, in the fit.
    """

    n_patients: int
    days: np.ndarray
    rates: np.ndarray
    rate_sd: float
    misclassification: np.ndarray

    def reads(self, seed: int, *, switching: bool) -> np.ndarray:
        """Return the states read in one simulated study, patients x times."""
        from scipy.linalg import expm

        n_states, gaps = len(self.rates), np.diff(self.days)
        chance = _rng(seed, _STATES).random((self.n_patients, len(self.days)))
        state = [np.minimum((chance[:, 0] * n_states).astype(int), n_states - 1)]
        own = _own_rates(self, seed, switching=switching)
        for gap, lot in zip(gaps, chance[:, 1:].T, strict=True):
            out = expm(own * gap)[np.arange(self.n_patients), state[-1]]
            state.append(_picked(out, lot))
        lots = _rng(seed, _READS).random(chance.shape)
        return np.stack([_picked(self.misclassification[at], lots[:, time]) for time, at in enumerate(state)], axis=1)

    def fitted(self, seed: int, *, switching: bool, level: float) -> StudyFit:
        """Return what :class:`PanelMarkov` says of one simulated study."""
        return self.fit_reads(self.reads(seed, switching=switching), level=level)

    def fit_reads(self, reads: np.ndarray, *, level: float = 0.9) -> StudyFit:
        """Return what :class:`PanelMarkov` says of reads, patients x times."""
        from her2plastic.models.panel_markov.estimator import PanelMarkov

        error = None if np.array_equal(self.misclassification, np.eye(len(self.rates))) else self.misclassification
        initial = "given" if error is None else "estimate"
        model = PanelMarkov(_allowed(self.rates), misclassification=error, initial=initial, level=level)
        subject = np.repeat(np.arange(self.n_patients), len(self.days))
        try:
            model.fit(subject, np.tile(self.days, self.n_patients), reads.ravel())
        except ConvergenceError:
            return StudyFit(float("nan"), None)
        if model.status_ != "ok":
            return StudyFit(float("nan"), None)
        static = _static_minus2loglik(reads, self.misclassification)
        return StudyFit(max(static - model.minus2loglik_, 0.0), model.transition_rates())


@dataclass(frozen=True)
class Verdicts:
    """What was found in simulated studies.

    Attributes
    ----------
    n, found, insufficient
        Studies; in how many a transition was found, in how many the model could not answer.
    interval_ratio
        Median over the studies of upper over lower bound of the best known rate; missing where there is none.
    covered
        Share of the intervals of all rates that hold the truth; missing where there is none.
    """

    n: int
    found: int
    insufficient: int
    interval_ratio: float
    covered: float


def verdicts(fits: Iterable[StudyFit], reference: np.ndarray, rates: np.ndarray, *, alpha: float) -> Verdicts:
    """Return what was found.

    Parameters
    ----------
    fits
        What the model said of each study.
    reference
        Gains of studies of the same size without switching: the rank among them is the p-value of a study. Studies
        without an answer have no gain and are no smaller than any.
    rates
        True rates per day, states x states.
    alpha
        Probability below which a test counts as a transition found.

    Returns
    -------
    Counts, and how wide and how true the intervals are.
    """
    known = np.nan_to_num(reference, nan=-np.inf)  # a reference that says nothing finds nothing
    n = found = insufficient = 0
    ratios: list[float] = []
    hold: list[bool] = []
    off = ~np.eye(len(rates), dtype=bool)
    for fit in fits:
        n += 1
        if fit.rates is None:
            insufficient += 1
            continue
        rank = int(np.count_nonzero(known >= fit.gain - 1e-9)) + 1
        found += int(rank / (len(known) + 1) <= alpha)
        lower, upper = fit.rates.lower, fit.rates.upper
        bounded = off & np.isfinite(lower) & np.isfinite(upper)
        hold += ((lower <= rates) & (rates <= upper))[bounded].tolist()
        positive = bounded & (lower > 0)
        if positive.any():
            ratios.append(float((upper[positive] / lower[positive]).min()))
    return Verdicts(
        n, found, insufficient, float(np.median(ratios)) if ratios else float("nan"),
        float(np.mean(hold)) if hold else float("nan"),
    )  # fmt: skip


def share_interval(found: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) interval of a share."""
    from scipy.stats import beta

    tail = (1.0 - level) / 2
    lower = float(beta.ppf(tail, found, n - found + 1)) if found > 0 else 0.0
    upper = float(beta.ppf(1 - tail, found + 1, n - found)) if found < n else 1.0
    return lower, upper


def excess_p(found: int, n: int, *, share: float = 0.05) -> float:
    """Return the probability of at least so many where each is found with probability ``share``; 1 of none."""
    from scipy.stats import binom

    return float(binom.sf(found - 1, n, share)) if n else 1.0


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


def _own_rates(plan: DrawPlan | PanelPlan, seed: int, *, switching: bool) -> np.ndarray:
    """Return each patient's generator."""
    shape = (plan.n_patients, *plan.rates.shape)
    factor = np.exp(_rng(seed, _RATES).normal(0.0, plan.rate_sd, shape))
    return closed(plan.rates * factor * float(switching))


def _picked(shares: np.ndarray, lot: np.ndarray) -> np.ndarray:
    """Return one state per row by its shares and a uniform number."""
    return (lot[:, None] >= np.cumsum(shares, axis=1)).sum(axis=1).clip(max=shares.shape[1] - 1)


def _allowed(rates: np.ndarray) -> np.ndarray:
    """Return the transitions of the true rates; all of them where none has a rate."""
    off = ~np.eye(len(rates), dtype=bool)
    return ((rates > 0) & off if (rates[off] > 0).any() else off).astype(int)


def _static_minus2loglik(reads: np.ndarray, error: np.ndarray) -> float:
    """Return minus twice the log-likelihood of patients who stay in one state each, at the best shares of states."""
    each = np.log(np.maximum(error, 1e-300)).T[reads].sum(axis=1)  # patients x true states
    top = each.max(axis=1, keepdims=True)
    likelihood = np.exp(each - top)
    shares = np.full(len(error), 1.0 / len(error))
    for _ in range(500):
        shares = (shares * likelihood / (likelihood @ shares)[:, None]).mean(axis=0)
    return float(-2.0 * (np.log(likelihood @ shares) + top[:, 0]).sum())

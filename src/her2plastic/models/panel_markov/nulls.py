"""What a panel model would gain by moves if nothing moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, check_seed
from her2plastic.models.null_test import NullTest
from her2plastic.models.nulls import shuffled_within
from her2plastic.models.panel_markov.data import PanelData
from her2plastic.models.panel_markov.estimator import PanelMarkov
from her2plastic.models.panel_markov.fitting import climb, crude_start
from her2plastic.models.panel_markov.likelihood import PanelLikelihood

SHUFFLED: Final = "shuffled draw order"
NO_SWITCHING: Final = "no switching"
STATISTIC: Final = "twice the gain in log-likelihood by moves"
#: The same where no error of reading could explain a change.
STATISTIC_ALONE: Final = "twice the log-likelihood of moving states"
_ERROR: Final = 0.1
_STEPS: Final = 200
_EM_ROUNDS: Final = 500
_EM_GAIN: Final = 1e-6
#: Once so many data sets without moves gain as much, more of them would only say so again (Besag and Clifford 1991).
_ENOUGH: Final = 10


@dataclass(frozen=True)
class StaticStates:
    """Subjects that stay what they are: the log-likelihood, the shares of the states, and each subject's posterior."""

    log_likelihood: float
    shares: np.ndarray
    posterior: np.ndarray


def static_states(model: PanelMarkov, data: PanelData | None = None) -> StaticStates:
    """Return the fit of states that never change to the observations of a fitted panel model.

    Parameters
    ----------
    model
        A fitted model; its errors of reading are kept.
    data
        Other observations in the same shape.

    Returns
    -------
    The fit; the log-likelihood is minus infinity where a change cannot be an error.
    """
    likelihood = model.likelihood_
    data = likelihood.data if data is None else data
    with np.errstate(divide="ignore"):
        table = np.log(data.fixed + data.mix @ likelihood.errors(model.optimum().theta).T)
    of_subject = np.add.reduceat(table[data.emission], data.first[:-1], axis=0)
    largest = of_subject.max(axis=1)
    shares = np.full(of_subject.shape[1], 1.0 / of_subject.shape[1])
    if not np.isfinite(largest).all():
        return StaticStates(-np.inf, shares, np.full(of_subject.shape, np.nan))
    scaled, found = np.exp(of_subject - largest[:, None]), -np.inf
    for _ in range(_EM_ROUNDS):
        total = scaled @ shares
        posterior = scaled * shares / total[:, None]
        before, found = found, float((largest + np.log(total)).sum())
        if found - before < _EM_GAIN:
            break
        shares = posterior.mean(axis=0)
    return StaticStates(found, shares, posterior)


def gain_by_moves(model: PanelMarkov, data: PanelData | None = None, static: StaticStates | None = None) -> float:
    """Return twice the gain in log-likelihood by moves, or twice the log-likelihood where nothing static is possible.

    Every data set is climbed from its own counts, the observed one too, so that none has a better start.
    """
    likelihood = model.likelihood_
    data = likelihood.data if data is None else data
    if (data.entered >= 0).any():
        raise ParameterError("states whose time of entry is known fix the order of observations: there is no such null")
    own = PanelLikelihood(likelihood.structure, data, likelihood.layout, likelihood.initial, likelihood.unit)
    moving = -own.loss(climb(own, *crude_start(own, _ERROR), steps=_STEPS))[0]
    still = (static_states(model, data) if static is None else static).log_likelihood
    return 2.0 * max(moving - still, 0.0) if np.isfinite(still) else 2.0 * moving


def shuffled_order_test(model: PanelMarkov, *, n_null: int = 99, seed: int = 0) -> NullTest:
    """Return whether the order of each subject's observations matters, against orders dealt at random.

    Under no switching it does not, whatever the errors of reading and however much draws differ. ``n_null`` orders are
    dealt, fewer where ten of them gain as much as the order observed.
    """
    _check(n_null, seed)
    data = model.likelihood_.data
    static = static_states(model)  # the same in any order
    observed = gain_by_moves(model, static=static)
    simulated: list[float] = []
    while len(simulated) < n_null and sum(value >= observed for value in simulated) < _ENOUGH:
        own = int(np.random.SeedSequence([seed, len(simulated)]).generate_state(1)[0])
        order = shuffled_within(data.subject_of, seed=own)
        dealt = replace(data, emission=data.emission[order], state=data.state[order])
        simulated.append(gain_by_moves(model, dealt, static))
    word = STATISTIC if np.isfinite(static.log_likelihood) else STATISTIC_ALONE
    return NullTest.by_simulation(SHUFFLED, word, observed, np.array(simulated))


def no_switching_test(model: PanelMarkov, *, n_null: int = 99, seed: int = 0) -> NullTest:
    """Return whether errors of reading alone explain the changes, against subjects that stay what they are.

    A subject's state is drawn from its posterior without moves, and each observation from those of the data by the
    probability that it alone gives that state, so that the errors are those that the observations tell.
    """
    _check(n_null, seed)
    static, data = static_states(model), model.likelihood_.data
    if not np.isfinite(static.log_likelihood):
        return NullTest.lacking(NO_SWITCHING, STATISTIC, "0 errors of reading allowed, so that every change is a move")
    observed = gain_by_moves(model)
    table = data.fixed + data.mix @ model.likelihood_.errors(model.optimum().theta).T
    weight = table[data.emission] * static.shares
    weight /= weight.sum(axis=1, keepdims=True)
    simulated: list[float] = []
    while len(simulated) < n_null and sum(value >= observed for value in simulated) < _ENOUGH:
        rng = np.random.default_rng([seed, len(simulated)])
        states = np.array([rng.choice(len(own), p=own / own.sum()) for own in static.posterior])[data.subject_of]
        drawn = np.empty(len(states), dtype=np.int64)
        for state in np.unique(states):
            here = states == state
            drawn[here] = rng.choice(len(states), size=int(here.sum()), p=weight[:, state] / weight[:, state].sum())
        simulated.append(gain_by_moves(model, replace(data, emission=data.emission[drawn], state=data.state[drawn])))
    return NullTest.by_simulation(NO_SWITCHING, STATISTIC, observed, np.array(simulated))


def _check(n_null: int, seed: int) -> None:
    check_seed(seed)
    if not isinstance(n_null, (int, np.integer)) or n_null < 1:
        raise ParameterError(f"n_null={n_null!r}: expected a whole number of data sets of at least 1")

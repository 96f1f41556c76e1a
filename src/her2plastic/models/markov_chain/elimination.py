"""Linear systems of Markov chains, solved by elimination of states.

No difference of like numbers is ever taken (Grassmann et al. 1985), so that every entry is right to rounding, also in
chains whose parts hardly communicate.
"""

from __future__ import annotations

import numpy as np


def reachable(rates: np.ndarray) -> np.ndarray:
    """Return ``(states, states)``: whether a path leads from row to column; a state reaches itself."""
    reach = (rates > 0) | np.eye(len(rates), dtype=bool)
    for _ in range(len(rates).bit_length()):
        reach = reach @ reach
    return reach


def closed_classes(rates: np.ndarray) -> list[np.ndarray]:
    """Return the sets of states that are never left once entered, as sorted places."""
    reach = reachable(rates)
    recurrent = np.flatnonzero((~reach | reach.T).all(axis=1))
    classes: list[np.ndarray] = []
    for state in recurrent:
        if not any(state in known for known in classes):
            classes.append(np.flatnonzero(reach[state]))
    return classes


def hitting_values(rates: np.ndarray, fixed: np.ndarray, value: np.ndarray, reward: np.ndarray) -> np.ndarray:
    """Return the expected value at the first fixed state, plus the reward per unit of time until then.

    Parameters
    ----------
    rates
        ``(states, states)``, from row to column; the diagonal is not read.
    fixed
        Which states end the walk. Every other state must be able to reach one of them.
    value
        ``(states, values)``, read at the fixed states.
    reward
        ``(states, values)``, read at the others.

    Returns
    -------
    ``(states, values)``.
    """
    rates, reward = rates.astype(float), reward.astype(float)
    np.fill_diagonal(rates, 0.0)
    free = np.flatnonzero(~fixed)
    rest, total = np.ones(len(rates), dtype=bool), np.ones(len(rates))
    for place, k in enumerate(free):
        rest[k] = False
        total[k] = rates[k, rest].sum()
        later = free[place + 1 :]
        share = rates[later, k] / total[k]
        rates[np.ix_(later, np.flatnonzero(rest))] += share[:, None] * rates[k, rest]
        rates[later, later] = 0.0  # a way back to where one is changes nothing
        reward[later] += share[:, None] * reward[k]
    found = np.where(fixed[:, None], value, 0.0)
    for k in free[::-1]:
        rest[k] = False
        found[k] = (reward[k] + rates[k, rest] @ found[rest]) / total[k]
        rest[k] = True
    return found


def stationary_of_irreducible(rates: np.ndarray) -> np.ndarray:
    """Return the stationary composition of a chain in which every state reaches every other."""
    rates = rates.astype(float)
    for k in range(len(rates) - 1, 0, -1):
        rates[:k, k] /= rates[k, :k].sum()
        rates[:k, :k] += np.outer(rates[:k, k], rates[k, :k])
    share = np.ones(len(rates))
    for k in range(1, len(rates)):
        share[k] = share[:k] @ rates[:k, k]
    return share / share.sum()


def long_run_compositions(rates: np.ndarray) -> np.ndarray:
    """Return ``(states, states)``: the composition that each start (row) ends in."""
    n = len(rates)
    classes = closed_classes(rates)
    recurrent = np.zeros(n, dtype=bool)
    value, ends = np.zeros((n, len(classes))), np.zeros((len(classes), n))
    for place, members in enumerate(classes):
        recurrent[members] = True
        value[members, place] = 1.0
        ends[place, members] = stationary_of_irreducible(rates[np.ix_(members, members)])
    return hitting_values(rates, recurrent, value, np.zeros_like(value)) @ ends


def mean_first_passage_to(rates: np.ndarray, target: int) -> np.ndarray:
    """Return the mean time until the target is first reached; infinite where it may never be."""
    stopped = rates.copy()
    stopped[target] = 0.0
    reach = reachable(stopped)
    surely = (~reach | reach[:, target]).all(axis=1)
    inside = np.flatnonzero(surely)
    fixed = inside == target
    block = rates[np.ix_(inside, inside)]
    ones = np.ones((len(inside), 1))
    times = np.full(len(rates), np.inf)
    times[inside] = hitting_values(block, fixed, 0 * ones, ones)[:, 0]
    return times


def hitting_probabilities(rates: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the probability that a state of ``target`` is reached before one of ``source`` (both true or false)."""
    ends = source | target
    lost = ~reachable(rates)[:, ends].any(axis=1)
    value = target.astype(float)[:, None]
    return hitting_values(rates, ends | lost, value, np.zeros_like(value))[:, 0]

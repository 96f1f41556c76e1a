"""What a fitted panel model says of its subjects: the most probable paths, and how many are in each state when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.models.panel_markov import kernels
from her2plastic.models.panel_markov.likelihood import PanelLikelihood

if TYPE_CHECKING:
    import pandas as pd


def most_probable_paths(likelihood: PanelLikelihood, theta: np.ndarray) -> np.ndarray:
    """Return the true states of each observation on the most probable path of its subject."""
    data = likelihood.data
    generators = likelihood.generators(theta, likelihood.design)
    everything = np.ones(len(data.pattern), dtype=bool)
    probability = np.empty((len(data.pattern), *generators.shape[1:]))
    kernels.series_probabilities(generators, data.pattern, likelihood.elapsed, everything, probability)
    with np.errstate(divide="ignore"):
        log_step = np.log(probability)
        log_table = np.log(data.fixed + data.mix @ likelihood.errors(theta).T)
        log_first = np.log(likelihood.first_state(theta))
        log_rate = np.log(np.maximum(generators, 0.0))
    path = np.empty(len(data.time), dtype=int)
    came_from = np.zeros((len(data.time), generators.shape[1]), dtype=int)
    for subject, (begin, end) in enumerate(zip(data.first[:-1], data.first[1:], strict=True)):
        best = log_first[subject] + log_table[data.emission[begin]]
        for t in range(begin + 1, end):
            u, d = data.interval[t], data.entered[t]
            step = log_step[u]
            if d >= 0:  # the state just before is summed over: it was not seen
                entering = np.logaddexp.reduce(step + log_rate[data.pattern[u], :, d], axis=1)
                step = np.full_like(step, -np.inf)
                step[:, d] = entering
            reached = best[:, None] + step
            came_from[t] = reached.argmax(axis=0)
            best = reached.max(axis=0) + (0.0 if d >= 0 else log_table[data.emission[t]])
        path[end - 1] = int(best.argmax())
        for t in range(end - 1, begin, -1):
            path[t - 1] = came_from[t, path[t]]
    return path


def prevalence_table(likelihood: PanelLikelihood, theta: np.ndarray, times: np.ndarray) -> pd.DataFrame:
    """Return observed and expected numbers of subjects per state, a row per time and state."""
    import pandas as pd

    if times.ndim != 1 or not np.isfinite(times).all() or (times < 0).any():
        raise ParameterError(f"times={times!r}: expected finite times of at least 0")
    times = np.unique(times)
    data, n = likelihood.data, likelihood.structure.n_states
    observed, expected, counted = np.zeros((len(times), n)), np.zeros((len(times), n)), np.zeros(len(times))
    expected_of = _expected(likelihood, theta, times)
    final = ~likelihood.structure.allowed.any(axis=1)
    for subject, (begin, end) in enumerate(zip(data.first[:-1], data.first[1:], strict=True)):
        since = data.time[begin:end] - data.time[begin]
        states = data.state[begin:end]
        last = np.searchsorted(since, times + 1e-9 * max(since[-1], 1.0), side="right") - 1
        known = np.isin(states[last], np.arange(n))
        ended = known[-1:] & np.isin(states[-1], np.flatnonzero(final))
        use = known & ((times <= since[-1]) | ended)
        observed[np.flatnonzero(use), states[last[use]].astype(int)] += 1
        expected[use] += expected_of[subject][use]
        counted += use
    share = np.maximum(counted, 1)[:, None]
    return pd.DataFrame(
        {
            "time": np.repeat(times, n), "state": np.tile(np.arange(n), len(times)),
            "subjects": np.repeat(counted.astype(int), n), "observed": observed.ravel(),
            "expected": expected.ravel(), "observed_share": (observed / share).ravel(),
            "expected_share": (expected / share).ravel(),
        }
    )  # fmt: skip


def _expected(likelihood: PanelLikelihood, theta: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the probability of each reading of each subject at each time since its first observation."""
    data, n = likelihood.data, likelihood.structure.n_states
    generators = likelihood.generators(theta, likelihood.design)
    pieces: list[tuple[int, float]] = []
    stops: list[np.ndarray] = []
    begins: list[int] = []
    for begin, end in zip(data.first[:-1], data.first[1:], strict=True):
        since = data.time[begin:end] - data.time[begin]
        # covariates hold until the next observation, the last known ones ever after
        patterns = data.pattern[data.interval[begin + 1 : end]] if end - begin > 1 else np.zeros(1, dtype=int)
        cuts = np.unique(np.r_[0.0, since[1:-1], times])
        which = np.clip(np.searchsorted(since, cuts[:-1], side="right") - 1, 0, len(patterns) - 1)
        stops.append(np.searchsorted(cuts, times))
        begins.append(len(pieces))
        pieces += list(zip(patterns[which], np.diff(cuts) / likelihood.unit, strict=True))
    pattern = np.array([piece[0] for piece in pieces], dtype=np.int64)
    elapsed = np.array([piece[1] for piece in pieces], dtype=float)
    step = np.empty((len(pieces), n, n))
    kernels.series_probabilities(generators, pattern, elapsed, np.ones(len(pieces), dtype=bool), step)
    errors = likelihood.errors(theta)
    first = likelihood.first_state(theta)
    table = data.fixed + data.mix @ errors.T
    found = np.empty((len(stops), len(times), n))
    for subject, stop in enumerate(stops):
        begin = data.first[subject]
        given = np.ptp(first[subject]) == 0  # modelled given the first observation
        share = first[subject] * (table[data.emission[begin]] if given else 1.0)
        walked = [share / share.sum()]
        for place in range(stop.max(initial=0)):
            walked.append(walked[-1] @ step[begins[subject] + place])
        found[subject] = np.array(walked)[stop] @ errors
    return found

"""Observations of a panel, checked, sorted by subject, and gathered into intervals that share their probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from her2plastic._errors import ParameterError, as_numbers
from her2plastic.models.panel_markov.structure import PanelStructure

#: Elapsed times are one if they agree to this many significant digits: 1 year minus 0.5 is 0.5 but for rounding.
_DIGITS = 11


@dataclass(frozen=True)
class PanelData:
    """Observations sorted by subject, in the order of time.

    Attributes
    ----------
    subjects
        Name of each subject.
    row
        Row of the input of each observation.
    first
        Place of each subject's first observation, and the number of observations at the end.
    time, state
        Of each observation; the state is missing where only a likelihood was given.
    interval
        Place of the interval before each observation, -1 at the first.
    elapsed, pattern
        Of each distinct interval: its length, and the place of its covariates.
    covariates
        ``(patterns, covariates)``, in the user's units.
    mean, spread
        Of the covariates, over observations that begin an interval.
    names
        Names of the covariates.
    entered
        The state entered at the very time of an observation, or -1.
    emission
        Row of each observation in the emission table, which is ``fixed + mix @ errors.T``: how likely each true state
        makes the observation, given the matrix of errors.
    """

    subjects: np.ndarray
    row: np.ndarray
    first: np.ndarray
    time: np.ndarray
    state: np.ndarray
    interval: np.ndarray
    elapsed: np.ndarray
    pattern: np.ndarray
    covariates: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    names: tuple[str, ...]
    entered: np.ndarray
    emission: np.ndarray
    fixed: np.ndarray
    mix: np.ndarray

    @property
    def follows(self) -> np.ndarray:
        """Places of the observations that end an interval."""
        return np.flatnonzero(self.interval >= 0)

    @property
    def subject_of(self) -> np.ndarray:
        """Place of the subject of each observation."""
        return np.repeat(np.arange(len(self.subjects)), np.diff(self.first))

    def describe(self, place: int) -> str:
        """Return an observation in words, for errors."""
        subject = self.subjects[self.subject_of[place]]
        return f"subject {subject!r}, time {self.time[place]:g} (row {self.row[place]}), state {self.state[place]:g}"


def prepared(
    structure: PanelStructure,
    subject: Any,
    time: Any,
    state: Any,
    covariates: Any,
    likelihood: np.ndarray | None,
    true_observation: np.ndarray | None,
) -> PanelData:
    """Return the observations in the shape that the likelihood needs.

    Raises
    ------
    ParameterError
        What is given does not fit together; the message names the subject and row.
    """
    codes, names = _subjects(subject)
    n = len(codes)
    times = _numbers("time", time, n)
    states = _numbers("state", state, n) if state is not None else np.full(n, np.nan)
    weight = _likelihood(likelihood, n, structure.n_states)
    flagged = _flags(true_observation, n)
    order = np.argsort(codes, kind="stable")
    codes, times, states, weight, flagged = (v[order] for v in (codes, times, states, weight, flagged))
    begins = np.r_[True, codes[1:] != codes[:-1]]
    _check_times(times, begins, names[codes], order)
    _check_states(structure, states, weight, names[codes], order)
    values, columns = _covariates(covariates, n)
    values = values[order]
    leads = np.r_[~begins[1:], False]  # the observation begins an interval
    if not np.isfinite(values[leads]).all():
        place = int(np.flatnonzero(leads)[~np.isfinite(values[leads]).all(axis=1)][0])
        raise ParameterError(
            f"a covariate of subject {names[codes[place]]!r} (row {order[place]}) is missing: fill it, or leave the "
            "subject out"
        )
    pattern_of, patterns = _patterns(values, leads)
    interval, elapsed, pattern = _intervals(times, begins, pattern_of)
    emission, fixed, mix = _emissions(structure, states, weight, flagged)
    hard = np.isnan(weight).all(axis=1)
    entered = np.full(n, -1)
    exact = hard & ~begins & np.isin(states, structure.exact)
    entered[exact] = states[exact].astype(int)
    entered[np.r_[False, entered[1:] == states[:-1]]] = -1  # stays where it was entered before
    mean = values[leads].mean(axis=0) if leads.any() else np.zeros(len(columns))
    spread = values[leads].std(axis=0) if leads.any() else np.ones(len(columns))
    return PanelData(
        names, order, np.r_[np.flatnonzero(begins), n], times, states, interval, elapsed, pattern, patterns, mean,
        np.where(spread > 0, spread, 1.0), columns, entered, emission, fixed, mix,
    )  # fmt: skip


def _subjects(subject: Any) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    given = np.asarray(subject)
    if given.ndim != 1 or not given.size:
        raise ParameterError(f"subject has the shape {given.shape}: expected one name per observation, at least one")
    codes, names = pd.factorize(given, use_na_sentinel=True)
    if (codes < 0).any():
        raise ParameterError(f"subject is missing in row {int(np.argmax(codes < 0))}: every observation needs one")
    return codes, np.asarray(names).astype(object)


def _numbers(name: str, given: Any, n: int) -> np.ndarray:
    values = np.asarray(given)
    if values.shape != (n,):
        raise ParameterError(f"{name} has the shape {values.shape}: expected {(n,)}, one value per observation")
    if values.dtype.kind in "mM":
        raise ParameterError(f"{name} holds dates: give days since the subject's first observation as numbers")
    try:
        return values.astype(float)
    except (TypeError, ValueError) as fault:
        remedy = ". States are counted from 0: pd.Categorical(state, categories=[...]).codes" if name == "state" else ""
        raise ParameterError(f"{name} must hold numbers: {fault}{remedy}") from fault


def _likelihood(given: np.ndarray | None, n: int, n_states: int) -> np.ndarray:
    if given is None:
        return np.full((n, n_states), np.nan)
    values = as_numbers("likelihood", given)
    if values.shape != (n, n_states):
        raise ParameterError(f"likelihood has the shape {values.shape}: expected {(n, n_states)}")
    missing = np.isnan(values)
    whole = missing.all(axis=1)
    faulty = (missing.any(axis=1) & ~whole) | ~(np.where(missing, 0, values) >= 0).all(axis=1)
    faulty |= ~whole & ~(np.nanmax(np.where(missing, 0, values), axis=1) > 0)
    faulty |= np.isinf(values).any(axis=1)
    if faulty.any():
        raise ParameterError(
            f"likelihood of row {int(np.argmax(faulty))}: expected finite numbers of at least 0, not all 0, or all "
            "missing (then the state counts)"
        )
    # only ratios count: the largest is 1
    return values / np.where(whole, 1.0, np.max(np.where(missing, 0, values), axis=1))[:, None]


def _flags(given: np.ndarray | None, n: int) -> np.ndarray:
    if given is None:
        return np.zeros(n, dtype=bool)
    values = np.asarray(given)
    if values.shape != (n,) or not np.isin(values, (0, 1)).all():
        raise ParameterError(f"true_observation must hold true or false for each of the {n} observations")
    return values.astype(bool)


def _check_times(times: np.ndarray, begins: np.ndarray, names: np.ndarray, row: np.ndarray) -> None:
    faulty = ~np.isfinite(times) | (times < 0)
    if faulty.any():
        k = int(np.argmax(faulty))
        raise ParameterError(
            f"time {times[k]} of subject {names[k]!r} (row {row[k]}): expected a finite number of at least 0; count "
            "from the subject's first observation"
        )
    falls = np.r_[False, times[1:] < times[:-1]] & ~begins
    if falls.any():
        k = int(np.argmax(falls))
        raise ParameterError(
            f"time of subject {names[k]!r} falls from {times[k - 1]:g} (row {row[k - 1]}) to {times[k]:g} (row "
            f"{row[k]}): sort the observations of each subject by time"
        )


def _check_states(
    structure: PanelStructure, states: np.ndarray, weight: np.ndarray, names: np.ndarray, row: np.ndarray
) -> None:
    n = structure.n_states
    known = np.isin(states, [*range(n), *structure.censored]) | ~np.isnan(weight).all(axis=1)
    if not known.all():
        k = int(np.argmin(known))
        codes = f" or a censored code ({', '.join(f'{code:g}' for code in structure.censored)})"
        raise ParameterError(
            f"state {states[k]:g} of subject {names[k]!r} (row {row[k]}): expected a whole number from 0 to {n - 1}"
            f"{codes if structure.censored else ''}. States are counted from 0; one that is open goes by a code in "
            "`censored`."
        )


def _covariates(given: Any, n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    if given is None:
        return np.empty((n, 0)), ()
    if isinstance(given, Mapping):
        columns = {str(name): np.asarray(values) for name, values in given.items()}
    elif hasattr(given, "columns"):
        columns = {str(name): np.asarray(given[name]) for name in given.columns}
    else:
        values = np.asarray(given)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2:
            raise ParameterError(f"covariates have the shape {values.shape}: expected {(n, 'covariates')}")
        name = getattr(given, "name", None)
        names = [str(name)] if name is not None else [f"x{k + 1}" for k in range(values.shape[1])]
        columns = dict(zip(names, values.T, strict=True))
    checked = [_numbers(f"covariate {name!r}", values, n) for name, values in columns.items()]
    return np.column_stack(checked) if checked else np.empty((n, 0)), tuple(columns)


def _patterns(values: np.ndarray, leads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pattern of covariates from each observation on, and the distinct patterns."""
    of = np.zeros(len(values), dtype=np.int64)
    if not values.shape[1] or not leads.any():
        return of, np.zeros((1, values.shape[1]))
    distinct, place = np.unique(values[leads], axis=0, return_inverse=True)
    of[leads] = place.ravel()
    return of, distinct


def _intervals(
    times: np.ndarray, begins: np.ndarray, pattern_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the place of the interval before each observation, and the distinct intervals by pattern."""
    interval = np.full(len(times), -1, dtype=np.int64)
    ends = np.flatnonzero(~begins)
    if not ends.size:
        return interval, np.empty(0), np.empty(0, dtype=np.int64)
    elapsed = times[ends] - times[ends - 1]
    unit = 10.0 ** np.floor(np.log10(max(float(times.max()), 1e-300)) - _DIGITS)
    _, lengths = np.unique(np.round(elapsed / unit), return_inverse=True)
    key = pattern_of[ends - 1] * (int(lengths.max()) + 1) + lengths.ravel()
    _, where, place = np.unique(key, return_index=True, return_inverse=True)
    interval[ends] = place.ravel()
    return interval, elapsed[where], pattern_of[ends - 1][where]


def _emissions(
    structure: PanelStructure, states: np.ndarray, weight: np.ndarray, flagged: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the row of each observation in the emission table, and the table's parts.

    An observed state or set of states is read with error; one that is flagged is the true one.
    """
    n = structure.n_states
    sets = [(float(k), (k,)) for k in range(n)] + list(structure.censored.items())
    members = np.array([[k in states_ for k in range(n)] for _, states_ in sets], dtype=float)
    emission = np.zeros(len(states), dtype=np.int64)
    for place, (code, _) in enumerate(sets):
        emission[states == code] = place
    emission[flagged] += len(sets)
    soft = ~np.isnan(weight).all(axis=1)
    emission[soft] = 2 * len(sets) + np.arange(soft.sum())
    none = np.zeros_like(members)
    fixed = np.vstack([none, members, weight[soft]])
    mix = np.vstack([members, none, np.zeros((int(soft.sum()), n))])
    return emission, fixed, mix

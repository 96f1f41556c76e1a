"""Likelihood of paired readings of hidden states: many tables at once, with one share held where that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

#: Keeps logarithms and divisions finite; far below any probability that counts can tell from 0.
_TINY: Final = 1e-300
_FLOOR: Final = 1e-14


_State = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Held:
    """A share of the hidden pairs that is held at a value: the pairs in ``part`` among those in ``whole``.

    Attributes
    ----------
    part, whole
        ``(states, states)`` or ``(tables, states, states)``: which pairs (first, second); ``part`` lies in ``whole``.
    value
        The share, one number or one per table.
    """

    part: np.ndarray
    whole: np.ndarray
    value: np.ndarray | float


@dataclass(frozen=True)
class Fitted:
    """Shares of hidden pairs of states of each table.

    Attributes
    ----------
    pairs
        ``(tables, states, states)``: probability of each pair (first, second).
    first, second
        Error matrices, as given or as estimated.
    loglik
        ``(tables,)``: log-likelihood of the readings, and of the validation readings where errors are estimated.
    """

    pairs: np.ndarray
    first: np.ndarray
    second: np.ndarray
    loglik: np.ndarray


def changed(n_states: int) -> np.ndarray:
    """Return which pairs are a change."""
    return ~np.eye(n_states, dtype=bool)


def unchanged_only(n_states: int) -> Held:
    """Return that no state changes."""
    return Held(changed(n_states), np.ones((n_states, n_states), dtype=bool), 0.0)


def fit_pairs(
    counts: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    held: Held | None = None,
    learn_first: np.ndarray | None = None,
    learn_second: np.ndarray | None = None,
    shared: bool = False,
    enough: np.ndarray | None = None,
    tolerance: float = 1e-7,
    most_steps: int = 400,
) -> Fitted:
    """Estimate the shares of hidden pairs by maximum likelihood (expectation-maximisation, sped up).

    Parameters
    ----------
    counts
        ``(tables, a, b)``: how often the first reading was a and the second b.
    first, second
        ``(states, a)`` and ``(states, b)``, or one per table: probability of each reading given the hidden state.
    held
        A share that is held at a value.
    learn_first, learn_second
        Validation counts ``(true, observed)``, or one per table: the errors are estimated together with the pairs.
    shared
        Both readings have the errors of ``first``, which ``learn_first`` informs.
    enough
        ``(tables,)``: log-likelihood from which on a table is done, where it only matters whether that is reached.
    tolerance
        Gain in log-likelihood per step below which a table is done.
    most_steps
        Steps of three passes each.

    Returns
    -------
    The fit of each table.
    """
    model = _Model(np.asarray(counts, dtype=float), held, learn_first, learn_second, shared)
    state = model.start(first, second)
    done = tuple(values.copy() for values in state)
    value, rows = model.loglik(state), np.arange(len(model.counts))
    enough = np.full(rows.size, np.inf) if enough is None else enough
    for _ in range(most_steps):
        state, gained = _accelerated(model, state, value)
        value = value + gained
        going = (gained >= tolerance) & (value < enough[rows])
        # tables that are done are laid aside, those that go on are few
        if 2 * np.count_nonzero(going) <= rows.size:
            _lay_aside(done, state, rows)
            if not going.any():
                break
            model, state, value, rows = model.of(going), _of(state, going), value[going], rows[going]
    _lay_aside(done, state, rows)
    whole = _Model(np.asarray(counts, dtype=float), held, learn_first, learn_second, shared)
    fitted = done[0], done[1], done[2]
    return Fitted(*fitted, loglik=whole.loglik(fitted))


def _lay_aside(done: tuple[np.ndarray, ...], state: tuple[np.ndarray, ...], rows: np.ndarray) -> None:
    for kept, values in zip(done, state, strict=True):
        if values.ndim == 3:
            kept[rows] = values


def _of(state: _State, going: np.ndarray) -> _State:
    pairs, first, second = (values[going] if values.ndim == 3 else values for values in state)
    return pairs, first, second


@dataclass(frozen=True)
class _Model:
    counts: np.ndarray
    held: Held | None
    learn_first: np.ndarray | None
    learn_second: np.ndarray | None
    shared: bool

    def of(self, going: np.ndarray) -> _Model:
        """Return the same for some of the tables."""
        held = self.held
        if held is not None:
            part, whole = (pairs[going] if pairs.ndim == 3 else pairs for pairs in (held.part, held.whole))
            value = held.value[going] if isinstance(held.value, np.ndarray) else held.value
            held = Held(part, whole, value)
        learn = [
            counts if counts is None or counts.ndim == 2 else counts[going]
            for counts in (self.learn_first, self.learn_second)
        ]
        return _Model(self.counts[going], held, learn[0], learn[1], self.shared)

    def start(self, first: np.ndarray, second: np.ndarray) -> _State:
        """Return even shares, with some more where nothing changes, that obey what is held."""
        tables, k = len(self.counts), first.shape[-2]
        pairs = np.full((tables, k, k), 1.0 / (2 * k * k)) + 0.5 * np.eye(k) / k
        if self.learn_first is not None:
            first = np.broadcast_to(first, (tables, *first.shape[-2:])).copy()
        if self.learn_second is not None:
            second = np.broadcast_to(second, (tables, *second.shape[-2:])).copy()
        return self._hold(pairs), first, first if self.shared else second

    def _hold(self, pairs: np.ndarray) -> np.ndarray:
        pairs = pairs / pairs.sum(axis=(1, 2), keepdims=True)
        if self.held is None:
            return pairs
        part = np.broadcast_to(self.held.part, pairs.shape)
        rest = np.broadcast_to(self.held.whole, pairs.shape) & ~part
        value = np.broadcast_to(np.asarray(self.held.value, dtype=float), len(pairs))[:, None, None]
        in_part = np.where(part, np.maximum(pairs, _FLOOR), 0.0)
        in_rest = np.where(rest, np.maximum(pairs, _FLOOR), 0.0)
        inside = in_part.sum(axis=(1, 2), keepdims=True) + in_rest.sum(axis=(1, 2), keepdims=True)
        in_part *= value * inside / in_part.sum(axis=(1, 2), keepdims=True)
        in_rest *= (1 - value) * inside / in_rest.sum(axis=(1, 2), keepdims=True)
        return np.where(part, in_part, np.where(rest, in_rest, pairs))

    def loglik(self, state: _State) -> np.ndarray:
        """Return the log-likelihood of each table."""
        pairs, first, second = state
        seen = np.swapaxes(first, -1, -2) @ pairs @ second
        total = (self.counts * np.log(np.maximum(seen, _TINY))).sum(axis=(1, 2))
        for prior, matrix in ((self.learn_first, first), (self.learn_second, second)):
            if prior is not None:
                total = total + (prior * np.log(np.maximum(matrix, _TINY))).sum(axis=(-1, -2))
        return total

    def step(self, state: _State) -> _State:
        """Return shares (and errors) that are at least as likely: one pass of expectation-maximisation."""
        pairs, first, second = state
        seen = np.swapaxes(first, -1, -2) @ pairs @ second
        ratio = self.counts / np.maximum(seen, _TINY)
        back = ratio @ np.swapaxes(second, -1, -2)
        expected = pairs * (first @ back)
        new_first, new_second = first, second
        if self.learn_first is not None:
            read = first * (pairs @ np.swapaxes(back, -1, -2))
            if self.shared:
                read = read + second * (np.swapaxes(pairs, -1, -2) @ (first @ ratio))
            new_first = _rows(self.learn_first + read)
        if self.learn_second is not None and not self.shared:
            new_second = _rows(self.learn_second + second * (np.swapaxes(pairs, -1, -2) @ (first @ ratio)))
        return self._hold(expected), new_first, new_first if self.shared else new_second


def _rows(values: np.ndarray) -> np.ndarray:
    return values / values.sum(axis=-1, keepdims=True)


def _accelerated(model: _Model, state: _State, value: np.ndarray) -> tuple[_State, np.ndarray]:
    """Return two passes, drawn out along their direction where that raises the likelihood (squared extrapolation)."""
    once = model.step(state)
    twice = model.step(once)
    tables = len(model.counts)
    moves = [(b - a, c - 2 * b + a) for a, b, c in zip(state, once, twice, strict=True)]
    own = [a.ndim == 3 for a in state]  # errors that all tables share stay as they are
    step = np.sqrt(sum(_size(r) for (r, _), mine in zip(moves, own, strict=True) if mine))
    bend = np.sqrt(sum(_size(v) for (_, v), mine in zip(moves, own, strict=True) if mine))
    stretch = np.maximum(step / np.maximum(bend, _FLOOR), 1.0).reshape(tables, 1, 1)
    pairs, first, second = (
        np.maximum(a + 2 * stretch * r + stretch**2 * v, _FLOOR) if mine else a
        for a, (r, v), mine in zip(state, moves, own, strict=True)
    )
    far = model.step((pairs, first, second))
    near_value, far_value = model.loglik(twice), model.loglik(far)
    better = (far_value > near_value)[:, None, None]
    pairs, first, second = (np.where(better, f, t) if mine else t for f, t, mine in zip(far, twice, own, strict=True))
    return (pairs, first, second), np.maximum(near_value, far_value) - value


def _size(values: np.ndarray) -> np.ndarray:
    return (values**2).sum(axis=(1, 2))

"""What is settled before a panel model is fitted: first states, effects, starting rates, and that it is possible."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from her2plastic._errors import ParameterError, as_numbers
from her2plastic.models.panel_markov import kernels
from her2plastic.models.panel_markov.data import PanelData
from her2plastic.models.panel_markov.likelihood import ParameterLayout
from her2plastic.models.panel_markov.structure import PanelStructure

#: How far given probabilities may be from a sum of 1.
_TOLERANCE = 1e-6
#: Subjects first read as another state than the one they are taken to begin in: more are no errors of reading.
_FEW_READ_ELSEWHERE, _SHARE_READ_ELSEWHERE = 2, 0.25
#: Logit of an estimated error where the rates to start from are given.
_ERROR_LOGIT = float(np.log(0.1))


def first_states(
    structure: PanelStructure, data: PanelData, initial: str | np.ndarray | None, *, hidden: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first states whose probabilities are estimated, if any, and the weights where they are not."""
    n, shape = structure.n_states, (len(data.subjects), structure.n_states)
    none = np.empty(0, dtype=int)
    if initial is None:
        initial = "first" if hidden else "given"
    if isinstance(initial, str):
        if initial == "given":
            return none, np.ones(shape)
        if initial == "first":
            return none, np.broadcast_to(np.eye(n)[0], shape)
        return np.setdiff1d(np.arange(n), structure.exact), np.ones(shape)
    given = as_numbers("initial", initial)
    if given.shape not in ((n,), shape) or not np.isfinite(given).all() or (given < 0).any():
        raise ParameterError(f"initial has the shape {given.shape}: expected probabilities, {(n,)} or {shape}")
    off = np.abs(given.sum(axis=-1) - 1)
    if off.max() > _TOLERANCE:
        raise ParameterError(f"initial: expected probabilities that sum to 1; a sum is off by {off.max():.3g}")
    return none, np.broadcast_to(given, shape)


def effects_of(structure: PanelStructure, data: PanelData, given: Mapping[str, np.ndarray] | None) -> np.ndarray:
    """Return covariate and edge of each effect."""
    chosen = dict(given or {})
    if unknown := sorted(set(chosen) - set(data.names)):
        raise ParameterError(f"effects: no covariate {', '.join(map(repr, unknown))}; there are {data.names}")
    found = []
    for covariate, name in enumerate(data.names):
        acts = np.asarray(chosen.get(name, structure.allowed))
        if acts.shape != structure.allowed.shape:
            raise ParameterError(f"effects[{name!r}] has the shape {acts.shape}: expected {structure.allowed.shape}")
        found += [(covariate, edge) for edge, (i, j) in enumerate(structure.edges) if acts[i, j]]
    return np.array(found, dtype=int).reshape(-1, 2)


def given_start(
    structure: PanelStructure, layout: ParameterLayout, rates: np.ndarray | None, unit: float
) -> np.ndarray | None:
    """Return the parameters to start from, where rates were given."""
    if rates is None:
        return None
    given, n = as_numbers("start", rates), structure.n_states
    if given.shape != (n, n) or not (given[structure.allowed] > 0).all() or not np.isfinite(given).all():
        raise ParameterError(f"start: expected finite rates above 0 wherever allowed, {(n, n)}")
    theta = np.zeros(layout.size)
    theta[: layout.n_rates] = np.log(given[structure.allowed] * unit)
    theta[layout.errors_at : layout.initial_at] = _ERROR_LOGIT
    return theta


def unit_of_time(data: PanelData) -> float:
    """Return the median time between observations, in which rates are of moderate size."""
    moving = data.elapsed[data.interval[data.follows]]
    moving = moving[moving > 0]
    return float(np.median(moving)) if moving.size else 1.0


def first_states_taken(data: PanelData, initial: np.ndarray) -> tuple[str, bool]:
    """Return what to know of first states that nobody said, and whether errors of reading can hardly explain them."""
    first = data.first[:-1]
    table = data.fixed + data.mix
    begin = table[data.emission[first]].argmax(axis=1)
    elsewhere = int((begin > 0).sum())
    if not elsewhere or (initial[:, 1:] > 0).any():
        return "", False
    note = (
        f"every subject is taken to be in state 0 at first, as `initial` was not given, though {elsewhere} of "
        f"{len(first)} are first read as another state; if they may begin in any, rates are too fast: say "
        "initial='estimate'"
    )
    return note, elsewhere > max(_FEW_READ_ELSEWHERE, len(first) * _SHARE_READ_ELSEWHERE)


def check_possible(structure: PanelStructure, data: PanelData, initial: np.ndarray) -> None:
    """Raise ParameterError for the first observation that no path and no error of the structure can explain."""
    n = structure.n_states
    # without any time in between nothing moves
    reach = np.stack([np.eye(n), structure.may_follow.astype(float)])
    moves = np.zeros(len(data.time), dtype=np.int64)
    moves[data.follows] = data.elapsed[data.interval[data.follows]] > 0
    errors = structure.known_errors if structure.errors is None else structure.errors | np.eye(n, dtype=bool)
    table = np.ascontiguousarray((data.fixed + data.mix @ np.asarray(errors, dtype=float).T > 0).astype(float))
    ahead, filtered = np.zeros((2, len(data.time), n))
    place = kernels.forward(
        data.first, moves, data.entered, data.emission, table, np.ascontiguousarray((initial > 0).astype(float)),
        reach, structure.allowed.astype(float)[None], np.zeros(2, dtype=np.int64), ahead, filtered,
        np.ones(len(data.time)),
    )  # fmt: skip
    if place < 0:
        return
    if data.interval[place] < 0:
        raise ParameterError(
            f"{data.describe(place)}: the first observation is not possible by `initial` and the errors allowed. Where "
            "subjects may begin in any state, say initial='estimate'; without it, where states are misread, all begin "
            "in state 0."
        )
    raise ParameterError(
        f"{data.describe(place)}, after {data.describe(place - 1)}: no path that is allowed leads there"
        f"{'' if moves[place] else ' at the same time'}. Allow a transition or an error of reading, or mend the "
        "observation."
    )


def notes_on(structure: PanelStructure, data: PanelData) -> tuple[str, ...]:
    """Return what a reader of the fit must know of the observations."""
    notes = []
    alone = int((np.diff(data.first) == 1).sum())
    if alone:
        notes.append(f"{alone} of {len(data.subjects)} subjects were seen once and say nothing of the rates")
    unseen = [str(k) for k in range(structure.n_states) if not (data.state == k).any()]
    if unseen and np.isfinite(data.state).any():
        notes.append(f"never observed: state {', '.join(unseen)}")
    return tuple(notes)

"""One HER2 status per patient and draw: what its CTCs say of the state that most of them are in, or what is on file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import logsumexp

from her2plastic._access import as_names, obs_column
from her2plastic._errors import ParameterError
from her2plastic.tl.state_words import STATES_OF_WORD

if TYPE_CHECKING:
    from anndata import AnnData

#: Points along an edge of the grid of compositions.
_POINTS: Final = {2: 400, 3: 36}


@dataclass(frozen=True)
class DrawStatus:
    """Draws in the order of patient and day.

    Attributes
    ----------
    donor
        Place of the patient of each draw.
    day
        Day of each draw.
    likelihood
        ``(draws, states)``: how likely each status makes what was seen, the largest 1.
    status
        Place of the status on file, or a code below 0 of one that is open; -1 where there is none but CTCs.
    n_cells
        CTCs of each draw.
    open_states
        Codes of statuses that are open, and the places that each may be.
    """

    donor: np.ndarray
    day: np.ndarray
    likelihood: np.ndarray
    status: np.ndarray
    n_cells: np.ndarray
    open_states: Mapping[float, tuple[int, ...]] = field(default_factory=dict)


def dominant_status(donor: np.ndarray, day: np.ndarray, cells: np.ndarray) -> DrawStatus:
    """Return how likely each dominant state makes the CTCs of each draw.

    The composition behind a draw is unknown. All compositions in which a state is the most frequent count alike, and
    the likelihood of the draw is averaged over them: few or uncertain CTCs leave it nearly flat.

    Parameters
    ----------
    donor, day
        Of each cell.
    cells
        ``(cells, states)``: likelihood of each state for each cell.

    Returns
    -------
    The draws.
    """
    draws, place = np.unique(np.stack([donor.astype(float), day]), axis=1, return_inverse=True)
    if not len(cells):
        none = np.empty(0, dtype=int)
        return DrawStatus(none, np.empty(0), np.empty((0, cells.shape[1])), none, none)
    compositions = _simplex(cells.shape[1])
    largest = np.isclose(compositions, compositions.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    belongs = largest / largest.sum(axis=1, keepdims=True)  # to several where they tie
    log_likelihood = np.array([
        np.log(cells[place.ravel() == draw] @ compositions.T).sum(axis=0) for draw in range(draws.shape[1])
    ])  # fmt: skip
    of_status = np.stack(
        [logsumexp(log_likelihood, b=weight, axis=1) - np.log(weight.sum()) for weight in belongs.T], axis=1
    )
    likelihood = np.exp(of_status - of_status.max(axis=1, keepdims=True))
    number = np.bincount(place.ravel(), minlength=draws.shape[1])
    return DrawStatus(draws[0].astype(int), draws[1], likelihood, np.full(draws.shape[1], -1), number)


def status_on_file(
    adata: AnnData,
    used: np.ndarray,
    donor: np.ndarray,
    day: np.ndarray,
    names: tuple[str, ...],
    *,
    state_key: str,
    groups: tuple[tuple[str, ...], ...],
    errors: np.ndarray | None,
) -> DrawStatus:
    """Return the status of each draw from a column of the cells, which must agree within a draw.

    Raises
    ------
    MissingKeyError, ParameterError
        No such column, a status that is no state, or several in one draw.
    """
    told = as_names(obs_column(adata, state_key))[used]
    place_of = {state: place for place, group in enumerate(groups) for state in group}
    may_be = {
        word: tuple(sorted({place_of[state] for state in states}))
        for word, states in STATES_OF_WORD.items()
        if set(states) <= set(place_of)
    }
    if unknown := sorted(set(told) - set(may_be)):
        raise ParameterError(f"`obs[{state_key!r}]` holds {unknown[0]!r}; expected {', '.join(map(repr, may_be))}")
    several = sorted({may_be[word] for word in told if len(may_be[word]) > 1})
    codes = {places: -1 - number for number, places in enumerate(several)}
    status = np.array([codes.get(may_be[word], may_be[word][0]) for word in told], dtype=int)
    draws, first, place = np.unique(
        np.stack([donor.astype(float), day]), axis=1, return_index=True, return_inverse=True
    )
    differs = status != status[first][place.ravel()]
    if differs.any():
        cell = int(np.argmax(differs))
        raise ParameterError(
            f"`obs[{state_key!r}]`: donor {names[donor[cell]]!r}, day {day[cell]:g} has several statuses; expected one "
            "per draw. For states of single cells leave state_key out, or use the design 'draws'."
        )
    of_draw = status[first]
    to_be_estimated = errors is not None and bool(np.isin(errors, (0, 1)).all())
    matrix = np.eye(len(groups)) if errors is None or to_be_estimated else errors
    number = np.bincount(place.ravel(), minlength=draws.shape[1])
    read = np.vstack([matrix.T, *(matrix.T[list(places)].sum(axis=0) for places in reversed(several))])
    open_states = {float(code): places for places, code in codes.items()}
    return DrawStatus(draws[0].astype(int), draws[1], read[of_draw], of_draw, number, open_states)


def _simplex(n_states: int) -> np.ndarray:
    """Return compositions spread evenly: the centres of equal parts of all compositions, none with a share of 0."""
    points = _POINTS[n_states]
    if n_states == 2:
        first = (np.arange(points) + 0.5) / points
        return np.stack([first, 1 - first], axis=1)
    a, b = np.meshgrid(np.arange(points), np.arange(points), indexing="ij")
    centres = []
    for third, most in ((1 / 3, points), (2 / 3, points - 1)):  # triangles that stand, and those between them
        inside = a + b < most
        centres.append(np.stack([a[inside] + third, b[inside] + third], axis=1) / points)
    shares = np.concatenate(centres)
    return np.column_stack([shares, 1 - shares.sum(axis=1)])

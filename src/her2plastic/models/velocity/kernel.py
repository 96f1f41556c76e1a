"""From velocities to probabilities of stepping to a neighbour: how well the step agrees with the velocity."""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled_sums

#: Cells whose transitions are held at once while flows are summed.
BLOCK = 8192


@compiled_sums
def _agreement(
    position: np.ndarray, velocity: np.ndarray, indptr: np.ndarray, indices: np.ndarray, first: int, out: np.ndarray
) -> None:
    """Write the correlation of each cell's velocity with the way to each of its neighbours."""
    n_genes = position.shape[1]
    n_cells = indptr.shape[0] - 1
    own = np.empty(n_genes, dtype=velocity.dtype)
    for row in range(n_cells):
        here = position[first + row]
        mean = velocity.dtype.type(0)
        for gene in range(n_genes):
            mean += velocity[first + row, gene]
        mean /= n_genes
        length = velocity.dtype.type(0)
        for gene in range(n_genes):
            own[gene] = velocity[first + row, gene] - mean
            length += own[gene] * own[gene]
        for place in range(indptr[row], indptr[row + 1]):
            there = position[indices[place]]
            along = velocity.dtype.type(0)
            total = velocity.dtype.type(0)
            squares = velocity.dtype.type(0)
            for gene in range(n_genes):
                step = there[gene] - here[gene]
                along += own[gene] * step
                total += step
                squares += step * step
            spread = squares - total * total / n_genes
            if spread > 0 and length > 0:
                out[place] = along / np.sqrt(spread * length)
            else:
                out[place] = 0.0


def step_agreement(
    position: np.ndarray, velocity: np.ndarray, indptr: np.ndarray, indices: np.ndarray, *, first: int = 0
) -> np.ndarray:
    """Return how well each step to a neighbour agrees with the velocity.

    Parameters
    ----------
    position, velocity
        Cells x genes, of one floating type: where cells are, and where they are going.
    indptr, indices
        Neighbours of the cells from ``first`` on, in compressed rows.
    first
        The cell that the first row of neighbours belongs to.

    Returns
    -------
    One Pearson correlation over the genes (the cosine of centred vectors) per stored neighbour; 0 where a cell does not
    move or stands where its neighbour stands.
    """
    position, velocity = _alike(position, velocity)
    out = np.empty(indices.size, dtype=position.dtype)
    _agreement(position, velocity, np.asarray(indptr) - indptr[0], np.asarray(indices), first, out)
    return out


def _alike(position: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both in the order and of the type that the compiled loop reads; copies only what is not."""
    dtype = np.float64 if position.dtype == np.float64 else np.float32
    return np.ascontiguousarray(position, dtype=dtype), np.ascontiguousarray(velocity, dtype=dtype)


def step_probabilities(
    agreement: np.ndarray, indptr: np.ndarray, *, scale: float, backward: bool = False
) -> np.ndarray:
    """Return the probability of each step: the exponential of its agreement, rows summing to 1.

    Parameters
    ----------
    agreement
        Of :func:`step_agreement`.
    indptr
        Rows of neighbours. A cell without any has no entry.
    scale
        How strongly agreement is rewarded; 0 is the walk that knows the graph alone.
    backward
        Where cells come from instead of where they go.

    Returns
    -------
    Probabilities, in the order of ``agreement``.
    """
    sizes = np.diff(indptr)
    weights = np.exp((-scale if backward else scale) * agreement.astype(float))
    rows = np.repeat(np.arange(sizes.size), sizes)
    sums = np.bincount(rows, weights=weights, minlength=sizes.size)
    return weights / sums[rows]


def arrivals(probabilities: np.ndarray, indptr: np.ndarray, indices: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Return the expected membership after one step ``(rows, states)``; 0 for a cell without neighbours."""
    sizes = np.diff(indptr)
    rows = np.repeat(np.arange(sizes.size), sizes)
    return np.stack(
        [
            np.bincount(rows, weights=probabilities * state[indices], minlength=sizes.size)
            for state in np.asarray(membership, dtype=float).T
        ],
        axis=1,
    )


def stepped(
    position: np.ndarray,
    velocity: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    membership: np.ndarray,
    *,
    scale: float = 10.0,
    backward: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where one step takes each cell, with the velocities and by the graph alone.

    Parameters
    ----------
    position, velocity, indptr, indices
        As in :func:`step_agreement`.
    membership
        ``(cells, states)``: how much of each cell is in each state.
    scale, backward
        As in :func:`step_probabilities`.

    Returns
    -------
    Two arrays ``(cells, states)`` of expected memberships after a step. Cells are worked on in blocks: what is held
    besides the input grows by these arrays only.
    """
    position, velocity = _alike(position, velocity)
    n_cells, n_states = membership.shape
    moved, alone = np.zeros((n_cells, n_states)), np.zeros((n_cells, n_states))
    for first in range(0, n_cells, BLOCK):
        rows = indptr[first : first + BLOCK + 1]
        near, pointers = indices[rows[0] : rows[-1]], rows - rows[0]
        agreement = step_agreement(position, velocity, pointers, near, first=first)
        block = slice(first, first + BLOCK)
        for result, strength in ((moved, scale), (alone, 0.0)):
            steps = step_probabilities(agreement, pointers, scale=strength, backward=backward)
            result[block] = arrivals(steps, pointers, near, membership)
    return moved, alone


def group_flows(membership: np.ndarray, arriving: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
    """Return how much membership steps from state to state in each group.

    Parameters
    ----------
    membership, arriving
        ``(cells, states)`` before and after a step.
    groups
        Whole number of each cell's group.
    n_groups
        How many there are.

    Returns
    -------
    ``(groups, states, states)``: sums over the cells of (share in the row's state) x (share that arrives in the
    column's state).
    """
    n_states = membership.shape[1]
    result = np.empty((n_groups, n_states, n_states))
    for start in range(n_states):
        for end in range(n_states):
            weights = membership[:, start] * arriving[:, end]
            result[:, start, end] = np.bincount(groups, weights=weights, minlength=n_groups)
    return result


def direction_score(moved: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Return the share of the exchange between two states that is net, above what the graph alone gives.

    Parameters
    ----------
    moved, alone
        Flows of :func:`group_flows` with the velocities and by the graph alone; leading axes are allowed.

    Returns
    -------
    Of the same shape: (F_ij - F_ji) / (F_ij + F_ji) of the first less that of the second, antisymmetric; missing
    on the diagonal and where two states exchange nothing.
    """
    score = _net_share(moved) - _net_share(alone)
    places = np.arange(score.shape[-1])
    score[..., places, places] = np.nan
    return score


def _net_share(flow: np.ndarray) -> np.ndarray:
    back = np.swapaxes(flow, -1, -2)
    gross = flow + back
    return np.divide(flow - back, gross, out=np.full(gross.shape, np.nan), where=gross > 0)

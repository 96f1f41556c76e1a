"""What follows from probabilities of single steps: where cells end, and arrows on a map."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import spsolve

#: Share of a state's most certain cells that count as its end, and how many at least.
END_SHARE, END_CELLS = 0.05, 3


def end_cells(membership: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the state whose end a cell is, -1 for all others: in each group, the surest cells of each state.

    Parameters
    ----------
    membership
        ``(cells, states)``, smoothed over neighbours.
    groups
        Whole number of each cell's group.
    """
    ends = np.full(groups.size, -1)
    surest = membership.argmax(axis=1)
    for group in np.unique(groups):
        for state in range(membership.shape[1]):
            own = np.flatnonzero((groups == group) & (surest == state))
            if own.size >= END_CELLS:
                number = max(END_CELLS, int(END_SHARE * own.size))
                ends[own[np.argsort(-membership[own, state], kind="stable")[:number]]] = state
    return ends


def fate_probabilities(transitions: sparse.csr_matrix, ends: np.ndarray, n_states: int) -> np.ndarray:
    """Return the probability that a walk ends in each state: the solution of (I - Q) x = R.

    Parameters
    ----------
    transitions
        Cells x cells, rows summing to 1.
    ends
        State whose end a cell is; -1 for the others.
    n_states
        Number of states.

    Returns
    -------
    ``(cells, states)``; missing for cells from which no end can be reached.
    """
    fates = np.full((ends.size, n_states), np.nan)
    at_end = ends >= 0
    fates[at_end] = np.eye(n_states)[ends[at_end]]
    if not at_end.any():
        return fates
    # an end is reached backwards from the ends along the steps: one more node that every end leads to
    reversed_steps = sparse.csr_matrix(transitions).T.tocsr()
    source = sparse.csr_matrix(at_end[None, :].astype(float))
    joined = sparse.bmat([[reversed_steps, None], [source, sparse.csr_matrix((1, 1))]], format="csr")
    order = csgraph.breadth_first_order(joined, ends.size, directed=True, return_predecessors=False)
    reaches = np.zeros(ends.size + 1, dtype=bool)
    reaches[order] = True
    inner = np.flatnonzero(reaches[:-1] & ~at_end)
    if not inner.size:
        return fates
    rows = sparse.csr_matrix(transitions)[inner]
    left = (sparse.identity(inner.size, format="csc") - rows[:, inner]).tocsc()
    right = np.stack([np.asarray(rows[:, ends == state].sum(axis=1)).ravel() for state in range(n_states)], axis=1)
    solved = np.asarray(spsolve(left, right)).reshape(inner.size, n_states)
    solved = np.clip(solved, 0.0, 1.0)
    sums = solved.sum(axis=1, keepdims=True)
    fates[inner] = np.divide(solved, sums, out=np.full_like(solved, np.nan), where=sums > 0)
    return fates


def fate_entropy(fates: np.ndarray) -> np.ndarray:
    """Return the entropy of each cell's fates over its largest value: 0 is certain, 1 is open between all states."""
    logs = np.log(np.where(fates > 0, fates, 1.0))
    return -np.sum(fates * logs, axis=1) / np.log(fates.shape[1])


def arrows(transitions: sparse.csr_matrix, places: np.ndarray) -> np.ndarray:
    """Return arrows on a map: the mean unit way to the neighbours, by probability, less that to all of them alike.

    Parameters
    ----------
    transitions
        Cells x cells, rows summing to 1.
    places
        Cells x 2.

    Returns
    -------
    Cells x 2; zero for a cell without neighbours.
    """
    steps = sparse.csr_matrix(transitions)
    sizes = np.diff(steps.indptr)
    rows = np.repeat(np.arange(sizes.size), sizes)
    way = places[steps.indices] - places[rows]
    length = np.linalg.norm(way, axis=1, keepdims=True)
    way = np.divide(way, length, out=np.zeros_like(way), where=length > 0)
    weight = steps.data - 1.0 / sizes[rows]
    return np.stack([np.bincount(rows, weight * part, minlength=sizes.size) for part in way.T], axis=1)

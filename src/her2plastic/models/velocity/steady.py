"""Spliced and unspliced counts smoothed over neighbours, and velocities against the steady state."""

from __future__ import annotations

import numpy as np
from scipy import sparse

#: Share of the cells, at the top of a gene, that are taken to be at rest (at its bottom there is nothing to count).
ENDS = 0.05


def neighbour_graph(features: np.ndarray, groups: np.ndarray, n_neighbors: int) -> sparse.csr_matrix:
    """Return which cells of a group are next to each other: symmetric, ones, nothing on the diagonal.

    Parameters
    ----------
    features
        Cells x features, Euclidean.
    groups
        Whole number of each cell's group (patient); neighbours are of the same group.
    n_neighbors
        Neighbours looked for; at most a third of the group's cells.

    Returns
    -------
    Cells x cells. A cell alone in its group has no neighbour.
    """
    from sklearn.neighbors import NearestNeighbors

    rows, columns = [], []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        k = min(n_neighbors, max(members.size // 3, 1), members.size - 1)
        if k < 1:
            continue
        found = NearestNeighbors(n_neighbors=k).fit(features[members]).kneighbors(return_distance=False)
        rows.append(np.repeat(members, k))
        columns.append(members[found.ravel()])
    n_cells = features.shape[0]
    if not rows:
        return sparse.csr_matrix((n_cells, n_cells))
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = sparse.csr_matrix((np.ones(row.size, dtype=np.float32), (row, column)), shape=(n_cells, n_cells))
    graph = graph.maximum(graph.T).tocsr()
    graph.sort_indices()
    return graph


def smoother(graph: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the matrix that averages a cell with its neighbours."""
    near = (graph > 0).astype(np.float32) + sparse.identity(graph.shape[0], dtype=np.float32, format="csr")
    sizes = np.asarray(near.sum(axis=1)).ravel()
    return sparse.diags(1.0 / sizes).astype(np.float32) @ near


def steady_ratio(spliced: np.ndarray, unspliced: np.ndarray, *, ends: float = ENDS) -> np.ndarray:
    """Return each gene's unspliced over spliced amount at rest: the slope through its top cells.

    Parameters
    ----------
    spliced, unspliced
        Cells x genes, smoothed.
    ends
        Share of the cells, at the highest sum of the two amounts, that is taken to be at rest.

    Returns
    -------
    One slope per gene; 0 where no spliced molecule is left.

    Notes
    -----
    The steady-state model of RNA velocity; the two amounts are scaled by their largest value before they are added.
    """
    tops = [np.maximum(values.max(axis=0), 1e-12) for values in (spliced, unspliced)]
    level = spliced / tops[0] + unspliced / tops[1]
    high = np.quantile(np.ascontiguousarray(level.T), 1 - ends, axis=1)
    at_rest = level >= high
    squares = np.einsum("ij,ij,ij->j", spliced, spliced, at_rest)
    return np.divide(
        np.einsum("ij,ij,ij->j", spliced, unspliced, at_rest), squares, out=np.zeros_like(squares), where=squares > 0
    )

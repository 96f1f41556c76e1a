"""Where states lie in a graph of like cells, beside where they would lie if states were shuffled within patients.

Memberships are soft: a cell that may be of two states counts for both by its probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.models.null_test import NullTest
from her2plastic.models.resample import benjamini_hochberg

if TYPE_CHECKING:
    from scipy import sparse

NULL: Final = "states shuffled within patients among cells of like depth"
#: Degree of the polynomial of depth that a state's probability may follow.
SMOOTH: Final = 5
STATISTIC: Final = "likeness of neighbours' states within patients (Moran's I)"


def nearest_neighbours(features: np.ndarray, n_neighbors: int) -> sparse.csr_matrix:
    """Return the graph from each cell to its nearest ones.

    Parameters
    ----------
    features
        ``(cells, features)``, finite.
    n_neighbors
        Neighbours of a cell, itself not counted.

    Returns
    -------
    ``(cells, cells)``, 1 from a cell to each of its neighbours.
    """
    from scipy import sparse
    from scipy.spatial import cKDTree

    n = len(features)
    k = min(n_neighbors, n - 1)
    found = cKDTree(features).query(features, k=k + 1)[1].reshape(n, k + 1)
    # among cells with equal features a cell need not come first itself
    is_self = found == np.arange(n)[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    columns = found[~is_self].reshape(n, k)
    return sparse.csr_matrix((np.ones(n * k), columns.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def blocks_of_like_cells(group: np.ndarray, depth: np.ndarray, *, size: int) -> np.ndarray:
    """Return which cells may exchange their states: those of one group that were sequenced alike.

    Both the certainty of a state and the scatter of expression scores follow depth, so that shuffling over all depths
    would take depth for biology.

    Parameters
    ----------
    group
        Group of each cell (patient, or patient and assay).
    depth
        Depth of each cell.
    size
        Cells of a block at least, where the group has as many.

    Returns
    -------
    Block of each cell, counted from 0.
    """
    block = np.empty(len(group), dtype=np.int64)
    order = np.lexsort((depth, group))
    first = 0
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        n_blocks = max(1, members.size // size)
        block[members] = first + np.arange(members.size) * n_blocks // max(members.size, 1)
        first += n_blocks
    return block


def moran(neighbours: Any, membership: np.ndarray, group: np.ndarray, *, depth: np.ndarray | None = None) -> float:
    """Return Moran's I of the memberships within groups, as :class:`StateGraph` tests it, without a test."""
    return float(np.trace(_likeness(_edges(neighbours), _residue(membership, group, depth))))


class StateGraph:
    """How states lie in a graph of like cells, against the same states shuffled within blocks of cells.

    Connectivity is that of PAGA (Wolf et al. 2019): edges between two states over those expected if edges were drawn at
    random, without its cap at 1, and with edges counted by the probabilities of both ends. Tests are made on the
    memberships less what their group and the cell's depth explain (with few counts a state is drawn to what is known
    without them, and scores to the middle): Moran's I (Moran 1950) says whether states lie in the graph at all, 0 in
    expectation where neighbours are no more alike than other cells of the same patients, and its parts by pairs of
    states which of them are joined.

    Parameters
    ----------
    n_null
        Shufflings.
    min_cells
        Cells that a state needs for its connectivities: of a probability above one half for the state.
    seed
        Seed of the shufflings.

    Attributes
    ----------
    connectivity_
        ``(states, states)``: 1 where the two states are joined as if by chance alone, less where they lie apart.
        Missing on the diagonal and for states of too few cells.
    expected_
        Its mean over the shufflings.
    likeness_
        ``(states, states)``: the part of a pair in Moran's I. Above 0 where cells of the two lie beside one another
        more often than cells of the same patients do at random, below 0 where they keep apart.
    p_, p_adjusted_
        Two-sided p of each pair's likeness, and adjusted over the pairs.
    test_
        Whether states lie in the graph at all: the test that decides.
    n_cells_
        Cells of a probability above one half per state.
    """

    def __init__(self, *, n_null: int = 999, min_cells: int = 5, seed: int = 0) -> None:
        self.n_null = n_null
        self.min_cells = min_cells
        self.seed = seed

    def fit(
        self, neighbours: Any, membership: np.ndarray, group: np.ndarray, block: np.ndarray,
        *, depth: np.ndarray | None = None,
    ) -> StateGraph:  # fmt: skip
        """Fit.

        Parameters
        ----------
        neighbours
            ``(cells, cells)`` sparse; every entry that is not 0 is an edge from row to column.
        membership
            ``(cells, states)``, rows sum to 1.
        group
            Patient of each cell.
        block
            Cells that exchange states, a part of one group each (:func:`blocks_of_like_cells`).
        depth
            Depth of each cell; None where it is not known.
        """
        if self.n_null < 1:
            raise ParameterError(f"n_null={self.n_null!r}: expected at least 1")
        membership = np.asarray(membership, dtype=float)
        edges = _edges(neighbours)
        centred = _residue(membership, group, depth)
        self.n_cells_ = (membership > 0.5).sum(axis=0)
        self.connectivity_, self.likeness_ = _connectivity(edges, membership), _likeness(edges, centred)
        if lacking := self._lacking():
            missing = np.full(self.connectivity_.shape, np.nan)
            self.connectivity_, self.expected_, self.likeness_, self.p_, self.p_adjusted_ = [missing] * 5
            self.test_ = NullTest.lacking(NULL, STATISTIC, lacking)
            return self
        orders = list(_shuffles(block, self.n_null, np.random.default_rng(self.seed)))
        null = np.array([_likeness(edges, centred[order]) for order in orders])
        self.test_ = NullTest.by_simulation(
            NULL, STATISTIC, float(np.trace(self.likeness_)), np.trace(null, axis1=1, axis2=2)
        )
        self.expected_ = np.mean([_connectivity(edges, membership[order]) for order in orders], axis=0)
        self._compare(null)
        return self

    def _lacking(self) -> str:
        enough = np.flatnonzero(self.n_cells_ >= self.min_cells)
        if enough.size >= 2:
            return ""
        return f"{enough.size} states have {self.min_cells} cells that are more likely theirs than not, 2 needed"

    def _compare(self, null: np.ndarray) -> None:
        """Set the p-values of the pairs, and leave out the states of too few cells."""
        margin = 1e-9
        high = 1 + (null >= self.likeness_ - margin).sum(axis=0)
        low = 1 + (null <= self.likeness_ + margin).sum(axis=0)
        p = np.minimum(1.0, 2 * np.minimum(high, low) / (self.n_null + 1))
        left_out = self.n_cells_ < self.min_cells
        missing = left_out[:, None] | left_out[None, :] | np.eye(left_out.size, dtype=bool)
        self.connectivity_, self.expected_, self.likeness_, self.p_ = (
            np.where(missing, np.nan, values) for values in (self.connectivity_, self.expected_, self.likeness_, p)
        )
        pairs = np.triu_indices(left_out.size, 1)
        self.p_adjusted_ = np.full(self.p_.shape, np.nan)
        self.p_adjusted_[pairs] = self.p_adjusted_.T[pairs] = benjamini_hochberg(self.p_[pairs])


def _residue(membership: np.ndarray, group: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """Return the memberships less their group's mean and a smooth function of the rank of depth, common to groups."""
    from scipy.stats import rankdata

    index = np.unique(group, return_inverse=True)[1]
    values = _centred(membership, index)
    if depth is None or np.ptp(depth) == 0:
        return values
    rank = (2 * rankdata(depth) - 1) / len(depth) - 1
    basis = _centred(np.polynomial.legendre.legvander(rank, SMOOTH)[:, 1:], index)
    return values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]


def _centred(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the values less the mean of their group."""
    number = np.bincount(index)
    means = [np.bincount(index, weights=column) / number for column in values.T]
    return values - np.column_stack(means)[index]


def _edges(neighbours: Any) -> Any:
    """Return 1 for every edge."""
    edges = neighbours.tocsr().astype(float)
    edges.data = np.ones_like(edges.data)
    return edges


def _likeness(edges: Any, centred: np.ndarray) -> np.ndarray:
    """Return Moran's I by pairs of states; its trace is the whole."""
    spread = float((centred**2).sum())
    if spread <= 0.0 or edges.nnz == 0:
        return np.zeros((centred.shape[1], centred.shape[1]))
    products = centred.T @ (edges @ centred)
    return (products + products.T) / 2 / spread * len(centred) / float(edges.nnz)


def _connectivity(edges: Any, membership: np.ndarray) -> np.ndarray:
    """Return edges between states over those expected at random, as PAGA counts them."""
    between = membership.T @ (edges @ membership)
    leaving = between.sum(axis=1)
    size = membership.sum(axis=0)
    expected = (np.outer(leaving, size) + np.outer(size, leaving)) / (len(membership) - 1)
    return np.divide(between + between.T, expected, out=np.ones_like(between), where=expected > 0)


def _shuffles(block: np.ndarray, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield orders that move cells within their blocks only."""
    places = np.argsort(block, kind="stable")
    for _ in range(n):
        order = np.empty(len(block), dtype=np.int64)
        order[places] = np.lexsort((rng.random(len(block)), block))
        yield order

"""From cells to scores: genes, graph, velocities of each mode, the null, and how far the scores depend on choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic._errors import MissingKeyError
from her2plastic.models.velocity.null import StaticCounts
from her2plastic.models.velocity.score import NullScores, StateFlow, noise_unit, pooled_score
from her2plastic.models.velocity.steady import neighbour_graph
from her2plastic.reference import panel
from her2plastic.tl.direction_input import Amounts, Source, amounts, cycle_genes, state_change, usable_genes
from her2plastic.tl.direction_velocity import velocities

if TYPE_CHECKING:
    from anndata import AnnData

#: Programmes that go with the HER2 state and are looked at whatever the data show.
HER2_PROGRAMMES: Final = ("rtk", "notch", "dna_damage", "stress")
#: A gene whose amount differs between two states by fewer standard errors says nothing of the way between them.
CLEAR_CHANGE: Final = 3.5
MAX_GENES: Final = 300
COMPONENTS: Final = 15


@dataclass(frozen=True)
class Prepared:
    """Amounts of the genes used, the flow over the neighbour graph, and what rest explains.

    Attributes
    ----------
    amounts, counts
        Of the genes used.
    flow
        Graph and memberships.
    change
        Per pair of states, the natural log of each gene's ratio.
    """

    amounts: Amounts
    counts: StaticCounts
    flow: StateFlow
    change: dict[tuple[int, int], np.ndarray]


def pairs(n_states: int) -> list[tuple[int, int]]:
    """Return the pairs of states."""
    return [(i, j) for i in range(n_states) for j in range(i + 1, n_states)]


def prepare(
    source: Source,
    *,
    n_neighbors: int,
    without: frozenset[str],
    graph: sparse.csr_matrix | None = None,
) -> Prepared | None:
    """Return what scores are made from, or None if hardly a gene has enough molecules and differs between states."""
    found = amounts(source, usable_genes(source, without=without))
    keep, changes = _telling(source, found)
    if keep.size < 2:
        return None
    found = Amounts(found.columns[keep], found.total[:, keep], found.unspliced[:, keep], found.capture)
    if graph is None:
        graph = neighbour_graph(_components(found.total, source.groups), source.groups, n_neighbors)
    counts = StaticCounts.split(found.total, found.unspliced, source.groups, found.capture.astype(np.float32))
    flow = StateFlow(graph, source.membership, source.groups)
    return Prepared(found, counts, flow, {pair: change[keep] for pair, change in changes.items()})


def _telling(source: Source, found: Amounts) -> tuple[np.ndarray, dict[tuple[int, int], np.ndarray]]:
    """Return the genes that differ between states, and by how much each pair of states differs in every gene."""
    changes, clear = {}, np.zeros(found.columns.size)
    for pair in pairs(len(source.states)):
        change, error = state_change(found.total, source.membership, source.groups, pair)
        certain = np.abs(change) / error
        # drawn towards 0 as far as it is uncertain
        changes[pair] = change * certain**2 / (1.0 + certain**2)
        clear = np.maximum(clear, certain)
    known: set[str] = set()
    if source.her2:
        known = {gene for name in HER2_PROGRAMMES for gene in panel(name)}
    column = source.erbb2()
    asked = np.isin(source.names[found.columns], list(known)) | (found.columns == (-1 if column is None else column))
    order = np.argsort(-np.where(asked, np.inf, clear), kind="stable")
    number = min(int((asked | (clear >= CLEAR_CHANGE)).sum()), max(MAX_GENES, int(asked.sum())))
    return np.sort(order[:number]), changes


def _components(total: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return principal components of the root of the amounts, patients' means taken out."""
    from sklearn.decomposition import PCA

    values = np.sqrt(total)
    for group in np.unique(groups):
        values[groups == group] -= values[groups == group].mean(axis=0)
    n = min(COMPONENTS, values.shape[1] - 1, values.shape[0] - 1)
    return PCA(n_components=max(n, 1), random_state=0).fit_transform(values) if n > 0 else values


def mode_flows(prepared: Prepared, mode: str) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the flows of one velocity mode, and the positions and velocities they come from."""
    spliced, velocity, used = velocities(
        prepared.counts.total, prepared.counts.observed(), prepared.flow.graph, mode=mode
    )  # fmt: skip
    unit = noise_unit(spliced) * used
    position, velocity = spliced * unit, velocity * unit
    return prepared.flow.of_velocity(position, velocity), (position, velocity)


def existing_graph(adata: AnnData, source: Source) -> sparse.csr_matrix:
    """Return the neighbour graph that the data hold, among the cells used."""
    if _keys.CONNECTIVITIES not in adata.obsp:
        raise MissingKeyError(
            "obsp", _keys.CONNECTIVITIES, adata.obsp.keys(), "Run scanpy.pp.neighbors, or leave use_existing out."
        )
    stored: Any = adata.obsp[_keys.CONNECTIVITIES]
    graph = sparse.csr_matrix(stored)[source.cells][:, source.cells].tocsr()
    graph.setdiag(0)
    graph.eliminate_zeros()
    graph.sort_indices()
    return graph.astype(np.float32)


def existing_flows(
    adata: AnnData, source: Source, prepared: Prepared
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the flows of the velocities that the data hold, over the graph that they hold."""
    for key in (_keys.VELOCITY, _keys.SMOOTHED_SPLICED):
        if key not in adata.layers:
            raise MissingKeyError(
                "layers", key, adata.layers.keys(), "Run scvelo.tl.velocity, or leave use_existing out."
            )
    position, velocity = (_dense(adata.layers[key])[source.cells] for key in (_keys.SMOOTHED_SPLICED, _keys.VELOCITY))
    used = np.isfinite(velocity).all(axis=0) & (position.max(axis=0) > 0)
    if _keys.VELOCITY_GENES in adata.var:
        used &= adata.var[_keys.VELOCITY_GENES].to_numpy(dtype=bool)
    position, velocity = position[:, used], velocity[:, used]
    unit = noise_unit(position)
    position, velocity = position * unit, velocity * unit
    return prepared.flow.of_velocity(position, velocity), (position, velocity)


def _dense(layer: Any) -> np.ndarray:
    return np.asarray(layer.toarray() if sparse.issparse(layer) else layer, dtype=np.float32)


def sensitivity(source: Source, *, n_neighbors: int, cycle: bool) -> tuple[tuple[str, ...], np.ndarray]:
    """Return steady-state scores with other numbers of neighbours, without ERBB2, and the cell cycle in or out."""
    left_out = frozenset() if cycle else cycle_genes()
    column = source.erbb2()
    erbb2 = frozenset() if column is None else frozenset([str(source.names[column])])
    variants = {
        f"{max(n_neighbors // 2, 5)} neighbours": (max(n_neighbors // 2, 5), left_out),
        f"{n_neighbors * 2} neighbours": (n_neighbors * 2, left_out),
        "without ERBB2": (n_neighbors, left_out | erbb2),
        "with cell-cycle genes" if not cycle else "without cell-cycle genes": (
            n_neighbors, frozenset() if not cycle else cycle_genes()
        ),
    }  # fmt: skip
    scores = []
    for number, without in variants.values():
        made = prepare(source, n_neighbors=number, without=without)
        n_states = len(source.states)
        if made is None:
            scores.append(np.full((n_states, n_states), np.nan))
            continue
        scores.append(pooled_score(made.flow.of_counts(made.counts.total, made.counts.observed())))
    return tuple(variants), np.stack(scores)


def transitional_cells(prepared: Prepared, pair: tuple[int, int]) -> float:
    """Return how many cells stand between two states: both have a share in their neighbourhood."""
    near = prepared.flow.smoother @ prepared.flow.membership
    first, second = near[:, pair[0]], near[:, pair[1]]
    held = first + second
    return float((4.0 * first * second / np.maximum(held, 1e-12)).sum())


def null_scores(prepared: Prepared, *, n: int, seed: int) -> NullScores:
    """Return the scores of the same cells if nothing moved."""
    return NullScores.draw(prepared.flow, prepared.counts, n=n, n_shuffled=max(n // 4, 10), seed=seed)

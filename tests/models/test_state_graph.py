from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import binomtest

from her2plastic._errors import ParameterError
from her2plastic.models.state_graph import StateGraph, blocks_of_like_cells, moran, nearest_neighbours


def chain(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three states along a line, cells of neighbouring states side by side."""
    rng = np.random.default_rng(seed)
    state = np.repeat([0, 1, 2], n)
    return rng.normal(state[:, None] * [2.0, 0.0], 0.8), np.eye(3)[state]


def one_block(n: int) -> np.ndarray:
    return np.zeros(n, dtype=int)


@given(n=st.integers(3, 40), k=st.integers(1, 12), seed=st.integers(0, 99), ties=st.booleans())
def test_neighbours_are_the_nearest_and_never_the_cell_itself(n: int, k: int, seed: int, ties: bool) -> None:
    values = np.random.default_rng(seed).normal(size=(n, 2))
    if ties:
        values = np.round(values)
    graph = nearest_neighbours(values, k)
    assert (np.diff(graph.indptr) == min(k, n - 1)).all()
    assert (graph.diagonal() == 0).all()
    distance = np.linalg.norm(values[:, None] - values[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.sort(distance, axis=1)[:, : min(k, n - 1)]
    found = np.sort(np.array([distance[i, graph[[i]].indices] for i in range(n)]), axis=1)
    np.testing.assert_allclose(found, nearest)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(1, 1e5)), min_size=1, max_size=80), st.integers(1, 9))
def test_blocks_hold_cells_of_one_group_and_of_like_depth(cells: list[tuple[int, float]], size: int) -> None:
    group, depth = np.array([cell[0] for cell in cells]), np.array([cell[1] for cell in cells])
    block = blocks_of_like_cells(group, depth, size=size)
    for name in np.unique(group):
        mine = group == name
        number = np.unique(block[mine], return_counts=True)[1]
        assert number.min() >= min(size, mine.sum())
        assert number.max() < 2 * max(size, 1)
        spans = sorted((depth[mine & (block == b)].min(), depth[mine & (block == b)].max()) for b in set(block[mine]))
        assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))
    assert not set(block[group == group[0]]) & set(block[group != group[0]])


def test_connectivity_is_that_of_paga() -> None:
    """Counted edge by edge, as the method is defined: edges between two groups over those of random ones."""
    features, membership = chain()
    state, graph = membership.argmax(axis=1), nearest_neighbours(features, 10)
    fitted = StateGraph(n_null=19).fit(graph, membership, one_block(180), one_block(180))
    coo = graph.tocoo()
    between = np.zeros((3, 3))
    for i, j in zip(coo.row, coo.col, strict=True):
        between[state[i], state[j]] += 1
    leaving = between.sum(axis=1)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        expected = (leaving[a] * 60 + leaving[b] * 60) / 179
        assert fitted.connectivity_[a, b] == pytest.approx((between[a, b] + between[b, a]) / expected)
        assert fitted.connectivity_[a, b] == fitted.connectivity_[b, a]
    assert np.isnan(np.diag(fitted.connectivity_)).all()


def test_states_along_a_line_are_joined_in_their_order() -> None:
    features, membership = chain()
    fitted = StateGraph(n_null=199).fit(nearest_neighbours(features, 15), membership, one_block(180), one_block(180))
    assert fitted.test_.p == 1 / 200
    assert fitted.connectivity_[0, 2] < 0.05 < fitted.connectivity_[0, 1] < 1
    assert fitted.likeness_[0, 2] < 0
    assert fitted.p_adjusted_[0, 2] == fitted.p_adjusted_[2, 0] <= 0.01
    np.testing.assert_allclose(fitted.expected_[0, 1], 1, atol=0.05)
    assert fitted.test_.observed == moran(nearest_neighbours(features, 15), membership, one_block(180))


def test_cells_that_may_be_of_all_states_say_nothing() -> None:
    features, membership = chain()
    soft = np.vstack([membership, np.full((60, 3), 1 / 3)])
    features = np.vstack([features, features[:60]])
    graph = nearest_neighbours(features, 10)
    fitted = StateGraph(n_null=99).fit(graph, soft, one_block(240), one_block(240))
    assert fitted.n_cells_.tolist() == [60, 60, 60]
    certain = StateGraph(n_null=99).fit(graph[:180, :180], membership, one_block(180), one_block(180))
    assert 0 < fitted.test_.observed < certain.test_.observed


@pytest.mark.parametrize("cells", [0, 4])
def test_single_class_is_insufficient_with_its_number(cells: int) -> None:
    membership = np.eye(3)[np.repeat([0, 1], [50, cells])]
    graph = nearest_neighbours(np.random.default_rng(0).normal(size=(50 + cells, 2)), 5)
    fitted = StateGraph(n_null=19).fit(graph, membership, one_block(50 + cells), one_block(50 + cells))
    assert fitted.test_.status == ("insufficient: 1 states have 5 cells that are more likely theirs than not, 2 needed")
    for values in (fitted.connectivity_, fitted.expected_, fitted.likeness_, fitted.p_, fitted.p_adjusted_):
        assert np.isnan(values).all()


def test_state_of_too_few_cells_is_missing_and_the_others_stand() -> None:
    features, membership = chain(20)
    features, membership = features[:43], membership[:43]
    fitted = StateGraph(n_null=19).fit(nearest_neighbours(features, 5), membership, one_block(43), one_block(43))
    assert np.isfinite(fitted.p_[0, 1])
    assert np.isnan(fitted.p_[2]).all()
    assert np.isnan(fitted.connectivity_[:, 2]).all()


def test_same_seed_same_result() -> None:
    features, membership = chain(20)
    graph = nearest_neighbours(features, 5)
    first, again, other = (
        StateGraph(n_null=49, seed=seed).fit(graph, membership, one_block(60), one_block(60)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.test_.simulated, again.test_.simulated)
    assert (first.test_.simulated != other.test_.simulated).any()


def test_no_shuffling_is_refused() -> None:
    with pytest.raises(ParameterError, match="n_null=0"):
        StateGraph(n_null=0).fit(sparse.eye_array(3).tocsr(), np.eye(3), one_block(3), one_block(3))


def _share_found(make: Any, n: int, *, size: int) -> int:
    """Return how many of n data sets without any states in them are found to have some."""
    found = 0
    for seed in range(n):
        features, membership, group, depth = make(np.random.default_rng(seed))
        block = blocks_of_like_cells(group, depth, size=size)
        fitted = StateGraph(n_null=99, seed=seed).fit(
            nearest_neighbours(features, 10), membership, group, block, depth=depth
        )
        found += fitted.test_.p <= 0.05
    return found


def _by_depth(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """One class of cells: with few counts a cell's scores are drawn to 0, and its state to what is known without it."""
    depth = np.exp(rng.normal(9, 1, 120))
    certainty = depth / (depth + 8000)
    features = rng.normal(size=(120, 3)) * certainty[:, None]
    first = np.clip(0.2 + 0.6 * certainty + rng.normal(0, 0.05, 120), 0, 1)
    return features, np.column_stack([first, 1 - first]), rng.integers(0, 6, 120), depth


def _by_donor(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Donors differ in their features and in their shares of states; within them nothing goes together."""
    group = np.repeat(np.arange(6), 20)
    features = rng.normal(size=(6, 3))[group] * 3 + rng.normal(size=(120, 3))
    share = rng.beta(0.5, 0.5, 6)[group]
    return features, np.eye(2)[(rng.random(120) < share).astype(int)], group, np.exp(rng.normal(9, 1, 120))


@pytest.mark.statistical
@pytest.mark.parametrize("make", [_by_depth, _by_donor])
def test_neither_depth_nor_donors_are_taken_for_states(make: Any) -> None:
    found = _share_found(make, 200, size=5)
    assert binomtest(found, 200, 0.05, alternative="greater").pvalue > 0.01, found

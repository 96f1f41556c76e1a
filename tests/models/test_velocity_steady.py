from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from her2plastic.models.velocity.fate import arrows, end_cells, fate_entropy, fate_probabilities
from her2plastic.models.velocity.null import StaticCounts, capture_factor, follows
from her2plastic.models.velocity.score import StateFlow, bootstrap_scores, pooled_score
from her2plastic.models.velocity.steady import neighbour_graph, smoother, steady_ratio


def test_neighbours_are_of_the_same_patient_and_mutual():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], [40, 30, 1])
    graph = neighbour_graph(rng.normal(size=(71, 3)), groups, 5)
    rows, columns = graph.nonzero()
    assert (groups[rows] == groups[columns]).all() and (rows != columns).all()
    assert abs(graph - graph.T).max() == 0
    assert np.diff(graph.indptr)[:70].min() >= 5 and graph[70].nnz == 0
    means = smoother(graph)
    assert np.asarray(means.sum(axis=1)).ravel() == pytest.approx(np.ones(71), rel=1e-6)
    assert neighbour_graph(np.zeros((1, 2)), np.zeros(1, dtype=int), 5).nnz == 0


def test_ratio_at_rest_is_found_from_the_top_cells():
    level = np.random.default_rng(1).gamma(2.0, size=(400, 3))
    ratio = np.array([0.1, 0.3, 0.0])
    assert steady_ratio(level, level * ratio) == pytest.approx(ratio)
    assert steady_ratio(np.zeros((10, 1)), np.zeros((10, 1))) == 0


def test_split_adds_up_and_turning_keeps_its_size():
    rng = np.random.default_rng(2)
    total = rng.poisson(20.0, (50, 4)).astype(float)
    unspliced = rng.binomial(total.astype(int), 0.2).astype(float)
    groups = np.repeat([0, 1], 25)
    counts = StaticCounts.split(total, unspliced, groups, np.ones(50))
    assert counts.observed() == pytest.approx(unspliced)
    for group in (0, 1):
        assert counts.excess[groups == group].sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    turned = counts.turned(rng)
    assert np.abs(turned - counts.resting) == pytest.approx(np.abs(counts.excess))
    signs = np.sign((turned - counts.resting) * counts.excess)
    assert all(len(set(row[row != 0])) <= 1 for row in signs)  # a cell's genes turn together
    dealt = counts.shuffled(rng, groups)
    for group in (0, 1):
        assert np.sort(dealt[groups == group], axis=0) == pytest.approx(np.sort(unspliced[groups == group], axis=0))


def test_capture_is_even_where_only_counting_scatters_and_followed_where_it_is_not():
    rng = np.random.default_rng(3)
    expected = rng.uniform(20, 200, 500)
    even = capture_factor(rng.poisson(expected).astype(float), expected)
    assert np.abs(even - 1).max() < 0.1
    factor = np.exp(rng.normal(0, 0.5, 500))
    found = capture_factor(rng.poisson(expected * factor).astype(float), expected)
    assert np.corrcoef(np.log(found), np.log(factor))[0, 1] > 0.95
    assert capture_factor(np.zeros(3), np.zeros(3)).tolist() == [1, 1, 1]


def test_unrelated_layers_are_told_from_related_ones():
    rng = np.random.default_rng(4)
    level = rng.gamma(2.0, 2.0, (200, 30))
    spliced, unspliced = rng.poisson(level), rng.poisson(0.2 * level)
    groups = np.repeat([0, 1], 100)
    assert follows(spliced, unspliced, groups)[1] > 10
    assert abs(follows(spliced, rng.permuted(unspliced, axis=0), groups)[1]) < 3
    assert follows(spliced[:3], unspliced[:3], groups[:3]) == (0.0, 0.0)


def test_scores_of_counts_and_their_bootstrap_are_antisymmetric():
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(4), 40)
    membership = rng.dirichlet(np.ones(3), 160)
    flow = StateFlow(neighbour_graph(rng.normal(size=(160, 3)), groups, 8), membership, groups)
    total = rng.poisson(30.0, (160, 6)).astype(float)
    flows = flow.of_counts(total, rng.binomial(total.astype(int), 0.2))
    assert flows.shape == (2, 4, 3, 3)
    score = pooled_score(flows)
    off = ~np.eye(3, dtype=bool)
    assert score[off] == pytest.approx(-score.T[off])
    resampled = bootstrap_scores(flows, n_bootstrap=50, seed=0)
    assert resampled.shape == (50, 3, 3)
    assert (bootstrap_scores(flows, n_bootstrap=50, seed=0)[:, off] == resampled[:, off]).all()
    assert np.abs(resampled[:, off].mean(axis=0) - score[off]).max() < 3 * resampled[:, off].std(axis=0).max()


def test_fates_of_a_gamblers_ruin():
    """A walk that is drawn to the right with probability 0.6 ends there as the classical formula says."""
    n, up = 11, 0.6
    steps = sparse.diags([np.full(n - 1, 1 - up), np.full(n - 1, up)], [-1, 1]).tolil()
    steps[0], steps[n - 1] = 0, 0
    steps[0, 0] = steps[n - 1, n - 1] = 1
    ends = np.full(n, -1)
    ends[0], ends[-1] = 0, 1
    fates = fate_probabilities(steps.tocsr(), ends, 2)
    ratio = (1 - up) / up
    exact = (1 - ratio ** np.arange(n)) / (1 - ratio ** (n - 1))
    assert fates[:, 1] == pytest.approx(exact)
    assert fates.sum(axis=1) == pytest.approx(np.ones(n))
    assert fate_entropy(fates)[[0, -1]].tolist() == [0, 0]
    assert fate_entropy(np.full((1, 3), 1 / 3)) == pytest.approx([1])


def test_a_cell_that_reaches_no_end_has_no_fate():
    steps = sparse.csr_matrix(np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0], [0, 0, 1, 0]]))
    fates = fate_probabilities(steps, np.array([-1, 0, -1, -1]), 2)
    assert fates[0].tolist() == [1, 0]
    assert np.isnan(fates[2:]).all()
    assert np.isnan(fate_probabilities(steps, np.full(4, -1), 2)).all()


def test_ends_are_the_surest_cells_of_each_patient():
    membership = np.column_stack([np.linspace(0.05, 0.95, 40), np.linspace(0.95, 0.05, 40)])
    ends = end_cells(np.vstack([membership, membership]), np.repeat([0, 1], 40))
    assert set(np.flatnonzero(ends == 0)) == {37, 38, 39, 77, 78, 79}
    assert set(np.flatnonzero(ends == 1)) == {0, 1, 2, 40, 41, 42}


def test_arrows_point_where_steps_go():
    steps = sparse.csr_matrix(np.array([[0, 0.9, 0.1], [0.5, 0, 0.5], [0.5, 0.5, 0]]))
    places = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    drawn = arrows(steps, places)
    assert drawn[0] == pytest.approx([0.8, 0])
    assert drawn[1] == pytest.approx([0, 0])

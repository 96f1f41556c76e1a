from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from her2plastic.models.velocity.kernel import (
    BLOCK,
    arrivals,
    direction_score,
    group_flows,
    step_agreement,
    step_probabilities,
    stepped,
)


def ring(n_cells: int, reach: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbours on a ring, in compressed rows."""
    offsets = np.array([step for step in range(-reach, reach + 1) if step])
    near = (np.arange(n_cells)[:, None] + offsets) % n_cells
    return np.arange(0, near.size + 1, near.shape[1]), near.ravel()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from([np.float32, np.float64]))
def test_agreement_is_the_correlation_over_genes(seed, kind):
    rng = np.random.default_rng(seed)
    position, velocity = rng.normal(size=(2, 12, 9)).astype(kind)
    indptr, indices = ring(12)
    found = step_agreement(position, velocity, indptr, indices)
    rows = np.repeat(np.arange(12), 6)
    expected = [np.corrcoef(velocity[i], position[j] - position[i])[0, 1] for i, j in zip(rows, indices, strict=True)]
    assert found == pytest.approx(expected, abs=1e-4 if kind is np.float32 else 1e-10)
    assert found.dtype == kind


def test_a_cell_that_stands_still_agrees_with_nothing():
    position = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 2.0], [0.0, 1.0, 2.0]])
    velocity = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 5.0], [1.0, -1.0, 0.0]])
    indptr, indices = np.array([0, 2, 4, 6]), np.array([1, 2, 0, 2, 0, 1])
    found = step_agreement(position, velocity, indptr, indices)
    assert found[:2].tolist() == [0, 0]  # no velocity
    assert found[4] == 0  # no way to a cell at the same place
    assert found[5] == pytest.approx(1)


def test_probabilities_of_a_row_sum_to_one_and_favour_agreement():
    indptr = np.array([0, 3, 3, 5])  # the second cell has no neighbour
    agreement = np.array([1.0, 0.0, -1.0, 0.5, 0.5])
    forward = step_probabilities(agreement, indptr, scale=2.0)
    assert forward[:3] == pytest.approx(np.exp([2, 0, -2]) / np.exp([2, 0, -2]).sum())
    assert forward[3:] == pytest.approx([0.5, 0.5])
    assert step_probabilities(agreement, indptr, scale=2.0, backward=True)[:3] == pytest.approx(forward[:3][::-1])
    assert step_probabilities(agreement, indptr, scale=0.0)[:3] == pytest.approx([1 / 3] * 3)


def test_flows_are_those_of_dense_matrices():
    rng = np.random.default_rng(3)
    indptr, indices = ring(20)
    membership = rng.dirichlet(np.ones(3), 20)
    steps = step_probabilities(rng.normal(size=indices.size), indptr, scale=1.0)
    transitions = sparse.csr_matrix((steps, indices, indptr)).toarray()
    arriving = arrivals(steps, indptr, indices, membership)
    assert arriving == pytest.approx(transitions @ membership)
    groups = np.arange(20) % 2
    flows = group_flows(membership, arriving, groups, 2)
    assert flows.sum(axis=0) == pytest.approx(membership.T @ transitions @ membership)
    assert flows[1] == pytest.approx(membership[1::2].T @ (transitions @ membership)[1::2])


def test_blocks_change_nothing():
    n_cells = BLOCK + 100
    rng = np.random.default_rng(0)
    position, velocity = rng.normal(size=(2, n_cells, 4))
    indptr, indices = ring(n_cells, 2)
    membership = rng.dirichlet(np.ones(2), n_cells)
    moved, alone = stepped(position, velocity, indptr, indices, membership, scale=3.0)
    steps = step_probabilities(step_agreement(position, velocity, indptr, indices), indptr, scale=3.0)
    assert moved == pytest.approx(arrivals(steps, indptr, indices, membership))
    assert alone == pytest.approx(membership[indices.reshape(-1, 4)].mean(axis=1))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_score_has_the_sign_of_the_movement(sign):
    rng = np.random.default_rng(1)
    time = np.sort(rng.random(200))
    way = rng.normal(size=10)
    position = time[:, None] * way + 0.01 * rng.normal(size=(200, 10))
    membership = np.stack([time < 0.5, time >= 0.5], axis=1).astype(float)
    near = np.clip(np.arange(200)[:, None] + np.array([-3, -2, -1, 1, 2, 3]), 0, 199)
    indptr, indices = np.arange(0, near.size + 1, 6), near.ravel()
    groups = np.zeros(200, dtype=int)
    moved, alone = stepped(position, np.tile(sign * way, (200, 1)), indptr, indices, membership)
    score = direction_score(*(group_flows(membership, steps, groups, 1)[0] for steps in (moved, alone)))
    assert sign * score[0, 1] > 0.5
    assert score[0, 1] == -score[1, 0]
    assert np.isnan(np.diag(score)).all()


def test_states_that_exchange_nothing_have_no_score():
    flow = np.diag([2.0, 3.0])
    assert np.isnan(direction_score(flow, flow)).all()

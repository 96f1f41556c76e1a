"""What the cells of one draw say: exact sums, tables and motions against direct computation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.special import gammaln

from her2plastic.models.draws.evidence import (
    MOST_CELLS,
    MOST_UNSURE,
    RHO_LOGITS,
    DrawTerms,
    composition_grid,
    evidence_tables,
)
from her2plastic.models.draws.motion import motions
from her2plastic.models.draws.objective import DrawsObjective, Layout, first_points, own_rates
from her2plastic.models.draws.rows import TreatmentPeriod, order_draws, terms_of_counts
from her2plastic.models.quasi_newton import maximise


def dirichlet_multinomial(numbers: np.ndarray, shares: np.ndarray, rho: float) -> float:
    """Log probability of one order of cells with these numbers."""
    alpha = shares * (1 - rho) / rho
    return float(
        gammaln(alpha.sum()) - gammaln(alpha.sum() + numbers.sum()) + (gammaln(alpha + numbers) - gammaln(alpha)).sum()
    )


def by_every_assignment(likelihood: np.ndarray, shares: np.ndarray, rho: float) -> float:
    n, n_states = likelihood.shape
    total = 0.0
    for states in product(range(n_states), repeat=n):
        numbers = np.bincount(states, minlength=n_states)
        weight = np.prod([likelihood[cell, state] for cell, state in enumerate(states)])
        total += weight * np.exp(dirichlet_multinomial(numbers, shares, rho))
    return float(np.log(total))


@settings(max_examples=15)
@given(st.integers(2, 3), st.integers(1, 5), st.integers(0, 10_000))
def test_sum_over_numbers_is_the_sum_over_assignments(n_states: int, n_cells: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    likelihood = rng.random((n_cells, n_states))
    likelihood[rng.random(likelihood.shape) < 0.2] = 0.0
    likelihood[likelihood.max(axis=1) == 0] = 1.0
    table = evidence_tables([DrawTerms.of_cells(likelihood)], n_states)[0]
    grid = composition_grid(n_states)
    points = rng.choice(len(grid), 4, replace=False)
    rho = 1 / (1 + np.exp(-RHO_LOGITS[5]))
    direct = np.array([by_every_assignment(likelihood, grid[point], rho) for point in points])
    found = table[5, points]
    np.testing.assert_allclose(found - found[0], direct - direct[0], atol=1e-8)


def test_calls_without_error_are_a_dirichlet_multinomial() -> None:
    counts = np.array([[5, 0, 290], [1, 2, 0]])
    tables = evidence_tables(terms_of_counts(counts, np.eye(3)), 3)
    grid = composition_grid(3)
    for table, numbers in zip(tables, counts, strict=True):
        for place in (1, 6, 9):
            rho = 1 / (1 + np.exp(-RHO_LOGITS[place]))
            direct = np.array([dirichlet_multinomial(numbers, grid[point], rho) for point in (400, 800, 1300)])
            found = table[place, [400, 800, 1300]]
            np.testing.assert_allclose(np.diff(found), np.diff(direct), atol=1e-6)


def test_sums_beyond_what_a_number_can_hold_are_taken_by_logarithms() -> None:
    """Every cell positive, and compositions from almost none to almost all positive, at every overdispersion."""
    table = evidence_tables(terms_of_counts(np.array([[0, 900]]), np.eye(2)), 2)[0]
    grid = composition_grid(2)
    for place in (0, 5, 10):
        rho = 1 / (1 + np.exp(-RHO_LOGITS[place]))
        direct = [dirichlet_multinomial(np.array([0, 900]), grid[point], rho) for point in (0, 30, 64)]
        np.testing.assert_allclose(np.diff(table[place, [0, 30, 64]]), np.diff(direct), rtol=1e-6)


def test_many_unsure_cells_are_few_that_say_the_same() -> None:
    rng = np.random.default_rng(4)
    likelihood = rng.dirichlet([1, 1, 1], 700)
    all_of_them, some = DrawTerms.of_cells(likelihood[:MOST_UNSURE]), DrawTerms.of_cells(likelihood)
    assert some.n_cells == 700
    assert some.numbers[0].sum() == all_of_them.numbers[0].sum() == MOST_UNSURE


def test_draws_of_more_cells_than_their_overdispersion_lets_count_are_thinned() -> None:
    likelihood = np.tile([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], (MOST_CELLS, 1))
    terms = DrawTerms.of_cells(likelihood)
    assert terms.n_cells == 3 * MOST_CELLS
    assert terms.numbers.sum() == MOST_CELLS
    assert terms.numbers[0, 1] / MOST_CELLS == pytest.approx(2 / 3, abs=2e-3)


def test_motion_is_the_matrix_exponential_with_its_derivatives() -> None:
    edges = np.array([[0, 1], [1, 2], [2, 0], [1, 0]])
    log_rates = np.log(np.array([[[0.02, 3.0, 1e-6, 0.5]]]))

    def moved(log_rates: np.ndarray) -> np.ndarray:
        generator = np.zeros((3, 3))
        generator[edges[:, 0], edges[:, 1]] = np.exp(log_rates)
        return expm((generator - np.diag(generator.sum(axis=1))) * 21.0)

    found, slope = motions(np.array([21.0]), log_rates, edges, 3)
    np.testing.assert_allclose(found[0, 0], moved(log_rates[0, 0]), atol=1e-12)
    for r, step in enumerate(1e-5 * np.eye(4)):
        numeric = (moved(log_rates[0, 0] + step) - moved(log_rates[0, 0] - step)) / 2e-5
        np.testing.assert_allclose(slope[0, 0, r], numeric, atol=1e-8)


@pytest.mark.parametrize("n_states", [2, 3])
def test_gradient_is_that_of_the_likelihood(n_states: int) -> None:
    rng = np.random.default_rng(1)
    patient, day = np.repeat(np.arange(7), 3), np.tile([0.0, 20.0, 45.0], 7)
    counts = rng.multinomial(9, np.ones(n_states) / n_states, 21)
    rows = order_draws(patient, day, [TreatmentPeriod(2, 10, 45), TreatmentPeriod(5, 0, 20)])
    edges = np.argwhere(~np.eye(n_states, dtype=bool)).astype(np.int64)
    layout = Layout(edges, n_states, 1, None, None)
    objective = DrawsObjective(rows, evidence_tables(terms_of_counts(counts, np.eye(n_states)), n_states), layout)
    place = objective.start(np.log(0.02)) + rng.normal(0, 0.3, layout.size)
    _, gradient = objective(place)
    steps = 1e-5 * np.eye(layout.size)
    numeric = [(objective(place + step)[0] - objective(place - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_states", [2, 3])
def test_points_of_first_compositions_carry_a_dirichlet(n_states: int) -> None:
    points, log_area = first_points(n_states)
    parameters = np.array([1.0, 2.0, 0.8][:n_states])
    log_density = np.log(points) @ (parameters - 1) + gammaln(parameters.sum()) - gammaln(parameters).sum()
    weight = np.exp(log_density + log_area)
    assert weight.sum() == pytest.approx(1, abs=5e-3)
    np.testing.assert_allclose(weight @ points, parameters / parameters.sum(), atol=5e-3)


@pytest.mark.parametrize("n_rates", [1, 2, 4, 6])
def test_nodes_of_own_rates_have_mean_nought_and_variance_one(n_rates: int) -> None:
    nodes, weight = own_rates(Layout(np.zeros((n_rates, 2), dtype=np.int64), 3, 0, None, None))
    assert weight.sum() == pytest.approx(1)
    np.testing.assert_allclose(weight @ nodes, 0, atol=1e-12)
    np.testing.assert_allclose((nodes * weight[:, None]).T @ nodes, np.eye(n_rates), atol=1e-12)


def test_treatment_begins_within_an_interval() -> None:
    rows = order_draws(np.array(["a", "a", "b"]), np.array([21.0, 0.0, -5.0]), [TreatmentPeriod("a", 7, np.inf)])
    assert rows.patients == ("a", "b")
    np.testing.assert_array_equal(rows.day, [0, 7, 21, -5])
    np.testing.assert_array_equal(rows.draw, [1, -1, 0, 2])
    np.testing.assert_allclose(rows.length[rows.kinds[1:3]], [7, 14])
    np.testing.assert_array_equal(rows.treated[rows.kinds[1:3], 0], [0, 1])


def test_climb_tells_where_it_ran_out_of_evaluations() -> None:
    def bowl(place: np.ndarray) -> tuple[float, np.ndarray]:
        return float(-((place[0] - 3) ** 2) - 5 * (place[1] + place[0]) ** 2), np.array(
            [-2 * (place[0] - 3) - 10 * (place[1] + place[0]), -10 * (place[1] + place[0])]
        )

    box = (np.full(2, -10.0), np.full(2, 10.0))
    top = maximise(bowl, np.zeros(2), np.eye(2), *box, tolerance=1e-10)
    assert top.converged
    np.testing.assert_allclose(top.place, [3, -3], atol=1e-4)
    assert not maximise(bowl, np.full(2, -9.0), np.eye(2), *box, tolerance=1e-10, most=3).converged
    edge = maximise(bowl, np.zeros(2), np.eye(2), *(np.full(2, -1.0), np.full(2, 1.0)))
    np.testing.assert_allclose(edge.place, [1, -1], atol=1e-2)

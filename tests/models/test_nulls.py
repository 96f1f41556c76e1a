from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from her2plastic.models import null_posteriors, nulls

SEEDS = st.integers(0, 2**31)
TABLES = arrays.arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(2, 4)), elements=st.integers(0, 30))
ERROR = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]])


def patients(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.choice(["P1", "P2", "P3"], n)


@given(SEEDS, st.integers(0, 40))
def test_rows_move_within_their_group(seed, n):
    groups = patients(np.random.default_rng(seed), n)
    order = nulls.shuffled_within(groups, seed=seed)
    assert sorted(order) == list(range(n))
    assert (groups[order] == groups).all()
    assert np.array_equal(order, nulls.shuffled_within(groups, seed=seed))


def test_every_order_within_a_group_is_as_likely():
    groups = np.array(["a", "b", "a", "b", "a"])
    seen = [tuple(nulls.shuffled_within(groups, seed=seed)[[0, 2, 4]]) for seed in range(3000)]
    orders, times = np.unique(seen, axis=0, return_counts=True)
    assert len(orders) == 6
    assert times.min() > 420  # 500 expected, standard deviation 20
    assert times.max() < 580


@given(SEEDS, TABLES)
def test_dealt_labels_keep_cells_per_draw_and_states_per_patient(seed, counts):
    patient = patients(np.random.default_rng(seed), len(counts))
    dealt = nulls.shuffled_labels(counts, patient, seed=seed)
    assert np.array_equal(dealt.sum(axis=1), counts.sum(axis=1))
    for name in np.unique(patient):
        assert np.array_equal(dealt[patient == name].sum(axis=0), counts[patient == name].sum(axis=0))
    assert np.array_equal(dealt, nulls.shuffled_labels(counts, patient, seed=seed))


def test_dealt_labels_are_hypergeometric():
    counts = np.array([[10, 0], [0, 30]])
    dealt = np.array([nulls.shuffled_labels(counts, np.zeros(2), seed=seed)[0, 0] for seed in range(2000)])
    assert dealt.mean() == pytest.approx(2.5, abs=0.1)
    assert dealt.var() == pytest.approx(10 * 0.25 * 0.75 * 30 / 39, rel=0.12)


@given(SEEDS, TABLES, st.sampled_from([0.0, 0.03, 0.5]))
def test_no_switch_keeps_cells_per_draw(seed, counts, rho):
    patient = patients(np.random.default_rng(seed), len(counts))
    error = np.full((counts.shape[1],) * 2, 0.1 / (counts.shape[1] - 1))
    np.fill_diagonal(error, 0.9)
    for misclassification in (None, error):
        said = {"misclassification": misclassification, "overdispersion": rho, "seed": seed}
        made = nulls.no_switch_counts(counts, patient, **said)
        assert np.array_equal(made.sum(axis=1), counts.sum(axis=1))
        assert (made >= 0).all()
        assert np.array_equal(made, nulls.no_switch_counts(counts, patient, **said))


def test_no_switch_has_the_patients_composition_as_it_was_read():
    # 2,000 cells in two unlike draws: the pooled composition is behind both draws of the null
    truth = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    counts = np.rint(1000 * truth @ ERROR).astype(int)
    made = np.array([
        nulls.no_switch_counts(counts, np.zeros(2), misclassification=ERROR, seed=seed) for seed in range(600)
    ])  # fmt: skip
    read = counts.sum(axis=0) / counts.sum()
    assert made.mean(axis=(0, 1)) / counts.sum(axis=1).mean() == pytest.approx(read, abs=0.01)
    assert np.corrcoef(made[:, 0, 0], made[:, 1, 0])[0, 1] > 0.2  # what is not known of it is shared


def test_no_switch_of_few_cells_is_not_sure_of_the_composition():
    few = [nulls.no_switch_counts(np.array([[1, 0], [0, 1]]), np.zeros(2), seed=seed) for seed in range(400)]
    assert {tuple(made[:, 0]) for made in few} == {(0, 0), (0, 1), (1, 0), (1, 1)}


@settings(max_examples=50)
@given(SEEDS, st.integers(1, 30), st.sampled_from([0.0, 0.1]))
def test_posteriors_of_the_null_are_posteriors_of_the_data(seed, n, rho):
    rng = np.random.default_rng(seed)
    posterior = rng.dirichlet(np.ones(3), n)
    patient, draw = patients(rng, n), rng.choice([0.0, 21.0], n)
    made = null_posteriors.no_switch_posteriors(posterior, patient, draw, overdispersion=rho, seed=seed)
    one = null_posteriors.posteriors_of_states(posterior, 1, seed=seed)
    known = {tuple(row) for row in posterior.round(9)}
    assert {tuple(row) for row in made.round(9)} | {tuple(row) for row in one.round(9)} <= known
    assert made.shape == one.shape == posterior.shape


@pytest.mark.parametrize("prior", [None, np.array([0.2, 0.8])])
def test_posteriors_of_the_null_differ_between_patients_and_not_between_draws(prior):
    rng = np.random.default_rng(1)
    patient, draw = np.repeat([0, 1], 2000), np.tile(np.repeat([0, 1], 1000), 2)
    state = np.where(patient == 0, draw, 1)  # patient 0 moves from 0 to 1, patient 1 stays in 1
    read = np.where(rng.random(4000) < 0.9, state, 1 - state)
    posterior = np.where(np.arange(2) == read[:, None], 0.9, 0.1) * (1.0 if prior is None else prior)
    posterior /= posterior.sum(axis=1, keepdims=True)
    made = null_posteriors.no_switch_posteriors(posterior, patient, draw, prior=prior, seed=3)
    # the share of cells read as 1: 0.5 * 0.1 + 0.5 * 0.9 of patient 0, 0.9 of patient 1, in both draws
    read_1 = made[:, 1] > posterior[:, 1].min() + 1e-9
    share = np.array([[read_1[(patient == p) & (draw == d)].mean() for d in (0, 1)] for p in (0, 1)])
    assert share == pytest.approx(np.array([[0.5, 0.5], [0.9, 0.9]]), abs=0.05)
    assert np.unique(made.round(9), axis=0) == pytest.approx(np.unique(posterior.round(9), axis=0))


def test_single_class_is_one_class():
    posterior = np.array([[1.0, 0.0], [0.0, 1.0], [0.3, 0.7]])
    made = null_posteriors.posteriors_of_states(posterior, 1, seed=0)
    assert (made[:, 1] > 0).all()
    counts = np.array([[3, 4], [0, 0], [50, 0]])
    assert np.array_equal(nulls.single_class_counts(counts, 1, seed=0), [[0, 7], [0, 0], [0, 50]])
    read = nulls.single_class_counts(np.full((400, 3), 100), 2, misclassification=ERROR, seed=0)
    assert read.sum(axis=0) / read.sum() == pytest.approx(ERROR[2], abs=0.01)


def test_impurity_grows_as_golden():
    """2 % impurity and a growth advantage of 0.2 a day: 25 % HER2+ by day 14, 85 % by day 28, and no switch."""
    start = np.tile([0.98, 0.02], (3, 1))
    made = nulls.impurity_only_counts(start, np.array([0.1, 0.3]), np.array([0, 14, 28]), np.full(3, 10**6), seed=0)
    assert made[:, 1] / 10**6 == pytest.approx([0.02, 0.25, 0.85], abs=0.005)
    scattered = nulls.impurity_only_counts(
        np.tile([0.5, 0.5], (500, 1)), np.zeros(2), np.zeros(500), np.full(500, 1000), overdispersion=0.1, seed=0
    )
    assert np.var(scattered[:, 0] / 1000) == pytest.approx(0.1 * 0.25, rel=0.25)


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(["array", "csr", "csc", "csr_array"]))
def test_genes_are_shuffled_within_patients_each_on_its_own(seed, kind):
    rng = np.random.default_rng(seed)
    values = rng.poisson(0.7, (25, 6)).astype(np.float32)
    patient = patients(rng, 25)
    make = {"array": np.array, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "csr_array": sparse.csr_array}[kind]
    given_values = make(values)
    made = nulls.shuffled_gene_wise(given_values, patient, seed=seed)
    assert type(made) is type(given_values)
    dense = made.toarray() if sparse.issparse(made) else made
    assert dense.dtype == values.dtype
    for name in np.unique(patient):
        here = patient == name
        assert np.array_equal(np.sort(dense[here], axis=0), np.sort(values[here], axis=0))
    kept = given_values.toarray() if sparse.issparse(given_values) else given_values
    assert np.array_equal(kept, values)


def test_gene_wise_shuffles_break_the_tie_between_genes():
    values = np.tile(np.arange(400.0)[:, None], (1, 2)) + 1.0
    for made in (
        nulls.shuffled_gene_wise(values, np.zeros(400), seed=0),
        nulls.shuffled_gene_wise(sparse.csr_matrix(values), np.zeros(400), seed=0).toarray(),
    ):
        assert abs(np.corrcoef(made.T)[0, 1]) < 0.15

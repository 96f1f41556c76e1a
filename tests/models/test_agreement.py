from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from her2plastic._errors import ParameterError
from her2plastic.models import cohen_kappa, fleiss_kappa, prevalence_adjusted_kappa
from her2plastic.models.agreement import bowker_statistic, stuart_maxwell_test, swapped_tables

TABLES = arrays(int, (3, 3), elements=st.integers(0, 40))


def test_kappa_of_a_known_table():
    found = cohen_kappa(np.array([[20, 5], [10, 15]]))
    assert found.value == pytest.approx(0.4)
    assert (found.observed, found.by_chance) == (pytest.approx(0.7), pytest.approx(0.5))
    assert found.lower < 0.4 < found.upper


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@given(table=TABLES)
def test_kappa_is_that_of_scikit_learn(weights, table):
    from sklearn.metrics import cohen_kappa_score

    found = cohen_kappa(table, weights=weights)
    if np.isnan(found.value):
        assert table.sum() == 0 or found.by_chance > 1 - 1e-9
        return
    first, second = np.indices(table.shape).reshape(2, -1)
    expected = cohen_kappa_score(
        np.repeat(first, table.ravel()), np.repeat(second, table.ravel()),
        weights=None if weights == "none" else weights, labels=[0, 1, 2],
    )  # fmt: skip
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.lower - 1e-9 <= found.value <= found.upper + 1e-9


def test_full_agreement_still_has_an_interval():
    found = cohen_kappa(np.diag([6, 4]))
    assert found.value == 1
    assert 0.3 < found.lower < 0.9
    assert cohen_kappa(np.diag([600, 400])).lower > 0.98


@pytest.mark.parametrize(
    ("table", "value"),
    [([[0, 10], [10, 0]], -1.0), ([[0, 12, 0], [0, 0, 12], [12, 0, 0]], -0.5), ([[19, 1], [0, 0]], 0.0),
     ([[8, 6, 3], [0, 0, 0], [0, 0, 0]], 0.0)],
)  # fmt: skip
def test_no_kappa_is_sure_of_itself(table, value):
    """Readings that all differ, or of which one is always the same, leave kappa as unsure as their number does."""
    found = cohen_kappa(np.array(table))
    assert found.value == pytest.approx(value)
    assert -1 <= found.lower <= found.value + 1e-9 and found.upper > found.lower + 0.05
    many = cohen_kappa(100 * np.array(table))
    assert many.upper - many.lower < 0.4 * (found.upper - found.lower)


@pytest.mark.parametrize("table", [np.zeros((2, 2)), np.array([[7, 0], [0, 0]])])
def test_kappa_is_missing_where_it_is_not_defined(table):
    assert np.isnan(cohen_kappa(table).value)


@pytest.mark.statistical
def test_interval_of_kappa_holds():
    rng = np.random.default_rng(0)
    share = np.array([[0.35, 0.08, 0.01], [0.07, 0.28, 0.03], [0.01, 0.02, 0.15]])
    true = cohen_kappa(np.round(share * 10_000)).value
    found = [cohen_kappa(t.reshape(3, 3)) for t in rng.multinomial(60, share.ravel(), size=1000)]
    assert 0.93 < np.mean([a.lower <= true <= a.upper for a in found]) < 0.97


def test_kappa_of_many_readers_is_the_published_one():
    """The example of the method's textbook accounts: 14 readers, 10 subjects, 5 classes."""
    ratings = np.array([
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ])  # fmt: skip
    found = fleiss_kappa(ratings)
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.lower < found.value < found.upper


def test_subjects_with_one_reader_say_nothing():
    ratings = np.array([[2, 0], [0, 3], [1, 1], [3, 0]])
    assert fleiss_kappa(np.vstack([ratings, [[1, 0]] * 5])) == fleiss_kappa(ratings)
    assert np.isnan(fleiss_kappa(np.array([[1, 0], [0, 1]])).value)


def test_prevalence_adjusted_kappa_is_agreement_rescaled():
    found = prevalence_adjusted_kappa(np.array([[8, 1, 0], [1, 0, 0], [0, 0, 0]]))
    assert found.value == pytest.approx((3 * 0.8 - 1) / 2)
    assert found.lower < found.value < found.upper


@given(table=arrays(int, (2, 2), elements=st.integers(0, 40)))
def test_tests_of_shift_are_mcnemars_for_two_states(table):
    up, down = table[0, 1], table[1, 0]
    expected = (up - down) ** 2 / (up + down) if up + down else 0.0
    assert bowker_statistic(table) == pytest.approx(expected)
    statistic, freedom, p = stuart_maxwell_test(table)
    if up + down == 0:
        assert np.isnan(p)
    else:
        assert statistic == pytest.approx(expected)
        assert freedom == (1 if up + down else 0)


@given(table=TABLES)
def test_swapping_directions_keeps_pairs_of_states(table):
    swapped = swapped_tables(table, n_null=5, seed=1)
    assert (swapped + swapped.transpose(0, 2, 1) == table + table.T).all()


@pytest.mark.parametrize(
    "table",
    [
        [[1, -1], [0, 2]], [[1, 2, 3], [4, 5, 6]], [[0.5, 1], [1, 1]], [[1]], [[np.nan, 1], [1, 1]], "many",
        [["a", 1], [1, 1]],
    ],
)  # fmt: skip
def test_faulty_tables_are_told(table):
    with pytest.raises(ParameterError, match="table: expected"):
        cohen_kappa(table)


def test_unknown_weights_are_told():
    with pytest.raises(ParameterError, match="linear"):
        cohen_kappa(np.eye(2), weights="cubic")
    with pytest.raises(ParameterError, match="ratings"):
        fleiss_kappa(np.array([[1.5, 0], [1, 1]]))

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, ttest_1samp

from her2plastic.models.resample import benjamini_hochberg, mean_interval, sign_flip_p

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_sign_flips_are_enumerated():
    differences = np.array([0.4, -0.1, 0.7, 0.2, 0.3])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=5)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    assert sign_flip_p(differences) == pytest.approx(expected)


def test_smallest_p_of_n_units():
    assert sign_flip_p(np.ones(6)) == 2 / 2**6
    assert sign_flip_p(np.zeros(6)) == 1
    assert np.isnan(sign_flip_p(np.array([])))


def test_random_flips_agree_with_the_t_test_and_depend_on_the_seed_alone():
    differences = np.random.default_rng(1).normal(0.4, 1.0, 30)
    p = sign_flip_p(differences, seed=5)
    assert p == sign_flip_p(differences, seed=5)
    assert p == pytest.approx(ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_mean_interval_is_student():
    values = np.random.default_rng(2).normal(1, 2, 9)
    mean, lower, upper = mean_interval(values, level=0.9)
    expected = ttest_1samp(values, 0).confidence_interval(0.9)
    assert (mean, lower, upper) == pytest.approx((values.mean(), expected.low, expected.high))


def test_intervals_of_few_units_are_missing():
    assert np.isnan(mean_interval(np.array([]), level=0.9)).all()
    mean, lower, upper = mean_interval(np.array([3.0]), level=0.9)
    assert mean == 3
    assert np.isnan([lower, upper]).all()


@given(P_VALUES)
def test_benjamini_hochberg_is_that_of_scipy(p_values):
    assert benjamini_hochberg(np.array(p_values)) == pytest.approx(false_discovery_control(p_values), abs=1e-12)


def test_missing_p_values_are_no_tests():
    adjusted = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()

"""Thresholds from medians and median absolute deviations."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from her2plastic.pp.thresholds import lower_threshold, upper_threshold

depths = st.lists(st.integers(0, 10**6), min_size=0, max_size=60).map(lambda items: np.array(items, dtype=float))


@given(depths, st.floats(0.5, 8))
def test_lower_threshold_is_none_or_lets_most_pass(values, mads) -> None:
    threshold = lower_threshold(values, mads)
    positive = values[values > 0]

    if len(positive) < 10:
        assert np.isnan(threshold)
    elif np.isfinite(threshold):
        assert threshold > 0 and np.mean(positive >= threshold) >= 0.5


@given(depths, st.floats(1.1, 1000))
def test_lower_threshold_scales_with_the_unit(values, factor) -> None:
    np.testing.assert_allclose(
        lower_threshold(values * factor, 3), factor * lower_threshold(values, 3), rtol=1e-6, equal_nan=True
    )


@given(st.lists(st.floats(0, 1), max_size=60).map(np.array))
def test_upper_threshold_is_none_or_above_the_floor(values) -> None:
    threshold = upper_threshold(values, 3.0, at_least=0.1)

    assert np.isnan(threshold) or threshold >= max(0.1, np.median(values))


def test_normal_values_give_normal_quantiles() -> None:
    values = np.exp(np.random.default_rng(0).normal(8, 0.5, 20_000))

    np.testing.assert_allclose(np.log(lower_threshold(values, 2.0)), 7.0, atol=0.05)


def test_missing_values_are_left_out() -> None:
    values = np.concatenate([np.linspace(0.01, 0.2, 30), [np.nan] * 10])

    assert upper_threshold(values, 3.0, at_least=0.0) == upper_threshold(values[:30], 3.0, at_least=0.0)

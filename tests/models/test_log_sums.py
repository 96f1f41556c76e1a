"""Sums by logarithms are scipy's, where nothing is summed too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.special import logsumexp

from her2plastic.models.log_sums import log_sum

LOGS = arrays(float, array_shapes(min_dims=2, max_dims=3, max_side=5), elements=st.floats(-800, 800) | st.just(-np.inf))


@given(logs=LOGS, axis=st.sampled_from([None, 0, 1, -1]), keepdims=st.booleans())
def test_the_sums_are_those_of_scipy(logs: np.ndarray, axis: int | None, keepdims: bool) -> None:
    with np.errstate(divide="ignore"):
        expected = logsumexp(logs, axis=axis, keepdims=keepdims)
    found = log_sum(logs, axis, keepdims=keepdims)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_no_logarithm_of_a_number_stays_seen(value: float) -> None:
    assert not np.isfinite(log_sum(np.array([0.0, value])))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from her2plastic.models.shrunken_rate import (
    LN2,
    RateSpread,
    evenly_spaced,
    fit_dispersion,
    fit_spread,
    negative_binomial_log_pmf,
    shrunken_log2_ratio,
)

SPREAD = RateSpread(0.0, 1.0)


def cells(
    n: int, *, sd: float, noise: float, median: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    expected = median * np.exp(rng.normal(0, 1.2, n))
    theta = rng.normal(0, sd, n)
    observed = rng.poisson(expected * np.exp(theta) * rng.gamma(1 / noise, noise, n)).astype(float)
    return observed, expected, theta


def test_a_cell_without_information_scores_0_with_the_spread_as_its_error():
    mean, error = shrunken_log2_ratio(np.zeros(1), np.array([1e-12]), 10.0, SPREAD)
    assert mean[0] == pytest.approx(0, abs=1e-6)
    assert error[0] == pytest.approx(1 / LN2, rel=1e-4)


def test_a_deep_cell_scores_its_ratio():
    mean, error = shrunken_log2_ratio(np.array([80_000.0]), np.array([10_000.0]), 1e6, RateSpread(0.0, 3.0))
    assert mean[0] == pytest.approx(3.0, abs=0.01)
    assert error[0] < 0.02


@pytest.mark.parametrize(("sd", "noise", "median"), [(0.5, 0.02, 3.0), (1.5, 0.2, 300.0), (0.7, 0.05, 0.5)])
def test_posterior_is_calibrated_and_scores_do_not_follow_depth(sd, noise, median):
    observed, expected, theta = cells(8000, sd=sd, noise=noise, median=median)
    spread = fit_spread(observed, expected, 1 / noise)
    assert spread.sd == pytest.approx(sd, rel=0.15)
    mean, error = shrunken_log2_ratio(observed, expected, 1 / noise, spread)
    deviation = (mean - theta / LN2) / error
    assert 0.9 < deviation.std() < 1.1
    # the standard error of a correlation of 8,000 cells is 0.011
    assert abs(np.corrcoef(np.log(expected), mean)[0, 1]) < 0.04


@settings(max_examples=60)
@given(
    observed=st.integers(0, 10**6),
    expected=st.floats(1e-6, 1e6),
    size=st.floats(0.05, 1e5),
    sd=st.floats(0.05, 5.0),
)
def test_scores_are_finite_and_lie_between_0_and_the_plain_ratio(observed, expected, size, sd):
    mean, error = shrunken_log2_ratio(np.array([float(observed)]), np.array([expected]), size, RateSpread(0.0, sd))
    assert np.isfinite(mean[0])
    assert 0 < error[0] <= sd / LN2 * 1.01
    if observed > expected:
        # the posterior of a log ratio may lie a little below its mode
        assert -3 * error[0] < mean[0] <= np.log2(observed / expected) + 3 * error[0]


@settings(max_examples=60)
@given(observed=st.integers(0, 500), mean=st.floats(0.01, 300), size=st.floats(0.1, 1000))
def test_log_pmf_is_the_negative_binomial(observed, mean, size):
    ours = negative_binomial_log_pmf(np.array([observed]), np.array([mean]), size)[0]
    assert ours == pytest.approx(nbinom.logpmf(observed, size, size / (size + mean)), rel=1e-6, abs=1e-8)


def test_log_pmf_where_nothing_is_expected():
    values = negative_binomial_log_pmf(np.array([0.0, 1.0]), np.array([0.0, 0.0]), 2.0)
    assert values[0] == 0
    assert values[1] == -np.inf


def test_dispersion_is_recovered():
    rng = np.random.default_rng(3)
    expected = rng.gamma(3, 5, 5000)
    observed = rng.poisson(expected * rng.gamma(1 / 0.4, 0.4, 5000)).astype(float)
    assert fit_dispersion(observed, expected) == pytest.approx(0.4, rel=0.1)
    assert fit_dispersion(np.zeros(3), np.zeros(3)) == 1.0


def test_evenly_spaced_keeps_ends_and_order():
    assert evenly_spaced(np.arange(5), 10).tolist() == [0, 1, 2, 3, 4]
    assert evenly_spaced(np.arange(101), 3).tolist() == [0, 50, 100]

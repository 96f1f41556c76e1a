from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from her2plastic._errors import ParameterError
from her2plastic.models.count_noise import CountNoise, LikelihoodTable, count_levels, log_likelihood, nearest_level


def _probabilities(noise: CountNoise, depth: float, mean: float, sd: float, up_to: int) -> np.ndarray:
    """Add the term that the package leaves out, so that the likelihood becomes a distribution over counts."""
    from scipy.special import gammaln

    y = np.arange(up_to + 1)
    kernel = log_likelihood(y, np.full(len(y), np.log2(depth)), np.array([mean]), np.array([sd]), noise)[:, 0]
    size = 1 / noise.dispersion
    constant = gammaln(y + size) - gammaln(size) - gammaln(y + 1) + y * np.log(noise.dispersion)
    return np.exp(kernel + constant)


def test_a_point_mass_of_expression_gives_the_negative_binomial() -> None:
    noise = CountNoise(dispersion=0.3)
    found = _probabilities(noise, depth=20_000, mean=np.log2(200), sd=1e-6, up_to=60)
    expected_mean = 20_000 * 200 / 1e6
    size = 1 / 0.3
    expected = nbinom.pmf(np.arange(61), size, size / (size + expected_mean))
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@given(st.floats(1e3, 1e5), st.floats(0, 9), st.floats(0.1, 1.5), st.floats(0.01, 1.0))
def test_the_distribution_sums_to_one(depth: float, mean: float, sd: float, dispersion: float) -> None:
    total = _probabilities(CountNoise(dispersion), depth, mean, sd, up_to=3000).sum()
    assert total <= 1 + 1e-6
    if depth * 2**mean / 1e6 < 20:  # the tail beyond 3,000 is then empty
        assert total == pytest.approx(1, abs=1e-4)


def test_ambient_molecules_raise_the_expected_count() -> None:
    quiet = _probabilities(CountNoise(0.1), 1e4, 0.0, 0.1, 100)
    soup = _probabilities(CountNoise(0.1, ambient_cpm=300.0), 1e4, 0.0, 0.1, 100)
    counts = np.arange(101)
    assert counts @ quiet == pytest.approx(0.01, rel=0.05)
    assert counts @ soup == pytest.approx(3.01, rel=0.05)


def test_zero_inflation_only_feeds_zero() -> None:
    y = np.array([0.0, 1.0, 40.0])
    depth = np.full(3, np.log2(1e6))
    plain = np.exp(log_likelihood(y, depth, np.array([5.0]), np.array([0.9]), CountNoise(0.5)))
    dropped = np.exp(log_likelihood(y, depth, np.array([5.0]), np.array([0.9]), CountNoise(0.5, 0.15)))
    assert dropped[0] == pytest.approx(0.15 + 0.85 * plain[0])
    np.testing.assert_allclose(dropped[1:], 0.85 * plain[1:])


@given(st.integers(0, 300), st.floats(200, 5e6))
def test_likelihood_ratio_rises_with_the_count(count: int, depth: float) -> None:
    """Components of one spread are ordered: a larger count never speaks less for the higher one."""
    y = np.array([count, count + 1], dtype=float)
    both = log_likelihood(y, np.full(2, np.log2(depth)), np.array([5.0, 7.0]), np.array([0.9, 0.9]), CountNoise(0.1))
    ratio = both[:, 1] - both[:, 0]
    assert ratio[1] >= ratio[0] - 1e-9


def test_the_table_holds_what_the_formula_gives_and_an_offset_moves_the_depth() -> None:
    mean, sd, noise = np.array([4.0, 7.0]), np.array([0.9, 0.9]), CountNoise(0.1)
    table = LikelihoodTable.build(mean, sd, noise, max_count=500, depth_steps=(60, 140))
    index = nearest_level(table.count_levels, np.array([0, 3, 16, 100]))
    steps = np.array([80, 90, 100, 110])
    expected = log_likelihood(table.count_levels[index], steps / 8, mean, sd, noise)
    np.testing.assert_allclose(table.at(index, steps), expected)
    moved = log_likelihood(table.count_levels[index], steps / 8, mean + 1.5, sd, noise)
    np.testing.assert_allclose(table.at(index, steps, 12), moved)


def test_small_counts_have_a_row_of_their_own() -> None:
    levels = count_levels(1e5)
    counts = np.arange(17)
    np.testing.assert_array_equal(levels[nearest_level(levels, counts)], counts)
    large = np.geomspace(17, 1e5, 200)
    assert np.abs(np.log2(levels[nearest_level(levels, large)] / large)).max() < 0.08


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"dispersion": 0.0}, "dispersion"),
        ({"dispersion": np.nan}, "dispersion"),
        ({"zero_inflation": 1.0}, "zero_inflation"),
        ({"ambient_cpm": -1.0}, "ambient_cpm"),
    ],
)
def test_impossible_noise_is_refused(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        CountNoise(**arguments)


@pytest.mark.parametrize("dispersion", [0.001, 0.02, 0.5])
def test_narrow_noise_is_integrated_too(dispersion: float) -> None:
    """More counts never speak against the higher of two states: a sum with too few nodes would see gaps."""
    counts = np.unique(np.round(np.geomspace(1, 1e5, 200)))
    depth = np.full(len(counts), np.log2(1e6))
    like = log_likelihood(counts, depth, np.array([4.85, 7.06]), np.array([0.9, 0.9]), CountNoise(dispersion))
    assert (np.diff(like[:, 1] - like[:, 0]) > -1e-6).all()

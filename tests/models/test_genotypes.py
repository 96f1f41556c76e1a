from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm
from scipy.stats import t as student_t

from her2plastic._errors import ParameterError
from her2plastic.models.genotypes.allele_share import base_share, effective_reads, p_of_error, p_of_half
from her2plastic.models.genotypes.association import fisher_odds_ratio, linear_effect, logistic_effect, trend
from her2plastic.models.genotypes.hardy_weinberg import hardy_weinberg_p
from her2plastic.models.genotypes.read_likelihood import genotype_log_likelihoods, phred


@settings(max_examples=40)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_hardy_weinberg_is_that_of_shuffled_bases(first: int, mixed: int, second: int) -> None:
    """The probability of each number of heterozygotes, by counting the ways to pair the bases."""
    from math import comb, factorial

    n = first + mixed + second
    if n == 0:
        assert np.isnan(hardy_weinberg_p(0, 0, 0))
        return
    rare = 2 * first + mixed
    ways = {
        k: factorial(n) // (factorial((rare - k) // 2) * factorial(k) * factorial(n - k - (rare - k) // 2)) * 2**k
        for k in range(rare % 2, min(rare, 2 * n - rare) + 1, 2)
    }
    total = comb(2 * n, rare)
    assert sum(ways.values()) == total
    expected = sum(number for number in ways.values() if number <= ways[mixed]) / total
    assert hardy_weinberg_p(first, mixed, second) == pytest.approx(expected, rel=1e-9)
    assert hardy_weinberg_p(second, mixed, first) == pytest.approx(expected, rel=1e-9)


def test_published_cohort() -> None:
    found = fisher_odds_ratio(np.array([[93, 73], [83, 111]]))
    assert 1.68 <= found.value <= 1.72
    assert 0.014 <= found.p <= 0.021
    assert found.lower < found.value < found.upper
    assert found.n == 360


def test_fisher_where_a_side_is_empty() -> None:
    assert fisher_odds_ratio(np.array([[0, 0], [3, 4]])).status == "insufficient: 0 on one side of carriers and " \
        "non-carriers, 1 needed"  # fmt: skip
    infinite = fisher_odds_ratio(np.array([[5, 0], [1, 6]]))
    assert infinite.value == np.inf and infinite.lower > 1 and infinite.upper == np.inf
    for faulty in ([[1, 2]], [[1, -1], [2, 3]], [[0.5, 1], [2, 3]]):
        with pytest.raises(ParameterError):
            fisher_odds_ratio(np.array(faulty))


def test_trend_is_chi_square_for_two_groups() -> None:
    from scipy.stats import chi2_contingency

    dose = np.repeat([0, 1], [40, 60])
    outcome = np.concatenate([np.arange(40) < 12, np.arange(60) < 33])
    statistic, p = trend(dose, outcome)
    table = [[12, 28], [33, 27]]
    assert (statistic, p) == pytest.approx(tuple(chi2_contingency(table, correction=False)[:2]))
    assert np.isnan(trend(np.ones(5), np.array([True, False, True, True, False]))).all()


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    design = np.column_stack([rng.binomial(2, 0.35, 300), rng.normal(60, 10, 300)])
    logit = -1.0 + 0.5 * design[:, 0] + 0.01 * (design[:, 1] - 60)
    return design, rng.random(300) < 1 / (1 + np.exp(-logit)), 1 + 0.3 * design[:, 0] + rng.normal(0, 1, 300)


def test_regressions_agree_with_statsmodels(people: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    design, has, copies = people
    logit = sm.Logit(has.astype(float), sm.add_constant(design)).fit(disp=0)
    found = logistic_effect(design, has)
    assert found.value == pytest.approx(np.exp(logit.params[1]))
    assert (found.lower, found.upper) == pytest.approx(np.exp(logit.conf_int()[1]))
    assert found.p == pytest.approx(logit.pvalues[1])
    least = sm.OLS(copies, sm.add_constant(design)).fit()
    slope = linear_effect(design, copies)
    assert (slope.value, slope.p) == pytest.approx((least.params[1], least.pvalues[1]))
    assert (slope.lower, slope.upper) == pytest.approx(tuple(least.conf_int()[1]))


def test_logistic_says_where_it_cannot(people: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    dose = np.repeat([0.0, 2.0], 20)[:, None]
    assert "separates" in logistic_effect(dose, dose[:, 0] > 0).status or "separated" in logistic_effect(
        dose, dose[:, 0] > 0
    ).status  # fmt: skip
    assert logistic_effect(dose, np.arange(40) < 2).status.startswith("insufficient: 2 people with the rarer outcome")
    twice = np.column_stack([people[0][:, 0], people[0][:, 0]])
    assert logistic_effect(twice, people[1]).status.startswith("insufficient: covariates")


def test_genotype_likelihoods() -> None:
    likely = genotype_log_likelihoods(np.array([10, 5, 0]), np.array([0, 5, 10]), error_rate=0.01, overdispersion=0)
    assert likely.argmax(axis=1).tolist() == [0, 1, 2]
    assert likely[1, 1] == pytest.approx(10 * np.log10(0.5))
    assert likely[0, 0] == pytest.approx(10 * np.log10(0.99))
    assert phred(likely).min(axis=1).tolist() == [0, 0, 0]
    assert np.isfinite(genotype_log_likelihoods(
        np.array([10**7]), np.array([10**7]), error_rate=1e-6, overdispersion=0.01)).all()  # fmt: skip


def test_share_of_equal_alleles_is_rejected_at_its_level() -> None:
    for total in (10, 25, 60):
        p = np.array([p_of_half(k, total, effective=total) for k in range(total + 1)])
        exact = np.array([min(2 * binom.sf(max(k, total - k) - 1, total, 0.5), 1) for k in range(total + 1)])
        assert p == pytest.approx(exact)


def test_cells_that_differ_are_worth_fewer_reads() -> None:
    alike = effective_reads(np.full(50, 10), np.full(50, 10), overdispersion=0.005)
    bursts = effective_reads(np.tile([20, 0], 25), np.tile([0, 20], 25), overdispersion=0.005)
    few = (norm.ppf(0.975) / student_t.ppf(0.975, 49)) ** 2  # the spread is known from 50 cells only
    assert alike == pytest.approx(1000 * few)
    assert bursts == pytest.approx(49 * few)  # each cell is worth about one read
    assert effective_reads(np.array([500]), np.array([500]), overdispersion=0.01) == pytest.approx(1000 / 10.99)
    assert effective_reads(np.zeros(3), np.zeros(3), overdispersion=0.1) == 0


@pytest.mark.statistical
def test_intervals_of_a_share_over_bursting_cells_hold() -> None:
    rng = np.random.default_rng(0)
    held, found = 0, 0
    for share, _ in product((0.5, 0.8), range(150)):
        cells = rng.beta(2 * share, 2 * (1 - share), 40)
        size = rng.poisson(8, 40)
        alt = rng.binomial(size, cells)
        effective = effective_reads(size - alt, alt, overdispersion=0.005)
        _, lower, upper = base_share(alt.sum(), size.sum(), effective=effective, level=0.95)
        held += lower <= share <= upper
        found += share == 0.5 and p_of_half(alt.sum(), size.sum(), effective=effective) < 0.05
    assert held >= 0.91 * 300
    assert found <= 0.08 * 150


def test_no_probability_is_0() -> None:
    """Half of a thousand reads with an allele is common, and no certainty."""
    assert p_of_error(np.array([500, 0]), np.array([1000, 10]), 0.003).tolist() == [1e-300, 1.0]
    assert p_of_half(5000, 5000, effective=5000) == 1e-300


@pytest.mark.statistical
@pytest.mark.parametrize("n_cells", [1, 3, 5, 6, 10])
def test_few_bursting_cells_make_no_amplification(n_cells: int) -> None:
    """Balanced alleles, each cell's reads alike by 0.3: found at 0.01 no more than hardly ever, intervals hold."""
    rng = np.random.default_rng(1)
    shape = 0.5 * (1 / 0.3 - 1)
    held, found = 0, 0
    for _ in range(400):
        size = rng.poisson(10, n_cells) + 1
        alt = rng.binomial(size, rng.beta(shape, shape, n_cells))
        effective = effective_reads(size - alt, alt, overdispersion=0.005, cells=True)
        _, lower, upper = base_share(alt.sum(), size.sum(), effective=effective, level=0.95)
        held += lower <= 0.5 <= upper
        found += p_of_half(alt.sum(), size.sum(), effective=effective) < 0.01
    assert found <= 12
    assert held >= 0.92 * 400

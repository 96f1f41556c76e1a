from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import logm

from her2plastic._errors import ParameterError
from her2plastic.datasets import SimulatedClones, simulate_clones
from her2plastic.models import (
    Clones,
    colony_switches,
    no_switch_bounds,
    sister_discordance,
    switching_for_colonies,
)
from her2plastic.models.clones.mean import MeanTable, rates_of_means
from her2plastic.models.sorted_assay.flow import flow, movement
from her2plastic.models.transition_rates import INSUFFICIENT, NOT_IDENTIFIED

RATES = np.array([[0, 0.04, 0.002], [0.03, 0, 0.03], [0.002, 0.05, 0]])
GROWTH = np.array([0.12, 0.14, 0.23])
ERRORS = np.array([[0.9, 0.1, 0], [0.05, 0.9, 0.05], [0, 0.1, 0.9]])
OFF = ~np.eye(3, dtype=bool)


# --- colonies and bounds ------------------------------------------------------------------------------------------
def test_colonies_of_four_doublings() -> None:
    """Brief: P(any switched) = 1 - (1 - s)^30; s of at least 0.095 for 95 % of colonies; 0.02 gives 45 %."""
    assert colony_switches(0.02) == pytest.approx(0.4545, abs=1e-4)
    assert switching_for_colonies(0.95) == pytest.approx(0.095, abs=5e-4)
    assert colony_switches(switching_for_colonies(0.3, daughters=7), daughters=7) == pytest.approx(0.3)
    assert colony_switches(1.0) == 1.0


def test_bounds_when_no_clone_switched() -> None:
    per_daughter, per_day = no_switch_bounds(np.full(10, 16), days=8.0, level=0.95)
    assert (1 - per_daughter) ** 300 == pytest.approx(0.05)
    cell_days = 10 * 8 * 15 / np.log(16)
    assert np.exp(-per_day * cell_days) == pytest.approx(0.05)
    assert np.isnan(no_switch_bounds(np.ones(5))[0])  # nothing was born


@pytest.mark.statistical
def test_the_bound_holds_its_level() -> None:
    """At a rate that leaves 10 % of such experiments without a switch the 90 % bound is exceeded in 10 %."""
    missed, silent = 0, 0
    for seed in range(300):
        clones = simulate_clones(
            n_clones=6, day=6, switching=((0, 0.02), (0, 0)), way="per birth", growth=(0.4, 0.4), seed=seed
        )
        own = clones.counts[clones.named == 0]
        if own[:, 1].sum() == 0:
            silent += 1
            missed += no_switch_bounds(own.sum(axis=1))[0] < 0.02
    assert silent > 0
    assert missed <= 45  # 10 % of 300, and 3 standard deviations


# --- sisters ------------------------------------------------------------------------------------------------------
def test_sisters() -> None:
    independent = sister_discordance(np.array([81, 18, 1]))
    assert independent.switched == pytest.approx(0.1)
    assert independent.expected_discordant == pytest.approx(18.0)  # 2 s (1 - s)
    assert independent.reading == "independent"
    assert sister_discordance(np.array([60, 40, 0])).reading == "asymmetric division"
    assert sister_discordance(np.array([85, 10, 5])).reading == "inherited memory"


def test_misread_sisters_are_no_switch() -> None:
    """10 % misreading of sisters that never switch: 10 % seem to have switched, independently."""
    seen = sister_discordance(np.array([81, 18, 1]), misread=0.1)
    assert seen.switched == pytest.approx(0.0, abs=1e-12)
    assert seen.lower == 0.0
    assert seen.error_alone > 0.3
    assert seen.reading == "independent"


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=50)
def test_sister_test_is_a_probability(none: int, one: int, two: int) -> None:
    seen = sister_discordance(np.array([none, one, two]))
    if none + one + two == 0:
        assert seen.reading.startswith("insufficient")
        assert "0 pairs" in seen.summary()
    else:
        assert 0 < seen.p <= 1
        assert seen.lower <= seen.switched <= seen.upper


@pytest.mark.parametrize(("pairs", "misread"), [([1, 2], 0.0), ([1, 2, -1], 0.0), ([1, 2, 0.5], 0.0), ([1, 2, 3], 1.0)])
def test_faulty_pairs_are_refused(pairs: list[float], misread: float) -> None:
    with pytest.raises(ParameterError):
        sister_discordance(np.array(pairs), misread=misread)


# --- the mean of clones -------------------------------------------------------------------------------------------
def test_one_day_is_the_matrix_logarithm() -> None:
    values, _ = flow(movement(RATES, GROWTH), np.array([14.0]))
    table = MeanTable(np.array([14.0]), values.swapaxes(1, 2), np.ones_like(values))
    rates, growth, _, _ = rates_of_means(table, np.ones_like(values))
    np.testing.assert_allclose(movement(rates, growth), logm(values[0]) / 14, atol=1e-6)
    np.testing.assert_allclose(rates, RATES, atol=1e-6)
    np.testing.assert_allclose(growth, GROWTH, atol=1e-6)


def test_rates_and_growth_are_told_apart() -> None:
    clones = simulate_clones(n_clones=150, seed=1)
    fit = Clones(n_bootstrap=100, n_null=19).fit(clones.named, clones.counts, np.full(450, 14.0))
    assert fit.transition_rates(clones.states).found()
    inside = (fit.lower_ <= RATES) & (RATES <= fit.upper_)
    assert inside[OFF].sum() >= 5
    np.testing.assert_allclose(fit.growth_, GROWTH, atol=0.03)
    np.testing.assert_allclose(np.nansum(fit.probabilities_, axis=1), 1.0)


def test_per_birth_switching() -> None:
    clones = simulate_clones(
        n_clones=200, day=8, switching=((0, 0.1), (0.05, 0)), way="per birth", growth=(0.3, 0.4), seed=1
    )
    fit = Clones(n_bootstrap=50, n_null=9).fit(clones.named, clones.counts, np.full(400, 8.0))
    np.testing.assert_allclose([fit.per_birth_[0, 1], fit.per_birth_[1, 0]], [0.1, 0.05], atol=0.02)


def test_selection_is_not_switching() -> None:
    """Founders of both states with very different growth: no clone is mixed, and nothing is called a switch."""
    clones = simulate_clones(n_clones=40, switching=((0, 0), (0, 0)), growth=(0.1, 0.3), seed=2)
    fit = Clones(n_bootstrap=50, n_null=19).fit(clones.named, clones.counts, np.full(80, 14.0))
    found = fit.transition_rates(clones.states)
    assert not found.found()
    assert fit.mixed_ == 0
    assert fit.rates_[0, 1] == 0.0
    own = clones.counts[clones.named == 0].sum(axis=1)
    assert fit.upper_[0, 1] == pytest.approx(no_switch_bounds(own, days=14.0)[1])
    assert fit.growth_upper_[0] < fit.growth_lower_[1]
    assert "no clone of HER2-0 switched" in found.summary()


def test_a_wrongly_sorted_founder_is_no_mixed_clone() -> None:
    clones = simulate_clones(n_clones=60, switching=((0, 0), (0, 0)), growth=(0.2, 0.2), founder_purity=0.9, seed=3)
    purity = np.array([[0.9, 0.1], [0.1, 0.9]])
    fit = Clones(n_bootstrap=100, n_null=19, founder_purity=purity).fit(clones.named, clones.counts, np.full(120, 14.0))
    assert (clones.founder != clones.named).sum() > 5
    assert not fit.transition_rates().found()
    assert fit.lower_[0, 1] == fit.lower_[1, 0] == 0.0


@pytest.mark.statistical
def test_misread_clones_are_no_switch() -> None:
    found = 0
    for seed in range(60):
        clones = simulate_clones(
            n_clones=20, switching=np.zeros((3, 3)).tolist(), misclassification=ERRORS.tolist(), seed=seed
        )
        fit = Clones(misclassification=ERRORS, n_bootstrap=2, n_null=19, seed=seed).fit(
            clones.named, clones.counts, np.full(60, 14.0)
        )
        found += fit.transition_rates().found()
    assert found <= 9  # 3 expected; more than 9 has probability 0.1 % at 5 %


def test_switching_shows_through_misreading() -> None:
    clones = simulate_clones(n_clones=100, misclassification=ERRORS.tolist(), seed=4)
    fit = Clones(misclassification=ERRORS, n_bootstrap=100, n_null=19).fit(
        clones.named, clones.counts, np.full(300, 14.0)
    )
    assert fit.transition_rates().found()
    inside = (fit.lower_ <= RATES) & (RATES <= fit.upper_)
    assert inside[OFF].sum() >= 4


def test_sampled_clones_give_growth_differences_only() -> None:
    clones = simulate_clones(n_clones=150, seed=5)
    sample = np.random.default_rng(0).binomial(clones.counts, 0.5)
    fit = Clones(whole=False, n_bootstrap=50, n_null=9).fit(clones.named, sample, np.full(450, 14.0))
    assert fit.growth_[0] == 0.0
    assert fit.growth_[2] == pytest.approx(0.11, abs=0.04)
    assert np.isnan(fit.per_birth_).all()
    np.testing.assert_allclose(fit.rates_[1, 2], 0.03, atol=0.02)


def test_one_kind_of_founder_does_not_tell_rates_from_growth() -> None:
    clones = simulate_clones(n_clones=100, switching=((0, 0.05), (0.02, 0)), growth=(0.2, 0.3), day=10, seed=6)
    own = clones.named == 0
    fit = Clones(n_bootstrap=20, n_null=19).fit(clones.named[own], clones.counts[own], np.full(100, 10.0))
    assert fit.identifiability_[0, 1] == NOT_IDENTIFIED
    assert fit.identifiability_[1, 0] == INSUFFICIENT
    assert np.isnan(fit.rates_).all()
    assert fit.transition_rates().found()  # that cells switched is plain all the same


def test_what_is_lacking_is_named() -> None:
    for counts, reason in (
        (np.array([[3, 1]] * 4), "4 clones, 5 needed"),
        (np.zeros((6, 2)), "0 of 6 clones with a cell"),
        (np.eye(2)[[0, 1, 0, 1, 0, 1]], "0 of 6 clones with 2 or more cells"),
    ):
        fit = Clones().fit(np.zeros(len(counts), dtype=int), counts, np.full(len(counts), 5.0))
        found = fit.transition_rates()
        assert reason in found.status
        assert np.isnan(found.rates).all()
        assert len(fit.fitted()["day"]) == 0


@pytest.mark.parametrize(
    ("founder", "counts", "day", "words"),
    [
        ([0, 2], [[1, 2], [2, 1]], [1.0, 1.0], "states from 0 to 1"),
        ([0, 1], [[1, -2], [2, 1]], [1.0, 1.0], "at least 0"),
        ([0, 1], [[1, 2], [2, 1]], [0.0, 1.0], "above 0"),
        ([0, 1], [[1, 2], [2, 1]], [1.0], "above 0"),
        ([0.5, 0.5], [[1, 2], [2, 1]], [1.0, 1.0], "expected 2 states"),
        ([0, 1], [1, 2], [1.0, 1.0], "clones x states"),
    ],
)
def test_faulty_clones_are_refused(founder: list, counts: list, day: list, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Clones().fit(np.array(founder), np.array(counts), np.array(day))


def test_percentages_are_no_cells() -> None:
    """Every clone would hold a hundred cells: growth is that of none, and rates follow it."""
    founder, day = np.repeat([0, 1], 10), 14.0
    shares = np.where(founder[:, None] == [0, 1], 81.3, 18.7)
    for percent in (shares, np.rint(shares)):
        with pytest.raises(ParameterError, match="every clone sums to about 100: percentages"):
            Clones().fit(founder, percent, day)
    looked_at = Clones(whole=False, n_bootstrap=9, n_null=9).fit(founder.astype(float), np.rint(shares), day)
    assert looked_at.status_ == "ok"


def test_states_that_are_read_alike_are_refused() -> None:
    with pytest.raises(ParameterError, match="cannot be told apart"):
        Clones(misclassification=np.full((2, 2), 0.5)).fit(np.array([0, 1]), np.ones((2, 2)), np.ones(2))


def _grown(clones: SimulatedClones, unit: float) -> Clones:
    return Clones(n_bootstrap=20, n_null=0).fit(clones.founder, clones.counts, clones.day * unit)


@pytest.mark.parametrize("unit", [1 / 365, 86400.0])
def test_the_unit_of_time_does_not_matter(unit: float) -> None:
    clones = simulate_clones(n_clones=40, switching=((0, 0.05), (0.02, 0)), growth=(0.2, 0.3), seed=7)
    first, other = _grown(clones, 1.0), _grown(clones, unit)
    for name in ("rates_", "lower_", "upper_", "growth_"):
        np.testing.assert_allclose(getattr(other, name) * unit, getattr(first, name), rtol=1e-3, atol=1e-9)


def test_clones_near_their_equilibrium_do_not_tell_their_rates() -> None:
    """Shares that depend on the founder no more tell the ratio of two rates, not the rates."""
    clones = simulate_clones(n_clones=40, switching=((0, 3.0), (4.5, 0)), growth=(0.3, 0.3), day=7, seed=1)
    found = _grown(clones, 1.0)
    assert (found.identifiability_[~np.eye(2, dtype=bool)] == NOT_IDENTIFIED).all()
    for missing in (found.rates_, found.lower_, found.upper_, found.growth_):
        assert np.isnan(missing).all()


def test_founders_of_which_no_cell_is_left_may_have_gone_at_any_speed() -> None:
    clones = simulate_clones(n_clones=40, switching=((0, 0.05), (0.02, 0)), growth=(0.2, 0.3), seed=7)
    counts = np.zeros_like(clones.counts)
    counts[:, 1] = clones.counts.sum(axis=1)
    found = Clones(n_bootstrap=20, n_null=0).fit(clones.founder, counts, clones.day)
    assert found.identifiability_[0, 1] == NOT_IDENTIFIED
    assert np.isnan(found.rates_[0, 1])
    assert found.rates_[1, 0] == 0  # the exact bound of clones without a switch
    assert 0 < found.upper_[1, 0] < 0.01


def test_too_few_clones_of_every_founder_state_are_insufficient() -> None:
    clones = simulate_clones(n_clones=4, seed=2)
    found = Clones(n_bootstrap=20, n_null=9).fit(clones.founder, clones.counts, clones.day).transition_rates()
    assert found.status == "insufficient: at most 4 clones of a founder state, 5 needed"
    assert not found.found()
    assert "at most 4 clones" in found.summary()

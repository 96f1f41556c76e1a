from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from her2plastic._errors import ParameterError
from her2plastic.datasets import simulate_sorted_assay
from her2plastic.models import SortedAssay, chain_of_fractions, sorted_information
from her2plastic.models.sorted_assay.data import assay_data
from her2plastic.models.sorted_assay.explanations import EXPLANATIONS, Layout
from her2plastic.models.sorted_assay.flow import equilibrium, flow, movement
from her2plastic.models.transition_rates import IDENTIFIED, NOT_IDENTIFIED

RATES = np.array([[0, 0.04, 0.002], [0.03, 0, 0.03], [0.002, 0.05, 0]])
GROWTH = np.array([0.12, 0.14, 0.23])
OFF = ~np.eye(3, dtype=bool)
DAYS = (0, 2, 4, 7, 14, 21, 28)


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> dict[str, Any]:
    return json.loads((shared_data.parent / "science/golden_values.json").read_text(encoding="utf-8"))


def _assay(**options: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    assay = simulate_sorted_assay(**options)
    return assay.start, assay.day, assay.counts, assay.totals


# --- the movement -------------------------------------------------------------------------------------------------
def test_growth_of_an_impurity_alone_looks_like_switching() -> None:
    """2 % impurity that grows by 0.2 a day faster: 25 % at day 14, 85 % at day 28."""
    values, _ = flow(movement(np.zeros((2, 2)), np.array([0.1, 0.3])), np.array([14.0, 28.0]))
    numbers = values @ np.array([0.98, 0.02])
    np.testing.assert_allclose(numbers[:, 1] / numbers.sum(axis=1), [0.25, 0.85], atol=0.005)


@given(st.integers(2, 4), st.integers(0, 2**32 - 1), st.floats(0.1, 60))
@settings(max_examples=30)
def test_flow_is_the_exponential_and_its_derivative(size: int, seed: int, day: float) -> None:
    rng = np.random.default_rng(seed)
    matrix = movement(rng.uniform(0, 0.2, (size, size)), rng.normal(0, 0.1, size))
    values, slopes = flow(matrix, np.array([0.0, day]))
    np.testing.assert_allclose(values[0], np.eye(size))
    np.testing.assert_allclose(values[1], expm(matrix * day), rtol=1e-9, atol=1e-12)
    turn = rng.normal(size=(size, size))
    block = np.block([[matrix, turn], [np.zeros_like(matrix), matrix]]) * day  # Van Loan's way to the same number
    slope = np.tensordot(turn.ravel(), slopes[1], axes=1)
    np.testing.assert_allclose(slope, expm(block)[:size, size:], rtol=1e-7, atol=1e-9 * np.abs(slope).max())


def test_flow_holds_where_there_are_no_eigenvectors() -> None:
    matrix = movement(np.array([[0, 0.1, 0], [0, 0, 0.1], [0, 0, 0.0]]), np.array([0.1, 0.1, 0.0]))
    np.testing.assert_allclose(flow(matrix, np.array([10.0]))[0][0], expm(matrix * 10), rtol=1e-10)


def test_equilibrium_with_growth() -> None:
    shares, slopes = equilibrium(movement(RATES, GROWTH))
    np.testing.assert_allclose(shares, [0.089, 0.301, 0.610], atol=6e-4)
    step = 1e-6 * np.eye(9)[2].reshape(3, 3)
    up, down = (equilibrium(movement(RATES, GROWTH) + sign * step)[0] for sign in (1, -1))
    np.testing.assert_allclose(slopes[2], (up - down) / 2e-6, rtol=1e-5)


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=lambda e: e.name)
@pytest.mark.parametrize("counted", [False, True])
def test_expected_shares_have_exact_derivatives(explanation: Any, counted: bool) -> None:
    start, day, counts, totals = _assay(seed=1)
    start, day, counts = np.append(start, 3), np.append(day, np.inf), np.vstack([counts, [90, 300, 610]])
    errors = np.array([[0.9, 0.1, 0], [0.05, 0.9, 0.05], [0, 0.1, 0.9]])
    data = assay_data(start, day, counts, totals=np.append(totals, np.nan) if counted else None)
    layout = Layout(explanation, data, known=None, largest_impurity=0.25, misclassification=errors)
    values = np.linspace(0.01, 0.03, layout.n)
    expected = layout.expected(values)
    for place in range(layout.n):
        step = 1e-6 * np.eye(layout.n)[place]
        up, down = layout.expected(values + step), layout.expected(values - step)
        np.testing.assert_allclose(expected.slopes[:, place], (up.shares - down.shares) / 2e-6, atol=2e-7)
        slope = (up.log_totals - down.log_totals) / 2e-6
        np.testing.assert_allclose(expected.total_slopes[:, place], slope, atol=2e-6)


# --- what a design can tell ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("composition", "count_cv", "rank"),
    [(np.eye(3), None, 8), (np.eye(3), 0.1, 9), ("equilibrium", None, 2), ("equilibrium", 0.1, 3)],
)
def test_information_ranks(composition: Any, count_cv: float | None, rank: int) -> None:
    if isinstance(composition, str):
        composition = equilibrium(movement(RATES, GROWTH))[0][None]
    told = sorted_information(RATES, growth=GROWTH, composition=composition, days=DAYS, count_cv=count_cv)
    assert (told.rank, len(told.names)) == (rank, 9)
    assert np.isinf(told.standard_errors).any() == (rank < 9)
    assert bool(told.undetermined) == (rank < 9)


def test_shares_alone_leave_the_common_growth_open_and_say_so() -> None:
    told = sorted_information(RATES, growth=GROWTH, composition=np.eye(3), days=DAYS)
    assert told.undetermined == ("the growth of all states together (only its differences show)",)
    assert np.isfinite(told.standard_errors[:6]).all()


def test_one_sort_only_is_useless() -> None:
    one, three = (
        sorted_information(RATES, growth=GROWTH, composition=composition, days=DAYS, count_cv=None)
        for composition in (np.eye(3)[2:], np.eye(3))
    )
    assert one.rank == 8  # formally
    assert one.standard_errors[:6].max() > 100 * RATES.max() / 5
    assert three.standard_errors[:6].max() < 0.1 * RATES.max()


# --- the fit ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("counted", [False, True])
def test_rates_and_growth_are_recovered(counted: bool) -> None:
    start, day, counts, totals = _assay(seed=3)
    fit = SortedAssay(n_null=39).fit(start, day, counts, totals=totals if counted else None)
    np.testing.assert_allclose(fit.rates_[OFF], RATES[OFF], atol=0.006)
    assert (fit.identifiability_[OFF] != NOT_IDENTIFIED).all()
    assert fit.identifiability_[0, 1] == IDENTIFIED
    growth = GROWTH if counted else GROWTH - GROWTH[0]
    np.testing.assert_allclose(fit.growth_, growth, atol=0.02)
    found = fit.transition_rates(("0", "low", "positive"))
    assert found.found()
    assert fit.comparison()["explanation"][0] == "switching and growth"
    assert ("cells were not counted" in found.summary()) == (not counted)


def test_rows_may_come_in_any_order() -> None:
    start, day, counts, totals = _assay(seed=4)
    order = np.random.default_rng(0).permutation(len(start))
    one = SortedAssay(n_null=0).fit(start, day, counts, totals=totals)
    other = SortedAssay(n_null=0).fit(start[order], day[order], counts[order], totals=totals[order])
    np.testing.assert_allclose(other.rates_[OFF], one.rates_[OFF], atol=2e-4)


@pytest.mark.statistical
def test_impurity_and_growth_are_not_taken_for_switching() -> None:
    """At 5 %; the benchmark has 200 data sets and finer p-values."""
    found = 0
    for seed in range(16):
        start, day, counts, totals = _assay(variant="growth and impurity", replicates=2, days=(0, 7, 14, 28), seed=seed)
        fit = SortedAssay(n_null=19, seed=seed).fit(start, day, counts, intervals=False)
        found += fit.transition_rates().found()
    assert found <= 3  # 0.8 expected; more than 3 has probability 0.7 % at 5 %


def test_growth_only_is_recognised() -> None:
    start, day, counts, totals = _assay(variant="growth and impurity", seed=2)
    fit = SortedAssay(n_null=19).fit(start, day, counts, totals=totals)
    assert fit.comparison()["explanation"][0] == "growth and impurity"
    assert not fit.transition_rates().found()
    assert np.nanmax(fit.rates_) < 0.01


def test_markov_only_is_recognised() -> None:
    start, day, counts, totals = _assay(variant="equal growth", seed=2)
    fit = SortedAssay(n_null=19).fit(start, day, counts, totals=totals)
    assert fit.tests_[1].name == "equal growth"
    assert fit.tests_[1].p > 0.05
    assert fit.comparison()["explanation"][0].startswith("equal growth")


def test_misreading_is_not_switching() -> None:
    """Cells that are misread at 10 % look switched from day 0 on, in every sort."""
    errors = np.array([[0.9, 0.1], [0.1, 0.9]])
    start, day = np.repeat([0, 1], 15), np.tile(np.repeat([0.0, 3, 7, 14, 21], 3), 2)
    counts = np.random.default_rng(5).multinomial(2000, errors[start])
    fit = SortedAssay(misclassification=errors, n_null=19).fit(start, day, counts)
    assert not fit.transition_rates().found()
    assert np.nanmax(fit.rates_) < 0.01


def test_thousandfold_different_cell_numbers() -> None:
    start, day, counts, _ = _assay(seed=6)
    few = np.arange(len(start)) % 3 == 0
    rng = np.random.default_rng(0)
    counts[few] = rng.multinomial(10, counts[few] / counts[few].sum(axis=1, keepdims=True))
    fit = SortedAssay(n_null=0).fit(start, day, counts)
    np.testing.assert_allclose(fit.rates_[OFF], RATES[OFF], atol=0.01)


@pytest.mark.parametrize("with_day_0", [False, True])
def test_cells_of_one_state_misread_are_no_switching(with_day_0: bool) -> None:
    """A population of a single state, sorted on its misreading: the sorts are alike from the first day on."""
    errors = np.array([[0.9, 0.1], [0.1, 0.9]])
    start, day = np.repeat([0, 1], 10), np.tile(np.repeat([0.0 if with_day_0 else 2.0, 5, 9, 14, 21], 2), 2)
    counts = np.random.default_rng(3).multinomial(300, np.tile(errors[0], (20, 1)))
    fit = SortedAssay(misclassification=errors, n_null=19).fit(start, day, counts)
    assert "the sorts are alike" in fit.status_
    assert not fit.transition_rates().found()


def test_a_bad_sort_that_was_measured_is_not_switching() -> None:
    """Half of the HER2-positive sort are other cells, as day 0 shows."""
    start, day = np.repeat([0, 1], 8), np.tile(np.repeat([0.0, 5, 9, 14], 2), 2)
    begin = np.array([[0.98, 0.02], [0.5, 0.5]])
    counts = np.random.default_rng(3).multinomial(2000, begin[start])
    fit = SortedAssay(n_null=19).fit(start, day, counts)
    assert fit.status_ == "ok"
    assert not fit.transition_rates().found()
    np.testing.assert_allclose(fit.composition_, begin, atol=0.03)


# --- what cannot be said ------------------------------------------------------------------------------------------
def test_what_is_lacking_is_named() -> None:
    start, day, counts, _ = _assay(seed=1)
    pure = np.zeros_like(counts)
    pure[:, 0] = 150
    for chosen, observed, reason in (
        (day == 0, counts, "no well after day 0"),
        (day >= 0, pure, "cells of 1 state"),
        ((day == 2) & (np.arange(len(day)) % 3 == 0), counts, "measured values"),
    ):
        found = SortedAssay().fit(start[chosen], day[chosen], observed[chosen]).transition_rates()
        assert reason in found.status
        assert np.isnan(found.rates).all()
        assert not found.found()
    one = start == 2
    assert "1 starting population" in SortedAssay().fit(start[one] * 0.0, day[one], counts[one]).status_


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"day": [-1.0, 2.0]}, "at least 0"),
        ({"day": [np.nan, 2.0]}, "at least 0"),
        ({"observed": [[0, 0], [1, 2]]}, "no cells"),
        ({"observed": [[-1, 3], [1, 2]]}, "at least 0"),
        ({"start": [0, 2]}, "without gaps"),
        ({"start": ["stem", "basal"]}, "place of the sorted state"),
        ({"totals": [0.0, 10.0]}, "above 0"),
        ({"cells": 0.0}, "at least 1"),
        ({"sorted_to": [0, 5]}, "expected 2 states"),
        ({"parental": [1.0]}, "expected 2 shares"),
    ],
)
def test_faulty_data_are_refused(change: dict[str, Any], words: str) -> None:
    given = {"start": [0, 1], "day": [1.0, 2.0], "observed": [[1, 2], [2, 1]], **change}
    arrays = {name: np.asarray(value) if name != "cells" else value for name, value in given.items()}
    with pytest.raises(ParameterError, match=words):
        SortedAssay().fit(arrays.pop("start"), arrays.pop("day"), arrays.pop("observed"), **arrays)


# --- published chains ---------------------------------------------------------------------------------------------
def test_sw620_chain(shared_data: Path, golden: dict[str, Any]) -> None:
    days = np.arange(2, 25, 2)
    folder = shared_data / "interconversion/SW620"
    tables = np.array([np.loadtxt(folder / f"W{day}.txt") for day in days])
    chain = chain_of_fractions(tables, days=days)
    np.testing.assert_allclose(chain.per_day, golden["fractions_chain"]["SW620_P_per_day"], atol=2e-7)
    np.testing.assert_allclose(chain.stationary, golden["fractions_chain"]["SW620_equilibrium"], atol=2e-7)
    assert chain.embeddable
    np.testing.assert_allclose(expm(chain.generator), chain.per_day, atol=1e-12)
    start, day = np.tile([0, 1], 12), np.repeat(days, 2).astype(float)
    fit = SortedAssay(n_null=0).fit(start, day, tables.reshape(-1, 2))
    assert fit.chain_ is not None
    np.testing.assert_allclose(fit.chain_.chain.per_day, chain.per_day)


@pytest.mark.parametrize("line", ["SUM149", "SUM159"])
def test_gupta_chains(shared_data: Path, golden: dict[str, Any], line: str) -> None:
    table = np.loadtxt(shared_data / f"interconversion/SUM149_SUM159/W6_{line}.txt")
    chain = chain_of_fractions(table, days=np.array([6.0]))
    np.testing.assert_allclose(chain.per_day, golden["fractions_chain"][f"{line}_P_per_day"], atol=1e-5)
    fit = SortedAssay().fit(np.arange(3), np.full(3, 6.0), table)
    assert fit.chain_ is not None
    np.testing.assert_allclose(fit.chain_.chain.per_day, chain.per_day)
    assert fit.status_.startswith("insufficient: 6 measured values")  # growth and impurity were not measured


@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_both_estimators_find_an_exact_chain(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = expm(movement(rng.uniform(0.01, 0.2, (size, size)), np.zeros(size)).T)
    days = np.array([1.0, 3.0, 6.0])
    tables = np.array([np.linalg.matrix_power(truth, int(day)) for day in days])
    for estimator in ("mean of roots", "least squares"):
        chain = chain_of_fractions(tables, days=days, estimator=estimator)
        np.testing.assert_allclose(chain.per_day, truth, atol=1e-5)
        assert chain.embeddable


def test_a_chain_outside_continuous_time_says_so() -> None:
    chain = chain_of_fractions(np.array([[0.1, 0.9], [0.9, 0.1]]), days=np.array([1.0]))
    assert not chain.embeddable
    assert np.isnan(chain.generator).all()
    assert "no rates in continuous time" in chain.summary()


@pytest.mark.parametrize(("up", "down", "parental", "rest"), [(0.42, 0.05, 0.265, 0.89), (0.46, 0.11, 0.311, 0.81)])
def test_jordan_fractions_contradict_a_homogeneous_chain(up: float, down: float, parental: float, rest: float) -> None:
    observed = np.array([[1 - up, up], [down, 1 - down]])
    for cells in (None, 200.0):
        fit = SortedAssay().fit(
            np.array([0, 1]), np.array([28.0, 28.0]), observed, parental=np.array([1 - parental, parental]),
            parental_cells=cells,
        )  # fmt: skip
        assert fit.chain_ is not None
        assert fit.chain_.chain.stationary[1] == pytest.approx(rest, abs=0.005)
        assert fit.chain_.contradicted
        said = fit.transition_rates(("HER2-", "HER2+")).summary()
        assert "a homogeneous chain is contradicted by the parental culture" in said
        for alternative in ("different growth", "sort impurity", "delay"):
            assert alternative in said
        assert ("or more cells" in said) == (cells is None)


def test_a_parental_culture_at_equilibrium_agrees() -> None:
    rates = np.array([[0, 0.03], [0.05, 0]])
    after = expm(movement(rates, np.zeros(2)).T * 14)
    fit = SortedAssay().fit(
        np.array([0, 1]), np.array([14.0, 14.0]), after, parental=np.array([0.625, 0.375]), parental_cells=500
    )
    assert fit.chain_ is not None
    assert not fit.chain_.contradicted


def test_equal_days_determine_no_rate() -> None:
    """Six wells of every sort, all on one day: 36 numbers that do not tell rates from growth and impurity."""
    assay = simulate_sorted_assay(days=(5,), replicates=6, seed=1)
    fit = SortedAssay(n_null=9).fit(assay.start, assay.day, assay.counts)
    assert fit.information_ is not None
    assert fit.information_.rank == 6
    assert np.isnan(fit.rates_).all()
    assert (fit.identifiability_[OFF] == NOT_IDENTIFIED).all()
    assert not fit.transition_rates().found()


@pytest.mark.parametrize("days", [(0, 100, 365), (0, 0.01, 28)])
def test_very_long_and_very_short_days_stay_finite(days: tuple[float, ...]) -> None:
    assay = simulate_sorted_assay(days=days, replicates=3, growth=(0.1, 0.2, 1.0), seed=1)
    fit = SortedAssay(n_null=0).fit(assay.start, assay.day, assay.counts, totals=assay.totals)
    assert fit.status_ == "ok"
    given = np.isfinite(fit.rates_)
    assert (fit.lower_[given] <= fit.rates_[given]).all()
    assert (fit.rates_[given] <= fit.upper_[given]).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_sorts_that_even_out_before_anybody_looks_give_no_known_rates(seed: int) -> None:
    """At one to three switches a day all sorts are alike on day 3; the scatter of the wells fits slow rates as well."""
    rates = np.array([[0, 2, 1], [1.5, 0, 2], [1, 3, 0]])
    assay = simulate_sorted_assay(rates=rates.tolist(), days=(0, 3, 7, 14), replicates=2, seed=seed)
    model = SortedAssay(n_null=0).fit(assay.start, assay.day, assay.counts)
    assert model.evened_out_
    assert IDENTIFIED not in set(model.identifiability_[OFF])
    assert (np.nan_to_num(model.lower_)[OFF] <= rates[OFF]).all()
    assert (np.nan_to_num(model.upper_, nan=np.inf)[OFF] >= rates[OFF]).all()
    assert any("evened out" in note for note in model.transition_rates().notes)


def _fractions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    start, day, counts, _ = _assay(seed=1)
    return start, day, counts / counts.sum(axis=1, keepdims=True)


def test_assumed_cells_are_said_and_not_counted() -> None:
    start, day, shares = _fractions()
    assumed = SortedAssay(n_null=0).fit(start, day, shares).transition_rates()
    assert "cells" not in assumed.numbers
    assert any("10,000 cells a well were assumed" in note for note in assumed.notes)
    assert "10,000 cells a well" in SortedAssay().fit(start * 0, day, shares).transition_rates().summary()
    told = SortedAssay(n_null=0).fit(start, day, shares, cells=10_000).transition_rates()
    assert told.numbers["cells"] == 10_000 * len(day)
    assert not any("assumed" in note for note in told.notes)
    np.testing.assert_array_equal(assumed.rates, told.rates)


def test_percentages_are_shares_or_refused_and_never_counts() -> None:
    start, day, shares = _fractions()
    percent = assay_data(start, day, 100 * shares)
    np.testing.assert_allclose(percent.shares, assay_data(start, day, shares).shares)
    assert (percent.cells == 10_000).all()
    assert percent.cells_assumed
    for whole in (np.round(100 * shares), np.round(100 * shares).astype(int)):
        with pytest.raises(ParameterError, match="counts or percentages"):
            assay_data(start, day, whole)
        np.testing.assert_allclose(assay_data(start, day, whole, cells=500).shares, shares, atol=0.011)
    with pytest.raises(ParameterError, match=r"sums to 0.9: expected whole counts, shares"):
        assay_data(start, day, 0.9 * shares)
    with pytest.raises(ParameterError, match=r"observed\[2\].*sums to 0.9"):
        assay_data(start, day, np.where(np.arange(len(day))[:, None] == 2, 0.9, 1.0) * shares)


def test_a_fit_without_intervals_says_that_it_gives_no_rate() -> None:
    start, day, counts, _ = _assay(seed=1)
    rates = SortedAssay(n_null=0).fit(start, day, counts, intervals=False).transition_rates()
    assert rates.status.startswith("insufficient: 0 intervals")
    assert rates.tests

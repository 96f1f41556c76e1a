from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from her2plastic._errors import ParameterError
from her2plastic.models import MarkovChain, TransitionRates
from her2plastic.models.transition_rates import IDENTIFIED, NOT_ALLOWED, NOT_IDENTIFIED

# science/golden_values.json, "chain": rates per day, states HER2-0, HER2-low, HER2-positive
RATES = np.array([[0, 0.04, 0.002], [0.03, 0, 0.03], [0.002, 0.05, 0]])
GROWTH = np.array([0.12, 0.14, 0.23])
CHAIN = MarkovChain(RATES, GROWTH)


def random_rates(seed: int, n: int, spread: float = 2.0, missing: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rates = np.exp(rng.normal(0, spread, (n, n))) * (rng.random((n, n)) > missing)
    np.fill_diagonal(rates, 0)
    return rates


chains = st.builds(random_rates, st.integers(0, 2**32 - 1), st.integers(2, 6))


# --- golden values ------------------------------------------------------------------------------------------------
def test_golden_probabilities_after_21_days() -> None:
    golden = [[0.524, 0.358, 0.118], [0.267, 0.491, 0.242], [0.143, 0.402, 0.455]]
    np.testing.assert_allclose(CHAIN.transition_probabilities(21), golden, atol=5e-4)


def test_golden_times() -> None:
    np.testing.assert_allclose(CHAIN.dwell_times(), [23.8, 16.7, 19.2], atol=0.05)
    golden = {(0, 2): 75.8, (2, 0): 67.9, (0, 1): 24.8, (1, 0): 50.6, (1, 2): 54.5, (2, 1): 20.2}
    times = CHAIN.mean_first_passage()
    for (start, end), days in golden.items():
        assert times[start, end] == pytest.approx(days, abs=0.05)
    assert (np.diag(times) == 0).all()


def test_golden_compositions() -> None:
    np.testing.assert_allclose(CHAIN.stationary(), [0.316, 0.426, 0.258], atol=5e-4)
    np.testing.assert_allclose(CHAIN.composition_with_growth(), [0.089, 0.301, 0.610], atol=5e-4)
    assert CHAIN.growth_rate() == pytest.approx(0.193, abs=5e-4)
    stressed = RATES * np.array([1, 1, 3])[:, None]
    composition = MarkovChain(stressed, np.array([0.08, 0.10, 0.05])).composition_with_growth()
    np.testing.assert_allclose(composition, [0.345, 0.564, 0.091], atol=5e-4)


def test_golden_values_are_those_of_the_file(shared_data: Path) -> None:
    path = shared_data.parent / "science" / "golden_values.json"
    if not path.exists():
        pytest.skip(f"{path} not found")
    golden = json.loads(path.read_text())["chain"]
    places = {"0": 0, "L": 1, "P": 2}
    rates = np.zeros((3, 3))
    for edge, rate in golden["Q_offdiagonal"].items():
        rates[tuple(places[k] for k in edge.split("->"))] = rate
    np.testing.assert_array_equal(rates, RATES)
    np.testing.assert_array_equal(golden["growth_per_day"], GROWTH)
    np.testing.assert_allclose(CHAIN.transition_probabilities(21), golden["P_21_days"], atol=5e-4)


# --- properties ---------------------------------------------------------------------------------------------------
@given(chains, st.floats(0, 30), st.floats(0, 30))
def test_probabilities_compose(rates: np.ndarray, first: float, second: float) -> None:
    chain = MarkovChain(rates)
    one, two, both = (chain.transition_probabilities(t) for t in (first, second, first + second))
    np.testing.assert_allclose(one @ two, both, atol=1e-9)
    np.testing.assert_allclose(both.sum(axis=1), 1)
    assert (both >= 0).all()
    np.testing.assert_allclose(both, expm(chain.generator * (first + second)), atol=1e-8)


@given(chains, st.integers(0, 2**32 - 1), st.floats(0, 10))
def test_growth_is_that_of_the_differential_equation(rates: np.ndarray, seed: int, time: float) -> None:
    growth = np.random.default_rng(seed).normal(size=len(rates))
    chain = MarkovChain(rates, growth)
    start = np.random.default_rng(seed + 1).dirichlet(np.ones(len(rates)))
    cells = start @ expm((chain.generator + np.diag(growth)) * time)
    np.testing.assert_allclose(chain.composition(time, start), cells / cells.sum(), atol=1e-8)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_long_run_compositions_are_eigenvectors(seed: int, n: int) -> None:
    rates = random_rates(seed, n, missing=0.0)
    growth = np.random.default_rng(seed).normal(size=n)
    chain = MarkovChain(rates, growth)
    np.testing.assert_allclose(chain.stationary() @ chain.generator, 0, atol=1e-10 * rates.max())
    share = chain.composition_with_growth()
    scale = np.abs(chain.generator).max()
    left = share @ (chain.generator + np.diag(growth))
    np.testing.assert_allclose(left, chain.growth_rate() * share, atol=1e-8 * scale)


@given(chains)
def test_passage_times_and_committor_fulfil_their_equations(rates: np.ndarray) -> None:
    chain = MarkovChain(rates)
    times = chain.mean_first_passage()
    for target in range(len(rates)):
        for start in np.flatnonzero(np.isfinite(times[:, target])):
            if start != target:
                moved = sum(
                    rates[start, k] * (times[k, target] - times[start, target]) for k in rates[start].nonzero()[0]
                )
                assert moved == pytest.approx(-1, abs=1e-6)
    forward, back = chain.committor([0], [1]), chain.committor([1], [0])
    assert forward[0] == back[1] == 0
    assert forward[1] == back[0] == 1
    assert (forward + back <= 1 + 1e-12).all()


@given(chains, st.floats(0.01, 20))
def test_first_passage_is_at_least_being_there(rates: np.ndarray, horizon: float) -> None:
    chain = MarkovChain(rates)
    ever = chain.first_passage_probability(horizon)
    assert (ever >= chain.transition_probabilities(horizon) - 1e-12).all()
    np.testing.assert_allclose(np.diag(ever), 1)
    stays = np.diag(expm(np.diag(np.diag(chain.generator) * horizon)))
    np.testing.assert_allclose(chain.leaving_probability(horizon), 1 - stays, atol=1e-12)


# --- chains that are hard -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("leak", [1e-14, 1e-9, 1e-3])
def test_nearly_separate_parts_keep_their_shares(leak: float) -> None:
    rates = np.zeros((4, 4))
    rates[0, 1] = rates[1, 0] = rates[2, 3] = rates[3, 2] = 1.0
    rates[1, 2], rates[2, 1] = leak, 3 * leak
    chain = MarkovChain(rates)
    np.testing.assert_allclose(chain.stationary(), [0.375, 0.375, 0.125, 0.125], rtol=1e-13)
    assert chain.mean_first_passage()[0, 3] == pytest.approx(2 / leak + 8, rel=1e-12)
    assert chain.time_to_equilibrium(0.01) > 0.1 / leak


def test_a_defective_chain_is_that_of_the_gamma_distribution() -> None:
    chain = MarkovChain(np.diag([1.0, 1.0, 1.0], 1))  # equal rates in a row: no eigenvectors
    probabilities = chain.transition_probabilities(2.0)[0]
    np.testing.assert_allclose(probabilities[:3], np.exp(-2) * np.array([1, 2, 2]), rtol=1e-13)
    np.testing.assert_allclose(chain.stationary(), [0, 0, 0, 1])
    assert np.array_equal(chain.dwell_times(), [1, 1, 1, np.inf])
    times = chain.mean_first_passage()
    np.testing.assert_allclose(times[0], [0, 1, 2, 3])
    assert np.isinf(times[np.tril_indices(4, -1)]).all()


def test_where_two_states_are_never_left_the_start_decides() -> None:
    chain = MarkovChain(np.array([[0, 1, 3.0], [0, 0, 0], [0, 0, 0]]), states=("low", "0", "positive"))
    with pytest.raises(ParameterError, match="never left: 0; positive"):
        chain.stationary()
    np.testing.assert_allclose(chain.stationary(np.array([1, 0, 0])), [0, 0.25, 0.75])
    np.testing.assert_allclose(chain.committor([1], [2]), [0.75, 0, 1])
    assert np.isinf(chain.mean_first_passage()[0, 1:]).all()  # each may be missed
    assert chain.to_frame()["stationary"].isna().all()
    assert "stays inf" in chain.summary()


def test_growth_of_parts_that_never_mix() -> None:
    apart = np.zeros((2, 2))
    np.testing.assert_allclose(MarkovChain(apart, np.array([0.1, 0.2])).composition_with_growth(), [0, 1], atol=1e-12)
    equal = MarkovChain(np.diag([0, 1.0, 0])[[1, 0, 2]], np.array([0.2, 0.2, 0.2]))
    assert equal.growth_rate(np.array([1, 0, 0])) == pytest.approx(0.2)
    with pytest.raises(ParameterError, match="give start"):
        equal.composition_with_growth()
    # the slow part leads nowhere, and stays alone where the population began in it
    leaving = MarkovChain(np.array([[0, 0.1], [0, 0]]), np.array([0.5, 0.2]))
    np.testing.assert_allclose(leaving.composition_with_growth(), [2 / 3, 1 / 3])  # 0.4 N0, and 0.1 N0 / (0.4 - 0.2)
    np.testing.assert_allclose(leaving.composition_with_growth(np.array([0, 1])), [0, 1])


def test_time_to_equilibrium_of_two_states_is_exponential() -> None:
    chain = MarkovChain(np.array([[0, 0.3], [0.1, 0]]))
    assert chain.time_to_equilibrium(0.05) == pytest.approx(np.log(0.75 / 0.05) / 0.4, rel=1e-9)
    assert MarkovChain(np.zeros((3, 3))).time_to_equilibrium() == 0
    assert CHAIN.time_to_equilibrium(with_growth=True) != CHAIN.time_to_equilibrium()


def test_very_long_and_very_short_times() -> None:
    np.testing.assert_allclose(CHAIN.transition_probabilities(1e15)[2], CHAIN.stationary(), rtol=1e-12)
    np.testing.assert_allclose(CHAIN.transition_probabilities(1e-12)[0, 2], 0.002e-12, rtol=1e-9)
    assert CHAIN.transition_probabilities(np.array([0.0, 1.0])).shape == (2, 3, 3)
    fast = MarkovChain(RATES * 1e9, GROWTH)
    np.testing.assert_allclose(fast.composition_with_growth(), fast.stationary(), rtol=1e-6)


# --- what is refused ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rates", "words"),
    [
        (np.zeros((2, 3)), "square"),
        (np.zeros((0, 0)), "square"),
        ([[0, -0.1], [0.1, 0]], "state 0 to 1, -0.1, is below 0"),
        ([[0, np.nan], [0.1, 0]], "not finite"),
        ([[-0.2, 0.1], [0.1, -0.1]], "row 0 of the rates sums to -0.1"),
        ([[-0.1, 0.2], [0.1, -0.2]], "rows are from"),
    ],
)
def test_faulty_rates_are_named(rates: np.ndarray, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        MarkovChain(rates)


def test_faulty_arguments_are_named() -> None:
    for call, words in (
        (lambda: MarkovChain(RATES, np.array([1.0, 2])), "3 finite numbers"),
        (lambda: MarkovChain(RATES, states=("a", "b")), "2 names for 3"),
        (lambda: CHAIN.transition_probabilities(-1), "at least 0"),
        (lambda: CHAIN.composition(1, np.array([1, -1, 1])), "shares"),
        (lambda: CHAIN.committor([0], [3]), "from 0 to 2"),
        (lambda: CHAIN.committor([0], [0, 1]), "share a state"),
        (lambda: CHAIN.committor([], [0]), "at least one state"),
        (lambda: CHAIN.time_to_equilibrium(0), "tolerance"),
    ):
        with pytest.raises(ParameterError, match=words):
            call()


def test_a_rate_that_is_not_identified_has_no_chain() -> None:
    rates = np.array([[np.nan, 0.1], [np.nan, np.nan]])
    words = np.array([["", IDENTIFIED], [NOT_ALLOWED, ""]], dtype=object)
    fitted = TransitionRates("panel", ("a", "b"), rates, rates, rates, words, 0.9)
    np.testing.assert_allclose(MarkovChain.from_transition_rates(fitted).dwell_times(), [10, np.inf])
    words[1, 0] = NOT_IDENTIFIED
    with pytest.raises(ParameterError, match="state 1 to 0, nan, is not finite"):
        MarkovChain.from_transition_rates(fitted)

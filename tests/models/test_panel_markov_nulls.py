from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from her2plastic._errors import ParameterError
from her2plastic.models import MarkovChain, PanelMarkov
from her2plastic.models.panel_markov.nulls import (
    NO_SWITCHING,
    SHUFFLED,
    STATISTIC_ALONE,
    gain_by_moves,
    no_switching_test,
    shuffled_order_test,
    static_states,
)

TWO = np.array([[0, 1], [1, 0]])
READING = np.array([[0.85, 0.15], [0.15, 0.85]])
SUBJECT, TIME = np.repeat(np.arange(25), 5), np.tile(np.arange(5) * 21.0, 25)


def panel(seed: int, rates: np.ndarray | None) -> np.ndarray:
    """Return statuses read with error of 25 patients seen five times; without rates they stay what they are."""
    rng = np.random.default_rng(seed)
    true = np.empty((25, 5), dtype=int)
    true[:, 0] = rng.integers(0, 2, 25)
    step = np.eye(2) if rates is None else MarkovChain(rates).transition_probabilities(21.0)
    for t in range(1, 5):
        true[:, t] = rng.random(25) < step[true[:, t - 1], 1]
    return (rng.random((25, 5)) < READING[true, 1]).astype(int).ravel()


def fitted(states: np.ndarray) -> PanelMarkov:
    model = PanelMarkov(TWO, misclassification=READING, initial="estimate")
    return model.fit(SUBJECT, TIME, states)


def test_static_states_are_found_through_errors() -> None:
    rng = np.random.default_rng(0)
    true = (rng.random(25) < 0.3).astype(int)
    reads = (rng.random((25, 5)) < READING[true, 1][:, None]).astype(int)
    static = static_states(fitted(reads.ravel()))
    assert static.shares[1] == pytest.approx(true.mean(), abs=0.1)
    assert (static.posterior.argmax(axis=1) == true).mean() > 0.9
    by_hand = np.log((READING[:, reads].prod(axis=2) * static.shares[:, None]).sum(axis=0)).sum()
    assert static.log_likelihood == pytest.approx(by_hand)


def test_the_gain_does_not_depend_on_the_unit_of_the_likelihood() -> None:
    states = panel(1, np.array([[0, 0.02], [0.02, 0]]))
    vectors = READING[:, states].T
    model = PanelMarkov(TWO, initial="estimate").fit(SUBJECT, TIME, None, likelihood=vectors)
    assert gain_by_moves(model) == pytest.approx(gain_by_moves(fitted(states)), abs=0.01)


def test_slow_moves_are_found_and_repeatable() -> None:
    model = fitted(panel(2, np.array([[0, 0.01], [0.01, 0]])))
    order, still = shuffled_order_test(model, n_null=99, seed=3), no_switching_test(model, n_null=99, seed=3)
    assert (order.name, still.name) == (SHUFFLED, NO_SWITCHING)
    assert order.p <= 0.05
    assert still.p <= 0.05
    np.testing.assert_array_equal(order.simulated, shuffled_order_test(model, n_null=99, seed=3).simulated)
    assert order.observed == still.observed


def test_without_errors_every_change_is_a_move() -> None:
    states = panel(4, np.array([[0, 0.02], [0.02, 0]]))
    model = PanelMarkov(TWO, initial="estimate").fit(SUBJECT, TIME, states)
    assert np.isneginf(static_states(model).log_likelihood)
    assert no_switching_test(model, n_null=5).status.startswith("insufficient: 0 errors of reading")
    test = shuffled_order_test(model, n_null=19)
    assert test.statistic == STATISTIC_ALONE
    assert test.simulated.size >= 10


def test_known_times_of_entry_fix_the_order() -> None:
    model = PanelMarkov([[0, 1], [0, 0]], (1,)).fit(["a", "a", "b", "b"], [0.0, 1, 0, 2], [0, 1, 0, 0])
    assert model.intensities_[0, 1] == pytest.approx(1 / 3, rel=1e-4)  # one entry in three units of time
    with pytest.raises(ParameterError, match="fix the order"):
        shuffled_order_test(model, n_null=1)
    for faulty in ({"n_null": 0}, {"n_null": 2, "seed": -1}):
        with pytest.raises(ParameterError):
            no_switching_test(fitted(panel(0, None)), **faulty)


@pytest.mark.statistical
def test_nulls_keep_their_five_per_cent() -> None:
    """Statuses that stay what they are, misread; and moving ones whose draws were dealt in any order."""
    samples = 40
    found = {"order": 0, "still": 0, "dealt": 0}
    for seed in range(samples):
        model = fitted(panel(seed, None))
        found["order"] += shuffled_order_test(model, n_null=19, seed=seed).p <= 0.05
        found["still"] += no_switching_test(model, n_null=19, seed=seed).p <= 0.05
        states = panel(seed, np.array([[0, 0.03], [0.02, 0]])).reshape(25, 5)
        dealt = np.random.default_rng(seed).permuted(states, axis=1).ravel()
        found["dealt"] += shuffled_order_test(fitted(dealt), n_null=19, seed=seed).p <= 0.05
    most = int(binom.ppf(0.99, samples, 0.05))
    assert all(number <= most for number in found.values()), found

"""What no panel can tell is no number: states that nobody saw, and moves too fast for the visits."""

from __future__ import annotations

import numpy as np
import pytest

from her2plastic._errors import ConvergenceError
from her2plastic.models import PanelMarkov
from her2plastic.models.transition_rates import NOT_IDENTIFIED

NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
READERS = np.array([[0.8, 0.2, 0], [0.1, 0.8, 0.1], [0, 0.05, 0.95]])
EVERY = 42.0


def at_two_times(states: np.ndarray, *, intervals: str = "profile") -> PanelMarkov:
    """Return the fit of subjects that were read on days 0 and 42."""
    subject, time = np.repeat(np.arange(len(states)), 2), np.tile([0.0, EVERY], len(states))
    model = PanelMarkov(NEIGHBOURS, misclassification=READERS, initial="estimate", level=0.9, intervals=intervals)
    return model.fit(subject, time, states.ravel())


@pytest.mark.parametrize("intervals", ["profile", "hessian"])
def test_a_state_that_nobody_saw_has_no_rates_out(intervals: str) -> None:
    rates = at_two_times(np.array([[2, 0], [0, 2], [0, 0]]), intervals=intervals).transition_rates()
    assert (rates.identifiability[1, [0, 2]] == NOT_IDENTIFIED).all()
    assert np.isnan(rates.rates[1]).all()
    assert rates.lower[1, 0] > 0  # slower is refuted all the same
    assert np.isposinf(rates.upper[1, 0])


def test_no_rate_is_faster_than_the_visits_can_tell() -> None:
    limit, too_fast, fits = 20 / EVERY, 0, 0
    for seed in range(20):
        states = np.random.default_rng(seed).integers(0, 3, (8, 2))
        try:
            model = at_two_times(states, intervals="hessian" if seed % 2 else "profile")
        except ConvergenceError:
            continue
        fits += 1
        at = NEIGHBOURS > 0
        rates, lower, upper = model.intensities_[at], *np.moveaxis(model.intensity_intervals_[at], -1, 0)
        most_likely = model.likelihood_.rates(model.optimum().theta, np.empty((1, 0)))[0] / model.likelihood_.unit
        too_fast += int((most_likely > limit).sum())
        named = np.isfinite(rates)
        assert (rates[named] <= limit).all()
        assert (np.isposinf(upper[~named]) | (upper[~named] <= limit)).all()
        known = named & np.isfinite(upper) & (lower > 0)
        assert (upper[known] <= 1e7 * lower[known]).all()
    assert fits > 5
    assert too_fast > 5  # by the likelihood alone

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2plastic._errors import ParameterError
from her2plastic.models import dip_test


@pytest.mark.parametrize("n", [4, 10, 101])
def test_an_even_grid_has_the_smallest_dip(n: int) -> None:
    assert dip_test(np.arange(n), n_null=1).dip == pytest.approx(1 / (2 * n))


def test_two_equal_clumps_have_the_largest() -> None:
    values = np.r_[np.zeros(50), np.ones(50)]
    assert dip_test(values, n_null=1).dip == pytest.approx(0.25)


def test_hand_worked_ties() -> None:
    # one mode at 0.6, with an atom: nothing but the steps of the empirical distribution is left
    assert dip_test(np.array([-0.6, 0.0, 0.6, 0.6, 0.8]), n_null=1).dip == pytest.approx(1 / 10)


@given(st.lists(st.floats(-100, 100), min_size=4, max_size=40), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_dip_ignores_scale_sign_and_place(values: list[float], scale: float, place: float) -> None:
    x = np.round(np.array(values), 3)
    one = dip_test(x, n_null=1).dip
    assert 1 / (2 * len(x)) - 1e-12 <= one <= 0.25 + 1e-12
    assert dip_test(-x, n_null=1).dip == pytest.approx(one)
    assert dip_test(scale * x + place, n_null=1).dip == pytest.approx(one, abs=1e-6)


@pytest.mark.statistical
def test_p_values_are_uniform_when_the_sample_is() -> None:
    rng = np.random.default_rng(0)
    p = [dip_test(rng.random(25), n_null=400, seed=i).p_value for i in range(200)]
    assert np.mean(np.array(p) <= 0.05) <= 0.09
    assert 0.42 < np.mean(p) < 0.58


def test_two_modes_are_found() -> None:
    rng = np.random.default_rng(1)
    sample = np.r_[rng.normal(0, 1, 60), rng.normal(6, 1, 40)]
    assert dip_test(sample, n_null=2000).p_value < 0.01


def test_too_few_values_are_refused() -> None:
    with pytest.raises(ParameterError, match="at least 4"):
        dip_test(np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ParameterError, match="finite"):
        dip_test(np.array([1.0, 2.0, np.nan, 3.0, 4.0]))

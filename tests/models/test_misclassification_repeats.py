from __future__ import annotations

import numpy as np
import pytest

from her2plastic._errors import ParameterError
from her2plastic.models import MisreadTable, reader_error_from_repeats, reader_matrix


def repeats(n: int, accuracy: float, times: int, seed: int) -> np.ndarray:
    """Readings of the same tissue: how many gave each of three states."""
    rng = np.random.default_rng(seed)
    matrix = reader_matrix(accuracy, n_states=3)
    true = rng.choice(3, size=n, p=[0.45, 0.40, 0.15])
    return np.array([rng.multinomial(times, matrix[state]) for state in true])


@pytest.mark.parametrize("times", [2, 3])
def test_double_readings_tell_the_accuracy(times):
    found = reader_error_from_repeats(repeats(400, 0.8, times, seed=0))
    assert found.lower < 0.8 < found.upper
    assert found.upper - found.lower < 0.12
    assert found.error is not None
    assert found.error.matrix[0, 0] == pytest.approx(found.accuracy)


@pytest.mark.statistical
def test_interval_of_the_accuracy_holds():
    found = [reader_error_from_repeats(repeats(120, 0.85, 2, seed=seed)) for seed in range(60)]
    assert np.mean([f.lower <= 0.85 <= f.upper for f in found]) > 0.88


def test_error_from_repeats_explains_readings_without_change():
    error = reader_error_from_repeats(repeats(150, 0.8, 2, seed=1)).error
    assert error is not None
    matrix = reader_matrix(0.8, n_states=3)
    shares = (matrix.T @ np.diag([0.45, 0.4, 0.15]) @ matrix).ravel()
    table = np.random.default_rng(1).multinomial(200, shares).reshape(3, 3)
    assert MisreadTable(error, n_null=99).fit(table).tests_[0].p > 0.05


def test_readings_that_always_agree_still_leave_error_possible():
    found = reader_error_from_repeats(np.repeat(2 * np.eye(3, dtype=int), 10, axis=0))
    assert found.accuracy > 0.98
    assert found.lower < 0.97
    assert found.error is not None
    assert (np.diag(found.error.matrix) < 1).all()


@pytest.mark.parametrize("readings", [np.zeros((0, 3)), np.tile([2, 0, 0], (9, 1)), np.tile([1, 0, 0], (50, 1))])
def test_too_few_repeats_are_insufficient(readings):
    found = reader_error_from_repeats(readings)
    assert "10 needed" in found.status
    assert found.error is None


def test_readings_by_chance_are_insufficient():
    found = reader_error_from_repeats(np.random.default_rng(2).multinomial(2, [1 / 3] * 3, size=40))
    assert found.status.startswith("insufficient: any accuracy")
    assert np.isnan(found.accuracy)


@pytest.mark.parametrize("readings", [np.ones(3), np.full((12, 3), 0.5), np.full((12, 3), -1)])
def test_faulty_readings_are_told(readings):
    with pytest.raises(ParameterError, match="readings: expected"):
        reader_error_from_repeats(readings)


def test_one_state_in_all_readings_says_nothing_of_the_accuracy():
    found = reader_error_from_repeats(np.tile([0, 2, 0], (40, 1)))
    assert found.status == "insufficient: 1 state in all readings, 2 needed"
    assert np.isnan([found.accuracy, found.lower, found.upper]).all() and found.error is None

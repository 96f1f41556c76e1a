from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest

from her2plastic._errors import ParameterError
from her2plastic.models import MisreadTable, ReaderError, cohen_kappa, reader_matrix
from her2plastic.models.misclassification.curve import accuracy_curve
from her2plastic.models.misclassification.em import fit_pairs, unchanged_only
from her2plastic.models.misclassification.reader_error import expected_without_change
from her2plastic.models.misclassification.unsure import MisreadAgainstUnsure
from her2plastic.models.transition_rates import NOT_IDENTIFIED

SHARES = np.array([0.45, 0.40, 0.15])
MOVES = np.array([[0.75, 0.25, 0.0], [0.15, 0.80, 0.05], [0.0, 0.10, 0.90]])
#: Reader accuracy to discordance and kappa of readings without any change, computed apart from this package.
WITHOUT_CHANGE = {0.7: (0.40, 0.38), 0.8: (0.29, 0.53), 0.9: (0.16, None)}


def drawn(n: int, accuracy: float, rng: np.random.Generator, moves: np.ndarray | None = None) -> np.ndarray:
    matrix = reader_matrix(accuracy, n_states=3)
    joint = SHARES[:, None] * (np.eye(3) if moves is None else moves)
    return rng.multinomial(n, (matrix.T @ joint @ matrix).ravel()).reshape(3, 3)


# --- readers ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("accuracy", WITHOUT_CHANGE)
def test_readings_without_change_differ_as_they_should(accuracy):
    discordance, kappa = WITHOUT_CHANGE[accuracy]
    table, found = expected_without_change(SHARES, reader_matrix(accuracy, n_states=3))
    assert round(found, 2) == discordance
    if kappa is not None:
        assert round(cohen_kappa(np.round(table * 1e6)).value, 2) == kappa


def test_golden_values_are_the_shared_ones(shared_data):
    golden = json.loads(Path(shared_data.parent, "science", "golden_values.json").read_text(encoding="utf-8"))
    shared = golden["misread_without_change"]
    assert shared["class_shares"] == SHARES.tolist()
    assert {float(a): tuple(v) for a, v in shared["reader_accuracy_to_discordance_kappa"].items()} == WITHOUT_CHANGE


@given(accuracy=st.floats(0.51, 0.99), k=st.integers(2, 6), highest=st.floats(0, 1))
def test_reader_matrix_is_one_of_probabilities(accuracy, k, highest):
    matrix = reader_matrix(accuracy, n_states=k, error_of_highest=highest)
    assert matrix.sum(axis=1) == pytest.approx(1)
    assert (matrix >= 0).all()
    assert np.diag(matrix)[:-1] == pytest.approx(accuracy)
    assert matrix[-1, -1] >= accuracy - 1e-12


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda: reader_matrix(1.2, n_states=3), "accuracy"),
        (lambda: reader_matrix(0.8, n_states=1), "at least 2"),
        (lambda: reader_matrix(0.8, n_states=3, error_of_highest=2), "error_of_highest"),
        (lambda: ReaderError.known([[0.9, 0.2], [0.1, 0.9]]), "sum to 1"),
        (lambda: ReaderError.known([[0.9, 0.1]]), "shape"),
        (lambda: ReaderError.known(0.5), r"got shape \(\)"),
        (lambda: ReaderError.from_validation([[3, 1], [0, 0]]), "no reading of true state 1"),
        (lambda: ReaderError.from_beta(0, 3, 2), "right=0"),
        (lambda: MisreadTable(ReaderError.from_accuracy(0.8, 3)).fit(np.eye(2)), "3 states"),
        (lambda: MisreadTable(ReaderError.from_accuracy(0.8, 2), n_null=-1).fit(np.eye(2)), "n_null"),
        (lambda: MisreadTable(ReaderError.from_accuracy(0.8, 2), level=2).fit(np.eye(2)), "level"),
        (lambda: accuracy_curve(np.eye(3), accuracies=(0.9, 0.8)), "rising"),
        (lambda: accuracy_curve(np.zeros((3, 3))), "no patient"),
        (lambda: expected_without_change(np.array([0.5, 0.6]), reader_matrix(0.8, n_states=2)), "shares"),
    ],
)
def test_faulty_input_is_told(fault, told):
    with pytest.raises(ParameterError, match=told):
        fault()


def test_validation_readings_are_weighed():
    known = ReaderError.from_validation([[80, 20], [10, 90]])
    assert known.matrix.tolist() == [[0.8, 0.2], [0.1, 0.9]]
    assert not known.is_known
    assert ReaderError.from_validation([[8, 0], [1, 9]]).matrix[0, 1] > 0
    assert ReaderError.from_beta(80, 20, 3).counts.sum(axis=1) == pytest.approx(100)


# --- likelihood ---------------------------------------------------------------------------------------------------
@settings(max_examples=20)
@given(table=arrays(int, (3, 3), elements=st.integers(0, 30)))
def test_fit_is_the_maximum(table):
    """No shift of probability towards any pair of states may raise the likelihood of a concave problem."""
    if table.sum() == 0:
        return
    matrix = reader_matrix(0.8, n_states=3)
    found = fit_pairs(table[None], matrix, matrix, tolerance=1e-10, most_steps=4000)
    seen = matrix.T @ found.pairs[0] @ matrix
    slope = matrix @ (table / np.maximum(seen, 1e-300)) @ matrix.T
    assert slope.max() <= table.sum() * (1 + 1e-3)
    assert found.pairs.sum() == pytest.approx(1)
    null = fit_pairs(table[None], matrix, matrix, held=unchanged_only(3))
    assert null.loglik[0] <= found.loglik[0] + 1e-6
    assert found.pairs.min() >= 0


def test_perfect_readers_give_the_table_itself():
    table = np.array([[30, 6, 0], [4, 20, 2], [0, 1, 9]])
    fit = MisreadTable(ReaderError.known(np.eye(3)), n_null=19).fit(table)
    assert fit.conversion_ == pytest.approx(table / table.sum(axis=1, keepdims=True), abs=1e-3)
    assert fit.tests_[0].p == pytest.approx(0.05)
    assert fit.expected_[0] == pytest.approx(0)
    assert fit.changed_[0] == pytest.approx(fit.discordance_, abs=1e-3)


def test_large_table_gives_the_truth():
    rng = np.random.default_rng(1)
    fit = MisreadTable(ReaderError.from_accuracy(0.85, 3), n_null=19).fit(drawn(200_000, 0.85, rng, MOVES))
    assert fit.conversion_ == pytest.approx(MOVES, abs=0.02)
    assert fit.changed_[0] == pytest.approx(1 - SHARES @ np.diag(MOVES), abs=0.01)
    assert fit.risen_[0] + fit.fallen_[0] == pytest.approx(fit.changed_[0], abs=1e-6)


def test_two_readers_may_differ():
    rng = np.random.default_rng(2)
    bad, good = reader_matrix(0.7, n_states=3), reader_matrix(0.95, n_states=3)
    table = rng.multinomial(20_000, (bad.T @ (SHARES[:, None] * good)).ravel()).reshape(3, 3)
    rightly = MisreadTable(ReaderError.known(bad), ReaderError.known(good), n_null=99).fit(table)
    wrongly = MisreadTable(ReaderError.known(good), n_null=99).fit(table)
    assert rightly.tests_[0].p > 0.05
    assert wrongly.tests_[0].p <= 0.05


def test_unsure_error_widens_what_is_left():
    table = drawn(300, 0.8, np.random.default_rng(3), MOVES)
    known = MisreadTable(ReaderError.from_accuracy(0.8, 3), n_null=99).fit(table)
    unsure = MisreadTable(ReaderError.from_beta(16, 4, 3), n_null=99).fit(table)
    assert unsure.changed_[2] - unsure.changed_[1] > known.changed_[2] - known.changed_[1]
    assert unsure.tests_[0].p >= known.tests_[0].p


# --- calibration --------------------------------------------------------------------------------------------------
@pytest.mark.statistical
def test_error_alone_is_not_called_change():
    rng = np.random.default_rng(4)
    reader = ReaderError.from_accuracy(0.8, 3)
    fits = [MisreadTable(reader, n_null=99, seed=i).fit(drawn(60, 0.8, rng)) for i in range(100)]
    found = sum(fit.tests_[0].p <= 0.05 for fit in fits)
    assert binomtest(found, 100, 0.05, alternative="greater").pvalue > 0.01
    # no change lies within the interval, but for as many
    assert np.mean([fit.changed_[1] < 1e-3 for fit in fits]) > 0.90
    assert np.mean([fit.expected_[1] <= fit.discordance_ <= fit.expected_[2] for fit in fits]) > 0.90


@pytest.mark.statistical
def test_change_is_found_and_its_interval_holds():
    rng = np.random.default_rng(5)
    reader = ReaderError.from_accuracy(0.9, 3)
    fits = [MisreadTable(reader, n_null=99, seed=i).fit(drawn(200, 0.9, rng, MOVES)) for i in range(60)]
    assert np.mean([fit.tests_[0].p <= 0.05 for fit in fits]) > 0.9
    truth = 1 - SHARES @ np.diag(MOVES)
    assert np.mean([fit.changed_[1] <= truth <= fit.changed_[2] for fit in fits]) > 0.88
    held = [(fit.lower_ - 1e-3 <= MOVES) & (MOVES <= fit.upper_ + 1e-3) for fit in fits]
    assert np.mean(held) > 0.92


# --- what cannot be said ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "told"),
    [
        (np.zeros((3, 3)), "0 patients"),
        (np.diag([1, 0, 0]), "1 patients with both readings, 6 needed"),
        (np.diag([40, 0, 0]), "1 state seen"),
    ],
)
def test_too_little_is_insufficient(table, told):
    fit = MisreadTable(ReaderError.from_accuracy(0.8, 3), n_null=19).fit(table)
    assert fit.status_.startswith("insufficient: ")
    assert told in fit.status_
    assert np.isnan(fit.conversion_).all()


def test_states_read_alike_are_insufficient():
    alike = ReaderError.known([[0.5, 0.5, 0.0], [0.45, 0.5, 0.05], [0.0, 0.1, 0.9]])
    fit = MisreadTable(alike, n_null=99).fit(drawn(200, 0.8, np.random.default_rng(6)))
    assert "smallest singular value" in fit.status_
    assert np.isnan(fit.conversion_).all()
    assert np.isfinite(fit.expected_).all()  # what error alone gives is known all the same


def test_a_state_never_visited_is_not_identified():
    table = np.array([[30, 5, 0], [6, 25, 0], [0, 0, 0]])
    fit = MisreadTable(ReaderError.from_accuracy(0.9, 3), n_null=19).fit(table)
    assert (fit.identifiability_[2] == NOT_IDENTIFIED).all()
    assert np.isnan(fit.conversion_[2]).all()
    assert np.isfinite(fit.conversion_[0]).all()


def test_ten_patients_give_wide_intervals():
    fit = MisreadTable(ReaderError.from_accuracy(0.8, 3), n_null=99).fit([[3, 1, 0], [1, 3, 0], [0, 0, 2]])
    assert fit.status_ == "ok"
    assert fit.changed_[2] - fit.changed_[1] > 0.3
    assert fit.tests_[0].p > 0.05


# --- accuracy unknown ---------------------------------------------------------------------------------------------
def test_curve_falls_and_tips_at_the_readers_accuracy():
    table = drawn(5000, 0.8, np.random.default_rng(7))
    curve = accuracy_curve(table, accuracies=(0.7, 0.75, 0.8, 0.85, 0.9), n_null=99)
    assert (np.diff(curve.columns["expected"]) < 0).all()
    assert curve.tipping[0] == pytest.approx(0.8, abs=0.02)
    assert curve.tipping[2] == pytest.approx(0.8, abs=0.051)
    assert curve.columns["changed_lower"][-1] > 0.05
    assert curve.columns["changed_lower"][2] < 0.01


# --- second state by likelihoods ----------------------------------------------------------------------------------
def test_sure_likelihoods_are_a_perfect_second_reader():
    table = drawn(150, 0.85, np.random.default_rng(8), MOVES)
    first, second = (np.repeat(places.ravel(), table.ravel()) for places in np.indices((3, 3)))
    error = ReaderError.from_accuracy(0.85, 3)
    unsure = MisreadAgainstUnsure(error, n_null=49).fit(first, np.eye(3)[second])
    sure = MisreadTable(error, ReaderError.known(np.eye(3)), n_null=49).fit(table)
    assert unsure.table_ == pytest.approx(table)
    assert unsure.conversion_ == pytest.approx(sure.conversion_, abs=1e-3)
    assert unsure.tests_[0].observed == pytest.approx(sure.tests_[0].observed, abs=1e-3)


def test_likelihoods_that_say_nothing_are_no_change():
    first = np.repeat([0, 1, 2], [30, 20, 10])
    fit = MisreadAgainstUnsure(ReaderError.from_accuracy(0.85, 3), n_null=49).fit(first, np.full((60, 3), 1 / 3))
    assert fit.tests_[0].observed == pytest.approx(0, abs=1e-6)
    assert fit.changed_[1] == pytest.approx(0, abs=1e-3)
    assert fit.changed_[2] > 0.99


@pytest.mark.parametrize(
    ("reading", "likelihood", "told"),
    [
        ([0, 1], np.ones((3, 3)), "2 patients by 3 states"),
        ([0, 1], np.zeros((2, 3)), "one above 0"),
        ([0, 3], np.ones((2, 3)), "from 0 to 2"),
    ],
)
def test_faulty_likelihoods_are_told(reading, likelihood, told):
    with pytest.raises(ParameterError, match=told):
        MisreadAgainstUnsure(ReaderError.from_accuracy(0.8, 3)).fit(np.array(reading), likelihood)

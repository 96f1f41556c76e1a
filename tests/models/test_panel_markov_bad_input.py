"""Panels that a model cannot answer for: refused by name, insufficient, or not identified; never a plausible number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2plastic._errors import ConvergenceError, DataWarning, Her2plasticError, ParameterError
from her2plastic.models import PanelMarkov
from her2plastic.models.transition_rates import INSUFFICIENT, NOT_IDENTIFIED

TWO = np.array([[0, 1], [1, 0]])
THREE = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
DEATH = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0]])


def panel(**changes: Any) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "subject": ["a", "a", "a", "b", "b", "b"], "time": [0.0, 1, 2, 0, 1, 3], "state": [0, 1, 0, 1, 0, 1],
    }  # fmt: skip
    return rows | changes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": [0.0, 2, 1, 0, 1, 3]}, "subject 'a' falls from 2 .row 1. to 1 .row 2."),
        ({"time": [-1.0, 0, 1, 0, 1, 3]}, "time -1.0 of subject 'a'"),
        ({"time": [0.0, np.nan, 1, 0, 1, 3]}, "time nan of subject 'a' .row 1."),
        ({"time": [0.0, 1, np.inf, 0, 1, 3]}, "time inf"),
        ({"time": [0.0, 0, 1, 0, 1, 3]}, "at the same time"),
        ({"time": ["0", "one", "2", "3", "4", "5"]}, "time must hold numbers"),
        ({"time": np.array(["2020-01-01"] * 6, dtype="datetime64[D]")}, "time holds dates"),
        ({"time": [0.0, 1]}, "time has the shape"),
        ({"state": [1, 2, 1, 2, 1, 2]}, "state 2 of subject 'a' .row 1.: expected a whole number from 0 to 1"),
        ({"state": [0, 0.5, 0, 1, 0, 1]}, "state 0.5"),
        ({"state": [0, np.nan, 0, 1, 0, 1]}, "`censored`"),
        ({"state": [0, 1, 0, 1]}, "state has the shape"),
        ({"subject": ["a", None, "a", "b", "b", "b"]}, "subject is missing in row 1"),
        ({"subject": []}, "subject has the shape"),
        ({"covariates": [1.0, np.nan, 1, 1, 1, 1]}, "covariate of subject 'a' .row 1. is missing"),
        ({"covariates": {"sex": ["m", "m", "m", "f", "f", "f"]}}, "covariate 'sex' must hold numbers"),
        ({"covariates": [1.0, 2]}, "covariate 'x1' has the shape"),
        ({"covariates": np.zeros((6, 1, 1))}, "covariates have the shape"),
        ({"likelihood": np.zeros((6, 2))}, "likelihood of row 0"),
        ({"likelihood": np.ones((6, 3))}, "likelihood has the shape"),
        ({"likelihood": np.full((6, 2), -1.0)}, "likelihood of row 0"),
        ({"likelihood": [[np.nan, 1]] * 6}, "likelihood of row 0"),
        ({"true_observation": [2] * 6}, "true_observation must hold true or false"),
        ({"effects": {"sex": TWO}}, "no covariate 'sex'"),
        ({"state": ["0", "low", "0", "low", "0", "low"]}, "States are counted from 0: pd.Categorical"),
    ],
)  # fmt: skip
def test_faulty_observations_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        PanelMarkov(TWO).fit(**panel(**changes))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"allowed": np.zeros((2, 3))}, "square"),
        ({"allowed": np.zeros((3, 3))}, "no transition"),
        ({"allowed": [[0, 0.3], [1, 0]]}, "0 and 1"),
        ({"exact_states": (2,)}, "from 0 to 1"),
        ({"misclassification": np.eye(3)}, r"expected \(2, 2\)"),
        ({"misclassification": [[0.5, 0.4], [0, 1]]}, "sum to 1"),
        ({"misclassification": [[1.5, -0.5], [0, 1]]}, "sum to 1"),
        ({"censored": {1: (0, 1)}}, "is a state"),
        ({"censored": {-1: (0, 5)}}, "from 0 to 1"),
        ({"initial": "last"}, "initial='last' is not known"),
        ({"level": 1.0}, "level"),
        ({"intervals": "wald"}, "intervals='wald'"),
    ],
)
def test_faulty_structures_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        PanelMarkov(**({"allowed": TWO} | options))


def test_faulty_first_states_are_named() -> None:
    for initial, words in ((np.ones(3), "shape"), (np.array([0.5, 0.6]), "off by 0.1"), (np.array([-1, 2.0]), "shape")):
        with pytest.raises(ParameterError, match=words):
            PanelMarkov(TWO, initial=initial).fit(**panel())


def test_first_states_that_nobody_said_are_told() -> None:
    """Half of the subjects begin in state 1; taken to begin in 0, as R msm does too, they seem to move at once."""
    subject, time = np.repeat(np.arange(8), 3), np.tile([0.0, 1, 2], 8)
    state = np.tile([0, 0, 1, 1, 1, 0], 4)
    model = PanelMarkov(TWO, (), [[0.9, 0.1], [0.1, 0.9]])
    with pytest.warns(DataWarning, match="4 of 8 are first read as another state"):
        model.fit(subject, time, state)
    assert "initial='estimate'" in model.summary()
    with pytest.raises(ParameterError, match="say initial='estimate'"):
        PanelMarkov(TWO, (), [[1.0, 0.0], [0.1, 0.9]]).fit(subject, time, state)


def test_a_transition_that_the_structure_forbids_is_named() -> None:
    one_way = np.array([[0, 1], [0, 0]])
    with pytest.raises(ParameterError, match="subject 'a', time 2 .row 2., state 0, after subject 'a', time 1"):
        PanelMarkov(one_way).fit(**panel())
    # a known error of reading explains it
    assert PanelMarkov(one_way, (), [[0.9, 0.1], [0.1, 0.9]]).fit(**panel()).status_ == "ok"
    with pytest.raises(ParameterError, match="first observation is not possible"):
        PanelMarkov(TWO, initial="first").fit(**panel())
    with pytest.raises(ParameterError, match="state 0, after"):
        PanelMarkov(DEATH, (2,)).fit(["a"] * 3, [0.0, 1, 2], [0, 2, 0])  # back from the dead


def test_without_time_in_between_there_is_nothing_to_say() -> None:
    for rows in (
        panel(subject=list("abcdef")),
        {"subject": ["a", "a"], "time": [1.0, 1.0], "state": [0, 0]},
        {"subject": ["a"], "time": [0.0], "state": [0]},
    ):
        model = PanelMarkov(TWO).fit(**rows)
        assert model.status_.startswith("insufficient: 0 subjects")
        assert np.isnan(model.minus2loglik_)
        assert np.isnan(model.intensities_).all()
        assert set(model.identifiability_[TWO > 0]) == {INSUFFICIENT}
        assert model.summary() == model.status_
        assert model.transition_rates().status == model.status_
        for call in (model.chain, model.state_probabilities, model.bootstrap, model.profile_intervals):
            with pytest.raises(ParameterError, match="no fit: insufficient"):
                call()
    with pytest.raises(ParameterError, match="call fit first"):
        PanelMarkov(TWO).chain()


def test_subjects_seen_once_change_nothing() -> None:
    rows = panel()
    alone = {"subject": [*rows["subject"], "c"], "time": [*rows["time"], 5.0], "state": [*rows["state"], 0]}
    model = PanelMarkov(TWO).fit(**alone)
    assert model.minus2loglik_ == pytest.approx(PanelMarkov(TWO).fit(**rows).minus2loglik_)
    assert model.notes_ == ("1 of 3 subjects were seen once and say nothing of the rates",)


def test_equal_times_with_equal_states_say_nothing() -> None:
    rows = panel()
    twice = {key: [values[0], *values] for key, values in rows.items()}
    np.testing.assert_allclose(
        PanelMarkov(TWO).fit(**twice).intensities_, PanelMarkov(TWO).fit(**rows).intensities_, rtol=1e-5
    )


def test_nobody_ever_moves() -> None:
    model = PanelMarkov(TWO).fit(np.repeat(np.arange(20), 3), np.tile([0.0, 10, 20], 20), np.zeros(60, dtype=int))
    assert set(model.identifiability_[TWO > 0]) == {NOT_IDENTIFIED}
    assert np.isnan(model.intensities_).all()
    # any rate will do if the way back is fast enough
    np.testing.assert_array_equal(model.intensity_intervals_[0, 1], [0, np.inf])
    np.testing.assert_array_equal(model.intensity_intervals_[1, 0], [0, np.inf])
    assert model.notes_ == ("never observed: state 1",)
    with pytest.raises(ParameterError, match="not finite"):
        model.chain()


def test_no_return_and_no_move_bound_the_rate() -> None:
    rows = np.repeat(np.arange(20), 3), np.tile([0.0, 10, 20], 20), np.zeros(60, dtype=int)
    model = PanelMarkov([[0, 1], [0, 0]]).fit(*rows)
    assert np.isnan(model.intensities_[0, 1])
    low, high = model.intensity_intervals_[0, 1]
    assert low == 0
    assert high == pytest.approx(0.5 * 3.8415 / 400, rel=0.01)  # exp(-400 rate)


def test_a_state_never_visited_leaves_its_rates_open() -> None:
    rng = np.random.default_rng(0)
    states = rng.integers(0, 2, (30, 5))
    model = PanelMarkov(THREE).fit(np.repeat(np.arange(30), 5), np.tile(np.arange(5.0), 30), states.ravel())
    assert model.identifiability_[1, 2] == model.identifiability_[2, 1] == NOT_IDENTIFIED
    assert np.isnan(model.intensities_[1, 2])


def test_one_patient_with_ten_draws_has_wide_intervals() -> None:
    states = [0, 0, 1, 1, 1, 0, 0, 1, 1, 0]
    model = PanelMarkov(TWO).fit(["a"] * 10, np.arange(10) * 21.0, states)
    assert model.status_ == "ok"
    assert model.intensity_intervals_[0, 1, 1] > 3 * model.intensity_intervals_[0, 1, 0]


def test_states_that_alternate_at_chance_have_no_finite_rate() -> None:
    """As often changed as not: rates are so fast that only their ratio counts."""
    rng = np.random.default_rng(1)
    model = PanelMarkov(TWO).fit(np.repeat(np.arange(50), 6), np.tile(np.arange(6.0), 50), rng.integers(0, 2, 300))
    assert (model.intensity_intervals_[0, 1, 1] > 1e3) or model.intensities_[0, 1] < 20


def test_a_covariate_that_never_varies_has_no_effect_to_report() -> None:
    rng = np.random.default_rng(2)
    rows = (np.repeat(np.arange(40), 4), np.tile(np.arange(4.0), 40), rng.integers(0, 2, 80).repeat(2))
    for covariates in (np.ones(160), np.column_stack([np.arange(160.0) % 7, 2 * (np.arange(160.0) % 7)])):
        model = PanelMarkov(TWO).fit(*rows, covariates)
        assert set(model.effect_identifiability_[:, TWO > 0].ravel()) == {NOT_IDENTIFIED}
        assert np.isfinite(model.intensities_[TWO > 0]).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e7])
def test_the_unit_of_time_does_not_matter(scale: float) -> None:
    rng = np.random.default_rng(3)
    states = rng.integers(0, 2, (40, 2)).repeat(2, axis=1)
    subject, time = np.repeat(np.arange(40), 4), np.tile(np.arange(4.0), 40)
    model = PanelMarkov(TWO).fit(subject, time * scale, states.ravel())
    plain = PanelMarkov(TWO).fit(subject, time, states.ravel())
    np.testing.assert_allclose(model.intensities_ * scale, plain.intensities_, rtol=1e-4)


def test_what_cannot_converge_is_said() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"s": np.repeat(np.arange(60), 5), "t": np.tile(np.arange(5.0), 60)})
    states, x = rng.integers(0, 3, 300), rng.normal(size=(300, 3))
    hard = PanelMarkov(np.ones((3, 3)), misclassification=np.ones((3, 3)), initial="estimate", max_iterations=1)
    with pytest.raises(ConvergenceError, match="no maximum that could be reached: .*max_iterations"):
        hard.fit(frame["s"], frame["t"], states, x)


def test_models_of_other_observations_are_not_compared() -> None:
    model, other = PanelMarkov(TWO).fit(**panel()), PanelMarkov([[0, 1], [0, 0]]).fit(["a", "a"], [0.0, 1], [0, 1])
    with pytest.raises(ParameterError, match="different observations"):
        model.likelihood_ratio_test(other)
    with pytest.raises(ParameterError, match="parameters"):
        model.likelihood_ratio_test(PanelMarkov(TWO).fit(**panel()))
    for call in (lambda: model.bootstrap(0), lambda: model.bootstrap(5, seed=-1), lambda: model.prevalence([-1])):
        with pytest.raises(Her2plasticError):
            call()

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from her2plastic import datasets
from her2plastic._errors import ParameterError


def test_design_of_the_trial():
    study = datasets.simulate_serum(seed=0, drop_out=0.0, lod=None)
    assert study.visits["donor_id"].nunique() == 50
    assert study.visits.groupby("donor_id")["day"].apply(list).map(tuple).unique().tolist() == [
        (0.0, 42.0, 84.0, 126.0)
    ]
    assert (study.visits.groupby("donor_id")["response"].first() == "response").sum() == 25


def test_truth_is_what_was_asked_for():
    study = datasets.simulate_serum(n_patients=2000, seed=1, drop_out=0.0, lod=None)
    truth = study.truth.set_index("donor_id")
    assert np.exp(truth["level"].median()) == pytest.approx(11.0, rel=0.05)
    assert truth["level"].std() == pytest.approx(0.5, rel=0.05)
    assert truth.groupby("responds")["slope"].mean().tolist() == pytest.approx([0.05, -0.125], abs=0.005)
    own = study.visits["donor_id"]
    line = own.map(truth["level"]) + own.map(truth["slope"]) * study.visits["cycle"]
    assert (np.log(study.visits["value"]) - line).std() == pytest.approx(0.15, rel=0.03)
    assert np.corrcoef(truth["level"], truth["ctc_level"])[0, 1] == pytest.approx(0.5, abs=0.05)
    assert study.effects["time:response"] == pytest.approx(-0.175)


def test_progressed_patients_leave_more_often():
    study = datasets.simulate_serum(n_patients=1000, seed=2)
    donors = study.visits.groupby("donor_id").agg(visits=("day", "size"), end=("progression_day", "first"))
    early = donors["end"] < 42
    stayed = donors["visits"] >= 2
    assert stayed[~early].mean() == pytest.approx(0.85, abs=0.04)
    assert stayed[early].mean() == pytest.approx(0.55, abs=0.08)


def test_a_twin_differs_in_one_thing():
    study = datasets.simulate_serum(seed=3, drop_out=0.0)
    still = datasets.simulate_serum(seed=3, drop_out=0.0, slopes=(0.1, 0.1))
    assert still.truth["level"].equals(study.truth["level"])
    assert still.ctcs.equals(study.ctcs)
    first = study.visits["cycle"] == 0
    pd.testing.assert_frame_equal(still.visits[first], study.visits[first])
    assert not still.visits.equals(study.visits)
    assert datasets.simulate_serum(seed=3, drop_out=0.0).visits.equals(study.visits)


def test_leaving_because_of_what_is_not_seen():
    plain, bound = (datasets.simulate_serum(n_patients=600, seed=4, drop_out_slope=slope) for slope in (0.0, 4.0))
    gone = bound.truth["visits"] < 4
    assert bound.truth["slope"][gone].mean() > bound.truth["slope"][~gone].mean() + 0.05
    assert bound.truth["slope"].equals(plain.truth["slope"])


def test_file_form_hides_what_lies_below():
    study = datasets.simulate_serum(seed=5, lod=8.0)
    assert (study.to_frame()["value"] == "<8").sum() == study.visits["below_lod"].sum() > 10
    assert (study.visits["value"] >= 8).all()


@pytest.mark.parametrize(
    "kwargs",
    [
        {"n_patients": 1}, {"cycles": ()}, {"cycles": (0, 0)}, {"response_share": 1.5}, {"baseline_median": 0},
        {"slopes": (9, 0)}, {"residual_sd": 0}, {"lod": 0}, {"drop_out": 1}, {"correlation": 2}, {"seed": -1},
        {"ctc_positive": 0}, {"ctc_overdispersion": 1}, {"follow_cycles": 0}, {"slope_sd": float("nan")},
    ],
)  # fmt: skip
def test_parameters(kwargs):
    with pytest.raises(ParameterError):
        datasets.simulate_serum(**kwargs)

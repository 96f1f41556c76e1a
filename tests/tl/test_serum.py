from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from her2plastic import datasets, io, pl, tl
from her2plastic._errors import MissingKeyError, ParameterError

REFERENCE = Path(__file__).parent / "serum_reference"
QUICK = {"n_bootstrap": 199, "dependence": None}
pytest.importorskip("lifelines", reason="lifelines (extra clinical) is not installed")


@pytest.fixture(scope="module")
def numbers():
    """What R says of the stored table: ``reference.R`` beside it."""
    return json.loads((REFERENCE / "reference.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(REFERENCE / "visits.csv", dtype={"value": str})


@pytest.fixture(scope="module")
def complete(table):
    """The stored table as it would be without a limit of detection."""
    return tl.serum(io.read_serum(table.assign(value=table["uncensored"], lod="")), **QUICK)


@pytest.fixture(scope="module")
def limited(table):
    return tl.serum(io.read_serum(table), **QUICK)


@pytest.fixture(scope="module")
def study():
    return tl.serum(datasets.simulate_serum(seed=1).visits, n_bootstrap=199, dependence=(-1.0, 1.0))


# --- against R ---
def test_mixed_model_as_lme4(complete, numbers):
    fit, r = complete.fit, numbers["reml"]
    assert fit.names == ("intercept", "response", "time", "time:response")
    assert fit.effects == pytest.approx(r["effects"], rel=1e-3, abs=2e-5)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(r["errors"], rel=1e-3)
    assert fit.random_sd["intercept"] == pytest.approx(r["sd_level"], rel=1e-3)
    assert fit.random_sd["time"] == pytest.approx(r["sd_slope"], rel=1e-3)
    assert fit.random_correlation == pytest.approx(r["correlation"], rel=2e-3)
    assert fit.sigma == pytest.approx(r["sigma"], rel=1e-3)
    assert fit.loglik == pytest.approx(r["loglik"], abs=1e-4)


def test_likelihood_as_lme4(table, numbers):
    from her2plastic.models.censored_mixed.exact import fit_exact
    from her2plastic.models.censored_mixed.rows import mixed_rows

    cycle, responds = table["cycle"].to_numpy(), (table["response"] == "response").to_numpy(dtype=float)
    x = np.stack([np.ones(len(table)), responds, cycle, cycle * responds], axis=1)
    fit = fit_exact(mixed_rows(table["donor_id"], x, x[:, [0, 2]], np.log(table["uncensored"])), restricted=False)
    assert fit.effects == pytest.approx(numbers["ml"]["effects"], rel=1e-3, abs=2e-5)
    assert fit.loglik == pytest.approx(numbers["ml"]["loglik"], abs=1e-4)


def test_values_below_detection_as_by_integration_in_r(table, numbers):
    from her2plastic.models.censored_mixed.estimator import CensoredMixed

    frame = io.read_serum(table)
    cycle, responds = frame["cycle"].to_numpy(), (frame["response"] == "response").to_numpy(dtype=float)
    x = np.stack([np.ones(len(frame)), responds, cycle, cycle * responds], axis=1)
    model = CensoredMixed(("a", "b", "c", "d"), random=("intercept",))
    fit = model.fit(frame["donor_id"], x, x[:, :1], np.log(frame["value"]), frame["below_lod"]).fitted_
    r = numbers["below"]
    assert fit.n_below > 20
    assert fit.effects == pytest.approx(r["effects"], rel=1e-3, abs=2e-5)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(r["errors"], rel=2e-3)
    assert (fit.sigma, fit.random_sd["intercept"]) == pytest.approx((r["sigma"], r["sd_level"]), rel=1e-3)
    assert fit.loglik == pytest.approx(r["loglik"], abs=1e-4)


def test_areas_as_proc(complete, numbers):
    for row in complete.roc.to_dict("records"):
        r = numbers["roc"][f"{row['look']:g}"]
        assert row["area"] == pytest.approx(r["area"], abs=1e-6)
        assert row["error"] == pytest.approx(r["error"], abs=1e-6)
    found = complete.cutoffs[complete.cutoffs["kind"] == "optimised, as found"]
    for row in found.to_dict("records"):
        assert row["youden"] == pytest.approx(numbers["roc"][f"{row['look']:g}"]["youden"], abs=1e-6)


def test_given_cutoff_as_fisher_test(complete, numbers):
    row = complete.cutoffs[complete.cutoffs["kind"] == "given"].iloc[0]
    assert (row["cutoff"], row["unit"]) == (pytest.approx(15.0), "ng/mL")
    for name, value in numbers["given"].items():
        assert row[name] == pytest.approx(value, rel=1e-6)


def test_landmark_as_coxph(complete, numbers):
    found, r = complete.landmark, numbers["landmark"]
    assert (found.n, found.n_events) == (r["n"], r["events"])
    assert np.log(found.frame["ratio"]).to_numpy() == pytest.approx(r["coefficients"], rel=1e-3)
    half = np.log(found.frame["upper"] / found.frame["lower"]).to_numpy() / 2 / 1.959964
    assert half == pytest.approx(r["errors"], rel=1e-3)
    assert found.p == pytest.approx(r["p"], rel=1e-3)


# --- what the result says ---
def test_effects_and_changes_belong_together(study):
    frame = study.to_frame().set_index("effect")
    change = study.changes.set_index(["group", "look"])
    slope = frame.loc["time", "estimate"] + frame.loc["time:response", "estimate"]
    assert change.loc[("response", 6.0), "change"] == pytest.approx(100 * np.expm1(6 * slope))
    assert change.loc[("no response", 2.0), "change"] == pytest.approx(
        100 * np.expm1(2 * frame.loc["time", "estimate"])
    )
    assert ((change["lower"] < change["change"]) & (change["change"] < change["upper"])).all()
    assert frame.loc["time:response", "upper"] < 0
    assert frame["factor"].to_numpy() == pytest.approx(np.exp(frame["estimate"].to_numpy()))


def test_summary_says_whom_the_numbers_are_about(study):
    text = study.summary()
    assert "those still seen at cycle 6; 33 of 50 were not" in text
    assert "holds for the assay" in text
    assert "restricted likelihood" in text
    assert "landmark at cycle 2" in text


def test_limit_of_detection_is_no_value(limited, complete):
    """The effects stay near those of the true values; the limit in place of values below it would flatten them."""
    assert limited.n_below == 24
    near, true = limited.to_frame()["estimate"], complete.to_frame()["estimate"]
    assert np.abs(near - true).max() < 0.06
    assert limited.fit.method != complete.fit.method


def test_drop_out_is_looked_at(study):
    found = study.drop_out
    assert found.status == "ok"
    assert sum(found.left.values()) == 33
    none = found.frame[(found.frame["dependence"] == 0) & (found.frame["effect"] == "time:response")].iloc[0]
    assert none["estimate"] == pytest.approx(
        study.to_frame().set_index("effect").loc["time:response", "estimate"], abs=0.01
    )
    assert sorted(found.frame.loc[~found.frame["estimated"], "dependence"].unique()) == [-1.0, 0.0, 1.0]
    assert found.frame["estimated"].any()
    assert np.isinf(found.tipping_point("time:response"))
    assert np.isnan(found.tipping_point("time"))


def test_assumptions_on_leaving_that_the_values_speak_against_are_told(tmp_path):
    visits = io.read_serum(datasets.demo_patients(tmp_path)["serum"])
    result = tl.serum(visits, n_bootstrap=99, dependence=(1.0,))
    fits = result.drop_out.frame.set_index(["dependence", "effect"])["fits"]
    assert fits[0.0, "time:response"]
    assert not fits[1.0, "time:response"]  # slopes of patients would have to vanish, and the effect jumps
    assert "dependence +1 (assumed; fits badly): time:response" in result.summary()
    drawn = pl.prepare_effects(result).rows["label"].tolist()
    assert "dependence +1.0, assumed, fits badly" in drawn
    assert "no dependence" in drawn


def test_landmark_does_not_look_ahead(study):
    """What happens after the landmark visit changes neither who is at risk nor what is known of them."""
    visits = datasets.simulate_serum(seed=1).visits
    late = visits["cycle"] > 2
    again = tl.serum(visits.assign(value=visits["value"].where(~late, 999.0)), **QUICK).landmark
    pd.testing.assert_frame_equal(again.frame, study.landmark.frame)
    assert again.left_out == study.landmark.left_out
    assert tl.serum(visits[~late], **QUICK).landmark.n == again.n


def test_visits_each_with_a_mean(study):
    found = tl.serum(datasets.simulate_serum(seed=1).visits, time="visits", **QUICK)
    assert found.fit.names[2:5] == ("cycle 2", "cycle 4", "cycle 6")
    change = found.changes[found.changes["group"] == "response"]["change"].to_numpy()
    line = study.changes[study.changes["group"] == "response"]["change"].to_numpy()
    assert change == pytest.approx(line, abs=8)


def test_other_groups_and_none():
    visits = datasets.simulate_serum(seed=2).visits
    arms = visits.assign(arm=np.where(visits["donor_id"] < "P20", "A", np.where(visits["donor_id"] < "P35", "B", "C")))
    found = tl.serum(arms, group="arm", **QUICK)
    assert found.fit.names == ("intercept", "B", "C", "time", "time:B", "time:C")
    assert tl.serum(visits, group=None, **QUICK).fit.names == ("intercept", "time")


def test_assays_are_shifted_by_a_factor():
    visits = datasets.simulate_serum(seed=3, n_patients=80, lod=None).visits
    other = visits["donor_id"] > "P40"
    mixed = visits.assign(assay=np.where(other, "Y", "X"), value=visits["value"] * np.where(other, 3.0, 1.0))
    found = tl.serum(mixed, **QUICK)
    row = found.to_frame().set_index("effect").loc["assay Y"]
    assert row["factor_lower"] < 3 < row["factor_upper"]
    assert "2 assays" in " ".join(found.notes)
    with pytest.raises(ParameterError, match="assay of some values"):
        tl.serum(mixed.assign(assay=mixed["assay"].where(mixed.index > 3, None)), **QUICK)


def test_same_seed_same_result():
    visits = datasets.simulate_serum(seed=4, n_patients=24).visits
    one, two = (tl.serum(visits, seed=9, **QUICK) for _ in range(2))
    pd.testing.assert_frame_equal(one.roc, two.roc)
    pd.testing.assert_frame_equal(one.cutoffs, two.cutoffs)
    shuffled = visits.sample(frac=1, random_state=0)
    assert tl.serum(shuffled, seed=9, **QUICK).fit.effects == pytest.approx(one.fit.effects, abs=1e-6)


# --- too little, and not what it should be ---
def test_few_patients_are_insufficient_in_every_part():
    found = tl.serum(datasets.simulate_serum(n_patients=5, seed=0).visits, **QUICK)
    assert found.fit is None
    for said in (found.status, found.landmark.status, found.drop_out.status, *found.roc["status"]):
        assert said.startswith(("insufficient", "not asked"))
    assert found.cutoffs.loc[found.cutoffs["kind"] != "given", "status"].str.startswith("insufficient").all()
    assert "insufficient" in found.summary()
    assert found.to_frame().empty


def test_missing_response_leaves_patients_out_and_says_so():
    visits = datasets.simulate_serum(seed=1).visits
    unknown = visits["donor_id"] < "P06"
    found = tl.serum(visits.assign(response=visits["response"].where(~unknown)), **QUICK)
    assert "5 patients without 'response'" in " ".join(found.notes)
    assert found.roc["n"][0] == 45
    assert found.fit.n_patients == 45
    nothing = tl.serum(visits.assign(response=None), **QUICK)
    assert nothing.status.startswith("insufficient")


def test_all_responded_or_nobody_progressed():
    visits = datasets.simulate_serum(seed=1).visits
    found = tl.serum(visits[visits["response"] == "response"].assign(progression_day=np.nan), **QUICK)
    assert "two groups are needed" in found.status
    assert "no progression is given" in found.landmark.status
    assert found.roc["status"].str.startswith("insufficient").all()


def test_without_values_before_treatment_no_change_is_known():
    visits = datasets.simulate_serum(seed=1).visits
    found = tl.serum(visits[visits["cycle"] > 0], **QUICK)
    assert "no value before treatment" in " ".join(found.notes)
    assert (found.roc["n"] == 0).all()
    assert found.landmark.left_out["no value before treatment"] > 20


def test_nobody_left():
    visits = datasets.simulate_serum(seed=1, drop_out=0.0, n_patients=16).visits
    found = tl.serum(visits, n_bootstrap=99, dependence=(1.0,))
    assert found.drop_out.status == "nobody left before the last look"


@pytest.mark.parametrize(
    ("change", "kwargs", "error"),
    [
        (lambda v: v.drop(columns="value"), {}, MissingKeyError),
        (lambda v: v, {"group": "colour"}, MissingKeyError),
        (lambda v: v.assign(value=-1.0), {}, ParameterError),
        (lambda v: v.assign(value="high"), {}, ParameterError),
        (lambda v: pd.concat([v, v]), {}, ParameterError),
        (lambda v: v.assign(arm=np.arange(len(v)).astype(str)), {"group": "arm"}, ParameterError),
        (lambda v: v, {"looks": ()}, ParameterError),
        (lambda v: v, {"looks": (2, 2)}, ParameterError),
        (lambda v: v, {"landmark": 3}, ParameterError),
        (lambda v: v, {"cutoff": 0}, ParameterError),
        (lambda v: v, {"level": 95}, ParameterError),
        (lambda v: v, {"time": "log"}, ParameterError),
        (lambda v: v, {"window": 0}, ParameterError),
        (lambda v: v, {"fall": 20}, ParameterError),
        (lambda v: v.to_dict(), {}, ParameterError),
    ],
)
def test_bad_input(change, kwargs, error):
    with pytest.raises(error):
        tl.serum(change(datasets.simulate_serum(n_patients=12, seed=0).visits), **QUICK | kwargs)


def test_a_value_that_parts_those_who_progress_has_no_hazard_ratio():
    visits = datasets.simulate_serum(seed=1).visits
    wide = visits.pivot(index="donor_id", columns="cycle", values="value")
    order = visits["donor_id"].map((wide[0.0] / wide[2.0]).dropna().rank())
    found = tl.serum(visits.assign(progression_day=60 + 3 * order, last_day=400.0), **QUICK).landmark
    assert found.n_events > 30
    assert "did not converge" in found.status
    assert found.frame.empty


def test_names_may_be_numbers_and_days_irregular():
    visits = datasets.simulate_serum(seed=1).visits
    plain = tl.serum(visits, n_bootstrap=199, dependence=(1.0,))
    named = visits.assign(donor_id=visits["donor_id"].str[1:].astype(int))
    again = tl.serum(named, n_bootstrap=199, dependence=(1.0,)).drop_out.frame["estimate"]
    assert again.to_numpy() == pytest.approx(plain.drop_out.frame["estimate"].to_numpy(), abs=1e-4)
    late = visits["cycle"] + np.where(visits["cycle"] > 0, 4 / 21, 0.0)
    assert tl.serum(visits.assign(cycle=late), **QUICK).roc["n"].tolist() == plain.roc["n"].tolist()
    assert (tl.serum(visits.assign(cycle=late), window=0.1, **QUICK).roc["n"][1:] == 0).all()

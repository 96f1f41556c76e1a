from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from anndata import AnnData

from her2plastic import _keys, im, tl
from her2plastic._errors import CalibrationError, MissingKeyError, ParameterError
from her2plastic.models import IntensityScale

LINES = {"MDA-MB-468": 0, "ZR-75-1": 1, "MDA-MB-453": 2, "SK-BR-3": 3}
Make = Callable[..., AnnData]


def cohort(
    measured: Make,
    *,
    lines: dict[str, int] = LINES,
    patients: Sequence[Sequence[int]] = ((0, 1, 2, 3) * 5,),
    **more: Any,
) -> AnnData:
    """Return control slides of one line each and slides of patients, with identities."""
    slides = [
        measured(leukocytes=60, scores=[score] * 40, control_line=line, slide_id=line, seed=10 + k, **more)
        for k, (line, score) in enumerate(lines.items())
    ]
    slides += [
        measured(leukocytes=60, scores=scores, slide_id=f"p{k}", seed=50 + k, **more)
        for k, scores in enumerate(patients)
    ]
    adata = anndata.concat(slides)
    im.ctc_identity(adata)
    return adata


@pytest.fixture(scope="module")
def scored(measured: Make) -> AnnData:
    adata = cohort(measured, patients=[(0, 1, 2, 3) * 6, (0,) * 10 + (1,) * 5, (3,) * 7, ()])
    tl.her2_if(adata)
    return adata


def record(adata: AnnData) -> dict[str, Any]:
    return adata.uns["her2plastic"]["her2_if"]


def patients(adata: AnnData) -> Any:
    return adata.obs[adata.obs["is_ctc"] & (adata.obs["control_line"] == "")]


# --- what is written ------------------------------------------------------------------------------------------------
def test_posteriors_add_up_and_states_are_sums_of_scores(scored: AnnData) -> None:
    scores, states = scored.obsm["her2_if_score_posterior"], scored.obsm["her2_if_posterior"]
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    np.testing.assert_allclose(states["HER2-low"], scores["1+"] + scores["2+"])
    np.testing.assert_allclose(states.sum(axis=1), 1)
    np.testing.assert_allclose(scored.obsm["her2_if_likelihood"].max(axis=1), 1)
    obs = scored.obs
    assert obs["her2_if_state"].cat.ordered
    assert obs["her2_if_state"].isna().equals(~obs["is_ctc"])
    assert ((obs["her2_if_call"] == _keys.NOT_A_CTC) == ~obs["is_ctc"]).all()
    has_state = obs["her2_if_state"].notna()
    np.testing.assert_allclose(obs["her2_if_confidence"][has_state], states[has_state].max(axis=1))


def test_files_hold_the_result(scored: AnnData, tmp_path: Path) -> None:
    scored.write_h5ad(tmp_path / "a.h5ad")
    scored.write_zarr(tmp_path / "a.zarr")
    for again in (anndata.read_h5ad(tmp_path / "a.h5ad"), anndata.read_zarr(tmp_path / "a.zarr")):
        assert tl.her2_if_shares(again).to_frame().equals(tl.her2_if_shares(scored).to_frame())
        np.testing.assert_array_equal(again.obsm["her2_if_posterior"], scored.obsm["her2_if_posterior"])


def test_result_does_not_depend_on_the_order_of_objects(scored: AnnData) -> None:
    again = scored[np.random.default_rng(0).permutation(scored.n_obs)].copy()
    tl.her2_if(again)
    np.testing.assert_allclose(
        again.obsm["her2_if_posterior"].loc[scored.obs_names], scored.obsm["her2_if_posterior"], atol=1e-6
    )  # the controls' sums are rounded in another order


# --- right answers --------------------------------------------------------------------------------------------------
def test_scores_are_as_right_as_the_overlap_allows(scored: AnnData) -> None:
    cells = patients(scored)
    score = np.array(_keys.IF_SCORES)[cells["true_score"]]
    assert (cells["her2_if_score"].astype(str) == score).mean() > 0.85
    assert record(scored)["calibration"]["calibrated"]
    assert np.median(np.abs(np.log2(cells["her2_intensity"] / cells["true_units"]))) < np.log2(1.05)


def test_gain_of_a_slide_is_gone_with_its_leukocytes(measured: Make) -> None:
    one, other = cohort(measured), cohort(measured, gain=16.0)
    for adata in (one, other):
        tl.her2_if(adata)
    assert np.abs(np.log2(one.obs["her2_intensity"] / other.obs["her2_intensity"])[one.obs["is_ctc"]]).max() < 0.2
    assert (one.obs["her2_if_state"].astype(str) == other.obs["her2_if_state"].astype(str)).mean() > 0.99


def test_drift_of_the_stain_is_found_by_the_controls_and_taken_off(measured: Make) -> None:
    slides = []
    for run, staining in (("strong", 1.5), ("weak", 1 / 1.5)):
        slides += [
            measured(
                leukocytes=100,
                scores=[score] * 40,
                control_line=line,
                slide_id=f"{run} {line}",
                seed=score,
                staining=staining,
            )
            for line, score in LINES.items()
        ]
        slides.append(measured(leukocytes=100, scores=[2] * 40, slide_id=f"{run} p", seed=9, staining=staining))
    adata = anndata.concat(slides)
    adata.obs["run"] = adata.obs["slide_id"].str.split(" ").str[0].to_numpy()
    im.ctc_identity(adata)
    tl.her2_if(adata, batch_key="run")
    drift = dict(zip(record(adata)["batches"]["batch"], record(adata)["batches"]["drift_log2"], strict=True))
    assert drift["strong"] - drift["weak"] == pytest.approx(2 * np.log2(1.5), abs=0.15)
    strong, weak = (
        adata.obs["her2_intensity"][(adata.obs["slide_id"] == f"{run} p") & adata.obs["is_ctc"]].median()
        for run in ("strong", "weak")
    )
    assert strong / weak == pytest.approx(1, abs=0.1)


def test_saturated_cells_are_at_least_so_bright(measured: Make) -> None:
    adata = cohort(measured, lines={}, patients=[(3,) * 8 + (2,) * 8], limit=60 * 12.0)
    scale = IntensityScale("known", "simulated", tuple(np.log2([1.1, 3, 8, 20])), (0.5,) * 4, slide_sd=0.05)
    tl.her2_if(adata, calibration=scale)
    censored = adata.obs["her2_if_censored"] & adata.obs["is_ctc"]
    assert censored.sum() == record(adata)["n_censored"] > 5
    # at the limit an exact value speaks for 2+, a lower bound for 3+
    scores = adata.obsm["her2_if_score_posterior"]["3+"][censored]
    assert (scores > 0.8).all()
    exact = adata.copy()
    tl.her2_if(exact, calibration=scale, max_saturated=1.0)
    assert (exact.obsm["her2_if_score_posterior"]["3+"][censored] < scores - 0.2).all()


def test_controls_that_are_partly_saturated_still_place_their_score(measured: Make) -> None:
    adata = cohort(measured, limit=60 * 20.0)
    tl.her2_if(adata)
    centre = 2 ** record(adata)["calibration"]["scale"]["mean_log2"]
    np.testing.assert_allclose(centre, [1.1, 3, 8, 20], rtol=0.2)


def test_without_controls_it_says_uncalibrated_and_is_less_sure(measured: Make, scored: AnnData) -> None:
    adata = scored.copy()
    tl.her2_if(adata, calibration="reference")
    found = record(adata)["calibration"]
    assert not found["calibrated"]
    assert "uncalibrated" in found["source"]
    lonely = cohort(measured, lines={}, patients=[(1,) * 6])
    tl.her2_if(lonely, calibration="reference")
    assert patients(lonely)["her2_if_confidence"].mean() < 0.85
    calibrated = cohort(measured, patients=[(1,) * 6])
    tl.her2_if(calibrated)
    assert patients(calibrated)["her2_if_confidence"].mean() > 0.9


def test_one_control_line_moves_the_scale_as_a_whole(measured: Make) -> None:
    adata = cohort(measured, lines={"SKBR3": 3})
    tl.her2_if(adata)
    found = record(adata)["calibration"]
    assert "no controls of 0, 1+, 2+" in found["source"]
    reference = record_of_reference(adata)
    moved = found["scale"]["mean_log2"] - reference["scale"]["mean_log2"]
    np.testing.assert_allclose(moved, moved[3])
    assert (found["scale"]["sd_log2"][:3] > reference["scale"]["sd_log2"][:3]).all()
    assert found["cohort_sd"] > 0


def record_of_reference(adata: AnnData) -> dict[str, Any]:
    again = adata.copy()
    tl.her2_if(again, calibration="reference")
    return record(again)["calibration"]


def test_scores_serve_as_names_of_controls(measured: Make) -> None:
    adata = cohort(measured, lines={"0": 0, "1+": 1, "2+": 2, "3+": 3})
    tl.her2_if(adata)
    assert record(adata)["calibration"]["calibrated"]


# --- bad input ------------------------------------------------------------------------------------------------------
def test_controls_in_the_wrong_order_are_refused(measured: Make) -> None:
    adata = cohort(measured, lines={"SKBR3": 0, "MDA-MB-468": 3})
    with pytest.raises(CalibrationError, match="wrong order.*3\\+ at 1"):
        tl.her2_if(adata)


def test_unknown_line_and_no_line_are_named(measured: Make) -> None:
    adata = cohort(measured, lines={"HeLa": 0})
    with pytest.raises(CalibrationError, match="'HeLa' is not known"):
        tl.her2_if(adata)
    with pytest.raises(CalibrationError, match="no control line is named"):
        tl.her2_if(cohort(measured, lines={}))


def test_too_few_and_saturated_controls_are_refused(measured: Make) -> None:
    adata = anndata.concat([measured(scores=[3] * 5, control_line="SKBR3")])
    im.ctc_identity(adata)
    with pytest.raises(CalibrationError, match=r"no score has 10 control cells \(found 0 of 0, .* 5 of 3"):
        tl.her2_if(adata)
    with pytest.raises(CalibrationError, match="every control cell of 3\\+ is saturated"):
        tl.her2_if(cohort(measured, lines={"SKBR3": 3}, limit=60 * 2.5))


def test_slide_without_leukocytes_has_no_intensity(measured: Make) -> None:
    adata = anndata.concat(
        [measured(scores=[1] * 9, slide_id="a"), measured(leukocytes=0, scores=[1] * 9, slide_id="b")]
    )
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    bare = adata.obs[adata.obs["slide_id"] == "b"]
    assert bare["is_ctc"].all()
    assert bare["her2_intensity"].isna().all()
    assert (bare["her2_if_call"] == _keys.NOT_CALLABLE).all()
    assert bare["her2_if_state"].isna().all()
    status = dict(zip(record(adata)["slides"]["slide"], record(adata)["slides"]["status"], strict=True))
    assert status["a"] == "ok"
    assert status["b"].startswith("insufficient: 0 leukocytes")


def put(adata: AnnData, name: str, rows: Any, values: Any) -> None:
    """Give some objects other values of a feature."""
    matrix: Any = adata.X
    matrix[rows, adata.var_names.get_loc(name)] = values


def test_dark_leukocytes_are_no_background(measured: Make) -> None:
    adata = measured(scores=[1] * 5)
    im.ctc_identity(adata)
    white = ~adata.obs["true_ctc"].to_numpy()
    put(adata, "HER2_cell_mean", white, np.random.default_rng(0).normal(0, 1, white.sum()))
    tl.her2_if(adata, calibration="reference")
    assert "does not stand out" in record(adata)["slides"]["status"][0]
    assert adata.obs["her2_intensity"].isna().all()


def test_all_saturated_slide_is_not_judged(measured: Make) -> None:
    adata = measured(scores=[1] * 5)
    im.ctc_identity(adata)
    put(adata, "HER2_cell_saturated", slice(None), 1.0)
    put(adata, "HER2_cell_mean", slice(None), 4000.0)
    tl.her2_if(adata, calibration="reference")
    assert "saturated in the leukocytes" in record(adata)["slides"]["status"][0]
    assert adata.obs["her2_if_state"].isna().all()


def test_slide_without_a_ctc_is_a_result(measured: Make) -> None:
    adata = measured(scores=())
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    assert (adata.obs["her2_if_call"] == _keys.NOT_A_CTC).all()
    assert "insufficient: no CTC" in tl.her2_if_shares(adata).summary()


@pytest.mark.parametrize("wrong", [{"level": 0.4}, {"max_saturated": 2}, {"calibration": "lines"}])
def test_wrong_parameters_are_named(scored: AnnData, wrong: dict) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        tl.her2_if(scored.copy(), **wrong)


def test_a_mistyped_donor_key_is_named(scored: AnnData) -> None:
    with pytest.raises(MissingKeyError, match="donr"):
        tl.her2_if(scored.copy(), donor_key="donr")


def test_missing_steps_and_channels_are_named(measured: Make) -> None:
    with pytest.raises(MissingKeyError, match="identity.*im.ctc_identity"):
        tl.her2_if(measured(scores=[1]))
    adata = measured(scores=[1], channels=("DAPI", "CK", "CD45"))
    im.ctc_identity(adata)
    with pytest.raises(ParameterError, match="HER2_cell_mean"):
        tl.her2_if(adata)
    for result in (tl.her2_if_shares, tl.her2_patient_rules):
        with pytest.raises(MissingKeyError, match="tl.her2_if"):
            result(adata)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"mean_log2": (0.0, 2.0, 1.0, 4.0)}, "rise"), ({"mean_log2": (0.0, 1.0)}, "each of"),
        ({"sd_log2": (0.5, 0.5, 0.5, 0.0)}, "above 0"), ({"slide_sd": -1.0}, "slide_sd"),
    ],
)  # fmt: skip
def test_faulty_scales_are_refused(wrong: dict, match: str) -> None:
    sound: dict[str, Any] = {"name": "n", "source": "s", "mean_log2": (0.0, 1.0, 2.0, 4.0), "sd_log2": (0.5,) * 4}
    IntensityScale(**sound)
    with pytest.raises(CalibrationError, match=match):
        IntensityScale(**sound | wrong)


# --- shares and patient rules ---------------------------------------------------------------------------------------
def test_shares_bracket_the_truth_and_leave_controls_out(scored: AnnData) -> None:
    frame: Any = tl.her2_if_shares(scored).to_frame().set_index("donor_id")
    assert list(frame.index) == ["p0", "p1", "p2", "p3"]
    truth = {"p0": (0.25, 0.5, 0.25), "p1": (2 / 3, 1 / 3, 0), "p2": (0, 0, 1)}
    for donor, shares in truth.items():
        for state, share in zip(_keys.STATES, shares, strict=True):
            assert frame.loc[donor, f"lower_{state}"] - 0.05 <= share <= frame.loc[donor, f"upper_{state}"] + 0.1
    assert frame.loc["p3", "note"] == "insufficient: no CTC"


def test_rules_stand_side_by_side_with_number_and_interval(scored: AnnData) -> None:
    rules = tl.her2_patient_rules(scored)
    frame: Any = rules.to_frame().set_index(["donor_id", "rule"])
    assert (frame["n_ctc"].groupby("donor_id").first() == [24, 15, 7, 0]).all()
    assert frame.loc[("p2", "h_score_200"), "value"] > 270
    assert frame.loc[("p2", "half_positive"), "probability"] > 0.99
    assert frame.loc[("p1", "half_positive"), "probability"] < 0.05
    assert frame.loc[("p1", "over_30_percent"), "probability"] < 0.2
    judged = frame[frame["note"] == ""]
    assert ((judged["lower"] <= judged["value"] + 1e-9) & (judged["value"] <= judged["upper"] + 1e-9)).mean() > 0.95
    assert frame.loc["p3", "note"].str.startswith("insufficient").all()
    assert frame.xs("fish_2_0", level="rule")["note"].str.contains("FISH").all()
    assert frame["source"].str.len().gt(0).all()
    assert "p3, any_3plus: insufficient" in rules.summary()


def test_rule_of_one_cell_tells_its_bias(scored: AnnData) -> None:
    frame: Any = tl.her2_patient_rules(scored, rules=["any_3plus"]).to_frame().set_index("donor_id")
    assert frame["warning"].str.contains("biased by the number of CTCs").all()
    # with 7 CTCs, a true share of one in ten goes unseen with probability 0.48
    assert 1 - frame.loc["p2", "seen_if_tenth"] == pytest.approx(0.48, abs=0.005)


@pytest.mark.parametrize("wrong", [{"level": 1}, {"n_draws": 3}, {"by": ()}, {"rules": ["best"]}])
def test_wrong_parameters_of_rules_are_named(scored: AnnData, wrong: dict) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        tl.her2_patient_rules(scored, **wrong)

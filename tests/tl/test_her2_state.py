from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import her2plastic as hp
from her2plastic import _keys
from her2plastic._errors import CalibrationError, GeneError, MissingKeyError, ParameterError, UnitError
from her2plastic.datasets import simulate_cohort
from her2plastic.tl.her2_words import call_words

STATES = list(_keys.STATES)


def _cells(erbb2: list[float], depth: list[float], **obs: object) -> ad.AnnData:
    counts = np.zeros((len(erbb2), 600), dtype=np.float32)
    counts[:, 0], counts[:, 1] = erbb2, np.array(depth) - np.array(erbb2)
    frame = pd.DataFrame(obs, index=[f"cell{i}" for i in range(len(erbb2))])
    genes = pd.DataFrame(index=["ERBB2", *(f"OTHER{i}" for i in range(599))])
    adata = ad.AnnData(csr_matrix(counts), obs=frame, var=genes)
    adata.layers[_keys.COUNTS] = adata.X
    return adata


@pytest.fixture(scope="module")
def cohort() -> ad.AnnData:
    adata = simulate_cohort(n_donors=6, draws=(0, 21), n_ctc=20, n_genes=818, controls=30, seed=4)
    adata.obs[_keys.IS_CTC] = adata.obs[_keys.TRUE_IDENTITY].isin(_keys.CTC_IDENTITIES)
    hp.tl.her2_state(adata)
    return adata


def test_what_is_written(cohort: ad.AnnData) -> None:
    posterior = cohort.obsm[_keys.HER2_POSTERIOR]
    assert list(posterior.columns) == STATES
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    state = cohort.obs[_keys.HER2_STATE]
    assert state.cat.ordered and list(state.cat.categories) == STATES
    is_ctc = cohort.obs[_keys.IS_CTC].to_numpy()
    assert state[~is_ctc].isna().all() and state[is_ctc].notna().all()
    assert (cohort.obs[_keys.HER2_CALL][~is_ctc] == _keys.NOT_A_CTC).all()
    best = posterior.to_numpy().argmax(axis=1)
    assert (state.cat.codes.to_numpy()[is_ctc] == best[is_ctc]).all()
    np.testing.assert_allclose(cohort.obs[_keys.HER2_CONFIDENCE][is_ctc], posterior.max(axis=1)[is_ctc])


def test_calls_hold_the_level(cohort: ad.AnnData) -> None:
    posterior = cohort.obsm[_keys.HER2_POSTERIOR]
    members = {
        "HER2-0": [0], "HER2-low": [1], "HER2-positive": [2], "HER2-0/low": [0, 1], "HER2-low/positive": [1, 2],
    }  # fmt: skip
    for call, columns in members.items():
        chosen = (cohort.obs[_keys.HER2_CALL] == call).to_numpy()
        assert (posterior.to_numpy()[chosen][:, columns].sum(axis=1) >= 0.8 - 1e-9).all()


def test_the_record_says_what_the_calls_rest_on(cohort: ad.AnnData) -> None:
    record = cohort.uns[_keys.ROOT]["her2_state"]
    assert record["calibration"]["name"] == "reference"
    assert "Marcotte" in record["calibration"]["source"]
    assert record["assays"]["10x"]["n_fitted"] == int((cohort.obs[_keys.IS_CTC] & cohort.obs[_keys.LABEL].isna()).sum())


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_survives_a_round_trip(cohort: ad.AnnData, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"cells.{kind}"
    getattr(cohort, f"write_{kind}")(path)
    back = getattr(ad, f"read_{kind}")(path)
    pd.testing.assert_series_equal(back.obs[_keys.HER2_STATE], cohort.obs[_keys.HER2_STATE])
    pd.testing.assert_frame_equal(back.obsm[_keys.HER2_POSTERIOR], cohort.obsm[_keys.HER2_POSTERIOR])
    pd.testing.assert_frame_equal(hp.tl.her2_shares(back).to_frame(), hp.tl.her2_shares(cohort).to_frame())


def test_an_earlier_step_is_left_as_it_was(cohort: ad.AnnData) -> None:
    again = cohort.copy()
    hp.tl.her2_state(again)
    assert (again.layers[_keys.COUNTS] != cohort.layers[_keys.COUNTS]).nnz == 0
    pd.testing.assert_frame_equal(again.obsm[_keys.HER2_POSTERIOR], cohort.obsm[_keys.HER2_POSTERIOR])


def test_a_shallow_cell_without_erbb2_is_never_a_confident_zero() -> None:
    # a donor with thousands of deep empty cells: the shares alone would call any cell HER2-0
    adata = _cells([0.0] * 401, [1e5] * 400 + [800.0], assay="10x", donor_id="D1")
    hp.tl.her2_state(adata)
    assert adata.obs[_keys.HER2_CALL].iloc[0] == "HER2-0"
    assert adata.obs[_keys.HER2_CALL].iloc[-1] in {"HER2-0/low", _keys.NOT_CALLABLE}
    alone = _cells([0.0], [800.0], assay="10x", donor_id="D1")
    hp.tl.her2_state(alone)
    assert alone.obs[_keys.HER2_CALL].iloc[0] in {"HER2-0/low", _keys.NOT_CALLABLE}


def test_clear_cells_are_called() -> None:
    adata = _cells([0.0] * 30 + [60.0] * 30, [5e4] * 60, assay="10x", donor_id="D1")
    hp.tl.her2_state(adata)
    assert (adata.obs[_keys.HER2_CALL].iloc[30:] == "HER2-positive").all()
    assert adata.obs[_keys.HER2_CALL].iloc[:30].isin(["HER2-0", "HER2-0/low"]).all()


def test_cells_without_counts_and_cohorts_without_ctcs() -> None:
    adata = _cells([0.0, 3.0], [0.0, 9e3], assay="10x", donor_id="D1")
    hp.tl.her2_state(adata)
    assert adata.obs[_keys.HER2_CALL].iloc[0] == _keys.NOT_CALLABLE
    assert adata.obs[_keys.HER2_STATE].isna().iloc[0]
    none = _cells([0.0, 3.0], [5e3, 9e3], assay="10x", donor_id="D1", is_ctc=[False, False])
    hp.tl.her2_state(none)
    assert (none.obs[_keys.HER2_CALL] == _keys.NOT_A_CTC).all()
    assert none.uns[_keys.ROOT]["her2_state"]["assays"]["10x"]["insufficient"] == "no CTC to fit"
    row = hp.tl.her2_shares(none).to_frame().iloc[0]
    assert row["note"] == "insufficient: no CTC" and np.isnan(row["share_HER2-0"])


def test_without_an_assay_the_depth_decides_and_the_record_says_so() -> None:
    adata = _cells([3.0, 4.0], [8e5, 9e5])
    hp.tl.her2_state(adata)
    entry = adata.uns[_keys.ROOT]["her2_state"]["assays"]["smart-seq2"]
    assert entry["assumed"]


def test_a_rule_tells_positive_from_not_positive_and_nothing_else() -> None:
    adata = _cells([0.0, 1.0, 30.0, 0.0], [1e6, 1e6, 1e6, 0.0], donor_id="D1")
    hp.tl.her2_state(adata, calibration="jordan2016")
    assert list(adata.obs[_keys.HER2_CALL]) == ["HER2-0/low", "HER2-0/low", "HER2-positive", _keys.NOT_CALLABLE]
    assert list(adata.obs[_keys.HER2_STATE].isna()) == [True, True, False, True]
    row = hp.tl.her2_shares(adata).to_frame().iloc[0]
    assert row["share_HER2-positive"] == pytest.approx(1 / 3)
    assert np.isnan(row["share_HER2-0"])


def test_a_rule_works_on_relative_counts_where_a_model_refuses() -> None:
    adata = _cells([0.0, 30.0], [1e6, 1e6])
    del adata.layers[_keys.COUNTS]
    adata.layers[_keys.CPM] = adata.X
    adata.uns[_keys.ROOT] = {"read": {"unit": "log2"}}
    hp.tl.her2_state(adata, calibration="jordan2016")
    assert list(adata.obs[_keys.HER2_CALL]) == ["HER2-0/low", "HER2-positive"]
    with pytest.raises(UnitError, match="jordan2016"):
        hp.tl.her2_state(adata)


def test_control_cells_place_the_states() -> None:
    adata = simulate_cohort(n_donors=2, draws=(0,), n_ctc=10, n_genes=818, controls=150, seed=1, control_amplified=1.0)
    scale = hp.tl.calibrate_on_controls(adata)
    means = dict(zip(scale.components, scale.mean_log2_cpm, strict=True))
    # medians of the simulator; control lines have no donor effect
    assert means["null"] == pytest.approx(np.log2(20), abs=0.4)
    assert means["low"] == pytest.approx(np.log2(35), abs=0.4)
    assert means["amplified"] == pytest.approx(np.log2(800), abs=0.4)
    assert "150 HER2-low" in scale.source
    hp.tl.her2_state(adata, calibration="controls")
    assert adata.uns[_keys.ROOT]["her2_state"]["calibration"]["name"] == "controls"
    # controls are no patients
    assert "control" not in set(hp.tl.her2_shares(adata).to_frame()[_keys.DONOR_ID])


def test_states_without_controls_move_with_the_others() -> None:
    base = hp.tl.shipped_scale()
    adata = _cells([40.0] * 40, [1e5] * 40, assay="10x", label="HER2-low")  # 400 CPM: a scale that reads high
    scale = hp.tl.calibrate_on_controls(adata)
    moved = (
        scale.mean_log2_cpm[scale.components.index("plastic")] - base.mean_log2_cpm[base.components.index("plastic")]
    )
    assert moved == pytest.approx(np.log2(400) - base.mean_log2_cpm[base.components.index("low")], abs=0.3)


@pytest.mark.parametrize(
    ("label", "message"), [(["HER2-low"] * 3, "no state has 10"), (["strong"] * 3, "strong"), ([None] * 3, "no state")]
)
def test_controls_that_do_not_do(label: list[str | None], message: str) -> None:
    adata = _cells([1.0, 2.0, 3.0], [1e4] * 3, assay="10x", label=label)
    with pytest.raises(CalibrationError, match=message):
        hp.tl.her2_state(adata, calibration="controls")


def test_without_calibration_the_record_says_so() -> None:
    adata = _cells([1.0, 2.0, 3.0], [1e4] * 3, assay="10x", donor_id="D")
    hp.tl.her2_state(adata, calibration="none")
    assert "uncalibrated" in adata.uns[_keys.ROOT]["her2_state"]["calibration"]["source"]


def test_bad_requests_name_what_is_wrong() -> None:
    adata = _cells([1.0], [1e4], assay="10x")
    with pytest.raises(ParameterError, match="'jordan2016'"):
        hp.tl.her2_state(adata, calibration="jordan")
    with pytest.raises(ParameterError, match="level"):
        hp.tl.her2_state(adata, level=0.2)
    with pytest.raises(MissingKeyError, match="Run tl.her2_state first"):
        hp.tl.her2_shares(adata)
    odd = _cells([1.0], [1e4], assay="magic")
    with pytest.raises(ParameterError, match="magic.*smart-seq2"):
        hp.tl.her2_state(odd)
    adata.var_names = ["GENE1", *adata.var_names[1:]]
    with pytest.raises(GeneError, match="ERBB2"):
        hp.tl.her2_state(adata)
    del adata.layers[_keys.COUNTS]
    with pytest.raises(MissingKeyError, match="counts"):
        hp.tl.her2_state(adata)


def test_shares_by_donor_and_draw(cohort: ad.AnnData) -> None:
    shares = hp.tl.her2_shares(cohort, by=(_keys.DONOR_ID, _keys.DRAW_DAY))
    frame = shares.to_frame()
    assert len(frame) == 12 and (frame["n_ctc"] > 0).all()
    for state in STATES:
        assert (frame[f"lower_{state}"] <= frame[f"share_{state}"]).all()
        assert (frame[f"share_{state}"] <= frame[f"upper_{state}"]).all()
    total = frame[[f"share_{state}" for state in STATES]].sum(axis=1)
    np.testing.assert_allclose(total, 1)
    assert f"{frame['n_ctc'].iloc[0]} CTCs" in shares.summary()


def test_cells_of_two_assays_do_not_share_an_interval() -> None:
    adata = _cells([1.0, 2.0, 300.0], [1e4, 1e4, 1e6], assay=["10x", "10x", "smart-seq2"], donor_id="D1")
    hp.tl.her2_state(adata)
    assert "several assays" in hp.tl.her2_shares(adata).to_frame()["note"].iloc[0]
    apart = hp.tl.her2_shares(adata, by=("donor_id", "assay")).to_frame()
    assert (apart["note"] == "").all()


def test_words_of_calls() -> None:
    posterior = np.array(
        [[0.85, 0.1, 0.05], [0.5, 0.45, 0.05], [0.1, 0.5, 0.4], [0.4, 0.2, 0.4], [0.0, 0.8, 0.2], [0.33, 0.33, 0.34]]
    )
    expected = ["HER2-0", "HER2-0/low", "HER2-low/positive", "not callable", "HER2-low", "not callable"]
    assert list(call_words(posterior, level=0.8)) == expected
    first = call_words(posterior, level=0.8, never_only_zero=np.arange(6) == 0)
    assert first[0] == "HER2-0/low"


def test_an_assumed_assay_holds_for_a_part_of_the_cells() -> None:
    # the deep half makes the table look like reads; the shallow half alone would look like molecules
    adata = _cells([3.0] * 4 + [30.0] * 6, [4e3] * 4 + [9e5] * 6, donor_id="D1")
    hp.tl.her2_state(adata)
    part = hp.tl.her2_shares(adata[:4].copy()).to_frame()
    assert part["note"].tolist() == [""] and part["n_ctc"].tolist() == [4]


@pytest.mark.parametrize("is_ctc", [["True", "False"], [True, None]])
def test_is_ctc_must_be_true_or_false(is_ctc: list[object]) -> None:
    adata = _cells([3.0, 4.0], [4e3] * 2, assay="10x", is_ctc=pd.Series(is_ctc, dtype=object).to_numpy())
    for calibration in ("reference", "jordan2016"):
        with pytest.raises(ParameterError, match="true or false"):
            hp.tl.her2_state(adata, calibration=calibration)


def test_a_depth_that_is_none_is_refused_and_one_of_all_genes_is_used_for_controls() -> None:
    adata = _cells([40.0] * 30, [1e5] * 30, assay="10x", label="HER2-low")
    whole = hp.tl.calibrate_on_controls(adata)
    part = adata[:, ["ERBB2"]].copy()
    part.obs[_keys.DEPTH] = 1e5
    assert hp.tl.calibrate_on_controls(part).mean_log2_cpm == pytest.approx(whole.mean_log2_cpm)
    adata.obs[_keys.DEPTH] = 5.0  # a logarithm
    with pytest.raises(ParameterError, match="over all genes"):
        hp.tl.her2_state(adata)


def test_shares_need_a_column_to_group_by(cohort: ad.AnnData) -> None:
    with pytest.raises(ParameterError, match="at least one column"):
        hp.tl.her2_shares(cohort, by=())


@pytest.mark.parametrize("calibration", ["reference", "none", "jordan2016", hp.tl.shipped_scale()])
def test_few_genes_are_no_depth(calibration: str | hp.models.ExpressionScale) -> None:
    """A panel of four genes, or ERBB2 alone, gives no counts per million."""
    whole = _cells([3.0, 40.0], [1e4, 1e4], assay="10x", donor_id="D1")
    panel = whole[:, :4].copy()
    with pytest.raises(CalibrationError, match=r"4 genes only, expected at least 500.*calibration='controls'"):
        hp.tl.her2_state(panel, calibration=calibration)
    alone = whole[:, ["ERBB2"]].copy()
    alone.obs[_keys.DEPTH] = [3.0, 40.0]
    with pytest.raises(CalibrationError, match="1 genes only"):
        hp.tl.her2_state(alone, calibration=calibration)
    alone.obs[_keys.DEPTH] = 1e4  # of the whole table, as pp.quality has found it before genes were left out
    hp.tl.her2_state(alone, calibration=calibration)
    hp.tl.her2_state(whole, calibration=calibration)
    assert list(alone.obs[_keys.HER2_CALL]) == list(whole.obs[_keys.HER2_CALL])


def test_erbb2_is_no_large_part_of_a_cell() -> None:
    with pytest.raises(CalibrationError, match="ERBB2 is 25% of all counts"):
        hp.tl.her2_state(_cells([30.0, 20.0], [100.0, 100.0], assay="10x"))


def test_a_panel_can_be_calibrated_on_controls() -> None:
    adata = _cells([40.0] * 30, [1e3] * 30, assay="10x", label="HER2-low")[:, :4].copy()
    hp.tl.her2_state(adata, calibration="controls")
    assert adata.obs[_keys.HER2_CALL].notna().all()


@pytest.mark.parametrize("step", [hp.tl.her2_state, hp.tl.amplicon])
def test_a_mistyped_column_of_donors_does_not_pool_all_patients(step: Callable[..., None]) -> None:
    adata = _cells([3.0, 4.0], [4e3] * 2, assay="10x", donor_id=["A", "B"])
    with pytest.raises(MissingKeyError, match=r"obs\['doner'\].*'donor_id'"):
        step(adata, donor_key="doner")


def test_donors_are_who_their_names_say(cohort: ad.AnnData) -> None:
    """Missing and the text "nan", 1 and the text "1": whatever the column's kind and the order of its categories."""
    names = np.array(["1", "nan", "b", "a", "10", "c"], dtype=object)
    donor = np.resize(names, cohort.n_obs)
    kinds = {
        "text": donor,
        "mixed": np.array([{"1": 1, "10": 10, "nan": np.nan}.get(name, name) for name in donor], dtype=object),
        "none": np.array([None if name == "nan" else name for name in donor], dtype=object),
        "categories": pd.Categorical(donor, categories=names[::-1]),
        "missing category": pd.Categorical(donor.tolist(), categories=["c", "b", "a", "10", "1"]),
    }
    found = {}
    for kind, column in kinds.items():
        adata = cohort.copy()
        adata.obs = adata.obs.assign(**{_keys.DONOR_ID: column})
        hp.tl.her2_state(adata)
        hp.tl.amplicon(adata)
        found[kind] = (
            adata.obsm[_keys.HER2_POSTERIOR],
            hp.tl.her2_shares(adata).to_frame(),
            adata.obs[[_keys.AMPLIFIED_PROBABILITY, _keys.ERBB2_MECHANISM]],
        )
    assert list(found["text"][1][_keys.DONOR_ID]) == sorted(names)
    for kind, tables in found.items():
        for table, expected in zip(tables, found["text"], strict=True):
            pd.testing.assert_frame_equal(table, expected, obj=kind)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", True, None])
def test_seed_must_be_one(seed: object) -> None:
    with pytest.raises(ParameterError, match="seed=.*whole number"):
        hp.tl.her2_state(_cells([3.0], [4e3], assay="10x"), seed=seed)


@pytest.mark.parametrize("level", ["0.8", None, np.nan, True, 1.0])
def test_level_must_be_a_probability(level: object) -> None:
    adata = _cells([3.0], [4e3], assay="10x", donor_id="D1")
    for step in (hp.tl.her2_state, hp.tl.amplicon):
        with pytest.raises(ParameterError, match="level=.*probability"):
            step(adata, level=level)
    hp.tl.her2_state(adata)
    with pytest.raises(ParameterError, match="level=.*probability"):
        hp.tl.her2_shares(adata, level=level)


@pytest.mark.parametrize(
    ("key", "value"),
    [(_keys.DEPTH, "high"), (_keys.DEPTH, -1.0), (_keys.AMBIENT_SHARE, "x"), (_keys.AMBIENT_SHARE, 5.0),
     (_keys.AMBIENT_SHARE, -1.0)],
)  # fmt: skip
def test_columns_that_hold_something_else_are_named(key: str, value: object) -> None:
    adata = _cells([3.0, 4.0], [4e3] * 2, assay="10x", donor_id="D1")
    adata.obs = adata.obs.assign(**{key: value})
    with pytest.raises(ParameterError, match=rf"obs\['{key}'\].*'cell0'"):
        hp.tl.her2_state(adata)


def test_shares_are_of_the_cells_that_were_called() -> None:
    adata = _cells([3.0, 4.0], [4e3] * 2, assay="10x", donor_id="D1")
    hp.tl.her2_state(adata)
    with pytest.raises(ParameterError, match="each column once"):
        hp.tl.her2_shares(adata, by=("donor_id", "donor_id"))
    adata.obs[_keys.ASSAY] = "smart-seq2"
    with pytest.raises(ParameterError, match=r"'smart-seq2', which was not there.*10x.*Run tl.her2_state again"):
        hp.tl.her2_shares(adata)

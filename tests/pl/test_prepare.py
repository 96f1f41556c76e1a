from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, pl, tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.pl._her2_regions import region_posterior


def test_erbb2_depth_holds_the_ctcs(cells):
    data = pl.prepare_erbb2_depth(cells)
    ctc = cells.obs[_keys.IS_CTC].to_numpy()
    assert list(data.cells.index) == list(cells.obs_names[ctc])
    assert data.cells["erbb2_count"].tolist() == cells.obs.loc[ctc, _keys.ERBB2_COUNT].tolist()
    depth = np.asarray(cells.layers[_keys.COUNTS].sum(axis=1)).ravel()[ctc]
    assert np.allclose(data.cells["depth"], depth)


def test_shading_is_the_call_of_a_cell_of_a_new_donor(cells):
    regions = pl.prepare_erbb2_depth(cells).regions
    assert regions is not None
    assert regions.call.shape == (len(regions.count), len(regions.depth) - 1)
    assert set(regions.call.ravel()) <= set(_keys.CALLS) - {_keys.NOT_A_CTC}
    # more ERBB2 at the same depth is never a lower state
    order = {call: rank for rank, call in enumerate(_keys.CALLS[:5])}
    for column in regions.call.T:
        ranks = [order[call] for call in column if call in order]
        assert ranks == sorted(ranks)
    assert (regions.call[-1] == "HER2-positive").any()
    assert not (regions.call[0] == "HER2-0").any()


def test_shading_agrees_with_the_model_for_cells_outside_its_fit(cells):
    record = cells.uns[_keys.ROOT]["her2_state"]
    outside = ~cells.obs[_keys.IS_CTC].to_numpy()
    counts = cells.obs.loc[outside, _keys.ERBB2_COUNT].to_numpy()
    depth = np.asarray(cells.layers[_keys.COUNTS].sum(axis=1)).ravel()[outside]
    posterior = region_posterior(record, "10x", counts, depth)
    assert posterior == pytest.approx(cells.obsm[_keys.HER2_POSTERIOR][outside].to_numpy(), abs=1e-9)


def test_shading_of_a_published_rule_is_its_cut_off(cells):
    tl.her2_state(cells, calibration="jordan2016")
    regions = pl.prepare_erbb2_depth(cells).regions
    assert regions is not None
    middle_depth = np.sqrt(regions.depth[1:] * regions.depth[:-1])
    middle_count = np.sqrt(regions.count[1:] * regions.count[:-1])
    positive = middle_count[:, None] / middle_depth * 1e6 > 10
    assert np.array_equal(regions.call[1:] == "HER2-positive", positive)


def test_call_of_count_and_depth_alone_is_that_of_the_shading(cells):
    data = pl.prepare_erbb2_depth(cells)
    assert data.regions is not None
    middle_depth = np.sqrt(data.regions.depth[1:] * data.regions.depth[:-1])
    zero = data.cells[data.cells["erbb2_count"] == 0]
    nearest = np.abs(np.log(zero["depth"].to_numpy()[:, None] / middle_depth)).argmin(axis=1)
    # a cell may fall into the column beside a border of the shading
    assert np.mean(data.regions.call[0][nearest] == zero["call_alone"]) > 0.95
    assert (data.cells["by_donor"] == (data.cells["call"] != data.cells["call_alone"])).all()
    assert 0 < data.cells["by_donor"].mean() < 1


def test_nothing_is_by_the_donor_under_a_published_rule(cells):
    tl.her2_state(cells, calibration="jordan2016")
    assert not pl.prepare_erbb2_depth(cells).cells["by_donor"].any()


def test_composition_has_the_shares_of_tl(cells):
    data = pl.prepare_composition(cells)
    expected = tl.her2_shares(cells, by=("donor_id", "draw_day")).to_frame()
    assert data.by == ("donor_id", "draw_day")
    assert data.draws["share_HER2-positive"].tolist() == expected["share_HER2-positive"].tolist()
    assert data.draws["draw"].tolist() == ["0", "21"] * 4
    assert (np.diff(data.draws["position"])[::2] == 1).all()
    assert (np.diff(data.draws["position"])[1::2] > 1.5).all()
    by_donor = tl.her2_shares(cells, level=0.5)
    again = pl.prepare_composition(cells, shares=by_donor)
    assert again.by == ("donor_id",)
    assert again.level == 0.5
    assert len(again.draws) == 4


def test_composition_shows_donors_where_there_are_many_draws_or_one(cells):
    cells.obs[_keys.DRAW_DAY] = 0.0
    assert pl.prepare_composition(cells).by == ("donor_id",)
    many = anndata.concat([cells] * 2, index_unique="-")
    many.uns = cells.uns
    many.obs[_keys.DRAW_DAY] = np.arange(many.n_obs)
    assert many.n_obs > 200
    assert pl.prepare_composition(many).by == ("donor_id",)
    with pytest.raises(ParameterError, match="one or two columns"):
        pl.prepare_composition(cells, by=("donor_id", "draw_day", "assay"))


def test_amplicon_holds_the_ctcs_with_counts(cells):
    frame = pl.prepare_amplicon(cells)
    ctc = cells.obs[_keys.IS_CTC].to_numpy()
    assert list(frame.index) == list(cells.obs_names[ctc])
    assert frame["score"].tolist() == cells.obs.loc[ctc, _keys.AMPLICON_SCORE].tolist()
    del cells.obs[_keys.ERBB2_CPM]
    pd.testing.assert_frame_equal(pl.prepare_amplicon(cells), frame)


def test_identity_is_per_million_of_the_panels(cells):
    frame = pl.prepare_identity(cells)
    counts = cells.to_df(_keys.COUNTS)
    genes = ["EPCAM", "KRT8", "KRT18", "KRT19"]
    at_least = 1e6 * counts[genes].sum(axis=1) / counts.sum(axis=1)
    assert (frame["epithelial"] >= at_least.loc[frame.index] * (1 - 1e-5)).all()
    leukocyte = frame["identity"] == "leukocyte"
    assert frame.loc[leukocyte, "leukocyte"].median() > 10 * frame.loc[~leukocyte, "leukocyte"].median()


def test_embedding_groups_are_calls_or_most_probable_states(cells):
    ctc = cells.obs[_keys.IS_CTC].to_numpy()
    calls = pl.prepare_embedding(cells)
    assert calls["group"].tolist() == cells.obs[_keys.HER2_CALL].astype(str).tolist()
    assert not set(calls.loc[ctc, "group"]) <= set(_keys.STATES)
    states = pl.prepare_embedding(cells, color="her2_state")
    assert (states.loc[~ctc, "group"] == _keys.NOT_A_CTC).all()
    assert set(states.loc[ctc, "group"]) <= set(_keys.STATES)
    first = cells.obs_names[ctc][0]
    cells.obs[_keys.HER2_STATE] = cells.obs[_keys.HER2_STATE].where(cells.obs_names != first)
    assert pl.prepare_embedding(cells, color="her2_state").loc[first, "group"] == _keys.NOT_CALLABLE
    cells.obsm[_keys.UMAP][0] = np.nan
    assert len(pl.prepare_embedding(cells, color="identity")) == cells.n_obs - 1
    with pytest.raises(ParameterError, match="'her2_state', 'identity'"):
        pl.prepare_embedding(cells, color="ERBB2")


@pytest.mark.parametrize(
    ("draw", "key", "remedy"),
    [
        ("erbb2_depth", "erbb2_count", "tl.her2_state"),
        ("calls_by_depth", "her2_call", "tl.her2_state"),
        ("composition", "her2_state", "tl.her2_state"),
        ("amplicon", "erbb2_mechanism", "tl.amplicon"),
        ("identity", "identity", "pp.ctc_identity"),
        ("embedding", "X_umap", "tl.embedding"),
    ],
)
def test_a_missing_key_says_what_is_there_and_what_to_do(cells, draw, key, remedy):
    bare = cells.copy()
    bare.obs = bare.obs[["donor_id"]]
    del bare.obsm[_keys.UMAP], bare.uns[_keys.ROOT]
    with pytest.raises(MissingKeyError) as caught:
        getattr(pl, draw)(bare)
    assert key in str(caught.value)
    assert "available: " in str(caught.value)
    assert remedy in str(caught.value)

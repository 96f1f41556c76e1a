from __future__ import annotations

import numpy as np
import pytest

from her2plastic import _keys, pl
from her2plastic._errors import ParameterError

KINDS = ["one state", "two states", _keys.NOT_CALLABLE]


def test_shares_are_those_of_the_cells_in_each_bin(cells):
    depth = np.asarray(cells.layers[_keys.COUNTS].sum(axis=1)).ravel()
    ctc = cells.obs[_keys.IS_CTC].to_numpy()
    call = cells.obs[_keys.HER2_CALL].astype(str).to_numpy()
    bins = pl.prepare_calls_by_depth(cells, min_cells=10)
    assert len(bins) > 1
    for row in bins.to_dict("records"):
        inside = ctc & (depth >= row["depth_from"]) & (depth < row["depth_to"])
        assert row["n_ctc"] == inside.sum()
        assert row["one state"] == pytest.approx(np.isin(call[inside], _keys.STATES).mean())
        assert row[_keys.NOT_CALLABLE] == pytest.approx((call[inside] == _keys.NOT_CALLABLE).mean())
    assert np.allclose(bins[KINDS].sum(axis=1), 1)


@pytest.mark.parametrize("min_cells", [1, 5, 20, 1000])
@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0])
def test_bins_follow_each_other_hold_every_ctc_and_enough_of_them(cells, min_cells, spread):
    cells.obs[_keys.DEPTH] = np.round(10 ** np.random.default_rng(1).normal(4, spread, cells.n_obs)) + 1
    bins = pl.prepare_calls_by_depth(cells, min_cells=min_cells)
    n_ctc = int(cells.obs[_keys.IS_CTC].sum())
    assert bins["n_ctc"].sum() == n_ctc
    assert bins["depth_from"].tolist()[1:] == bins["depth_to"].tolist()[:-1]
    assert (bins["n_ctc"] >= min(min_cells, n_ctc)).all()
    steps = {float(f"{edge:.0e}".split("e")[0]) for edge in [*bins["depth_from"], *bins["depth_to"]]}
    assert steps <= {1.0, 2.0, 5.0}


def test_cells_without_counts_have_no_depth_to_speak_of(cells):
    cells.obs[_keys.DEPTH] = 0.0
    assert pl.prepare_calls_by_depth(cells).empty
    assert "no CTC with counts" in pl.calls_by_depth(cells).texts[0].get_text().replace("\n", " ")


def test_bins_need_a_cell(cells):
    with pytest.raises(ParameterError, match="min_cells=0"):
        pl.prepare_calls_by_depth(cells, min_cells=0)

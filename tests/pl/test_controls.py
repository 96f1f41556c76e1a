"""Control cells of known state are no CTCs of patients: no figure counts them as such."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from her2plastic import _keys, pl
from her2plastic.pl.palette import CONTROL_CELL


@pytest.fixture
def patients_ctcs(with_controls) -> list[str]:
    obs = with_controls.obs
    is_control = obs[_keys.LABEL].isin(_keys.STATES)
    assert is_control.sum() == 18
    assert (is_control & obs[_keys.IS_CTC]).any()
    return list(with_controls.obs_names[obs[_keys.IS_CTC] & ~is_control])


def test_points_and_bins_are_the_patients(with_controls, patients_ctcs):
    assert list(pl.prepare_erbb2_depth(with_controls).cells.index) == patients_ctcs
    assert list(pl.prepare_amplicon(with_controls).index) == patients_ctcs
    assert pl.prepare_calls_by_depth(with_controls)["n_ctc"].sum() == len(patients_ctcs)
    draws = pl.prepare_composition(with_controls).draws
    assert draws["donor"].unique().tolist() == ["D01", "D02", "D03"]
    assert draws["n_ctc"].sum() == len(patients_ctcs)


def test_draws_of_patients_are_shown_though_controls_have_no_day(with_controls):
    cells = with_controls.copy()
    cells.obs[_keys.DRAW_DAY] = cells.obs[_keys.DRAW_DAY].where(~cells.obs[_keys.LABEL].isin(_keys.STATES))
    assert pl.prepare_composition(cells).by == ("donor_id", "draw_day")


@pytest.mark.parametrize("name", ["erbb2_depth", "amplicon", "calls_by_depth", "composition"])
def test_titles_count_the_patients_ctcs(with_controls, patients_ctcs, name):
    ax = getattr(pl, name)(with_controls, ax=Figure().subplots())
    assert ax.get_title(loc="left").startswith(f"{len(patients_ctcs)} CTCs")


@pytest.mark.parametrize(("name", "options"), [
    ("identity", {}), ("embedding", {}), ("embedding", {"color": "her2_state"}), ("embedding", {"color": "identity"}),
])  # fmt: skip
def test_maps_name_them_as_a_group_of_their_own(with_controls, name, options):
    is_control = with_controls.obs[_keys.LABEL].isin(_keys.STATES).to_numpy()
    frame = getattr(pl, f"prepare_{name}")(with_controls, **options)
    group = frame["identity" if name == "identity" else "group"] == CONTROL_CELL
    assert np.array_equal(frame.index[group], with_controls.obs_names[is_control])
    ax = getattr(pl, name)(with_controls, ax=Figure().subplots(), **options)
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_texts()[-1].get_text() == "control cell (18)"
    assert ax.get_title(loc="left") == f"{(~is_control).sum()} events"

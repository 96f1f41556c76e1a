from __future__ import annotations

from io import BytesIO

import anndata
import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2plastic import _keys, pl, tl

LABELS = {
    "erbb2_depth": ("depth (counts per cell)", "ERBB2 (counts)"),
    "composition": ("day of draw, donor", "share of CTCs"),
    "amplicon": ("ERBB2 (counts per million)", "17q12 neighbours without ERBB2\n(times what is expected)"),
    "identity": ("epithelial genes (per million)", "leukocyte genes (per million)"),
    "embedding": ("UMAP 1", "UMAP 2"),
}
FIGURES = list(LABELS)


def drawn(name: str, adata: anndata.AnnData, **arguments: object) -> Axes:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    ax = getattr(pl, name)(adata, ax=figure.subplots(), **arguments)
    figure.savefig(BytesIO(), format="png", dpi=80)
    return ax


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def texts(ax: Axes) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in ax.texts)


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_given_back_and_labelled(cells, name):
    figure = Figure()
    given = figure.subplots()
    assert getattr(pl, name)(cells, ax=given) is given
    assert (given.get_xlabel(), given.get_ylabel()) == LABELS[name]
    assert any(character.isdigit() for character in given.get_title(loc="left"))


@pytest.mark.parametrize("name", FIGURES)
def test_without_axes_new_ones_are_made_and_settings_stay(cells, name):
    before = dict(matplotlib.rcParams)
    ax = getattr(pl, name)(cells)
    ax.figure.savefig(BytesIO(), format="png", dpi=60)
    assert isinstance(ax, Axes)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", FIGURES)
def test_cells_are_left_as_they_are(cells, called, name):
    drawn(name, cells)
    pd.testing.assert_frame_equal(cells.obs, called.obs)
    assert set(cells.obsm) == set(called.obsm)


@pytest.mark.parametrize("name", FIGURES)
def test_same_cells_same_picture(cells, name):
    pictures = []
    for _ in range(2):
        figure, buffer = Figure(layout="constrained"), BytesIO()
        getattr(pl, name)(cells, ax=figure.subplots())
        figure.savefig(buffer, format="png", dpi=50, metadata={"Software": None})
        pictures.append(buffer.getvalue())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("name", FIGURES)
def test_one_cell(cells, name):
    ctc = np.flatnonzero(cells.obs[_keys.IS_CTC])
    ax = drawn(name, cells[ctc[:1]].copy())
    assert ax.get_xlabel() == ("donor" if name == "composition" else LABELS[name][0])


@pytest.mark.parametrize("name", ["erbb2_depth", "composition", "amplicon"])
def test_no_ctc_is_said(cells, name):
    others = cells[~cells.obs[_keys.IS_CTC].to_numpy()].copy()
    assert f"no CTC among {others.n_obs} cells" in texts(drawn(name, others)).replace("with counts ", "")


@pytest.mark.parametrize("name", FIGURES)
def test_no_cell_at_all_is_said(cells, name):
    assert texts(drawn(name, cells[:0].copy()))


def test_legends_count_and_keep_the_order(cells):
    calls = legend_of(drawn("erbb2_depth", cells))
    names = [entry.rsplit(" (", 1)[0] for entry in calls]
    assert names == [call for call in _keys.CALLS if call in names]
    assert sum(int(entry.rsplit("(", 1)[1][:-1]) for entry in calls) == cells.obs[_keys.IS_CTC].sum()
    mechanisms = [entry.rsplit(" (", 1)[0] for entry in legend_of(drawn("amplicon", cells))]
    assert mechanisms == [name for name in _keys.MECHANISMS if name in mechanisms]
    assert legend_of(drawn("composition", cells))[:3] == list(_keys.STATES)
    assert legend_of(drawn("embedding", cells, color="identity"))[0].startswith("CTC (")


def test_composition_numbers_stand_above_bars(cells):
    ax = drawn("composition", cells)
    data = pl.prepare_composition(cells)
    above = {text.get_position()[0]: text.get_text() for text in ax.texts if text.get_text().isdigit()}
    assert above == {position: str(n) for position, n in zip(data.bars["position"], data.bars["n_ctc"], strict=True)}


def test_donors_are_named_at_any_number_of_draws(cells):
    for days in (2, 3):
        cells.obs[_keys.DRAW_DAY] = np.arange(cells.n_obs) % days
        ax = drawn("composition", cells)
        assert [label.get_text() for label in ax.get_xticklabels(minor=True)] == ["D01", "D02", "D03", "D04"]
        assert [label.get_text() for label in ax.get_xticklabels()] == [str(day) for day in range(days)] * 4


def test_composition_of_a_draw_without_ctc_and_of_a_rule(cells):
    first = (cells.obs["donor_id"] == "D01") & (cells.obs[_keys.DRAW_DAY] == 0)
    cells.obs.loc[first, _keys.IS_CTC] = False
    tl.her2_state(cells, calibration="jordan2016")
    ax = drawn("composition", cells)
    assert "no CTC" in texts(ax)
    assert legend_of(ax)[:2] == ["not positive", "HER2-positive"]


def test_bars_add_up(cells):
    ax = drawn("composition", cells)
    heights: dict[float, float] = {}
    for patch in ax.patches:
        centre = round(patch.get_x() + patch.get_width() / 2, 6)  # type: ignore[attr-defined]
        heights[centre] = heights.get(centre, 0) + patch.get_height()  # type: ignore[attr-defined]
    assert np.allclose(list(heights.values()), 1, atol=1e-6)


def test_zero_has_its_own_place_on_a_logarithmic_axis(cells):
    ax = drawn("erbb2_depth", cells)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[:3] == ["0", "1", "10"]
    zero, one = ax.get_yticks()[:2]
    offsets = np.concatenate(
        [np.asarray(points.get_offsets()) for points in ax.collections if points.get_zorder() >= 2]
    )
    is_zero = offsets[:, 1] < (zero + one) / 2
    data = pl.prepare_erbb2_depth(cells).cells
    assert is_zero.sum() == (data["erbb2_count"] == 0).sum()
    assert np.allclose(np.sort(10 ** offsets[~is_zero, 1]), np.sort(data["erbb2_count"][data["erbb2_count"] > 0]))


def test_amplicon_says_why_it_cannot(cells):
    one = cells[(cells.obs["donor_id"] == "D01").to_numpy() & cells.obs[_keys.IS_CTC].to_numpy()].copy()
    tl.amplicon(one)
    assert "insufficient: 1 donors with CTCs, 3 needed" in texts(drawn("amplicon", one))


def test_embedding_says_why_it_cannot(cells):
    few = cells[:5].copy()
    del few.obsm[_keys.UMAP]
    tl.embedding(few)
    assert "insufficient: 5 cells" in texts(drawn("embedding", few))


def test_many_points_are_an_image_in_a_vector_figure(cells):
    many = anndata.concat([cells] * 20, index_unique="-")
    many.uns = cells.uns
    figure, buffer = Figure(), BytesIO()
    ax = pl.identity(many, ax=figure.subplots())
    assert [collection.get_rasterized() for collection in ax.collections] == [True]
    figure.savefig(buffer, format="svg")
    assert len(buffer.getvalue()) < 400_000


def test_a_name_with_markup_is_shown_as_it_is(cells):
    cells.obs["donor_id"] = cells.obs["donor_id"].cat.rename_categories({"D01": "<b>$x^2</b>"})
    ax = drawn("composition", cells)
    assert "<b>$x^2</b>" in [label.get_text() for label in ax.get_xticklabels(minor=True)]

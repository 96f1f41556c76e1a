from __future__ import annotations

import re
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
    "calls_by_depth": ("depth (counts per cell)", "share of CTCs"),
    "composition": ("", "share of CTCs"),
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
    assert (ax.get_xlabel(), ax.get_ylabel()) == LABELS[name]


@pytest.mark.parametrize("name", ["erbb2_depth", "calls_by_depth", "composition", "amplicon"])
def test_no_ctc_is_said(cells, name):
    others = cells[~cells.obs[_keys.IS_CTC].to_numpy()].copy()
    assert f"no CTC among {others.n_obs} cells" in texts(drawn(name, others)).replace("with counts ", "")


@pytest.mark.parametrize("name", FIGURES)
def test_no_cell_at_all_is_said(cells, name):
    assert texts(drawn(name, cells[:0].copy()))


def counted(entries: list[str]) -> dict[str, int]:
    """Legend entries that end in a number of cells."""
    found = [re.fullmatch(r"(.+) \(([\d,]+)\)", entry) for entry in entries]
    return {match[1]: int(match[2].replace(",", "")) for match in found if match}


def test_legends_count_and_keep_the_order(cells):
    entries = legend_of(drawn("erbb2_depth", cells))
    calls = {name: n for name, n in counted(entries).items() if name in _keys.CALLS}
    assert list(calls) == [call for call in _keys.CALLS if call in calls]
    assert sum(calls.values()) == cells.obs[_keys.IS_CTC].sum()
    assert "shading: call from\ncount and depth alone" in entries
    by_donor = pl.prepare_erbb2_depth(cells).cells["by_donor"].sum()
    assert entries[-1] == f"open: changed by the\ndonor's other cells ({by_donor})"
    mechanisms = list(counted(legend_of(drawn("amplicon", cells))))
    assert mechanisms == [name for name in _keys.MECHANISMS if name in mechanisms]
    assert legend_of(drawn("calls_by_depth", cells)) == ["not callable", "two states", "one state"]
    assert next(iter(counted(legend_of(drawn("embedding", cells, color="identity"))))) == "CTC"


def test_markers_are_open_where_the_donor_changes_the_call(cells):
    ax = drawn("erbb2_depth", cells)
    faces = np.concatenate(
        [np.asarray(points.get_facecolor()) for points in ax.collections if points.get_zorder() >= 2]
    )
    is_white = (faces[:, :3] == 1).all(axis=1)
    assert is_white.sum() == pl.prepare_erbb2_depth(cells).cells["by_donor"].sum()


def test_bars_of_depth_hold_the_shares(cells):
    bins = pl.prepare_calls_by_depth(cells)
    ax = drawn("calls_by_depth", cells)
    heights = np.array([patch.get_height() for patch in ax.patches]).reshape(3, -1)  # type: ignore[attr-defined]
    assert np.allclose(heights, bins[["one state", "two states", _keys.NOT_CALLABLE]].to_numpy().T)
    numbers = [text.get_text() for text in ax.texts if text.get_text().isdigit()]
    assert numbers == [str(n) for n in bins["n_ctc"]]


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
    # points of one count are spread, but by less than halfway to the next
    assert sorted(np.rint(10 ** offsets[~is_zero, 1])) == sorted(data["erbb2_count"][data["erbb2_count"] > 0])


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

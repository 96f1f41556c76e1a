"""Pictures of slides: what is shown is what the slide, its outlines and its calls say."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from her2plastic import _keys, datasets, im, pl, tl
from her2plastic._errors import ChannelError, MissingKeyError, ParameterError


@pytest.fixture(scope="module")
def simulated() -> datasets.SimulatedSlide:
    return datasets.simulate_slide(
        shape=(460, 500), n_leukocytes=30, n_ctcs=8, seed=1, slide_id="S1",
        cells=datasets.SlideCells(debris_per_ctc=(0, 2)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def outlines(simulated: datasets.SimulatedSlide) -> im.Segmentation:
    return im.Segmentation.from_labels(simulated.slide, simulated.nuclei, simulated.cells)


@pytest.fixture(scope="module")
def called(outlines: im.Segmentation) -> Any:
    adata = im.measure(outlines)
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    assert adata.obs[_keys.IS_CTC].sum() >= 6
    return adata


@pytest.fixture
def cells(called: Any) -> Any:
    return called.copy()


def rendered(ax: Axes) -> bytes:
    buffer = BytesIO()
    ax.figure.savefig(buffer, format="png", dpi=50, metadata={"Software": None})
    return buffer.getvalue()


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


# --- composite ----------------------------------------------------------------------------------------------------
def test_channels_add_up_and_keep_their_hue() -> None:
    from her2plastic.pl._composite import composite

    image = np.array([[[0, 100, 200]], [[0, 0, 200]]])
    picture = composite(image, ("DAPI", "CK"), {"DAPI": (0, 100), "CK": (0, 200)})[0]
    blue, green = (np.array(to_rgb(pl.palette.CHANNELS[name])) for name in ("DAPI", "CK"))
    assert np.allclose(picture[:2], [[0, 0, 0], blue])
    assert np.allclose(picture[2], (blue + green) / max((blue + green).max(), 1))


def test_contrast_is_of_the_slide_and_not_of_the_part_shown(cells: Any, outlines: im.Segmentation) -> None:
    whole, part = (
        pl.prepare_segmentation(cells, segmentation=outlines, region=region) for region in (None, (0, 0, 128, 160))
    )
    assert whole.limits == part.limits
    assert part.picture.shape == (200, 250, 3)
    assert np.array_equal(whole.picture[:200, :250], part.picture)


def test_empty_channel_stays_dark_and_noise_is_not_seen() -> None:
    from her2plastic.pl._composite import limits_of, shade

    noise = np.random.default_rng(0).normal(100, 10, (300, 300))
    brightness = shade(noise, limits_of(noise))
    assert np.mean(brightness == 0) > 0.9
    assert brightness.max() < 0.5
    assert limits_of(np.full((2, 2), np.nan)) == (0.0, 1.0)


def test_what_cannot_be_read_is_grey(simulated: datasets.SimulatedSlide, called: Any) -> None:
    import dask.array as da

    from her2plastic.io import Slide

    holed = np.asarray(simulated.slide.fields[0].image).astype(np.float32)
    holed[:, 100:150, 200:260] = np.nan
    slide = Slide.from_array(da.from_array(holed), channels=simulated.slide.channels, pixel_size_um=0.64, slide_id="S1")
    outlines = im.Segmentation.from_labels(slide, simulated.nuclei, simulated.cells)
    picture = pl.prepare_segmentation(called, segmentation=outlines).picture
    assert np.unique(picture[100:150, 200:260]).tolist() == [0.25]
    whole = pl.prepare_segmentation(
        called, segmentation=im.Segmentation.from_labels(simulated.slide, simulated.nuclei, simulated.cells)
    ).picture
    assert np.allclose(picture[:90], whole[:90], atol=0.02)


# --- segmentation -------------------------------------------------------------------------------------------------
def test_every_object_has_its_outline_and_its_call(cells: Any, outlines: im.Segmentation) -> None:
    data = pl.prepare_segmentation(cells, segmentation=outlines)
    assert list(data.outlines["name"]) == list(cells.obs_names)
    assert list(data.outlines["group"]) == list(cells.obs[_keys.HER2_IF_CALL])
    for label, line in zip(data.outlines["label"], data.outlines["outline"], strict=True):
        inside = np.argwhere(outlines.cells[0] == label)
        # it runs half a pixel outside of the outermost pixels' centres
        assert np.allclose([line.min(axis=0), line.max(axis=0)], [inside.min(axis=0) - 0.5, inside.max(axis=0) + 0.5])


def test_region_is_of_the_slide_in_micrometres(cells: Any, outlines: im.Segmentation) -> None:
    places = cells.obsm[_keys.SPATIAL][:, ::-1]  # y, x
    low, high = np.array([64.0, 96.0]), np.array([192.0, 256.0])
    data = pl.prepare_segmentation(cells, segmentation=outlines, region=(*low, *high))
    middle = ((places > low + 8) & (places < high - 8)).all(axis=1)
    near = ((places > low - 8) & (places < high + 8)).all(axis=1)
    assert set(cells.obs_names[middle]) <= set(data.outlines["name"]) <= set(cells.obs_names[near])


def test_outlines_are_drawn_and_counted_by_group(cells: Any, outlines: im.Segmentation) -> None:
    ax = pl.segmentation(cells, segmentation=outlines, color="identity")
    counts = cells.obs[_keys.IDENTITY].value_counts()
    expected = [f"{name} ({counts[name]})" for name in pl.palette.IMAGE_IDENTITIES if counts.get(name, 0)]
    assert legend_of(ax) == [*expected, "", "DAPI", "CK", "CD45", "HER2"]
    assert ax.get_title(loc="left") == f"S1: {cells.n_obs} objects"
    assert "µm" in "".join(text.get_text() for text in ax.texts)
    assert "exponent" in ax.get_xlabel().replace("\n", " ")
    assert sum(len(lines.get_paths()) for lines in ax.collections) >= cells.n_obs


def test_objects_that_are_not_in_the_table_are_drawn_aside(cells: Any, outlines: im.Segmentation) -> None:
    ctcs = cells[cells.obs[_keys.IS_CTC].to_numpy()].copy()
    data = pl.prepare_segmentation(ctcs, segmentation=outlines)
    assert (data.outlines["name"] == "").sum() == cells.n_obs - ctcs.n_obs
    assert set(data.outlines.loc[data.outlines["name"] == "", "group"]) == {_keys.NOT_A_CTC}
    empty = pl.prepare_segmentation(cells[:0].copy(), segmentation=outlines)
    assert set(empty.outlines["group"]) == {_keys.NOT_A_CTC}


def test_large_field_is_shown_smaller() -> None:
    slide = datasets.simulate_slide(shape=(1700, 300), n_leukocytes=3, n_ctcs=1, lazy=True, seed=2)
    outlines = im.Segmentation.from_labels(slide.slide, np.asarray(slide.nuclei), np.asarray(slide.cells))
    adata = im.measure(outlines)
    adata.obs[_keys.IDENTITY] = "leukocyte"
    data = pl.prepare_segmentation(adata, segmentation=outlines, color="identity")
    assert data.picture.shape == (850, 150, 3)
    assert data.um_per_pixel == pytest.approx(1.28)
    label, line = data.outlines.loc[0, ["label", "outline"]]
    inside = np.argwhere(outlines.cells[0] == label)
    assert np.allclose((line.min(axis=0) + line.max(axis=0)) / 2, (inside.min(axis=0) + inside.max(axis=0)) / 4 - 0.25)


def test_small_ctcs_are_ringed_in_a_large_picture() -> None:
    from her2plastic.pl._outlines import grown

    small = np.array([[10.0, 20.0], [14.0, 20.0], [14.0, 26.0], [10.0, 26.0]])
    ring = grown(small, 24.0)
    assert np.ptp(ring, axis=0).tolist() == [16.0, 24.0]
    assert ring.mean(axis=0).tolist() == [12.0, 23.0]
    assert np.array_equal(grown(small, 5.0), small)


def test_segmentation_names_what_is_wrong(cells: Any, outlines: im.Segmentation) -> None:
    with pytest.raises(ParameterError, match="field=1: slide 'S1' has 1 fields"):
        pl.segmentation(cells, segmentation=outlines, field=1)
    with pytest.raises(ParameterError, match=r"the field reaches from \(0, 0\) to \(294.4, 320\)"):
        pl.segmentation(cells, segmentation=outlines, region=(500, 0, 600, 100))
    with pytest.raises(ChannelError, match="no VIM here; there are DAPI, CK, CD45, HER2"):
        pl.segmentation(cells, segmentation=outlines, channels=["VIM"])
    with pytest.raises(ParameterError, match="color='kind' is not known"):
        pl.segmentation(cells, segmentation=outlines, color="kind")
    other = cells[::-1].copy()
    other.obs[_keys.INSTANCE_ID] = cells.obs[_keys.INSTANCE_ID].to_numpy()
    with pytest.raises(ParameterError, match=r"objects of slide 'S1' lie elsewhere in adata"):
        pl.segmentation(other, segmentation=outlines)
    del cells.obs[_keys.HER2_IF_CALL]
    with pytest.raises(MissingKeyError, match="her2_if_call"):
        pl.segmentation(cells, segmentation=outlines)


# --- gallery ------------------------------------------------------------------------------------------------------
def test_gallery_has_one_contrast_for_all(cells: Any, outlines: im.Segmentation) -> None:
    names = list(cells.obs_names[cells.obs[_keys.IS_CTC]])
    crops = im.crops(outlines, cells=names)
    data = pl.prepare_gallery(cells, crops=crops, cells=names[::-1], channels=["HER2"])
    assert list(data.cells.index) == names[::-1]
    low, high = data.limits["HER2"]
    expected = np.clip((crops.pixels[0, 3].astype(float) - low) / (high - low), 0, 1) ** 0.75
    seen = crops.inside[0]
    assert np.allclose(data.pictures[-1, 0, ..., 0][seen], expected[seen])
    own = crops.pixels[:, 3][crops.cell]
    assert 0.99 <= np.mean(own <= high) <= 1
    fixed = pl.prepare_gallery(cells, crops=crops, channels=["HER2"], limits={"HER2": (100, 300)})
    assert fixed.limits == {"HER2": (100, 300)}


def test_gallery_says_call_and_posterior(cells: Any, outlines: im.Segmentation) -> None:
    ctc = str(cells.obs_names[cells.obs[_keys.IS_CTC]][0])
    leukocyte = str(cells.obs_names[cells.obs[_keys.IDENTITY] == "leukocyte"][0])
    ax = pl.gallery(cells, crops=im.crops(outlines, cells=[ctc, leukocyte]))
    said = [text.get_text() for text in ax.texts]
    row = cells.obs.loc[ctc]
    assert f"{row[_keys.HER2_IF_CALL]}  {row[_keys.HER2_IF_CONFIDENCE]:.2f}" in said
    assert {ctc, leukocyte, "leukocyte", "DAPI", "CK", "CD45", "HER2", "all"} <= set(said)
    assert ax.get_title(loc="left") == "2 cells"


def test_crop_over_the_edge_is_grey_there(cells: Any, outlines: im.Segmentation) -> None:
    nearest = int(cells.obsm[_keys.SPATIAL].min(axis=1).argmin())
    crops = im.crops(outlines, cells=[str(cells.obs_names[nearest])], size_um=64.0)
    assert not crops.inside.all()
    data = pl.prepare_gallery(cells, crops=crops)
    outside = data.pictures[0][:, ~crops.inside[0]]
    assert np.unique(outside).tolist() == [0.25]


def test_gallery_in_blocks_and_empty(cells: Any, outlines: im.Segmentation) -> None:
    crops = im.crops(outlines, cells=list(cells.obs_names[:3]))
    ax = pl.gallery(cells, crops=crops, blocks=2)
    assert [text.get_text() for text in ax.texts].count("DAPI") == 2
    assert "no cell to show" in pl.gallery(cells, crops=crops, cells=[]).texts[0].get_text()
    with pytest.raises(ParameterError, match="1 have no picture or no row in adata, e.g. 'S1:999'"):
        pl.gallery(cells, crops=crops, cells=["S1:999"])
    with pytest.raises(ParameterError, match="limits: expected a pair of values for CK"):
        pl.gallery(cells, crops=crops, channels=["CK"], limits={"DAPI": (0, 1)})


# --- HER2 by slide ------------------------------------------------------------------------------------------------
def measured(intensities: dict[tuple[str, str, str], np.ndarray]) -> Any:
    """CTCs of the given intensities by (slide, batch, line), and leukocytes, as im.ctc_identity would leave them."""
    import pandas as pd
    from anndata import AnnData

    rows, values = [], []
    for (slide, batch, line), own in intensities.items():
        for identity, numbers in (("CTC", own), ("leukocyte", np.linspace(0.9, 1.1, 31))):
            rows += [(slide, batch, line, identity, identity == "CTC", 0)] * len(numbers)
            values.append(60 * numbers)
    obs = pd.DataFrame(rows, columns=["slide_id", "batch", "control_line", "identity", "is_ctc", "cluster"])
    obs["identity"] = pd.Categorical(obs["identity"], _keys.IMAGE_IDENTITIES)
    obs["donor_id"], obs["touches_edge"] = obs["slide_id"], False
    obs.index = [f"c{number}" for number in range(len(obs))]
    mean = np.concatenate(values)
    matrix = np.stack([mean, np.where(mean > 60 * 40, 0.2, 0.0)], axis=1)
    return AnnData(matrix, obs=obs, var=pd.DataFrame(index=["HER2_cell_mean", "HER2_cell_saturated"]))


@pytest.fixture(scope="module")
def two_batches() -> Any:
    rng = np.random.default_rng(0)
    lines = {"MDA-MB-231": 1.1, "T47D": 3.0, "MDA-MB-453": 8.0, "SKBR3": 20.0}
    intensities = {("P1", "a", ""): np.array([1.0, 3.0, 30.0]), ("P2", "b", ""): np.array([9.0, 50.0])}
    for batch, staining in (("a", 0.7), ("b", 1.4)):
        for line, median in lines.items():
            cells = median * staining * np.exp(rng.normal(0, 0.3, 30))
            intensities[f"{batch}-{line}", batch, line] = cells
    adata = measured(intensities)
    tl.her2_if(adata, batch_key="batch")
    return adata


def test_slides_patients_first_with_drift_before_and_after(two_batches: Any) -> None:
    data = pl.prepare_her2_if(two_batches)
    assert list(data.slides)[:2] == ["P1", "P2"]
    assert len(data.cells) == 5 + 8 * 30
    drift = two_batches.uns["her2plastic"]["her2_if"]["batches"]["drift_log2"]
    assert drift[1] - drift[0] > 0.5
    moved = (data.cells["before"] / data.cells["intensity"]).groupby(data.cells["slide"]).agg(["min", "max"])
    assert np.allclose(moved.loc["P1"], 2 ** drift[0])
    assert np.allclose(moved.loc["b-SKBR3"], 2 ** drift[1])
    controls = data.cells[data.cells["control"]].groupby("slide")["intensity"].median()
    assert abs(np.log(controls["a-SKBR3"] / controls["b-SKBR3"])) < 0.25
    assert data.scores == ["0", "1+", "2+", "3+"]
    assert (np.diff(data.bounds) > 0).all()


def test_her2_by_slide_says_what_it_shows(two_batches: Any) -> None:
    ax = pl.her2_if(two_batches)
    rendered(ax)
    assert ax.get_title(loc="left") == "5 CTCs, 240 control cells"
    assert [label.get_text() for label in ax.get_xticklabels()][:3] == ["P1", "P2", "a-MDA-MB-231"]
    said = legend_of(ax)
    assert {"control cell (240)", "at least so bright", "median as stained", "median, drift taken off"} <= set(said)
    assert [text.get_text() for text in ax.texts] == ["0", "1+", "2+", "3+"]


def test_her2_by_slide_without_cells_or_calls(two_batches: Any, called: Any) -> None:
    ax = pl.her2_if(two_batches[~two_batches.obs[_keys.IS_CTC].to_numpy()].copy())
    assert "no CTC with a HER2 intensity" in ax.texts[0].get_text().replace("\n", " ")
    bare = called.copy()
    del bare.obs[_keys.HER2_INTENSITY]
    with pytest.raises(MissingKeyError, match="tl.her2_if"):
        pl.her2_if(bare)


def test_her2_of_one_slide_without_controls(cells: Any) -> None:
    ax = pl.her2_if(cells)
    rendered(ax)
    assert "median as stained" not in legend_of(ax)
    assert ax.get_ylabel() == "HER2 (leukocytes of the slide = 1)"


# --- habits -------------------------------------------------------------------------------------------------------
def test_given_axes_come_back_and_pictures_repeat(cells: Any, outlines: im.Segmentation) -> None:
    crops = im.crops(outlines, cells=list(cells.obs_names[:2]))
    for name, arguments in (
        ("segmentation", {"segmentation": outlines}),
        ("gallery", {"crops": crops}),
        ("her2_if", {}),
    ):
        pictures = []
        for _ in range(2):
            given = Figure(layout="constrained").subplots()
            assert getattr(pl, name)(cells, ax=given, **arguments) is given
            pictures.append(rendered(given))
        assert pictures[0] == pictures[1]

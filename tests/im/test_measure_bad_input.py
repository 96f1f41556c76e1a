"""What cannot be measured, or not in part: a clear error, or a missing value, never a plausible number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import dask.array as da
import numpy as np
import pytest
from skimage.draw import disk

from her2plastic._errors import ChannelError, DamagedTileError, DataWarning, ParameterError
from her2plastic.im import Segmentation, crops, measure, segment
from her2plastic.io.slide import Field, Slide


def two_cells() -> np.ndarray:
    cells = np.zeros((80, 120), dtype=np.int32)
    cells[disk((40, 30), 10)] = 1
    cells[disk((40, 90), 10)] = 2
    return cells


def slide_of(image: Any) -> Slide:
    return Slide.from_array(image, channels=("CK", "HER2"), pixel_size_um=0.5, slide_id="s")


def pixels() -> np.ndarray:
    image = np.random.default_rng(0).normal(100, 5, (2, 80, 120))
    image[:, two_cells() > 0] += 300
    return image


def segmentation(image: Any = None) -> Segmentation:
    image = pixels() if image is None else image
    return Segmentation.from_labels(slide_of(image), two_cells(), two_cells())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda made: measure("slide.tif"), "segmentation: expected a Segmentation, as im.segment gives, not a str"),
        (lambda made: crops(made.slide, cells=[]), "segmentation: expected a Segmentation, as im.segment gives"),
        (lambda made: segment("slide.tif"), "slide: expected a Slide, as io.read_slide gives, not a str"),
        (lambda made: segment(made.slide, tile_size="512"), "tile_size='512': expected a whole number"),
        (lambda made: measure(made, tile_size=0), "tile_size=0: expected a whole number of at least 1"),
        (lambda made: measure(made, workers=1.5), "workers=1.5: expected a whole number"),
        (lambda made: measure(made, rim_um="thin"), "rim_um='thin': expected micrometres"),
        (lambda made: measure(made, background_pixels=None), "background_pixels=None: expected a whole number"),
        (
            lambda made: measure(made, rim_cutoff={"HER2": cast("float", "high")}),
            "rim_cutoff of HER2 is 'high': expected a number",
        ),
        (lambda made: crops(made, cells=[], size_um="32"), "size_um='32': expected micrometres"),
    ],
)
def test_arguments_of_another_kind(call: Callable[[Segmentation], Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        call(segmentation())


def test_label_image_of_another_shape() -> None:
    found = segmentation()
    with pytest.raises(ParameterError, match=r"cells of slide 's'.*\(80, 119\).*\(80, 120\)"):
        measure(replace(found, cells=(found.cells[0][:, 1:],)))
    with pytest.raises(ParameterError, match="nuclei of slide 's'"):
        measure(replace(found, nuclei=()))


def test_table_of_objects_of_another_segmentation() -> None:
    found = segmentation()
    with pytest.raises(ParameterError, match="1 objects of slide 's' have no pixel in their bounding box, .* 7"):
        measure(replace(found, objects=found.objects.assign(label=[1, 7])))


def test_labels_with_gaps() -> None:
    found, whole = segmentation(), measure(segmentation())
    spread = np.array([0, 3, 4_000_000])
    gaps = replace(
        found,
        cells=(spread[found.cells[0]].astype(np.int32),),
        nuclei=(spread[found.nuclei[0]].astype(np.int32),),
        objects=found.objects.assign(label=spread[found.objects["label"]]),
    )
    table = measure(gaps)
    assert list(table.obs_names) == ["s:3", "s:4000000"]
    np.testing.assert_array_equal(table.X, whole.X)


def test_labels_of_pixels_strewn_over_the_field_are_no_cells() -> None:
    strewn = np.random.default_rng(0).integers(1, 101, (80, 120)).astype(np.int32)
    with pytest.raises(ParameterError, match="100 objects of slide 's' cover it .* times"):
        measure(Segmentation.from_labels(slide_of(np.zeros((2, 80, 120), dtype=np.uint16)), cells=strewn))


@pytest.mark.parametrize(
    ("argument", "value"),
    [("rim_um", 0), ("rim_um", float("nan")), ("background_gap_um", -1), ("background_ring_um", 1000.0),
     ("background_pixels", 0), ("tile_size", 0), ("workers", 0), ("rim_cutoff", {"CK": -1})],
)  # fmt: skip
def test_parameters_that_cannot_be_used(argument: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=argument):
        measure(segmentation(), **{argument: value})


def test_cut_off_for_a_channel_that_is_not_there() -> None:
    with pytest.raises(ChannelError, match="rim_cutoff names FITC; slide 's' has CK, HER2"):
        measure(segmentation(), rim_cutoff={"FITC": 10})


def test_cut_off_of_the_rim_counts_from_the_background() -> None:
    completeness = [
        measure(segmentation(), rim_cutoff={"HER2": value}).to_df()["HER2_rim_completeness"].tolist()
        for value in (250, 350)
    ]
    assert completeness == [[1.0, 1.0], [0.0, 0.0]]


def test_pixels_that_are_no_numbers() -> None:
    image = pixels()
    image[1, 40, 30] = np.nan  # amid the first cell, whose nucleus is as large
    image[0, 40, 104] = np.inf  # in the ring of the second cell
    table = measure(segmentation(image))
    var = table.var[table.var["compartment"] != "cytoplasm"]
    stands = table.to_df()[var.index].notna()
    apart = (var["channel"] == "") | (var["compartment"] == "rim")
    np.testing.assert_array_equal(stands.iloc[0], apart | var["statistic"].isin(["background", "rim_completeness"]))
    assert stands.iloc[1].all()
    assert abs(table.to_df()["CK_background"].iloc[1] - 100) < 2


def test_channel_without_any_light() -> None:
    image = np.random.default_rng(0).integers(90, 110, (2, 80, 120)).astype(np.uint16)
    image[1] = 0
    features = measure(segmentation(image)).to_df()
    assert (
        features[["HER2_cell_mean", "HER2_cell_sum", "HER2_background", "HER2_rim_completeness"]].eq(0).all(axis=None)
    )
    assert features[["HER2_nucleus_overlap", "HER2_rim_to_centre"]].isna().all(axis=None)


def test_region_that_cannot_be_read() -> None:
    """The cell that lies on it is missing, the other stands, whatever the tiles."""
    image = pixels().astype(np.float32)
    whole = measure(segmentation(image)).to_df()

    def block(values: np.ndarray, block_info: Any = None) -> np.ndarray:
        start = block_info[0]["array-location"][2][0] if block_info else 0
        if start >= 80:
            raise DamagedTileError("s", "", "CK", (0, 80), (80, 120), "truncated")
        return values

    lazy = da.from_array(image, chunks=(2, 80, 40)).map_blocks(block, dtype=np.float32, meta=image[:, :0, :0])
    slide = replace(slide_of(image), fields=(Field("", lazy),))
    found = replace(segmentation(image), slide=slide)
    for tile_size in (60, 1000):
        table = measure(found, tile_size=tile_size)
        np.testing.assert_array_equal(table.to_df().iloc[0], whole.iloc[0])
        np.testing.assert_array_equal(table.to_df().filter(like="cell_area"), whole.filter(like="cell_area"))
        of_pixels = (table.var["channel"] != "") & (table.var["statistic"] != "background")
        assert table.to_df().iloc[1][of_pixels].isna().all()


# --- a limit of the camera that the file does not tell ---
def three_cells(limit: float, dtype: str) -> Segmentation:
    """Three cells of different brightness, in a camera that ends at a limit."""
    rng = np.random.default_rng(0)
    labels = np.zeros((60, 180), dtype=np.int32)
    image = rng.normal(0.03, 0.003, (2, 60, 180))
    for number, bright in enumerate((0.9, 1.5, 2.5)):
        place = disk((30, 30 + 60 * number), 12)
        labels[place] = number + 1
        image[1][place] += bright + rng.normal(0, 0.1, len(place[0]))
    pixels = np.clip(image, 0, 1) * limit
    return Segmentation.from_labels(slide_of(pixels.astype(dtype)), labels, labels)


@pytest.mark.parametrize(
    ("limit", "dtype", "words"),
    [(4095, "uint16", "HER2 4095 in 3 objects.*Read the slide with bit_depth=12"),
     (1, "float32", "HER2 1 in 3 objects.*Read the slide with saturation=1")],
)  # fmt: skip
def test_a_clipped_channel_is_told(limit: float, dtype: str, words: str) -> None:
    """Else 3+ cells of a 12-bit camera pass for as bright as they look."""
    found = three_cells(limit, dtype)
    with pytest.warns(DataWarning, match=words):
        measure(found)
    said = replace(found, slide=replace(found.slide, saturation=float(limit)))
    marked = measure(said)  # and no warning, which would be an error here
    assert (np.asarray(marked[:, "HER2_cell_saturated"].X) > 0).all()

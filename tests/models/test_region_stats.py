"""The compiled pass against scikit-image, scipy and numpy, object by object."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import disk, ellipse
from skimage.measure import regionprops

from her2plastic._errors import ParameterError
from her2plastic.models.region_stats.measuring import COMPARTMENTS, RegionGeometry, RegionStats, region_stats
from her2plastic.models.region_stats.names import SHAPED, SHAPES, STATISTICS

GEOMETRY = RegionGeometry(rim=1.5, gap=1.0, ring=3.0, n_background=5)
SATURATION = 60_000.0
#: Distances that differ by less are one: of whole pixels, they come in steps that are far larger.
ROUNDING = 1e-10
TOLERANCE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-6}


def measured(
    image: np.ndarray, cells: np.ndarray, nuclei: np.ndarray, geometry: RegionGeometry = GEOMETRY, **more: Any
) -> RegionStats:
    labels = np.unique(cells[cells > 0])
    found = ndimage.find_objects(cells)
    boxes = [[s.start for s in found[k - 1]] + [s.stop for s in found[k - 1]] for k in labels]
    return region_stats(
        image, cells, nuclei, labels=labels, boxes=np.array(boxes, dtype=int).reshape(-1, 4), geometry=geometry,
        saturation=SATURATION, **more,
    )  # fmt: skip


def assert_like_regionprops(stats: RegionStats, place: int, mask: np.ndarray, image: np.ndarray, which: str) -> None:
    """Compare one object in one compartment; ``place`` is its row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # scikit-image on hulls it cannot draw
        (region,) = regionprops(mask.astype(np.uint8), np.moveaxis(image, 0, -1))
        if which in SHAPED:
            shape = dict(zip(SHAPES, stats.shape[place, SHAPED.index(which)], strict=True))
            expected = {
                "area": region.area,
                "diameter": region.equivalent_diameter_area,
                "perimeter": region.perimeter,
                "eccentricity": region.eccentricity,
                "solidity": region.solidity,
                "p2a": region.perimeter**2 / (4 * np.pi * region.area),
            }
            for name, value in expected.items():
                np.testing.assert_allclose(shape[name], value, err_msg=f"{which} {name}", **TOLERANCE)
    found = dict(zip(STATISTICS, stats.intensity[place, :, COMPARTMENTS.index(which)].T, strict=True))
    values = image[:, mask].astype(float)
    for name, wanted in {
        "mean": region.intensity_mean,
        "median": region.intensity_median,
        "max": region.intensity_max,
        "min": region.intensity_min,
        "sd": region.intensity_std,
        "sum": values.sum(axis=1),
        "saturated": (values >= SATURATION).mean(axis=1),
    }.items():
        np.testing.assert_allclose(found[name], wanted, err_msg=f"{which} {name}", **TOLERANCE)
    for percent in (5, 25, 75, 95):
        np.testing.assert_allclose(found[f"p{percent:02d}"], np.percentile(values, percent, axis=1), **TOLERANCE)


def masks_of(cells: np.ndarray, nuclei: np.ndarray, label: int, geometry: RegionGeometry) -> dict[str, np.ndarray]:
    """Return compartments and ring as documented, by distance transforms of the whole image."""
    cell = cells == label
    nucleus = cell & (nuclei == label)
    others = ((cells != 0) | (nuclei != 0)) & ~cell
    depth, away, from_others = (distance_to(mask) for mask in (~cell, cell, others))
    near, far = geometry.gap + ROUNDING, geometry.gap + geometry.ring + ROUNDING
    return {
        "nucleus": nucleus,
        "cytoplasm": cell & ~nucleus,
        "rim": cell & (depth <= geometry.rim + ROUNDING),
        "cell": cell,
        "ring": ~cell & ~others & (away > near) & (away <= far) & (from_others > near),
    }


def distance_to(mask: np.ndarray) -> np.ndarray:
    """Return the distance of each pixel's centre to the outline of the nearest pixel of a mask."""
    return ndimage.distance_transform_edt(~mask) - 0.5 if mask.any() else np.full(mask.shape, np.inf)


@st.composite
def label_images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels of any form: scattered pixels, lines, rings, blobs cut by the edge; numbers with gaps."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = np.zeros((height, width), dtype=np.int32)
    for label in draw(st.lists(st.integers(1, 40), max_size=6, unique=True)):
        match draw(st.sampled_from(["pixel", "row", "column", "diagonal", "blob", "noise", "hollow"])):
            case "pixel":
                cells[rng.integers(height), rng.integers(width)] = label
            case "row":
                cells[rng.integers(height), rng.integers(width) :] = label
            case "column":
                cells[: rng.integers(1, height + 1), rng.integers(width)] = label
            case "diagonal":
                np.fill_diagonal(cells[rng.integers(height) :, rng.integers(width) :], label)
            case "blob":
                (y, x), (long, short) = rng.integers((height, width)), rng.uniform(0.6, 8, 2)
                cells[ellipse(y, x, long, short, shape=cells.shape, rotation=rng.uniform(0, 3))] = label
            case "noise":
                cells[rng.random(cells.shape) < 0.2] = label
            case "hollow":
                centre = (rng.integers(height), rng.integers(width))
                cells[disk(centre, 6, shape=cells.shape)] = label
                cells[disk(centre, 3, shape=cells.shape)] = 0
    nuclei = np.where(rng.random(cells.shape) < draw(st.sampled_from([0.0, 0.5, 1.0])), cells, 0).astype(np.int32)
    dtype = draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64]))
    image = rng.integers(0, 256 if dtype == np.uint8 else 65_536, (2, height, width)).astype(dtype)
    return image, cells, nuclei


geometries = st.builds(
    RegionGeometry,
    rim=st.floats(0.1, 8),
    gap=st.floats(0.1, 4),
    ring=st.floats(0.1, 5),
    n_background=st.integers(1, 60),
)


@settings(max_examples=150)
@given(label_images(), st.just(GEOMETRY) | geometries)
def test_agrees_with_scikit_image_on_any_label_image(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray], geometry: RegionGeometry
) -> None:
    image, cells, nuclei = drawn
    stats = measured(image, cells, nuclei, geometry)
    for place, label in enumerate(np.unique(cells[cells > 0])):
        masks = masks_of(cells, nuclei, label, geometry)
        ys, xs = np.nonzero(masks["cell"])
        np.testing.assert_allclose(stats.centroid[place], [ys.mean() - ys.min(), xs.mean() - xs.min()], **TOLERANCE)
        widened = replace(geometry, ring=stats.reach[place] - geometry.gap)
        assert stats.n_background[place] == masks_of(cells, nuclei, label, widened)["ring"].sum()
        enough = stats.n_background[place] >= geometry.n_background
        assert enough or stats.reach[place] == geometry.gap + 8 * geometry.ring
        assert np.isfinite(stats.background[place]).all() == enough
        for which in COMPARTMENTS:
            assert stats.n_pixels[place, COMPARTMENTS.index(which)] == masks[which].sum()
            if masks[which].any():
                assert_like_regionprops(stats, place, masks[which], image, which)
            else:
                assert np.isnan(stats.intensity[place, :, COMPARTMENTS.index(which)]).all()
                assert which not in SHAPED or np.isnan(stats.shape[place, SHAPED.index(which)]).all()


@pytest.fixture
def one_cell() -> tuple[np.ndarray, np.ndarray]:
    cells, nuclei = np.zeros((60, 60), dtype=np.int32), np.zeros((60, 60), dtype=np.int32)
    cells[disk((30, 30), 12)] = 7
    nuclei[disk((30, 30), 6)] = 7
    return cells, nuclei


def test_background_is_the_median_of_the_ring(one_cell: tuple[np.ndarray, np.ndarray]) -> None:
    cells, nuclei = one_cell
    image = np.random.default_rng(0).normal(100, 10, (1, 60, 60))
    ring = masks_of(cells, nuclei, 7, GEOMETRY)["ring"]
    image[0, np.flatnonzero(ring)[0] // 60, np.flatnonzero(ring)[0] % 60] = np.nan
    values = image[0][ring & np.isfinite(image[0])]
    stats = measured(image, cells, nuclei)
    assert stats.background[0, 0] == pytest.approx(np.median(values), rel=1e-12)
    spread = 1.482602218505602 * np.median(np.abs(values - np.median(values)))
    assert stats.background_sd[0, 0] == pytest.approx(spread, rel=1e-12)
    assert stats.n_background[0] == ring.sum() > 200


def test_ring_leaves_neighbours_and_their_surroundings_out(one_cell: tuple[np.ndarray, np.ndarray]) -> None:
    cells, nuclei = one_cell
    image = np.full((1, 60, 60), 100.0)
    cells[20:45, 44:56] = 9
    image[0, 18:47, 42:58] = 9000.0  # brighter than its label is wide
    geometry = RegionGeometry(rim=1.5, gap=3.0, ring=6.0, n_background=5)
    stats = measured(image, cells, nuclei, geometry)
    ring = masks_of(cells, nuclei, 7, geometry)["ring"]
    alone = masks_of(np.where(cells == 7, cells, 0), nuclei, 7, geometry)["ring"]
    assert stats.n_background[0] == ring.sum() < alone.sum()
    assert stats.background[0, 0] == 100.0
    assert stats.background_sd[0, 0] == 0.0


@pytest.mark.parametrize("away", [3, 5, 7, 9])
def test_ring_keeps_away_from_neighbours_that_lie_beyond_it(away: int) -> None:
    cells = np.zeros((60, 80), dtype=np.int32)
    cells[20:40, 20:40], cells[10:50, 39 + away : 60] = 1, 2
    geometry = RegionGeometry(rim=1.5, gap=3.0, ring=2.0, n_background=5)
    stats = measured(np.zeros((1, 60, 80)), cells, cells, geometry)
    assert stats.n_background[0] == masks_of(cells, cells, 1, geometry)["ring"].sum()


def test_ring_widens_where_it_is_crowded_and_is_missing_where_nothing_is_free() -> None:
    cells = np.arange(1, 101, dtype=np.int32).reshape(10, 10).repeat(6, axis=0).repeat(6, axis=1)
    field = np.zeros((80, 80), dtype=np.int32)
    field[:60, :60] = cells
    image = np.full((1, 80, 80), 50.0)
    stats = measured(image, field, field)
    doublings = np.log2((stats.reach.reshape(10, 10) - GEOMETRY.gap) / GEOMETRY.ring)
    np.testing.assert_array_equal(np.diag(doublings)[[9, 8, 7, 6, 0]], [0, 2, 3, 3, 3])
    background = stats.background.reshape(10, 10)
    np.testing.assert_array_equal(background[6:, 6:], 50.0)
    assert np.isnan(background[:5, :5]).all()
    assert np.isnan(stats.rim_completeness.reshape(10, 10)[0, 0])
    whole = stats.intensity.reshape(10, 10, len(COMPARTMENTS), -1)[0, 0, COMPARTMENTS.index("cell")]
    assert np.isfinite(whole).all()  # what is measured without the background stands


def test_signal_on_the_nucleus(one_cell: tuple[np.ndarray, np.ndarray]) -> None:
    cells, nuclei = one_cell
    image = np.full((3, 60, 60), 100, dtype=np.uint16)
    image[0][nuclei > 0] = 500
    image[1][(cells > 0) & (nuclei == 0)] = 500
    image[2][cells > 0] = 500
    overlap = measured(image, cells, nuclei).nucleus_overlap[0]
    np.testing.assert_allclose(overlap, [1.0, 0.0, (nuclei > 0).sum() / (cells > 0).sum()])
    flat = np.full((1, 60, 60), 100, dtype=np.uint16)
    assert np.isnan(measured(flat, cells, nuclei).nucleus_overlap[0, 0])  # no signal lies anywhere
    assert np.isnan(measured(image, cells, np.zeros_like(nuclei)).nucleus_overlap).all()


def test_rim_against_centre_and_its_completeness(one_cell: tuple[np.ndarray, np.ndarray]) -> None:
    cells, nuclei = one_cell
    rim = masks_of(cells, nuclei, 7, GEOMETRY)["rim"]
    columns = np.arange(60)[None, :].repeat(60, axis=0)
    image = np.full((3, 60, 60), 100.0) + np.random.default_rng(1).normal(0, 1, (3, 60, 60))
    image[:, cells > 0] += 200
    image[0][rim] += 200
    image[1][rim & (columns < 30)] += 200
    stats = measured(image, cells, nuclei, cutoffs=np.array([300.0, 300.0, 300.0]))
    np.testing.assert_allclose(stats.rim_to_centre[0, [0, 2]], [2.0, 1.0], rtol=0.01)
    np.testing.assert_allclose(stats.rim_completeness[0], [1.0, 0.5, 0.0], atol=0.05)
    # without a cut-off it is three standard deviations of the background
    np.testing.assert_array_equal(measured(image, cells, nuclei).rim_completeness, [[1.0, 1.0, 1.0]])


def test_cut_side_of_a_cell_is_no_rim() -> None:
    cells = np.zeros((40, 40), dtype=np.int32)
    cells[:12, 10:30] = 3
    image = np.ones((1, 40, 40))
    stats = measured(image, cells, cells)
    inside = np.zeros((41, 40), dtype=np.int32)
    inside[:13, 10:30] = 3  # the cell goes on beyond the edge
    depth = ndimage.distance_transform_edt(np.pad(inside, ((30, 0), (0, 0)), mode="edge"))[31:] - 0.5
    assert stats.n_pixels[0, COMPARTMENTS.index("rim")] == ((depth > 0) & (depth <= GEOMETRY.rim)).sum()


def test_pixels_that_are_no_numbers_make_their_compartments_missing(one_cell: tuple[np.ndarray, np.ndarray]) -> None:
    cells, nuclei = one_cell
    image = np.random.default_rng(2).uniform(100, 200, (2, 60, 60))
    image[1, 30, 30] = np.nan
    stats = measured(image, cells, nuclei)
    assert np.isfinite(stats.intensity[0, 0]).all()
    missing = np.isnan(stats.intensity[0, 1]).all(axis=1)
    np.testing.assert_array_equal(missing, [True, False, False, True])
    assert np.isnan(stats.rim_to_centre[0, 1])
    assert np.isnan(stats.nucleus_overlap[0, 1])
    image[0, 30, 30] = np.inf
    assert np.isnan(measured(image, cells, nuclei).intensity[0, 0, 0]).all()


def test_dtypes_give_the_same_numbers(one_cell: tuple[np.ndarray, np.ndarray]) -> None:
    image = np.random.default_rng(3).integers(0, 256, (2, 60, 60))
    first = measured(image.astype(np.uint8), *one_cell)
    for dtype in (np.uint16, np.int16, np.uint32, np.float32, np.float64):
        other = measured(image.astype(dtype), *one_cell)
        for name in RegionStats.__dataclass_fields__:
            np.testing.assert_allclose(getattr(other, name), getattr(first, name), rtol=1e-12, err_msg=name)


def test_a_part_gives_the_same_bits_as_the_whole(one_cell: tuple[np.ndarray, np.ndarray]) -> None:
    cells, nuclei = (np.pad(labels, 40) for labels in one_cell)
    image = np.random.default_rng(4).uniform(0, 1, (2, *cells.shape)).astype(np.float32)
    whole = measured(image, cells, nuclei)
    first = int(np.nonzero(cells)[0].min()) - GEOMETRY.margin
    part = (slice(first, None), slice(first, None))
    again = measured(image[:, *part], cells[part], nuclei[part])
    for name in RegionStats.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name), err_msg=name)


def test_no_objects_and_labels_without_pixels() -> None:
    empty = np.zeros((10, 12), dtype=np.int32)
    stats = measured(np.zeros((3, 10, 12), dtype=np.uint16), empty, empty)
    assert stats.intensity.shape == (0, 3, len(COMPARTMENTS), len(STATISTICS))
    absent = region_stats(
        np.zeros((3, 10, 12)), empty, empty, labels=np.array([4]), boxes=np.array([[2, 2, 4, 4]]), geometry=GEOMETRY
    )
    assert absent.n_pixels.sum() == 0
    assert np.isnan(absent.intensity).all()
    assert np.isnan(absent.centroid).all()


def test_shapes_must_fit() -> None:
    with pytest.raises(ParameterError, match=r"image of shape \(1, 5, 5\), cells of \(5, 6\)"):
        region_stats(
            np.zeros((1, 5, 5)), np.zeros((5, 6), int), np.zeros((5, 6), int), labels=np.array([]),
            boxes=np.zeros((0, 4)), geometry=GEOMETRY,
        )  # fmt: skip

"""Simulated slides with known truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from her2plastic._errors import ParameterError, one_of
from her2plastic._keys import IF_SCORES
from her2plastic.datasets.argument_checks import in_range, whole
from her2plastic.datasets.slide_drawing import Pen, outline, stained
from her2plastic.datasets.slide_objects import CTC, make_objects
from her2plastic.datasets.slide_optics import Scene
from her2plastic.datasets.slide_parameters import (
    CHANNELS,
    HER2Stain,
    SlideCells,
    SlideOptics,
)
from her2plastic.io import Slide
from her2plastic.reference import control_lines

#: Above this number of pixels a slide is drawn when it is read, tile by tile.
_EAGER_PIXELS = 4096 * 4096
_TILE = 1024
_TRUTH = (
    "number", "kind", "ctc", "her2_class", "her2_units", "her2_intensity", "y_um", "x_um", "diameter_um", "cluster",
    "saturated",
)  # fmt: skip


@dataclass(frozen=True)
class SimulatedSlide:
    """A simulated slide and what is on it.

    Attributes
    ----------
    slide
        Four channels of one field; 12 bits in ``uint16``.
    truth
        A row for each object: ``number`` (its label in the masks), ``kind`` (``CTC``, ``CK- HER2+``, ``leukocyte``,
        ``debris``, ``bare nucleus``, ``bright blob``), ``ctc`` (place in the list of CTCs, else -1), ``her2_class``
        (of the cells with HER2), ``her2_units`` (mean over the cell in units of the leukocyte background, before the
        optics), ``her2_intensity`` (the same as the camera sees it at that place: photo-electrons above background,
        without noise or saturation), ``y_um``, ``x_um`` and ``diameter_um``, ``cluster`` (0 for an object that touches
        no other, else the number of the group) and ``saturated`` (a HER2 pixel reaches the camera's limit).
    nuclei, cells
        Truth masks, int32, shape (y, x): a nucleus carries the number of its cell, a bare nucleus is its own cell,
        debris is a cell without a nucleus, blobs are in neither. NumPy arrays, or Dask arrays for a slide of more than
        4,096 x 4,096 pixels.
    her2_unit
        Photo-electrons of one unit of HER2 on this slide, its gain included.
    control_line
        The control line that the slide holds, or empty.
    """

    slide: Slide
    truth: pd.DataFrame
    nuclei: ArrayLike
    cells: ArrayLike
    her2_unit: float
    control_line: str


def simulate_slide(
    *,
    shape: tuple[int, int] = (2048, 2048),
    pixel_size_um: float = 0.64,
    n_leukocytes: int = 200,
    n_ctcs: int = 10,
    her2_classes: Mapping[str, float] | Sequence[str] = {"0": 1.0, "1+": 1.0, "2+": 1.0, "3+": 1.0},
    control_line: str | None = None,
    seed: int = 0,
    slide_id: str = "slide",
    cells: SlideCells | None = None,
    her2: HER2Stain | None = None,
    optics: SlideOptics | None = None,
    gains: Sequence[float] | None = None,
    lazy: bool | None = None,
) -> SimulatedSlide:
    """Simulate a slide of circulating tumour cells among leukocytes, with four channels and known truth.

    Parameters
    ----------
    shape
        Rows and columns, pixels.
    pixel_size_um
        Side of a pixel: 0.64 as in CellTracks pictures, 0.32 as with an objective of 20x.
    n_leukocytes, n_ctcs
        Number of leukocytes and of CTCs. Debris, bare nuclei and other objects come on top: see :class:`SlideCells`.
    her2_classes
        HER2 classes ``"0"``, ``"1+"``, ``"2+"``, ``"3+"`` with their shares of the CTCs, or the class of each CTC.
    control_line
        A line of :func:`her2plastic.reference.control_lines`, or a class: all CTCs are cells of this line, with
        cytokeratin.
    seed
        The same seed and parameters give the same slide.
    slide_id
        Its name.
    cells, her2, optics
        Parameter groups; None for the defaults.
    gains
        Gain of each channel against its nominal one; None draws them (``SlideOptics.gain_sd_log``).
    lazy
        Whether to draw only what is read, and anew each time. None: for more than 4,096 x 4,096 pixels. The pixels are
        the same either way and whatever the chunks.

    Returns
    -------
    The slide, its truth table and its truth masks.

    Raises
    ------
    ParameterError
        When a parameter is out of range, or the cells have no room.

    Notes
    -----
    HER2 is a spherical shell around a filled cytoplasm of autofluorescence (at most one unit), projected, blurred and
    recorded. Cells lie apart from one another but for the clusters. The mean over a cell's truth mask is
    ``her2_units`` times ``her2_unit``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=20, n_ctcs=3, her2_classes=["0", "1+", "3+"])
    >>> made.slide.channels
    ('DAPI', 'CK', 'CD45', 'HER2')
    >>> made.truth["kind"].value_counts()[["leukocyte", "CTC"]].to_dict()
    {'leukocyte': 20, 'CTC': 3}
    >>> print(made.truth.loc[made.truth["kind"] == "CTC", ["number", "her2_class"]].to_string(index=False))
     number her2_class
         11         3+
         14         1+
         61          0
    """
    size = _check(shape, pixel_size_um, n_leukocytes, n_ctcs, seed)
    cells, her2, optics = cells or SlideCells(), her2 or HER2Stain(), optics or SlideOptics()
    if control_line is not None:
        lines = control_lines()["stands_for"]
        one_of("control_line", control_line, (*IF_SCORES, *lines.index))
        her2_classes = {lines.get(control_line, control_line): 1.0}
        cells = replace(cells, ck_negative=0.0)
    rng = np.random.default_rng([seed, 0])
    drift = np.exp(rng.normal(0, optics.gain_sd_log, len(CHANNELS)))
    angles = rng.uniform(0, 2 * math.pi, len(CHANNELS))
    shifts = optics.shift_px * pixel_size_um * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    shifts[0] = 0.0
    objects = make_objects(
        np.random.default_rng([seed, 3]), (size[0] * pixel_size_um, size[1] * pixel_size_um),
        n_leukocytes=n_leukocytes, n_ctcs=n_ctcs, her2_classes=her2_classes, cells=cells, her2=her2,
        psf_um=optics.psf_um,
    )  # fmt: skip
    unit = _exposure(her2, optics, pixel_size_um)
    pen = Pen(seed, pixel_size_um, cells.irregularity, her2, unit, optics, _gains(gains, drift), shifts)
    scene = Scene(size, objects, pen)
    lazy = size[0] * size[1] > _EAGER_PIXELS if lazy is None else lazy
    image, nuclei, labels = _lazy(scene) if lazy else scene.picture_and_masks((slice(0, size[0]), slice(0, size[1])))
    slide = Slide.from_array(
        image, channels=CHANNELS, pixel_size_um=pixel_size_um, slide_id=slide_id, bit_depth=optics.bits,
        saturation=float(2**optics.bits - 1),
    )  # fmt: skip
    return SimulatedSlide(slide, _truth(scene), nuclei, labels, unit * float(pen.gains[3]), control_line or "")


def _check(shape: tuple[int, int], pixel_size_um: float, n_leukocytes: int, n_ctcs: int, seed: int) -> tuple[int, int]:
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise ParameterError(f"shape={shape!r}: expected (rows, columns)")
    for name, value, low in (
        ("shape[0]", shape[0], 1), ("shape[1]", shape[1], 1), ("n_leukocytes", n_leukocytes, 0),
        ("n_ctcs", n_ctcs, 0), ("seed", seed, 0),
    ):  # fmt: skip
        whole(name, value, low)
    in_range("pixel_size_um", pixel_size_um, 0.05, 5)
    return int(shape[0]), int(shape[1])


def _gains(given: Sequence[float] | None, drift: np.ndarray) -> np.ndarray:
    if given is None:
        return drift
    if len(given) != len(CHANNELS):
        raise ParameterError(f"gains={given!r}: expected one for each of {', '.join(CHANNELS)}")
    for channel, gain in zip(CHANNELS, given, strict=True):
        in_range(f"gains ({channel})", gain, 0, 100, above=True)
    return np.asarray(given, dtype=float)


def _exposure(her2: HER2Stain, optics: SlideOptics, pixel_size_um: float) -> float:
    """Return the photo-electrons of a unit of HER2 at which the wanted share of 3+ cells has a saturated pixel."""
    pen = Pen(0, pixel_size_um, 0.05, her2, 1.0, optics, np.ones(len(CHANNELS)), np.zeros((len(CHANNELS), 2)))
    peaks = []
    for number in range(8):
        row = SimpleNamespace(
            number=number, kind=CTC, her2_class="3+", diameter_um=12.0, nucleus_um=8.0, y_um=50.0, x_um=50.0,
            dapi=1.0, ck=1.0, cd45=1.0, her2_units=20.0, her2_floor=1.0, lobed=False,
            psf_um=sum(optics.psf_um) / 2,
        )  # fmt: skip
        peaks.append(stained(row, outline(row, pen), pen)[3].max() / row.her2_units)
    brightest = her2.medians["3+"] * math.exp(NormalDist().inv_cdf(1 - her2.saturated) * her2.sd_log)
    return (2**optics.bits - 1 - optics.background) / (brightest * float(np.mean(peaks)))


def _lazy(scene: Scene) -> tuple[Any, Any, Any]:
    import dask.array as da

    sides = tuple(tuple(np.diff([*range(0, length, _TILE), length]).tolist()) for length in scene.shape)
    image = da.map_blocks(
        _picture_tile, scene=scene, chunks=((len(CHANNELS),), *sides), dtype=np.uint16, meta=np.empty((0, 0, 0), "u2")
    )
    masks = (
        da.map_blocks(_mask_tile, scene=scene, which=which, chunks=sides, dtype=np.int32, meta=np.empty((0, 0), "i4"))
        for which in (0, 1)
    )
    return image, *masks


def _picture_tile(scene: Scene, block_info: Any = None) -> np.ndarray:
    return scene.picture(_window(block_info))


def _mask_tile(scene: Scene, which: int, block_info: Any = None) -> np.ndarray:
    return scene.masks(_window(block_info))[which]


def _window(block_info: Any) -> tuple[slice, slice]:
    rows, columns = block_info[None]["array-location"][-2:]
    return slice(*rows), slice(*columns)


def _truth(scene: Scene) -> pd.DataFrame:
    pen, truth = scene.pen, scene.objects.copy()
    pixels = [(truth[name].to_numpy() / pen.pixel_size_um).astype(int) for name in ("y_um", "x_um")]
    shade = np.array([scene.shading(np.array([y]), np.array([x]))[0, 0] for y, x in zip(*pixels, strict=True)])
    light = truth["her2_units"].to_numpy() * pen.her2_unit + truth["her2_blob"].to_numpy()
    truth["her2_intensity"] = light * pen.gains[3] * shade
    limit = 2**pen.optics.bits - 1 - pen.optics.background
    saturated = np.zeros(len(truth), dtype=bool)
    # no pixel of a cell is more than a few times its mean: the others need not be drawn
    for index in np.flatnonzero(truth["her2_intensity"].to_numpy() > limit / 4):
        row = next(truth.iloc[[index]].itertuples(index=False))
        saturated[index] = stained(row, outline(row, pen), pen)[3].max() * shade[index] >= limit
    truth["saturated"] = saturated
    return truth[list(_TRUTH)]

"""Pictures of single objects as the camera sees them, before background and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from her2plastic.datasets.slide_objects import BARE, BLOB, CK_NEGATIVE, CTC, DEBRIS, LEUKOCYTE
from her2plastic.datasets.slide_parameters import CHANNELS, HER2Stain, SlideOptics

#: Finest sampling of an object, micrometres; at least two samples to a pixel's side.
_FINE_UM = 0.16
#: Depth of what lies outside an object.
_OUTSIDE = 9.0


@dataclass(frozen=True)
class Pen:
    """What drawing needs to know of the slide besides the object."""

    seed: int
    pixel_size_um: float
    irregularity: float
    her2: HER2Stain
    her2_unit: float
    optics: SlideOptics
    gains: np.ndarray
    shifts_um: np.ndarray

    @property
    def samples(self) -> int:
        """Samples to a pixel's side."""
        return max(2, math.ceil(self.pixel_size_um / _FINE_UM))

    @property
    def step_um(self) -> float:
        """Distance of the samples."""
        return self.pixel_size_um / self.samples

    def reach_um(self, diameter_um: Any) -> Any:
        """Return how far from its centre an object may be seen."""
        blur = 3.0 * self.optics.psf_um[1] + float(np.abs(self.shifts_um).max())
        return diameter_um * 0.5 * (1 + 4 * min(0.15, 2 * self.irregularity)) + blur


@dataclass(frozen=True)
class Shape:
    """Where an object lies.

    Attributes
    ----------
    corner
        y and x of its first pixel on the slide.
    fine_depth, fine_core
        Distance from the centre of the cell and of the nucleus, as a share of their radius, on the fine grid.
    depth
        The former by pixels, and large outside the object.
    nucleus
        Whether a pixel lies in the nucleus.
    """

    corner: tuple[int, int]
    fine_depth: np.ndarray
    fine_core: np.ndarray
    depth: np.ndarray
    nucleus: np.ndarray


def outline(row: Any, pen: Pen) -> Shape:
    """Draw where one object lies, a row of :func:`her2plastic.datasets.slide_objects.make_objects`."""
    rng = np.random.default_rng([pen.seed, 1, int(row.number)])
    corner, y, x = _grid(row, pen)
    roughness = min(0.15, 2 * pen.irregularity) if row.kind == DEBRIS else pen.irregularity
    depth = _depth(rng, y, x, row.diameter_um / 2, roughness)
    core = np.full_like(depth, _OUTSIDE)
    if row.nucleus_um and row.kind != BARE:
        down, right = rng.uniform(-0.3, 0.3, 2) * (row.diameter_um - row.nucleus_um)
        # a nucleus never leaves its cell
        core = np.where(depth < 1, _depth(rng, y - down, x - right, row.nucleus_um / 2, roughness), core)
    if row.kind == BARE:
        core = depth
    body, nucleus, mean_depth = _bin(np.stack([depth < 1, core < 1, depth]).astype(np.float32), pen.samples)
    within = body >= 0.5
    return Shape(corner, depth, core, np.where(within, mean_depth, _OUTSIDE), (nucleus >= 0.5) & within)


def stained(row: Any, shape: Shape, pen: Pen) -> np.ndarray:
    """Return the photo-electrons of an object, shape (channels, y, x).

    The mean over the object's own pixels (in DAPI: over its nucleus) is the intensity of its row.
    """
    rng = np.random.default_rng([pen.seed, 4, int(row.number)])
    stains = _stains(rng, row, pen, shape)
    amounts = {"DAPI": row.dapi, "CK": row.ck, "CD45": row.cd45}
    amounts["HER2"] = row.her2_blob if row.kind == BLOB else row.her2_units * pen.her2_unit
    seen = _seen(np.stack([stains[channel] for channel in CHANNELS]), pen, row.psf_um)
    for index, channel in enumerate(CHANNELS):
        where = shape.nucleus if channel == "DAPI" and row.kind != BLOB else shape.depth < _OUTSIDE
        inside = float(seen[index][where].mean()) if where.any() else 0.0
        seen[index] *= amounts[channel] * pen.gains[index] / inside if inside > 0 else 0.0
    return seen


def _grid(row: Any, pen: Pen) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
    """Return the corner pixel and the fine grid's y (column) and x (row) from the object's centre, micrometres."""
    half = pen.reach_um(row.diameter_um)
    axes, corner = [], []
    for centre in (row.y_um, row.x_um):
        first = math.floor((centre - half) / pen.pixel_size_um)
        last = math.ceil((centre + half) / pen.pixel_size_um)
        fine = (np.arange((last - first) * pen.samples) + 0.5) * pen.step_um
        axes.append((fine + (first * pen.pixel_size_um - centre)).astype(np.float32))
        corner.append(first)
    return (corner[0], corner[1]), axes[0][:, None], axes[1][None, :]


def _depth(rng: np.random.Generator, y: np.ndarray, x: np.ndarray, radius: float, roughness: float) -> np.ndarray:
    """Return the distance from the centre over the outline's radius in that direction.

    The outline is a circle with a few random waves (2 to 5 to the turn) and the circle's area.
    """
    spread = roughness * np.sqrt([0.6, 0.25, 0.1, 0.05])
    cosines, sines = rng.normal(0, spread), rng.normal(0, spread)
    distance = np.sqrt(y * y + x * x) + np.float32(1e-6)
    cos_1, sin_1 = x / distance, y / distance
    cos, sin = cos_1, sin_1
    waves = np.ones_like(distance)
    for c, s in zip(cosines, sines, strict=True):
        # cosine and sine of one angle more
        cos, sin = cos * cos_1 - sin * sin_1, sin * cos_1 + cos * sin_1
        waves += np.float32(c) * cos + np.float32(s) * sin
    scale = math.sqrt(1 + 0.5 * float((cosines**2 + sines**2).sum())) / radius
    return distance * np.float32(scale) / np.maximum(waves, np.float32(0.3))


def _stains(rng: np.random.Generator, row: Any, pen: Pen, shape: Shape) -> dict[str, np.ndarray]:
    """Return how each stain is spread over the object, before the optics."""
    depth, core = shape.fine_depth, shape.fine_core
    dome = _ball(depth)
    if row.kind == BLOB:
        return dict.fromkeys(CHANNELS, dome)
    chromatin = np.sqrt(_ball(core)) * _texture(rng, depth.shape, 0.6 / pen.step_um, 0.2)
    if row.lobed:
        chromatin = chromatin * _texture(rng, depth.shape, 1.2 / pen.step_um, 0.4)
    if row.kind == BARE:
        return dict.fromkeys(CHANNELS, chromatin)
    keratin = dome
    if row.kind in (CTC, DEBRIS):
        filaments = np.exp(np.abs(_cloud(rng, depth.shape, 1.1 / pen.step_um)) / np.float32(-0.35))
        keratin = np.sqrt(dome) * (1 - np.float32(0.45) * _ball(core)) * (np.float32(0.5) + filaments)
    shell = _shell(depth, pen.her2.shell_um / (row.diameter_um / 2))
    cd45 = shell * _texture(rng, depth.shape, 0.7 / pen.step_um, 0.25) if row.kind == LEUKOCYTE else dome
    floor = row.her2_floor / row.her2_units if row.her2_units else 1.0
    her2 = dome
    if row.kind in (CTC, CK_NEGATIVE) and floor < 1:
        membrane = shell * _texture(rng, depth.shape, 1.2 / pen.step_um, pen.her2.patchiness[row.her2_class])
        her2 = np.float32(floor / dome.sum()) * dome + np.float32((1 - floor) / membrane.sum()) * membrane
    return {"DAPI": chromatin, "CK": keratin, "CD45": cd45, "HER2": her2}


def _ball(depth: np.ndarray) -> np.ndarray:
    """Return the thickness of a ball of radius 1, seen from above."""
    return np.sqrt(np.maximum(1 - depth * depth, 0))


def _shell(depth: np.ndarray, thickness: float) -> np.ndarray:
    """Return the thickness of a hollow ball's wall, seen from above."""
    inner = np.float32(max(0.0, 1 - thickness))
    return _ball(depth) - np.sqrt(np.maximum(inner * inner - depth * depth, 0))


def _texture(rng: np.random.Generator, size: tuple[int, ...], sigma: float, spread: float) -> np.ndarray:
    """Return smooth random factors of mean 1."""
    return np.maximum(1 + np.float32(spread) * _cloud(rng, size, sigma), 0)


def _cloud(rng: np.random.Generator, size: tuple[int, ...], sigma: float) -> np.ndarray:
    """Return smooth noise of mean 0 and standard deviation 1."""
    from scipy.ndimage import gaussian_filter

    # drawn on every other sample: smooth noise needs no more
    coarse = gaussian_filter(
        rng.standard_normal(tuple(-(-side // 2) for side in size), dtype=np.float32), sigma / 2, mode="wrap"
    )
    coarse /= max(float(coarse.std()), 1e-6)
    return coarse.repeat(2, axis=0).repeat(2, axis=1)[: size[0], : size[1]]


def _seen(stains: np.ndarray, pen: Pen, psf_um: float) -> np.ndarray:
    """Blur all channels by the point spread function, move each by its shift, and collect in pixels."""
    from scipy.ndimage import gaussian_filter

    sigma = psf_um / pen.step_um
    blurred = gaussian_filter(stains, (0, sigma, sigma), mode="constant", truncate=3.0)
    for index, shift in enumerate(pen.shifts_um):
        moves = [round(float(way) / pen.step_um) for way in shift]
        if any(moves):
            blurred[index] = np.roll(blurred[index], moves, axis=(0, 1))
    return _bin(blurred, pen.samples)


def _bin(images: np.ndarray, samples: int) -> np.ndarray:
    """Return the means of squares of ``samples`` x ``samples``; a few sums of slices, as a reshaped mean is slow."""
    rows = images[..., ::samples, :].copy()
    for place in range(1, samples):
        rows += images[..., place::samples, :]
    means = rows[..., ::samples].copy()
    for place in range(1, samples):
        means += rows[..., place::samples]
    means *= np.float32(1 / samples**2)
    return means

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
_MARGIN_UM = 2.5


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


@dataclass(frozen=True)
class Patch:
    """One object.

    Attributes
    ----------
    corner
        y and x of its first pixel on the slide.
    signal
        Photo-electrons, shape (channels, y, x).
    depth
        Distance from the centre as a share of the radius: up to 1 within the object.
    nucleus
        Whether a pixel lies in the nucleus.
    """

    corner: tuple[int, int]
    signal: np.ndarray
    depth: np.ndarray
    nucleus: np.ndarray


def draw(row: Any, pen: Pen) -> Patch:
    """Draw one object, a row of :func:`her2plastic.datasets.slide_objects.make_objects`."""
    rng = np.random.default_rng([pen.seed, 1, int(row.number)])
    corner, y, x = _grid(row, pen)
    outline = _Outline(rng, pen.irregularity if row.kind != DEBRIS else min(0.15, 2 * pen.irregularity))
    depth = outline.depth(y, x, row.diameter_um / 2)
    offset = rng.uniform(-0.5, 0.5, 2) * (0.6 * (row.diameter_um - row.nucleus_um) / 2)
    inner = _Outline(rng, pen.irregularity)
    core = inner.depth(y - offset[0], x - offset[1], row.nucleus_um / 2) if row.nucleus_um else np.full_like(depth, 9.0)
    # a nucleus never leaves its cell
    core = np.where(depth < 1, core, 9.0)
    body = depth < 1
    nucleus = core < 1
    shapes = _shapes(rng, row, pen, depth, core)
    amounts = {"DAPI": row.dapi, "CK": row.ck, "CD45": row.cd45, "HER2": row.her2_units * pen.her2_unit}
    if row.kind == BLOB:
        amounts["HER2"] = row.her2_blob
    signal = np.empty((len(CHANNELS), depth.shape[0] // pen.samples, depth.shape[1] // pen.samples), dtype=np.float32)
    coarse_body, coarse_nucleus = _bin(body, pen.samples) >= 0.5, _bin(nucleus, pen.samples) >= 0.5
    for index, channel in enumerate(CHANNELS):
        where = coarse_nucleus if channel == "DAPI" and row.kind != BLOB else coarse_body
        picture = _seen(shapes[channel], pen, index, channel)
        inside = float(picture[where].mean()) if where.any() else 0.0
        signal[index] = picture * (amounts[channel] * pen.gains[index] / inside if inside > 0 else 0.0)
    return Patch(corner, signal, np.where(coarse_body, _bin(depth, pen.samples), 9.0), coarse_nucleus & coarse_body)


def _grid(row: Any, pen: Pen) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
    """Return the corner pixel and the fine grid's y (column) and x (row) from the object's centre, micrometres."""
    half = row.diameter_um * 0.5 * 1.5 + _MARGIN_UM
    step = pen.pixel_size_um / pen.samples
    axes, corner = [], []
    for centre in (row.y_um, row.x_um):
        first = math.floor((centre - half) / pen.pixel_size_um)
        last = math.ceil((centre + half) / pen.pixel_size_um)
        axes.append(first * pen.pixel_size_um + (np.arange((last - first) * pen.samples) + 0.5) * step - centre)
        corner.append(first)
    return (corner[0], corner[1]), axes[0][:, None].astype(np.float32), axes[1][None, :].astype(np.float32)


class _Outline:
    """A closed outline: a circle with a few random waves, of unchanged area."""

    def __init__(self, rng: np.random.Generator, irregularity: float) -> None:
        self._orders = np.arange(2, 6)
        scale = irregularity * np.sqrt(2 * np.array([0.6, 0.25, 0.1, 0.05]))
        self._cos, self._sin = rng.normal(0, scale / math.sqrt(2)), rng.normal(0, scale / math.sqrt(2))
        self._area = math.sqrt(1 + 0.5 * float((self._cos**2 + self._sin**2).sum()))

    def depth(self, y: np.ndarray, x: np.ndarray, radius: float) -> np.ndarray:
        """Return the distance from the centre over the radius in that direction."""
        angle = np.arctan2(y, x)
        waves = 1.0 + sum(
            c * np.cos(k * angle) + s * np.sin(k * angle)
            for k, c, s in zip(self._orders, self._cos, self._sin, strict=True)
        )
        return (np.hypot(y, x) * (self._area / radius) / np.maximum(waves, 0.3)).astype(np.float32)


def _shapes(rng: np.random.Generator, row: Any, pen: Pen, depth: np.ndarray, core: np.ndarray) -> dict[str, np.ndarray]:
    """Return how each stain is spread over the object, before the optics."""
    step = pen.pixel_size_um / pen.samples
    dome = _ball(depth)
    chromatin = _ball(core) ** 0.6 * np.clip(1 + 0.2 * _cloud(rng, depth.shape, 0.6 / step), 0.2, None)
    shell = _shell(depth, pen.her2.shell_um / (row.diameter_um / 2))
    if row.kind == BLOB:
        return dict.fromkeys(CHANNELS, dome)
    if row.kind in (CTC, DEBRIS):
        filaments = np.exp(-np.abs(_cloud(rng, depth.shape, 1.1 / step)) / 0.35)
        keratin = dome**0.7 * (1 - 0.45 * _ball(core)) * (0.5 + filaments)
    else:
        keratin = dome
    membrane = shell
    if row.kind in (CTC, CK_NEGATIVE) and row.her2_class:
        patches = _cloud(rng, depth.shape, 1.2 / step)
        membrane = shell * np.clip(1 + pen.her2.patchiness[row.her2_class] * patches, 0, None)
    grains = np.clip(1 + 0.25 * _cloud(rng, depth.shape, 0.7 / step), 0, None) if row.kind == LEUKOCYTE else 1.0
    floor = row.her2_floor / row.her2_units if row.her2_units else 1.0
    her2 = floor * _to_mean(dome, depth) + (1 - floor) * _to_mean(membrane, depth)
    if row.kind == BARE:
        keratin = her2 = chromatin
    return {"DAPI": chromatin, "CK": keratin, "CD45": shell * grains, "HER2": her2}


def _to_mean(shape: np.ndarray, depth: np.ndarray) -> np.ndarray:
    inside = shape[depth < 1]
    return shape / inside.mean() if inside.size and inside.any() else shape


def _ball(depth: np.ndarray) -> np.ndarray:
    """Return the thickness of a ball of radius 1, seen from above."""
    return np.sqrt(np.clip(1 - depth * depth, 0, None))


def _shell(depth: np.ndarray, thickness: float) -> np.ndarray:
    """Return the thickness of a hollow ball's wall, seen from above."""
    inner = max(0.0, 1 - thickness)
    return _ball(depth) - np.sqrt(np.clip(inner * inner - depth * depth, 0, None))


def _cloud(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Return smooth noise of mean 0 and standard deviation 1."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return noise / max(float(noise.std()), 1e-6)


def _seen(shape: np.ndarray, pen: Pen, index: int, channel: str) -> np.ndarray:
    """Blur by the point spread function, move by the channel's shift, and collect in pixels."""
    from scipy.ndimage import gaussian_filter

    step = pen.pixel_size_um / pen.samples
    blurred = gaussian_filter(shape.astype(np.float32), pen.optics.psf_um[channel] / step, mode="constant")
    moves = [round(float(shift) / step) for shift in pen.shifts_um[index]]
    return _bin(np.roll(blurred, moves, axis=(0, 1)), pen.samples)


def _bin(image: np.ndarray, samples: int) -> np.ndarray:
    height, width = image.shape[0] // samples, image.shape[1] // samples
    return image.reshape(height, samples, width, samples).mean(axis=(1, 3), dtype=np.float32)

"""A field of cells to be measured: four channels, label images of nuclei and cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PIXEL_SIZE_UM = 0.64
CHANNELS = ("DAPI", "CK", "CD45", "HER2")


def make_field(folder: Path, *, side: int, n_cells: int, seed: int = 0) -> None:
    """Write image.npy, nuclei.npy and cells.npy: tilted ellipses about 12 um long on a jittered grid, 12 bits."""
    rng = np.random.default_rng(seed)
    shape = (side, side)
    nuclei, cells = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    per_row = int(np.ceil(np.sqrt(n_cells)))
    step = side / per_row
    for number, place in enumerate(rng.permutation(per_row**2)[:n_cells], start=1):
        centre = (np.array(divmod(int(place), per_row)) + 0.5 + rng.uniform(-0.25, 0.25, 2)) * step
        _paint(nuclei, cells, number, centre, rng)
    image = np.empty((len(CHANNELS), *shape), dtype=np.uint16)
    for channel in range(len(CHANNELS)):
        brightness = np.concatenate([[0], rng.integers(200, 1500, n_cells)])
        image[channel] = np.clip(rng.normal(100, 10, shape) + brightness[cells], 0, 4095)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("image", image), ("nuclei", nuclei), ("cells", cells)):
        np.save(folder / f"{name}.npy", array)


def _paint(nuclei: np.ndarray, cells: np.ndarray, number: int, centre: np.ndarray, rng: np.random.Generator) -> None:
    radius = 6 / PIXEL_SIZE_UM * np.exp(rng.normal(0, 0.2))
    stretch, angle, reach = rng.uniform(0.75, 1.3), rng.uniform(0, np.pi), int(1.5 * radius) + 2
    low = np.maximum(centre.astype(int) - reach, 0)
    high = np.minimum(centre.astype(int) + reach + 1, cells.shape)
    window = (slice(low[0], high[0]), slice(low[1], high[1]))
    y, x = np.mgrid[window] - centre[:, None, None]
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    distance = np.hypot(along / stretch, across * stretch)
    free = cells[window] == 0
    cells[window][free & (distance <= radius)] = number
    nuclei[window][free & (distance <= 0.65 * radius)] = number


def load_field(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image, nuclei and cells."""
    image, nuclei, cells = (np.load(folder / f"{name}.npy") for name in ("image", "nuclei", "cells"))
    return image, nuclei, cells

"""Results of two small slides of which each pixel is known: one of a single field, one of two off the origin."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, im, io

ROLES = ("DAPI", "CK", "CD45", "HER2")
RADIUS = 7


@dataclass(frozen=True)
class Small:
    """Results on disk, and what is in them: the segmentation of each slide, and the cells of all."""

    folder: Path
    slides: dict[str, im.Segmentation]
    adata: AnnData


def _segmented(name: str, fields: tuple[str, ...], size_um: float, seed: int) -> im.Segmentation:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:180, :240]
    made, cells, nuclei = [], [], []
    for place, field in enumerate(fields):
        image = 90 + rng.poisson(12, (4, 180, 240))
        label, nucleus = np.zeros((2, 180, 240), dtype=np.int32)
        for number in range(12):
            middle = 24 + 44 * (number // 4) + rng.integers(-6, 7), 24 + 60 * (number % 4) + rng.integers(-6, 7)
            distance = np.hypot(y - middle[0], x - middle[1])
            label[distance <= RADIUS] = number + 1
            nucleus[distance <= RADIUS - 3] = number + 1
            is_ctc = number % 2 == 0
            light = np.array([500, 900, 0, (60, 200, 600, 2000)[number // 2 % 4]] if is_ctc else [700, 20, 500, 40])
            image[1:, distance <= RADIUS] += light[1:, None]
            image[0, distance <= RADIUS - 3] += light[0]
        slide = io.Slide.from_array(image.astype(np.uint16), channels=ROLES, pixel_size_um=size_um, bit_depth=12)
        made.append(io.Field(field, slide.fields[0].image, (1000.0 * place, 500.0 * place)))
        cells.append(label)
        nuclei.append(nucleus)
    slide = io.Slide(name, tuple(made), ROLES, size_um, 12, 4095.0, f"{name}.ome.tif")
    return im.Segmentation.from_labels(slide, nuclei, cells)


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("small") / "results"
    slides = {"S1": _segmented("S1", ("",), 0.64, 1), "S2": _segmented("S2", ("left", "right"), 0.8, 2)}
    parts = []
    for name, segmentation in slides.items():
        cells = im.measure(segmentation)
        cells.obs[_keys.IDENTITY] = pd.Categorical(
            np.where(cells[:, "CK_cell_mean"].X.ravel() > 300, "CTC", "leukocyte")
        )
        parts.append(cells)
        io.write_slide_cells(cells, folder / "slides" / f"{name}.zarr", segmentation=segmentation)
    adata = anndata.concat(parts, join="outer", merge="first")
    io.write_h5ad(adata, folder / "cells.h5ad")
    return Small(folder, slides, adata)


@pytest.fixture
def small(_kept: Small, tmp_path: Path) -> Small:
    """The results in a folder of their own, to be damaged at will."""
    shutil.copytree(_kept.folder, tmp_path / "results")
    return Small(tmp_path / "results", _kept.slides, _kept.adata.copy())


@pytest.fixture
def rewritten(small: Small) -> Callable[[AnnData], Path]:
    """Write other cells into the results."""

    def write(adata: AnnData) -> Path:
        io.write_h5ad(adata, small.folder / "cells.h5ad")
        return small.folder

    return write

"""Results of `her2plastic slide` of any size without the hours that computing them would take.

A few simulated blocks with real segmentation, measures and calls are laid out over slides like flags, each with a
brightness of its own; pixels, outlines, pyramids and tables are written as a run writes them.

python benchmarks/review_stores.py FOLDER --slides 4 --side 5000 --cells 10000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im import Segmentation

#: Not the 1,024 of the stores, so that pieces of the image and blocks do not meet.
BLOCK, KINDS = 1000, 4
LEUKOCYTES, CTCS, PIXEL_SIZE_UM = 60, 60, 0.64
#: Spread of the blocks' brightness: standard deviation of the natural log.
SPREAD = 0.15


@dataclass(frozen=True)
class Block:
    """A simulated block: pixels, outlines, and what was measured."""

    pixels: np.ndarray
    cells: np.ndarray
    nuclei: np.ndarray
    adata: AnnData


def make_results(folder: Path, *, slides: int = 4, side: int = 5000, cells: int = 10_000, seed: int = 0) -> Path:
    """Write slides of ``side`` pixels a side and a table of ``cells`` of their cells, and return the folder.

    ``side`` is a multiple of 1,000; there are about 150 objects in each block of 1,000 x 1,000 pixels.
    """
    import anndata

    from her2plastic import im, io, tl

    rng = np.random.default_rng(seed)
    blocks = [_block(seed + number) for number in range(KINDS)]
    parts = [_slide(f"S{number + 1:02d}", blocks, side // BLOCK, rng) for number in range(slides)]
    adata = anndata.concat([table for _, table in parts], merge="first", uns_merge="first")
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    if adata.n_obs < cells:
        raise SystemExit(f"{slides} slides of {side} pixels a side hold {adata.n_obs} cells; {cells} were asked for")
    # CTCs first: those are reviewed
    order = np.lexsort((rng.random(adata.n_obs), ~adata.obs["is_ctc"].to_numpy(dtype=bool)))
    adata = adata[np.sort(order[:cells])].copy()
    for segmentation, _ in parts:
        name = segmentation.slide.slide_id
        own = adata[(adata.obs["slide_id"] == name).to_numpy()].copy()
        own.uns = {}
        io.write_slide_cells(own, folder / "slides" / f"{name}.zarr", segmentation=segmentation)
    io.write_h5ad(adata, folder / "cells.h5ad")
    return folder


def _block(seed: int) -> Block:
    from her2plastic import im
    from her2plastic.datasets import simulate_slide

    made = simulate_slide(shape=(BLOCK, BLOCK), n_leukocytes=LEUKOCYTES, n_ctcs=CTCS, seed=seed)
    segmentation = im.segment(made.slide)
    adata = im.measure(segmentation)
    pixels = made.slide.read(0, slice(None), slice(None))
    return Block(pixels, np.asarray(segmentation.cells[0][:]), np.asarray(segmentation.nuclei[0][:]), adata)


def _slide(name: str, blocks: list[Block], across: int, rng: np.random.Generator) -> tuple[Segmentation, AnnData]:
    """Return a slide of blocks, lazily, and its cells; ``across`` blocks lie on a side."""
    import anndata
    import dask.array as da
    from dask import delayed

    from her2plastic import im, io

    kinds = rng.integers(0, len(blocks), (across, across))
    gains = np.exp(rng.normal(0.0, SPREAD, (across, across)))
    first, tables = np.zeros((across, across), dtype=int), []
    for row, column in np.ndindex(across, across):
        first[row, column] = sum(table.n_obs for table in tables)
        block = blocks[kinds[row, column]]
        tables.append(_moved(block.adata, name, row, column, first[row, column], gains[row, column]))

    def pixels(row: int, column: int) -> np.ndarray:
        light = blocks[kinds[row, column]].pixels * gains[row, column]
        return np.minimum(light, 4095).astype(np.uint16)

    def labels(which: str, row: int, column: int) -> np.ndarray:
        own = getattr(blocks[kinds[row, column]], which)
        return np.where(own > 0, own + first[row, column], 0).astype(np.int32)

    def laid_out(draw: Callable[[int, int], np.ndarray], shape: tuple[int, ...], dtype: type) -> da.Array:
        pieces = [
            [da.from_delayed(delayed(draw)(row, column), shape, dtype) for column in range(across)]
            for row in range(across)
        ]
        axis = len(shape) - 2
        return da.concatenate([da.concatenate(row, axis=axis + 1) for row in pieces], axis=axis)

    channels = ("DAPI", "CK", "CD45", "HER2")
    image = laid_out(pixels, (4, BLOCK, BLOCK), np.uint16)
    slide = io.Slide.from_array(image, channels=channels, pixel_size_um=PIXEL_SIZE_UM, bit_depth=12, slide_id=name)
    cells, nuclei = (
        laid_out(lambda row, column, which=which: labels(which, row, column), (BLOCK, BLOCK), np.int32)
        for which in ("cells", "nuclei")
    )
    segmentation = im.Segmentation(slide, (nuclei,), (cells,), objects=None)  # type: ignore[arg-type]
    return segmentation, anndata.concat(tables, merge="first", uns_merge="first")


def _moved(adata: AnnData, name: str, row: int, column: int, first: int, gain: float) -> AnnData:
    """Return the cells of a block at its place on a slide."""
    moved = adata.copy()
    moved.obs["instance_id"] = moved.obs["instance_id"].to_numpy() + first
    names = [f"{name}:{number}" for number in moved.obs["instance_id"]]
    moved.obs["cell_id"], moved.obs_names = names, names
    moved.obs["slide_id"] = name
    moved.obs["slide_id"] = moved.obs["slide_id"].astype("category")
    moved.obsm["spatial"] = moved.obsm["spatial"] + np.array([column, row]) * BLOCK * PIXEL_SIZE_UM
    light = (moved.var["unit"] == "intensity").to_numpy()
    moved.X[:, light] *= gain
    return moved


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slides", type=int, default=4)
    parser.add_argument("--side", type=int, default=5000)
    parser.add_argument("--cells", type=int, default=10_000)
    given = parser.parse_args()
    print(make_results(given.folder, slides=given.slides, side=given.side, cells=given.cells))

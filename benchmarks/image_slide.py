"""her2plastic slide on a whole slide: memory by the size of the slide, time beside reading and filtering it, workers.

python benchmarks/image_slide.py                       10,000 and 20,000 pixels a side: an hour or so, 15 GB of disk
python benchmarks/image_slide.py --sides 1000 2000     a trial
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import MB, in_turn, measure, median, paired_ratio, say, spread, table, verdict

SIDES, ROUNDS, FEW_SIDE = (10_000, 20_000), 1, 512
#: Of a slide of 10,000 pixels a side; larger ones have as many a square millimetre.
LEUKOCYTES, CTCS, SIDE = 5000, 50, 10_000
MEMORY_LIMIT, TILE, SIGMA = 1.3, 1024, 2.0
CONFIG = "slides: slides.csv\nher2: {calibration: reference}\nfigures: {formats: [png], dpi: 50}\n"
SHEET = "donor_id,sample_id,draw_day,image_path,channels,pixel_size_um,control_line\nP01,P01-d0,0,slide.ome.tif,,,\n"


def make(folder: Path, side: int) -> None:
    """Write a simulated slide as OME-TIFF, with its sheet and configuration."""
    from her2plastic.datasets import simulate_slide, write_slide

    share = (side / SIDE) ** 2
    simulated = simulate_slide(
        shape=(side, side), n_leukocytes=max(round(LEUKOCYTES * share), 30), n_ctcs=max(round(CTCS * share), 5), seed=1,
        slide_id="P01-d0", lazy=True,
    )  # fmt: skip
    folder.mkdir(parents=True)
    write_slide(simulated, folder / "slide.ome.tif")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "slides.csv").write_text(SHEET, encoding="utf-8")


def work(what: str, folder: Path, side: int, workers: int) -> None:
    """Measure one run, after the same run on a small slide has loaded and compiled."""
    call = _slide if what == "slide" else _filter
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _, first = measure(lambda: call(folder / str(FEW_SIDE), Path(scratch) / "few", workers))
        n_cells, figures = measure(lambda: call(folder / str(side), Path(scratch) / "whole", workers))
    say(first=first["seconds"], cells=n_cells, **figures)


def _slide(folder: Path, output: Path, workers: int) -> int:
    import anndata

    from her2plastic import cli

    arguments = ["slide", str(folder / "config.yaml"), "--output", str(output), "--workers", str(workers)]
    cli.app(arguments, standalone_mode=False)
    return anndata.read_h5ad(output / "cells.h5ad", backed="r").n_obs


def _filter(folder: Path, output: Path, workers: int) -> int:
    """Read every pixel once, by tiles, and filter it."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    from her2plastic.im.tiles import tiles_of
    from her2plastic.io import read_slide

    slide = read_slide(folder / "slide.ome.tif")
    for index, field in enumerate(slide.fields):
        for tile in tiles_of((field.image.shape[1], field.image.shape[2]), tile_size=TILE, halo=0):
            for plane in slide.read(index, *tile.core):
                gaussian_filter(plane.astype(np.float32), SIGMA)
    return 0


def section(sides: tuple[int, int], rounds: int, scratch: str | None) -> str:
    """Measure, and return a section of the results."""
    small, large = sides
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        for side in (FEW_SIDE, small, large):
            make(Path(name) / str(side), side)
        size = (Path(name) / str(large) / "slide.ome.tif").stat().st_size
        commands = {
            _name(small, 1): _command(name, "slide", small, 1),
            _name(small, 2): _command(name, "slide", small, 2),
            _filter_name(small): _command(name, "filter", small, 1),
            _name(large, 1): _command(name, "slide", large, 1),
            _filter_name(large): _command(name, "filter", large, 1),
        }
        runs = in_turn(commands, rounds=rounds)
    rows = [_row(call, found, large if f"{large:,}" in call else small) for call, found in runs.items()]
    header = ("run", "s (median)", "s (range)", "million pixels a second", "objects", "peak of the process, MB")
    peak = paired_ratio(runs[_name(large, 1)], runs[_name(small, 1)], "peak")
    lines = [
        verdict(f"peak memory, {large:,} against {small:,} pixels a side", peak, MEMORY_LIMIT),
        *(f"- time beside reading and filtering the same pixels once, {side:,} pixels a side: "
          f"{paired_ratio(runs[_name(side, 1)], runs[_filter_name(side)]):.3g} times." for side in sides),
        f"- two workers: {paired_ratio(runs[_name(small, 1)], runs[_name(small, 2)]):.3g} times as fast as one.",
    ]  # fmt: skip
    return "\n".join(["## A whole slide", "", *_words(rounds, size), "", table(header, rows), "", *lines])


def _row(call: str, found: list[dict[str, Any]], side: int) -> tuple[str, ...]:
    pixels, n_cells = 4 * side**2, found[0]["cells"]
    return (
        call, f"{median(found):.1f}", spread(found), f"{pixels / 1e6 / median(found):.2f}",
        f"{n_cells:,}" if n_cells else "", f"{median(found, 'peak') / MB:.0f}",
    )  # fmt: skip


def _name(side: int, workers: int) -> str:
    return f"`her2plastic slide`, {side:,} x {side:,}, {workers} worker" + ("s" if workers > 1 else "")


def _filter_name(side: int) -> str:
    return f"read and filter, {side:,} x {side:,}"


def _command(folder: str, what: str, side: int, workers: int) -> list[str]:
    options = ["--folder", folder, "--side", str(side), "--workers", str(workers)]
    return [sys.executable, __file__, "--work", what, *options]


def _words(rounds: int, size: float) -> list[str]:
    return [
        "One simulated slide of four channels (12 bits, 0.64 um a pixel; OME-TIFF in tiles, the larger one",
        f"{size / MB:,.0f} MB), with {LEUKOCYTES:,} leukocytes and {CTCS} CTCs on 10,000 x 10,000 pixels and as many",
        "on the same area of others, beside debris, bare nuclei and blobs. `her2plastic slide` reads, segments,",
        "measures, calls, and writes the store of image, labels, table and crops, the tables and the report. Reading",
        f"and filtering takes each pixel once: tiles of {TILE:,}, Gaussian filter of {SIGMA:g} pixels in single",
        f"precision. Rounds: {rounds}, each run in a fresh process, in turn; imports and compilation are paid by a",
        "first run on a small slide. Pixels are counted once a channel. Memory is the highest resident set of the",
        "process (VmHWM); that of a second worker is not in it.",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs=2, default=SIDES, metavar=("SMALL", "LARGE"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--scratch", metavar="DIR", help="where the slides are written; default: the temporary folder")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", choices=("slide", "filter"))
    parser.add_argument("--side", type=int)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.folder, given.side, given.workers)
    else:
        print(section(tuple(given.sides), given.rounds, given.scratch))

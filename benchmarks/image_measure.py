"""im.measure against scikit-image's regionprops_table, cp_measure, and numpy.bincount, on one field of 5,000 cells.

cp_measure needs another pillow than this environment has: HER2PLASTIC_CP_MEASURE, or --cp-measure, names the Python of
an environment that has it (pip install "cp-measure[numba]"). Without it that comparison is left out, and said to be.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from image_field import CHANNELS, PIXEL_SIZE_UM, load_field, make_field
from measuring import in_turn, measure, median, paired_ratio, say, spread, table

SIDE, N_CELLS, ROUNDS = 4096, 5000, 5
FEW_SIDE, FEW_CELLS = 512, 60
FASTER_THAN_REGIONPROPS, FASTER_THAN_CP_MEASURE = 10.0, 1.0
CP_MEASURE = "HER2PLASTIC_CP_MEASURE"
SATURATION, PERCENTILES = 4095, (5, 25, 75, 95)
INTENSITY = ("intensity_mean", "intensity_median", "intensity_max", "intensity_min", "intensity_std")
SHAPE = ("area", "equivalent_diameter_area", "perimeter", "eccentricity", "solidity")


def work(what: str, folder: Path) -> None:
    """Measure one call on the field, after the same call on a few cells has loaded and compiled."""
    prepare = {"im.measure": _im_measure, "regionprops": _regionprops, "cp_measure": _cp_measure, "bincount": _bincount}
    _, first = measure(prepare[what](*load_field(folder / "few")))
    result, figures = measure(prepare[what](*load_field(folder)))
    say(first=first["seconds"], values=len(result), check=[float(value) for value in result[:3]], **figures)


def _im_measure(image: np.ndarray, nuclei: np.ndarray, cells: np.ndarray) -> Callable[[], list[float]]:
    from her2plastic import im
    from her2plastic.io.slide import Slide

    slide = Slide.from_array(image, channels=CHANNELS, pixel_size_um=PIXEL_SIZE_UM, bit_depth=12)
    segmentation = im.Segmentation.from_labels(slide, nuclei, cells)

    def call() -> list[float]:
        features = im.measure(segmentation).to_df()
        raw = features["HER2_cell_mean"].astype(float) + features["HER2_background"]
        return [raw.sum(), features["HER2_nucleus_sd"].sum(), features["cell_solidity"].sum(), *features.columns]

    return call


def _regionprops(image: np.ndarray, nuclei: np.ndarray, cells: np.ndarray) -> Callable[[], list[float]]:
    """Return the same set by regionprops_table, once a compartment; labels of rim and ring are made beforehand."""
    from scipy.ndimage import distance_transform_edt, grey_dilation, grey_erosion
    from skimage.measure import regionprops_table
    from skimage.segmentation import expand_labels

    near = {"footprint": _disk(1.0 / PIXEL_SIZE_UM + 0.5), "mode": "nearest"}
    inner = (grey_erosion(cells, **near) == cells) & (grey_dilation(cells, **near) == cells)
    ring = expand_labels(cells, 5.0 / PIXEL_SIZE_UM + 0.5)
    ring[distance_transform_edt(cells == 0) <= 2.0 / PIXEL_SIZE_UM + 0.5] = 0
    compartments = {
        "nucleus": nuclei, "cytoplasm": np.where(nuclei > 0, 0, cells), "rim": np.where(inner, 0, cells), "cell": cells,
    }  # fmt: skip
    last = np.ascontiguousarray(np.moveaxis(image, 0, -1))

    def rest(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
        chosen = values[mask]
        return np.append(np.percentile(chosen, PERCENTILES), np.mean(chosen >= SATURATION))

    def call() -> list[float]:
        found: dict[str, Any] = {}
        for name, labels in compartments.items():
            shape = SHAPE if name in ("nucleus", "cell") else ("area",)
            got = regionprops_table(labels, last, properties=(*INTENSITY, *shape), extra_properties=(rest,))
            found |= {f"{name} {key}": value for key, value in got.items()}
        got = regionprops_table(ring, last, properties=("intensity_median",))
        found |= {f"background {key}": value for key, value in got.items()}
        checks = ("cell intensity_mean-3", "nucleus intensity_std-3", "cell solidity")
        return [*(found[name].sum() for name in checks), *found]

    return call


def _disk(radius: float) -> np.ndarray:
    steps = np.arange(-int(radius), int(radius) + 1)
    return steps[:, None] ** 2 + steps[None, :] ** 2 <= radius**2


def _cp_measure(image: np.ndarray, nuclei: np.ndarray, cells: np.ndarray) -> Callable[[], list[float]]:
    """Return what cp_measure has of the set: intensities of nucleus, cytoplasm and cell, shape of nucleus and cell."""
    import cp_measure
    from cp_measure.bulk import get_core_measurements

    cp_measure.set_accelerator("numba")
    functions = get_core_measurements()
    planes = [plane.astype(float) for plane in image]
    compartments = {"nucleus": nuclei, "cytoplasm": np.where(nuclei > 0, 0, cells), "cell": cells}

    def call() -> list[float]:
        found: dict[str, Any] = {}
        for name, labels in compartments.items():
            for channel, plane in zip(CHANNELS, planes, strict=True):
                got = functions["intensity"](labels, plane, edge_measurements=False)
                found |= {f"{name} {channel} {key}": value for key, value in got.items()}
            if name != "cytoplasm":
                got = functions["sizeshape"](labels, None, calculate_advanced=False, new_features=False)
                found |= {f"{name} {key}": value for key, value in got.items()}
        checks = ("cell HER2 Intensity_MeanIntensity", "nucleus HER2 Intensity_StdIntensity", "cell Solidity")
        return [*(np.sum(found[name]) for name in checks), *found]

    return call


def _bincount(image: np.ndarray, nuclei: np.ndarray, cells: np.ndarray) -> Callable[[], list[float]]:
    """Return the floor: one sum a cell and channel."""
    flat = cells.ravel()

    def call() -> list[float]:
        sums = [np.bincount(flat, weights=plane.ravel()) for plane in image]
        return [float(each[1:].sum()) for each in sums]

    return call


def section(side: int, n_cells: int, rounds: int, cp_python: str | None) -> str:
    """Measure, and return a section of the results."""
    ours, theirs, floor, cp = "`im.measure`", "`regionprops_table`", "four `numpy.bincount`", "`cp_measure`"
    with tempfile.TemporaryDirectory() as name:
        make_field(Path(name), side=side, n_cells=n_cells)
        make_field(Path(name) / "few", side=FEW_SIDE, n_cells=FEW_CELLS)
        end = [__file__, "--folder", name, "--work"]
        commands = {
            ours: [sys.executable, *end, "im.measure"],
            theirs: [sys.executable, *end, "regionprops"],
            floor: [sys.executable, *end, "bincount"],
        }
        if cp_python:
            commands[cp] = [cp_python, *end, "cp_measure"]
        runs = in_turn(commands, rounds=rounds)
    for other in (theirs, *([cp] if cp_python else [])):
        if not np.allclose(runs[ours][0]["check"], runs[other][0]["check"], rtol=1e-5):
            raise SystemExit(f"{ours} and {other} differ: {runs[ours][0]['check']}, {runs[other][0]['check']}")
    rows = [
        (
            name, f"{median(found):.2f}", spread(found), f"{paired_ratio(found, runs[ours]):.2f}",
            f"{median(found, 'first'):.1f}", f"{median(found, 'increase') / 1e6:.0f}",
        )
        for name, found in runs.items()
    ]  # fmt: skip
    header = (
        "call",
        "s (median)",
        "s (range)",
        "time / `im.measure`",
        f"first call on {FEW_CELLS} cells, s",
        "memory, MB",
    )
    gain, above = paired_ratio(runs[theirs], runs[ours]), paired_ratio(runs[ours], runs[floor])
    lines = [_faster(f"`im.measure` than {theirs} a compartment", gain, FASTER_THAN_REGIONPROPS)]
    if cp_python:
        gain = paired_ratio(runs[cp], runs[ours])
        lines.append(
            _faster("the whole of `im.measure` than `cp_measure` on what both have", gain, FASTER_THAN_CP_MEASURE)
        )
    else:
        lines.append(f"- `cp_measure`: not measured; {CP_MEASURE} names no Python that has it.")
    lines.append(f"- `im.measure` beside one `numpy.bincount` a channel (the floor): {above:.3g} times its time.")
    return "\n".join(["## Measuring a field", "", *_words(side, n_cells, rounds), "", table(header, rows), "", *lines])


def _faster(name: str, gain: float, target: float) -> str:
    return f"- {name}: {gain:.3g} times faster, target {target:g}: **{'met' if gain >= target else 'not met'}**"


def _words(side: int, n_cells: int, rounds: int) -> list[str]:
    return [
        f"{n_cells:,} cells on {side:,} x {side:,} pixels, four channels of 12 bits in uint16, one process. {rounds}",
        "rounds, each call in a fresh process, in turn; imports and compilation (kept on disk after the very first",
        "use) are paid by a first call on a small field, listed apart. `im.measure` gives its table of features for",
        "nucleus, cytoplasm, rim and cell, background, overlap, rim and shape. `regionprops_table` runs once a",
        "compartment for mean, median, max, min, SD, four percentiles, saturated share and shape, and once for the",
        "ring; it gives neither overlap nor rim-to-centre nor completeness, and the making of its rim and ring labels",
        "is not counted. `cp_measure` runs its `intensity` (without edges, compiled by numba) and `sizeshape` on",
        "nucleus, cytoplasm and cell: it has no rim, background or other percentiles. All give the same sums of",
        "intensity, SD and solidity.",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--cells", type=int, default=N_CELLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--cp-measure", default=os.environ.get(CP_MEASURE), metavar="PYTHON")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", choices=("im.measure", "regionprops", "cp_measure", "bincount"))
    given = parser.parse_args()
    if given.work:
        work(given.work, given.folder)
    else:
        print(section(given.side, given.cells, given.rounds, given.cp_measure))

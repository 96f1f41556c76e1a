"""From a key press to the next cell on the screen, beside the same step done by recolouring a labels layer.

python benchmarks/review_next_cell.py [RESULTS]     RESULTS: a folder of review_stores.py; made where none is named
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import MB, in_turn, median, say, table, verdict

CANDIDATES, STEPS, WARM_UP = 1000, 200, 10
#: A reviewer looks at a cell for longer than this.
PAUSE_SECONDS = 0.15
LIMIT_MS = 50.0
#: Steps of the other way, which takes seconds for each.
RECOLOURED = 20
ROUNDS = 3


def main() -> None:
    """Measure both ways in turn, each in a fresh process on a screen of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?", type=Path)
    parser.add_argument("--worker", choices=["review", "recolour"])
    given = parser.parse_args()
    if given.worker:
        (_review if given.worker == "review" else _recolour)(given.results)
        return
    with tempfile.TemporaryDirectory() as made:
        folder = given.results or _stores(Path(made) / "results")
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24"]
        commands = {
            way: [*screen, sys.executable, __file__, str(folder), "--worker", way] for way in ("review", "recolour")
        }
        runs = in_turn(commands, rounds=ROUNDS)
    names = {"review": "her2plastic review", "recolour": "labels layer recoloured"}
    rows = [
        (names[way], *(f"{median(said, fact):.0f}" for fact in ("median", "p95", "largest")),
         f"{median(said, 'memory') / MB:.0f}", f"{median(said, 'opened'):.1f}")
        for way, said in runs.items()
    ]  # fmt: skip
    head = (
        "next cell on the screen",
        "median, ms",
        "95th percentile, ms",
        "largest, ms",
        "peak memory, MB",
        "start, s",
    )
    print(
        f"## Next cell in a review\n\n{CANDIDATES:,} candidates from OME-Zarr, {STEPS} decisions by key ({RECOLOURED} "
        f"of the other way), window of 1500 x 940 drawn by software; median of {ROUNDS} rounds.\n"
    )
    print(table(head, rows) + "\n")
    print(verdict("95th percentile", median(runs["review"], "p95"), LIMIT_MS, " ms"))


def _stores(folder: Path) -> Path:
    command = [sys.executable, str(Path(__file__).parent / "review_stores.py"), str(folder)]
    subprocess.run(
        [*command, "--slides", "2", "--side", "4000", "--cells", "3000"], check=True, stdout=subprocess.DEVNULL
    )
    return folder


def _window() -> tuple[Any, Any]:
    """Return the application and a napari viewer whose window is on the screen and active."""
    os.environ.setdefault("HER2PLASTIC_SETTINGS", tempfile.mkdtemp())
    os.environ.setdefault("NAPARI_CONFIG", str(Path(tempfile.mkdtemp()) / "napari.yaml"))
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer(show=False)
    viewer.show()
    viewer.window.resize(1500, 940)
    viewer.window.activate()
    return QApplication.instance(), viewer


def _timed(app: Any, steps: int, step: Callable[[int], None]) -> list[float]:
    """Return how long each step took until all of it was drawn, milliseconds."""
    took = []
    for number in range(steps + WARM_UP):
        end = time.perf_counter() + PAUSE_SECONDS
        while time.perf_counter() < end:
            app.processEvents()
            time.sleep(0.005)
        start = time.perf_counter()
        step(number)
        app.processEvents()
        took.append(1e3 * (time.perf_counter() - start))
    return took[WARM_UP:]


def _tell(took: list[float], opened: float) -> None:
    say(
        median=statistics.median(took), p95=sorted(took)[int(0.95 * len(took))], largest=max(took), opened=opened,
        memory=1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    )  # fmt: skip


def _review(results: Path) -> None:
    from qtpy.QtTest import QTest

    from her2plastic.review.window.launch import put_into
    from her2plastic.review.window.wish import Wish

    app, viewer = _window()
    dock = put_into(viewer)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        settings = {"filters": ("is_ctc=True",), "target": CANDIDATES, "repeat_share": 0.0, "order": "random"}
        dock.start(Wish(str(results), str(Path(folder) / "r.journal"), "AB", settings))
        app.processEvents()
        opened = time.perf_counter() - start
        assert dock.opened is not None, dock.message.text()
        assert len(dock.opened.session.queue) == CANDIDATES
        _tell(_timed(app, STEPS, lambda number: QTest.keyClick(dock.stage, "012nu"[number % 5])), opened)
        assert dock.opened.session.progress.done == STEPS + WARM_UP
        dock.end()
    viewer.close()


def _recolour(results: Path) -> None:
    """Colour the decided cell anew in a layer of labels, and put the next one in the middle."""
    import numpy as np
    from napari.utils.colormaps import DirectLabelColormap

    from her2plastic.review.layers.slide_layers import field_layers
    from her2plastic.review.pictures import open_review_data

    app, viewer = _window()
    start = time.perf_counter()
    data = open_review_data(results)
    pictures = data.pictures
    name = pictures.slides[0]
    obs = data.adata.obs
    cells = list(obs.index[obs["is_ctc"].to_numpy(dtype=bool) & (obs["slide_id"].astype(str) == name).to_numpy()])
    cells = list(np.random.default_rng(0).permutation(cells)[: RECOLOURED + WARM_UP])
    slide, field = pictures.slide(name), pictures.slide(name).fields[0].name
    layers = field_layers(
        pictures.slide_levels(name, field=field), slide.channels, pictures.display_ranges(),
        pixel_size_um=slide.pixel_size_um,
    )  # fmt: skip
    for levels, arguments, kind in layers:
        getattr(viewer, f"add_{kind}")(levels, **arguments)
    numbers = np.asarray(pictures.label_levels(name, field=field)[0])
    colours: dict[Any, Any] = dict.fromkeys(np.unique(numbers).tolist(), "white") | {0: "transparent", None: "white"}
    labels = viewer.add_labels(
        numbers, scale=(slide.pixel_size_um,) * 2, colormap=DirectLabelColormap(color_dict=colours)
    )
    labels.contour = 1
    app.processEvents()
    opened = time.perf_counter() - start
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom = 20

    def step(number: int) -> None:
        place = pictures.place(cells[number])
        colours[int(obs.loc[cells[number], "instance_id"])] = ("blue", "orange", "magenta")[number % 3]
        labels.colormap = DirectLabelColormap(color_dict=dict(colours))
        camera.center = (0.0, place.y_px * place.pixel_size_um, place.x_px * place.pixel_size_um)

    _tell(_timed(app, RECOLOURED, step), opened)
    pictures.close()
    viewer.close()


if __name__ == "__main__":
    main()

"""The gallery of 10,000 cells: time of every frame while it is scrolled, zoomed and lassoed, and memory.

python benchmarks/review_gallery.py              on a store that is made for it
python benchmarks/review_gallery.py RESULTS      on a results folder of `her2plastic slide`

Without a screen it starts one that nobody sees (`xvfb-run`). A frame is the time from
an event (the bar is moved, a corner is added to the lasso) until the window has been drawn anew; beside the longest one
stands the longest processor time of the window's own thread, which other processes of the machine do not lengthen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import _status, table, verdict

SIZE = (1800, 1050)
LONGEST_MS = 100.0
N_CELLS = 10_000


def main() -> None:
    """Measure, and print a section of the page of results."""
    if "DISPLAY" not in os.environ:
        command = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24", sys.executable, __file__, *sys.argv[1:]]
        raise SystemExit(subprocess.run(command).returncode)
    if len(sys.argv) > 1:
        _measure(Path(sys.argv[1]))
        return
    from review_stores import make_results

    with tempfile.TemporaryDirectory() as folder:
        make_results(Path(folder), cells=N_CELLS)
        _measure(Path(folder))


def _measure(folder: Path) -> None:
    from qtpy import API_NAME
    from qtpy.QtWidgets import QApplication

    app = QApplication.instance() or QApplication([])
    from her2plastic.review.gallery import Gallery
    from her2plastic.review.pictures import open_review_data

    data = open_review_data(folder)
    data.pictures.display_ranges()
    before = _status("VmRSS")
    start = time.perf_counter()
    gallery = Gallery(data)
    gallery.resize(*SIZE)
    gallery.show()
    app.processEvents()
    opened = time.perf_counter() - start
    rows = [_row(app, gallery, "scrolling while pictures are painted in the background", _scroll(gallery, 200))]
    waited = time.perf_counter()
    while not (np.asarray(gallery.thumbnails.ready).all() or time.perf_counter() - waited > 600):
        app.processEvents()
        time.sleep(0.02)
    painted = time.perf_counter() - start
    rows += [_row(app, gallery, what, steps) for what, steps in _actions(gallery)]
    after, peak = _status("VmRSS"), _status("VmHWM")
    atlas: Any = gallery.thumbnails
    gallery.close()
    print(f"## Gallery of {data.adata.n_obs:,} cells\n")
    print(f"{API_NAME}, window of {SIZE[0]} by {SIZE[1]} pixels. Open after {opened:.2f} s; all pictures after "
          f"{painted:.0f} s, in the background.\n")  # fmt: skip
    print(table(
        ("", "tiles on the screen", "frames", "median (ms)", "95th percentile", "99th percentile", "longest",
         "longest, processor time"),
        [(what, str(tiles), str(len(ms)), *(f"{np.percentile(ms[:, 0], q):.1f}" for q in (50, 95, 99, 100)),
          f"{ms[:, 1].max():.1f}") for what, tiles, ms in rows],
    ))  # fmt: skip
    came = f"{(after - before) / 1e6:.0f} MB ({atlas.nbytes / 1e6:.0f} MB of pages)"
    print(f"\nMemory: {after / 1e6:.0f} MB with all pictures, of which the gallery and its pictures came to {came}; "
          f"peak {peak / 1e6:.0f} MB.\n")  # fmt: skip
    loops = [_loop() for _ in range(3000)]
    print(f"A loop of {min(loops):.1f} ms took up to {max(loops):.0f} ms on this machine at the time: so long may any "
          "frame be held up by other processes.\n")  # fmt: skip
    scrolled = np.concatenate([ms for what, _, ms in rows if what.startswith("scrolling")])
    everything = np.concatenate([ms for *_, ms in rows])
    for which, frames in (("scrolling", scrolled), ("all", everything)):
        print(verdict(f"longest frame of {which}", float(frames[:, 0].max()), LONGEST_MS, " ms"))
        print(verdict(f"longest frame of {which}, processor time", float(frames[:, 1].max()), LONGEST_MS, " ms"))


def _loop() -> float:
    """Return the milliseconds of a little arithmetic."""
    start = time.perf_counter()
    sum(range(20_000))
    return 1e3 * (time.perf_counter() - start)


def _row(app: Any, gallery: Any, what: str, steps: Iterable[Callable[[], None]]) -> tuple[str, int, np.ndarray]:
    return what, len(gallery.sheet.seen_cells()), _frames(app, steps)


def _actions(gallery: Any) -> Iterable[tuple[str, Iterable[Callable[[], None]]]]:
    yield "scrolling, pictures of 64 pixels", _scroll(gallery, 300)
    gallery.sheet.set_side(32)
    yield "scrolling, pictures of 32 pixels", _scroll(gallery, 300)
    gallery.sheet.set_side(96)
    yield "scrolling, pictures of 96 pixels", _scroll(gallery, 300)
    gallery.sheet.set_side(64)
    gallery.selection.select(np.arange(0, len(gallery.contents), 2))
    yield "scrolling, every other cell selected", _scroll(gallery, 300)
    gallery.selection.clear()
    yield "drawing a lasso", _lasso(gallery, 150)
    yield "selecting half of the cells by a lasso, and none", _select(gallery, 40)
    yield "zooming the plot", _zoom(gallery, 60)
    yield "grouping and sorting anew", _regroup(gallery, 20)


def _frames(app: Any, steps: Iterable[Callable[[], None]]) -> np.ndarray:
    """Return the milliseconds of each step with the drawing that it makes necessary, and those of this thread."""
    app.processEvents()
    taken = []
    for step in steps:
        start, used = time.perf_counter(), time.thread_time()
        step()
        app.processEvents()
        taken.append((1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - used)))
    return np.array(taken)


def _scroll(gallery: Any, n: int) -> Iterable[Callable[[], None]]:
    """Go over the whole sheet: in even steps, and by leaps."""
    bar = gallery.sheet.verticalScrollBar()
    rng = np.random.default_rng(0)
    places = np.concatenate([np.linspace(0, bar.maximum(), n // 2), rng.uniform(0, bar.maximum(), n - n // 2)])
    return [lambda place=place: bar.setValue(int(place)) for place in places]


def _lasso(gallery: Any, n: int) -> Iterable[Callable[[], None]]:
    frame, plot = gallery.plot.frame, gallery.plot
    turns = np.linspace(0, 2 * np.pi, n)
    middle = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2

    def add(turn: float) -> None:
        plot._line.append((middle[0] + 150 * np.cos(turn), middle[1] + 150 * np.sin(turn)))
        plot.update()

    return [*(lambda turn=turn: add(turn) for turn in turns), plot._line.clear]


def _select(gallery: Any, n: int) -> Iterable[Callable[[], None]]:
    plot, scene = gallery.plot, gallery.plot.scene
    frame = plot.frame
    x, _ = scene.pixels(frame)
    right = float(np.nanmedian(x))
    line = np.array([[0, 0], [right, 0], [right, 2000], [0, 2000]])

    def select() -> None:
        gallery.selection.select(scene.within(frame, line))
        gallery._show_selected()

    return [select if step % 2 == 0 else gallery.selection.clear for step in range(n)]


def _zoom(gallery: Any, n: int) -> Iterable[Callable[[], None]]:
    plot = gallery.plot
    middle = plot.width() / 2, plot.height() / 2

    def zoom(factor: float) -> None:
        plot._see(plot.scene.zoomed(plot.frame, factor, *middle))

    return [lambda step=step: zoom(0.9 if step < n // 2 else 1 / 0.9) for step in range(n)]


def _regroup(gallery: Any, n: int) -> Iterable[Callable[[], None]]:
    bar = gallery.sheet_bar
    sorts = gallery.contents.sortings[:4]

    def regroup(step: int) -> None:
        bar.sort.choose(sorts[step % len(sorts)])
        bar.falling.setChecked(step % 3 == 0)

    return [lambda step=step: regroup(step) for step in range(n)]


if __name__ == "__main__":
    main()

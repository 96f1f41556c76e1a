"""Opening a review of 10,000 cells: from a path to the first picture, in a fresh process; memory; every next picture.

python benchmarks/review_opening.py                       the results are written first: some minutes, 600 MB
python benchmarks/review_opening.py --results FOLDER      results that benchmarks/review_stores.py wrote before
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import MB, in_turn, measure, median, say, spread, table, verdict
from review_stores import make_results

CELLS, SLIDES, SIDE, ROUNDS = 10_000, 4, 5000, 5
LIMIT_S, NEXT = 3.0, 300
#: What a reviewer takes at least for a cell, seconds; pictures are read ahead in it.
THOUGHT = 0.05


def work(results: Path, scratch: Path) -> None:
    """Open a session in this process and show pictures; hand over the seconds of each part."""
    parts: dict[str, float] = {}
    last = time.perf_counter()

    def done(part: str) -> None:
        nonlocal last
        parts[part], last = time.perf_counter() - last, time.perf_counter()

    def call() -> Any:
        from her2plastic.review.pictures import composite_of, open_review_data
        from her2plastic.review.session import ReviewSession, ReviewSettings

        done("imports")
        data = open_review_data(results)
        done("cells and images")
        settings = ReviewSettings(order="random", target=None)
        session = ReviewSession(data.adata, scratch / "journal.sqlite", "AB", settings, missing=data.pictures.missing)
        done("session")
        ranges = data.pictures.display_ranges()
        done("contrast")
        composite_of(data.pictures.crop(session.queue[0][0]), ranges)
        done("first picture")
        return data.pictures, ranges, [cell_id for cell_id, _ in session.queue]

    begun = time.process_time()
    (pictures, ranges, queue), figures = measure(call)
    computed = time.process_time() - begun
    cold = _shown(pictures, ranges, queue[1 : NEXT + 1], ahead=0)
    warm = _shown(pictures, ranges, queue[NEXT + 1 : 2 * NEXT + 1], ahead=12)
    (atlas, filled), filling = measure(lambda: _all_thumbnails(pictures))
    if not filled:
        raise SystemExit("the thumbnails were not painted in time")
    say(
        cells=len(queue), parts=parts, cpu=computed, cold=cold, warm=warm, thumbnails=filling["seconds"],
        atlas=filling["increase"], side=atlas.side, **figures,
    )  # fmt: skip


def _all_thumbnails(pictures: Any) -> tuple[Any, bool]:
    from her2plastic.review.pictures import Atlas

    atlas = Atlas(pictures, pictures.cell_ids)
    atlas.start()
    filled = atlas.wait(timeout=600)
    atlas.close()
    return atlas, filled


def _shown(pictures: Any, ranges: Any, names: list[str], *, ahead: int) -> float:
    """Return the 95th percentile of the seconds to cut and paint a cell, ``ahead`` of which are read beforehand."""
    from her2plastic.review.pictures import composite_of, grey_of

    taken = []
    for place, name in enumerate(names):
        if ahead:
            pictures.prefetch(names[place : place + ahead])
            time.sleep(THOUGHT)
        start = time.perf_counter()
        picture = pictures.crop(name)
        composite_of(picture, ranges)
        for channel in ranges:
            grey_of(picture, ranges, channel)
        taken.append(time.perf_counter() - start)
    return statistics.quantiles(taken, n=20)[-1]


def section(results: Path, rounds: int) -> str:
    """Measure, and return a section of the results."""
    with tempfile.TemporaryDirectory() as scratch:
        commands = {"open": [sys.executable, __file__, "--work", "--results", str(results), "--scratch", scratch]}
        runs: list[dict[str, Any]] = []
        for number in range(rounds):
            own = Path(scratch) / str(number)
            own.mkdir()
            commands["open"][-1] = str(own)
            runs += in_turn(commands, rounds=1)["open"]
    parts = {name: [run["parts"][name] for run in runs] for name in runs[0]["parts"]}
    rows = [(name, f"{statistics.median(taken):.2f}") for name, taken in parts.items()]
    rows.append(("all, from the path to the first picture", f"{median(runs):.2f} ({spread(runs)})"))
    lines = [
        verdict("seconds to open", median(runs), LIMIT_S),
        f"- seconds of a processor to open: {median(runs, 'cpu'):.2f}; other work on the machine adds nothing.",
        f"- memory: {median(runs, 'increase') / MB:.0f} MB more than before, {median(runs, 'peak') / MB:.0f} MB at the "
        "peak.",
        f"- next picture, cut and painted, 95th percentile of {NEXT}: {1e3 * median(runs, 'cold'):.1f} ms where none "
        f"was read ahead, {1e3 * median(runs, 'warm'):.1f} ms where twelve were, at {1e3 * THOUGHT:.0f} ms a cell.",
        f"- thumbnails of all cells, {runs[0]['side']} pixels a side: painted in the background in "
        f"{median(runs, 'thumbnails'):.0f} s, {median(runs, 'atlas') / MB:.0f} MB.",
    ]
    words = (
        f"{runs[0]['cells']:,} cells in random order on {SLIDES} slides of {SIDE:,} x {SIDE:,} pixels (four channels, "
        f"OME-Zarr in pieces of 1,024). Rounds: {rounds}, each in a fresh process; imports count, windows do not."
    )
    return "\n".join(["## Opening a review", "", words, "", table(("part", "s (median)"), rows), "", *lines])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, help="results that were written before")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.results, given.scratch)
    elif given.results:
        print(section(given.results, given.rounds))
    else:
        with tempfile.TemporaryDirectory() as folder:
            made = make_results(Path(folder) / "results", slides=SLIDES, side=SIDE, cells=CELLS)
            print(section(made, given.rounds))

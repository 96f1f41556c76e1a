"""The journal of reviews: what a decision costs, and what it withstands.

Killed at 200 random moments; two processes with 1,000 decisions each; cost of a decision while the journal grows; and
how long a session of 10,000 cells takes to open, new and gone on with.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from measuring import table, verdict

from her2plastic import io
from her2plastic.review.session import ReviewSession, ReviewSettings

PROGRAMS = Path(__file__).parents[1] / "tests" / "review" / "session"
KILLS, DECISIONS, CELLS = 200, 1_000, 10_000
SEEN = {"image": "0" * 32, "ranges": {name: [0.0, 65_535.0] for name in ("DAPI", "CK", "CD45", "HER2")}}


def main() -> None:
    killed, crowded = _run("killed_reviews.py", KILLS), _run("crowded_reviews.py", DECISIONS)
    with tempfile.TemporaryDirectory() as folder:
        costs = _decisions(Path(folder) / "review.journal")
    print("## Journal of reviews\n")
    print(__doc__.partition("\n\n")[2])
    print(
        f"- SIGKILL at {killed['kills']} random moments: {killed['acknowledged']:,} acknowledged events, **none "
        f"lost**, every journal whole ({killed['during_opening']} kills came while a session was being opened or made "
        f"its first event), {killed['seconds']:.0f} s"
    )
    print(
        f"- two processes, {DECISIONS:,} decisions each, without a pause: {crowded['decisions']:,} in the journal, "
        f"**none lost**; slowest {crowded['slowest']:.2f} s, {crowded['seconds']:.0f} s in all"
    )
    print(verdict(f"a session of {CELLS:,} cells opens, new", costs["new"], 3.0, " s"))
    print(verdict(f"and after {costs['events']:,} events", costs["again"], 3.0, " s"))
    print(
        "\n" + table(("decisions", "median, ms", "95th percentile, ms", "slowest, ms"), map(_row, costs["decisions"]))
    )
    print(f"\nJournal of {costs['events']:,} events: {costs['bytes'] / 1e6:.1f} MB; read in {costs['read']:.2f} s.")


def _row(timed: tuple[int, list[float]]) -> list[str]:
    first, times = timed
    steps = statistics.quantiles(times, n=100)
    return [
        f"{first:,} to {first + len(times):,}",
        *(f"{1e3 * value:.2f}" for value in (steps[49], steps[94], max(times))),
    ]


def _run(program: str, n: int) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", str(PROGRAMS / program), str(n)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{program} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def _decisions(journal: Path) -> dict[str, Any]:
    """Decide on every cell of a large session, and time every decision, disk included."""
    names = pd.Index([f"s:{number}" for number in range(CELLS)])
    adata = AnnData(np.zeros((CELLS, 1), dtype=np.float32), obs=pd.DataFrame({"cell_id": names}, index=names))
    asked = ReviewSettings(order="random", target=None)
    start = time.perf_counter()
    session = ReviewSession(adata, journal, "AB", asked)
    new = time.perf_counter() - start
    times = []
    while not session.finished:
        start = time.perf_counter()
        session.decide("HER2-low", SEEN)
        times.append(time.perf_counter() - start)
    session.leave()
    start = time.perf_counter()
    ReviewSession(adata, journal, "AB", asked).leave()
    again = time.perf_counter() - start
    start = time.perf_counter()
    assert len(io.read_decisions(journal)) == len(times)
    read = time.perf_counter() - start
    last = len(times) - DECISIONS
    return {
        "new": new, "again": again, "read": read, "events": len(times) + 2, "bytes": journal.stat().st_size,
        "decisions": [(0, times[:DECISIONS]), (last, times[last:])],
    }  # fmt: skip


if __name__ == "__main__":
    main()

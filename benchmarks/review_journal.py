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
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from anndata import AnnData
from measuring import table, verdict

from her2plastic import io
from her2plastic.io.journal.events import digest_of_event
from her2plastic.io.journal.recording import Journal
from her2plastic.review.session import ReviewSession, ReviewSettings

PROGRAMS = Path(__file__).parents[1] / "tests" / "review" / "session"
KILLS, DECISIONS, CELLS, TIMED = 200, 1_000, 10_000, 500
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
    """Time decisions at the beginning and near the end of a large session, disk included, and its opening."""
    names = pd.Index([f"s:{number}" for number in range(CELLS)])
    adata = AnnData(np.zeros((CELLS, 1), dtype=np.float32), obs=pd.DataFrame({"cell_id": names}, index=names))
    asked = ReviewSettings(order="random", target=None)
    new, session = _timed(lambda: ReviewSession(adata, journal, "AB", asked))
    first = [_timed(lambda: session.decide("HER2-low", SEEN))[0] for _ in range(TIMED)]
    left = len(session.queue) - 2 * TIMED
    _fill(journal, session, left)
    session.leave()
    again, session = _timed(lambda: ReviewSession(adata, journal, "AB", asked))
    last = [_timed(lambda: session.decide("HER2-low", SEEN))[0] for _ in range(TIMED)]
    assert session.finished
    session.leave()
    read, decisions = _timed(lambda: io.read_decisions(journal))
    assert len(decisions) == len(session.queue)
    return {
        "new": new, "again": again, "read": read, "events": len(session.events), "bytes": journal.stat().st_size,
        "decisions": [(0, first), (left + TIMED, last)],
    }  # fmt: skip


def _fill(path: Path, session: ReviewSession, n: int) -> None:
    """Add the next decisions of a session at once, as if they had been made one by one."""
    event, events = session.events[-1], []
    for cell_id, why in session.queue[session.position : session.position + n]:
        at = (datetime.fromisoformat(event.at) + timedelta(microseconds=1)).isoformat(timespec="microseconds")
        event = replace(
            event, event=uuid4().hex, place=event.place + 1, at=at, cell_id=cell_id, round=why, after=event.digest
        )
        event = replace(event, digest=digest_of_event(event))
        events.append(event)
    with Journal(path) as opened:
        opened.add_rows([], events)


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()

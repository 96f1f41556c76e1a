"""Two reviewers who decide on the same cells in one journal at the same time; run as a program: `crowded_reviews.py N`.

Each writes N decisions from a process of its own. Afterwards the journal has to hold every one of them, once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from her2plastic import io
from her2plastic._keys import REVIEW_DECISIONS
from her2plastic.review.session import ReviewSession, ReviewSettings

REVIEWERS = ("AB", "CD")


def cells(n: int) -> AnnData:
    names = pd.Index([f"s:{number}" for number in range(n)])
    return AnnData(np.zeros((n, 1), dtype=np.float32), obs=pd.DataFrame({"cell_id": names}, index=names))


def review_all(n: int, journal: Path, reviewer: str) -> None:
    settings = ReviewSettings(order="random", target=None, repeat_share=0.0)
    slowest = 0.0
    with ReviewSession(cells(n), journal, reviewer, settings) as session:
        for number in range(n):
            start = time.perf_counter()
            session.decide(REVIEW_DECISIONS[number % len(REVIEW_DECISIONS)])
            slowest = max(slowest, time.perf_counter() - start)
        sys.stdout.write(json.dumps({"events": [event.event for event in session.events], "slowest": slowest}))


def main(n: int) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "shared.journal"
        command = [sys.executable, __file__, str(n), str(journal)]
        running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in REVIEWERS]
        said = [json.loads(process.communicate()[0]) for process in running]
        everything, standing = io.read_journal(journal), io.read_decisions(journal)
        left = sorted(path.name for path in Path(folder).iterdir())
    assert sorted(everything["event"]) == sorted(event for told in said for event in told["events"])
    assert standing.groupby("reviewer").size().to_dict() == dict.fromkeys(REVIEWERS, n)
    assert standing.groupby("reviewer")["cell_id"].nunique().to_dict() == dict.fromkeys(REVIEWERS, n)
    assert left == ["shared.journal"]
    first, second = (standing.loc[standing["reviewer"] == name, "at"] for name in REVIEWERS)
    together = bool(first.min() < second.max() and second.min() < first.max())
    facts = {"decisions": len(standing), "together": together, "slowest": max(told["slowest"] for told in said)}
    sys.stdout.write(json.dumps({**facts, "seconds": round(time.perf_counter() - start, 1)}) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(int(sys.argv[1]))
    else:
        review_all(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

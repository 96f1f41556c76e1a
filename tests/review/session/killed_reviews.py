"""Scripted reviewing that is killed (SIGKILL) at random moments; run as a program of its own: `killed_reviews.py N`.

A child decides, undoes and notes as fast as it can, and tells every event once the session has returned from it. After
each kill the journal has to be whole, to hold every event that was told, and at most one more; and the session has to
go on where it stood.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from her2plastic._keys import REVIEW_DECISIONS
from her2plastic.io.journal.recording import Journal
from her2plastic.review.session import ReviewSession, ReviewSettings
from her2plastic.review.session.progress import start_of
from her2plastic.review.session.unfinished import ledger_of

CELLS = 2_000
KILLS_A_JOURNAL = 20
MOST_EVENTS = 10
LONGEST_WAIT = 0.02  # seconds
SETTINGS = ReviewSettings(order="random", target=None, repeat_share=0.2)


def cells() -> AnnData:
    names = pd.Index([f"s:{number}" for number in range(CELLS)])
    return AnnData(np.zeros((CELLS, 1), dtype=np.float32), obs=pd.DataFrame({"cell_id": names}, index=names))


def review_until_killed(adata: AnnData, journal: Path, seed: int, told: int) -> None:
    chance = random.Random(seed)
    session = ReviewSession(adata, journal, "AB", SETTINGS)
    os.write(told, b"ready\n")
    while not session.finished:
        kind = chance.random()
        if kind < 0.8:
            event = session.decide(chance.choice(REVIEW_DECISIONS), {"image": "0" * 32, "ranges": {"HER2": [0, 4095]}})
        elif kind < 0.9:
            event = session.note("a note")
        else:
            session.undo()
            event = session.events[-1]
        os.write(told, f"{event.event} {session.position}\n".encode())


def kill_once(adata: AnnData, journal: Path, seed: int, chance: random.Random, *, at_work: bool) -> list[list[str]]:
    """Return what the child told before it was killed: events, and where the session stood after each.

    It is killed amidst its work, or while it is still opening the session.
    """
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            review_until_killed(adata, journal, seed, telling)
        finally:
            os._exit(3)  # it was not killed, but failed or came to the end
    os.close(telling)
    with os.fdopen(reading) as pipe:
        told = [pipe.readline() for _ in range(chance.randint(1, MOST_EVENTS) if at_work else 0)]
        time.sleep(chance.uniform(0.0, LONGEST_WAIT))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        told += pipe.read().splitlines()
    assert os.WIFSIGNALED(status), f"the child ended by itself: {status}"
    return [line.split() for line in told if line.strip() != "ready"]


def check(journal: Path, told_now: list[list[str]], told_before: set[str], stored_before: int) -> int:
    """Check the journal after a kill, and return how many events it holds."""
    if not journal.exists():
        assert not told_now
        return 0
    with sqlite3.connect(journal) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with Journal(journal, read_only=True) as opened:
        heads, events = opened.contents()
    stored = [event.event for event in events]
    told = [name for name, _ in told_now]
    assert set(told) | told_before <= set(stored), "an acknowledged event is lost"
    untold = [event for event in events[stored_before:] if event.event not in told]
    assert len([event for event in untold if event.kind != "opened"]) <= 1
    if told and stored[-1] == told[-1]:
        queue = heads[0].queue
        assert start_of(queue, range(len(queue)), ledger_of(heads[0].session, events)) == int(told_now[-1][1])
    return len(stored)


def main(kills: int) -> None:
    adata, chance = cells(), random.Random(20)
    told_all, during_opening, start = 0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        with ReviewSession(adata, Path(folder) / "first.journal", "AB", SETTINGS) as session:
            session.decide("unsure")  # what is imported on first use is there before the clock runs
        for number in range(kills):
            if number % KILLS_A_JOURNAL == 0:
                journal = Path(folder) / f"{number}.journal"
                told_before: set[str] = set()
                stored = 0
            told = kill_once(adata, journal, number, chance, at_work=number % 5 > 0)
            stored = check(journal, told, told_before, stored)
            told_before |= {name for name, _ in told}
            told_all += len(told)
            during_opening += not told
        leftovers = sum(path.suffix != ".journal" for path in Path(folder).iterdir())
    facts = {"kills": kills, "acknowledged": told_all, "during_opening": during_opening, "leftovers": leftovers}
    sys.stdout.write(json.dumps({**facts, "seconds": round(time.perf_counter() - start, 1)}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Reviewing that is killed, and reviewing by two at a time. benchmarks/review_journal.py does the same for longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def run(program: str, n: int) -> dict[str, Any]:
    # numerical libraries hold threads, of which Python warns before it forks; the reviewing child uses none of them
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", str(HERE / program), str(n)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_no_acknowledged_event_is_lost_when_the_process_is_killed() -> None:
    facts = run("killed_reviews.py", 40)
    assert facts["kills"] == 40
    assert facts["acknowledged"] > 40  # it was killed amidst work


def test_two_who_review_at_a_time_lose_nothing() -> None:
    facts = run("crowded_reviews.py", 100)
    assert facts["decisions"] == 200
    assert facts["slowest"] < 5.0  # seconds; nobody is kept waiting until the journal counts as locked

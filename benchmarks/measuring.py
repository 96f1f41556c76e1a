"""Timing and memory of calls, each in a process of its own, in turn with what it is compared with."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

MB = 1e6


def measure(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return what a call returns, its seconds, and the resident memory before it and at its peak, in bytes.

    The peak is VmHWM of Linux, set back before the call. (ru_maxrss of getrusage would not do: it survives exec, so a
    worker would start with the peak of the process that started it.)
    """
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what is resident now
    before = _status("VmRSS")
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    peak = _status("VmHWM")
    return result, {"seconds": seconds, "before": before, "peak": peak, "increase": peak - before}


def _status(name: str) -> float:
    """Return a figure of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def say(**facts: Any) -> None:
    """Hand the figures of a worker to the process that started it."""
    print(json.dumps(facts))


def in_turn(commands: dict[str, Sequence[str]], *, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Run every command once a round, each in a fresh process (A B A B ...), and return what the workers said.

    ``wall`` is added: seconds from start to end of the process.
    """
    said: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            wall = time.perf_counter() - start
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stderr}")
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            said[name].append({"wall": wall} | (json.loads(lines[-1]) if lines else {}))
    return said


def median(runs: Iterable[dict[str, Any]], fact: str = "seconds") -> float:
    """Return the median of one figure over the rounds."""
    return statistics.median(run[fact] for run in runs)


def spread(runs: Iterable[dict[str, Any]], fact: str = "seconds") -> str:
    """Return the smallest and the largest of one figure over the rounds, in words."""
    values = [run[fact] for run in runs]
    return f"{min(values):.3g} to {max(values):.3g}"


def paired_ratio(first: list[dict[str, Any]], second: list[dict[str, Any]], fact: str = "seconds") -> float:
    """Return the median over the rounds of first / second: rounds that ran side by side share the machine's load."""
    return statistics.median(a[fact] / b[fact] for a, b in zip(first, second, strict=True))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def verdict(name: str, value: float, limit: float, unit: str = "") -> str:
    """Return a line that says whether a target was met."""
    return f"- {name}: {value:.3g}{unit}, target under {limit:g}{unit}: **{'met' if value < limit else 'not met'}**"

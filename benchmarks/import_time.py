"""How long until her2plastic is there: import and --help, beside import scanpy."""

from __future__ import annotations

import sys
from pathlib import Path

from measuring import in_turn, median, paired_ratio, spread, table, verdict

ROUNDS = 11
IMPORT_LIMIT, HELP_LIMIT = 0.3, 0.6

CODE = "import time; t = time.perf_counter(); import {name}; print('{{\"seconds\": %f}}' % (time.perf_counter() - t))"


def section() -> str:
    """Measure, and return a section of the results."""
    help_command = [str(Path(sys.executable).with_name("her2plastic")), "--help"]
    commands = {
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "`import her2plastic`": [sys.executable, "-c", CODE.format(name="her2plastic")],
        "`her2plastic --help`": help_command,
        "`import scanpy`": [sys.executable, "-c", CODE.format(name="scanpy")],
    }
    in_turn(commands, rounds=1)  # files into the cache, byte code written
    runs = in_turn(commands, rounds=ROUNDS)
    scanpy = runs["`import scanpy`"]
    rows = [
        (
            name,
            f"{median(found, 'wall'):.3f}",
            spread(found, "wall"),
            f"{median(found):.3f}" if "seconds" in found[0] else "",
            f"{paired_ratio(found, scanpy, 'wall'):.3f}",
        )
        for name, found in runs.items()
    ]
    wall = {name: median(found, "wall") for name, found in runs.items()}
    header = ("fresh process", "whole process, s (median)", "s (range)", "import alone, s", "whole / `import scanpy`")
    return "\n".join(
        [
            "## Import and help",
            "",
            f"{ROUNDS} rounds, each command in a fresh process, in turn; files cached. The targets are held against",
            "the whole process, the start of Python included.",
            "",
            table(header, rows),
            "",
            verdict("`import her2plastic`", wall["`import her2plastic`"], IMPORT_LIMIT, " s"),
            verdict("`her2plastic --help`", wall["`her2plastic --help`"], HELP_LIMIT, " s"),
        ]
    )


if __name__ == "__main__":
    print(section())

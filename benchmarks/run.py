"""Run the benchmarks, each in a process of its own, and write RESULTS.md.

python benchmarks/run.py            all, written to benchmarks/RESULTS.md
python benchmarks/run.py reading    one, shown only
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import machine

HERE = Path(__file__).parent
BENCHMARKS = {
    "import": "import_time.py",
    "her2_state": "her2_states.py",
    "reading": "reading.py",
    "out_of_core": "out_of_core.py",
    "image_measure": "image_measure.py",
    "image_slide": "image_slide.py",
    "direction": "direction.py",
    "panel": "panel_markov.py",
    "review_opening": "review_opening.py",
    "review_gallery": "review_gallery.py",
    "review_journal": "review_journal.py",
    "review_next_cell": "review_next_cell.py",
    "alleles": "alleles.py",
    "workflow": "workflow.py",
}


def main() -> None:
    """Run what was named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; default: all")
    names = parser.parse_args().names
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    before = machine.load()
    sections = [_section(name) for name in names or BENCHMARKS]
    if names:
        print("\n\n".join(sections))
        return
    page = [
        "# Benchmarks",
        f"Written by `make bench` (`python benchmarks/run.py`) on {datetime.now(UTC):%Y-%m-%d}. Load average of the "
        f"machine before: {before}; after: {machine.load()}.",
        machine.description(),
        *sections,
    ]
    (HERE / "RESULTS.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"wrote {HERE / 'RESULTS.md'}")


def _section(name: str) -> str:
    print(f"{name} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / BENCHMARKS[name])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"the benchmark {name!r} failed")
    return done.stdout.strip()


if __name__ == "__main__":
    main()

"""The workflow over twelve patients on one and on two cores, beside `her2plastic run` on the same files."""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import median, spread, table

N_PATIENTS, N_CTC, LEUKOCYTES = 12, 50, 0.8
CONFIG = "samples: samples.csv\nfigures: {formats: [png], dpi: 100}\n"
#: Tables and the page, which must be the same bytes.
SAME = ("patients.csv", "programmes.csv", "report.html")
#: What Snakemake measures of a job: wall time, processor time, memory.
FACTS = ("s", "cpu_time", "max_rss")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def make(folder: Path) -> int:
    """Write the workflow with its cohort; return the number of its events."""
    from her2plastic import datasets, run

    run.write_workflow(folder)
    (folder / "config" / "samples.csv").unlink()
    cells = datasets.simulate_cohort(
        n_donors=N_PATIENTS,
        draws=(0,),
        n_ctc=N_CTC,
        amplified=[0],
        seed=3,
        contamination=datasets.Contamination(leukocytes=LEUKOCYTES),
    )
    cells.layers["counts"] = cells.X
    datasets.write_cohort(cells, folder / "config", format="10x-h5")
    (folder / "config" / "cells.yaml").write_text(CONFIG, encoding="utf-8")
    return cells.n_obs


def timed(folder: Path, words: list[str]) -> float:
    """Run a command of Python in a folder and return its wall time."""
    start = time.perf_counter()
    environment = os.environ | ONE_THREAD
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - start


def usage(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Return the benchmark files of a run by the rule that they are of."""
    found: dict[str, list[dict[str, str]]] = {}
    for path in sorted((folder / "benchmarks").rglob("*.tsv")):
        rule = path.stem if path.parent.name == "benchmarks" else path.parent.name.removesuffix("s")
        with path.open(encoding="utf-8") as lines:
            found.setdefault(rule, []).extend(csv.DictReader(lines, delimiter="\t"))
    return found


def section(rounds: int) -> str:
    """Measure, and return a section of the results."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "cohort"
        events = make(folder)
        runs: dict[str, list[dict[str, Any]]] = {"run": [], "1": [], "2": []}
        for turn in range(rounds):
            single = f"single{turn}"
            words = ["her2plastic.cli", "run", "config/cells.yaml", "-o", single]
            runs["run"].append({"seconds": timed(folder, words)})
            for cores in ("1", "2"):
                results = f"results{cores}_{turn}"
                words = ["snakemake", "--cores", cores, "--quiet", "all", "--config", f"results={results}"]
                runs[cores].append({"seconds": timed(folder, words)})
                for name in SAME:
                    ours = (folder / results / "cells" / name).read_bytes()
                    assert ours == (folder / single / name).read_bytes(), f"{name} differs on {cores} cores"
        used = usage(folder / "results1_0")
    names = {"run": "`her2plastic run`", "1": "the workflow, 1 core", "2": "the workflow, 2 cores"}
    rows = [(names[name], f"{median(said):.0f} ({spread(said)})") for name, said in runs.items()]
    jobs = [(rule, str(len(lines)), *(_largest(lines, fact) for fact in FACTS)) for rule, lines in used.items()]
    return "\n\n".join([
        "## The workflow beside the single run",
        f"{N_PATIENTS} samples, {events:,} simulated events, doublets scored, map drawn; one thread a process, "
        f"{rounds} rounds in turn. Wall time from start to end, imports and Snakemake's own start included. The tables "
        "and the report are the same bytes.",
        table(("", "s, median (range)"), rows),
        "Of the jobs on one core, the largest of each rule:",
        table(("rule", "jobs", "wall, s", "processor, s", "memory, MB"), jobs),
    ])  # fmt: skip


def _largest(lines: list[dict[str, str]], fact: str) -> str:
    return f"{max(float(line[fact]) for line in lines):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    print(section(parser.parse_args().rounds))


if __name__ == "__main__":
    main()

"""Snakemake in a process of its own, as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Folder of modules that hide packages which pandera imports only because other tests need them: half a second a job.
HIDDEN = "hidden"


def hide_packages(folder: Path) -> None:
    """Write the hiding modules into the folder of a workflow."""
    (folder / HIDDEN).mkdir()
    for name in ("geopandas", "hypothesis"):
        (folder / HIDDEN / f"{name}.py").write_text(f"raise ImportError({name!r})\n", encoding="utf-8")


def snakemake(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start Snakemake in a group of processes of its own. No cluster that this machine knows is found."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder)}
    environment |= {"PYTHONPATH": str(folder / HIDDEN), "KUBECONFIG": str(folder / "kubeconfig")}
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment, start_new_session=True,
    )  # fmt: skip


def ended(folder: Path, *words: str) -> tuple[int, str]:
    """Run Snakemake to its end; return its code and what it said."""
    with snakemake(folder, *words) as process:
        said, _ = process.communicate(timeout=240)
    return process.returncode, said

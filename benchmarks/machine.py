"""What the benchmarks ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from measuring import table

PACKAGES = (
    "her2plastic", "anndata", "dask", "h5py", "numba", "numpy", "pandas", "scanpy", "scikit-image", "scipy", "tifffile",
)  # fmt: skip


def description() -> str:
    """Return cores, memory, processor, Python and package versions as a markdown table."""
    rows = [
        ("processor", f"{_processor()}, {_cores()} cores"),
        ("memory", f"{_memory() / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
    ]
    return table(("", ""), rows)


def load() -> str:
    """Return the load average: above the number of cores, others are in the way."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"

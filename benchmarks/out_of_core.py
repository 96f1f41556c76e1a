"""Memory and time of a cohort that stays in its file: from a sample sheet to HER2 states, of more and more cells."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import MB, measure, say, table

if TYPE_CHECKING:
    from anndata import AnnData

N_CELLS, OF_A_SAMPLE, N_FILES, N_DONORS = (200_000, 2_000_000), 20_000, 4, 12
#: Share of the molecules of the simulated cells that is kept: shallow sequencing, some 220 genes a cell.
KEPT = 0.06


def make(folder: Path, n_cells: int) -> None:
    """Write a sample sheet: samples of 20,000 cells, drawn from a simulated pool, in files that donors share."""
    import pandas as pd
    from anndata import AnnData

    from her2plastic import datasets

    pool = datasets.simulate_cohort(n_ctc=60, seed=0)
    rng = np.random.default_rng(0)
    counts = pool.layers["counts"]
    counts.data[:] = rng.binomial(counts.data.astype(int), KEPT)
    counts.eliminate_zeros()
    for number in range(N_FILES):
        rows = rng.integers(0, pool.n_obs, OF_A_SAMPLE)
        names = pd.Index([f"{'ACGT'[i % 4]}{i:07d}-1" for i in range(OF_A_SAMPLE)])
        AnnData(counts[rows], obs=pd.DataFrame(index=names), var=pool.var[[]]).write_h5ad(folder / f"file{number}.h5ad")
    lines = ["donor_id,sample_id,draw_day,assay,path"]
    for sample in range(n_cells // OF_A_SAMPLE):
        path = folder / f"sample{sample}.h5ad"
        os.link(folder / f"file{sample % N_FILES}.h5ad", path)
        lines.append(f"donor{sample % N_DONORS},sample{sample},{30 * (sample // N_DONORS)},10x,{path.name}")
    (folder / "samples.csv").write_text("\n".join(lines) + "\n")


def work(what: str, folder: Path) -> None:
    """Measure one part of the way in this process: reading into a store, or every step on what is stored."""
    from her2plastic import io

    if what == "read":
        cohort, figures = measure(lambda: io.read_samples(folder / "samples.csv", store=folder / "cohort.zarr"))
        say(**{"io.read_samples": figures | {"held": annotation_bytes(cohort)}})
        return
    found: dict[str, Any] = {}
    cohort, found["io.open_cohort"] = measure(lambda: _loaded(folder, in_memory=what == "memory"))
    found["io.open_cohort"]["held"] = annotation_bytes(cohort)
    for name, step in _steps().items():
        _, figures = measure(lambda step=step: step(cohort))
        found[name] = figures | {"held": annotation_bytes(cohort)}
    if what == "file":
        _, figures = measure(lambda: io.write_h5ad(cohort, folder / "cells.h5ad"))
        found["io.write_h5ad"] = figures | {"held": annotation_bytes(cohort)}
    calls = cohort.obs["her2_call"].value_counts().to_dict()
    say(**found, calls=calls, matrix=8.0 * _n_stored(folder) + 4 * cohort.n_obs)


def _loaded(folder: Path, *, in_memory: bool) -> AnnData:
    from her2plastic import io

    cohort = io.open_cohort(folder / "cohort.zarr")
    return cohort.to_memory() if in_memory else cohort


def _steps() -> dict[str, Any]:
    from her2plastic import pp, tl

    return {
        "pp.quality": lambda cohort: pp.quality(cohort, doublets="off"),
        "pp.ctc_identity": pp.ctc_identity,
        "tl.amplicon": tl.amplicon,
        "tl.her2_state": tl.her2_state,
    }


def _n_stored(folder: Path) -> int:
    import zarr

    return int(zarr.open_group(folder / "cohort.zarr", mode="r")["layers/counts/data"].shape[0])


def annotation_bytes(adata: AnnData) -> float:
    """Return what the columns of the cells take: text that several cells share counts once."""
    columns = [adata.obs.index.to_series(), *(adata.obs[name] for name in adata.obs)]
    total, texts = 0.0, {}
    for column in columns:
        total += column.memory_usage(index=False)
        if column.dtype == object:
            texts |= {id(text): sys.getsizeof(text) for text in column}
    tables = sum(adata.obsm[name].to_numpy().nbytes for name in adata.obsm)
    return float(total + sum(texts.values()) + tables)


def section(sizes: tuple[int, ...]) -> str:
    """Measure, and return a section of the results."""
    found: dict[int, dict[str, Any]] = {}
    with_matrix: dict[str, Any] = {}
    for n_cells in sizes:
        with tempfile.TemporaryDirectory() as name:
            _run("make", name, n_cells)
            found[n_cells] = _run("read", name) | _run("file", name)
            if n_cells == sizes[0]:
                with_matrix = _run("memory", name)
                if with_matrix["calls"] != found[n_cells]["calls"]:
                    raise SystemExit("in memory and in the file, calls differ")
    first, last = found[sizes[0]], found[sizes[-1]]
    steps = [name for name in first if name not in ("calls", "matrix")]
    rows = [
        (f"`{step}`", f"{n:,}", f"{(own := found[n][step])['seconds']:.1f}", f"{own['peak'] / MB:,.0f}",
         f"{own['held'] / MB:,.0f}", f"{(own['peak'] - own['held']) / MB:,.0f}",
         f"{with_matrix[step]['peak'] / MB:,.0f}" if n == sizes[0] and step in with_matrix else "")
        for step in steps for n in sizes
    ]  # fmt: skip
    grown = {
        step: (last[step]["peak"] - last[step]["held"] - first[step]["peak"] + first[step]["held"])
        / (sizes[-1] - sizes[0])
        for step in steps
    }
    header = (
        "step", "cells", "s", "peak of the process, MB", "columns of the cells, MB", "peak less columns, MB",
        "peak with the matrix in memory, MB",
    )  # fmt: skip
    words = [
        f"Samples of {OF_A_SAMPLE:,} cells x 2,000 genes, drawn from simulated ones, as h5ad files;",
        f"{N_DONORS} donors, assay 10x. `io.read_samples(store=)` in one process, all other steps in another, one",
        "after the other, without doublet scores. The matrix in memory would take "
        + " and ".join(f"{found[n]['matrix'] / MB:,.0f} MB for {n:,} cells" for n in sizes)
        + ".",
        "Peak: highest resident set of the process during the step (VmHWM), Python and its libraries included.",
        "Columns: `obs`, its index and `obsm` after the step, which any AnnData holds in memory. One run.",
    ]
    return "\n".join([
        "## Cohorts larger than memory", "", *words, "", table(header, rows), "",
        f"- peak less columns, from {sizes[0]:,} to {sizes[-1]:,} cells, grows by bytes a cell: "
        + ", ".join(f"`{step}` {value:.0f}" for step, value in grown.items())
        + f"; the matrix in memory would grow by {last['matrix'] / sizes[-1]:,.0f}",
        "- the calls of " + f"{sizes[0]:,} cells are the same with the matrix in memory: **yes**",
    ])  # fmt: skip


def _run(what: str, folder: str, n_cells: int = 0) -> dict[str, Any]:
    import json

    command = [sys.executable, __file__, "--work", what, "--folder", folder, "--cells", str(n_cells)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(f"{what} {n_cells or ''}", file=sys.stderr, flush=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=list(N_CELLS))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", choices=("make", "read", "file", "memory"))
    given = parser.parse_args()
    if given.work == "make":
        make(given.folder, given.cells[0])
    elif given.work:
        work(given.work, given.folder)
    else:
        print(section(tuple(given.cells)))

"""io.read_counts against the readers of scanpy and anndata on the same files."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import MB, in_turn, measure, median, paired_ratio, say, spread, table

if TYPE_CHECKING:
    from anndata import AnnData

N_CELLS, N_GENES, PER_CELL = 20_000, 5000, 500
#: A table is read value by value, zeros too: as large as tables are that people deposit.
N_TABLE_CELLS = 2000
ROUNDS = 5


def _scanpy_h5(path: Path) -> AnnData:
    import scanpy as sc

    return sc.read_10x_h5(path)


def _scanpy_mtx(path: Path) -> AnnData:
    import scanpy as sc

    return sc.read_10x_mtx(path)


def _anndata_h5ad(path: Path) -> AnnData:
    import anndata

    return anndata.read_h5ad(path)


def _scanpy_csv(path: Path) -> AnnData:
    import scanpy as sc

    return sc.read_csv(path).T  # genes stand in rows


#: Format of datasets.write_cohort, its cells, the reader that is compared with, and its name.
COMPARED: dict[str, tuple[int, Callable[[Path], AnnData], str]] = {
    "10x-h5": (N_CELLS, _scanpy_h5, "scanpy.read_10x_h5"),
    "10x-mtx": (N_CELLS, _scanpy_mtx, "scanpy.read_10x_mtx"),
    "h5ad": (N_CELLS, _anndata_h5ad, "anndata.read_h5ad"),
    "csv": (N_TABLE_CELLS, _scanpy_csv, "scanpy.read_csv"),
}


def make(folder: Path, format: str, n_cells: int) -> None:
    """Write one sample, and a small one of the same kind."""
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    from her2plastic.datasets import write_cohort

    rng = np.random.default_rng(0)
    width = N_GENES // PER_CELL
    for name, number in (("small", 200), ("large", n_cells)):
        indices = rng.integers(0, width, (number, PER_CELL)) + np.arange(0, N_GENES, width)
        data = rng.geometric(0.4, number * PER_CELL).astype(np.float32)
        counts = csr_matrix(
            (data, indices.ravel(), np.arange(0, data.size + 1, PER_CELL)), shape=(number, N_GENES), dtype=np.float32
        )
        obs = pd.DataFrame(
            {"donor_id": "donor", "sample_id": name, "draw_day": 0.0, "assay": "10x"},
            index=[f"{_barcode(i)}-1" for i in range(number)],
        )
        genes = ["ERBB2", *(f"SIM{i:04d}" for i in range(1, N_GENES))]
        adata = AnnData(counts, obs=obs, var=pd.DataFrame(index=genes), layers={"counts": counts})
        write_cohort(adata, folder / name, format=format)


def _barcode(number: int) -> str:
    return "".join("ACGT"[number >> 2 * i & 3] for i in range(16))


def sample_of(folder: Path, name: str) -> Path:
    """Return the path of the one sample in a folder that make() wrote."""
    (path,) = (entry for entry in (folder / name).iterdir() if entry.name != "samples.csv")
    return path


def work(who: str, format: str, folder: Path) -> None:
    """Measure one reading, after a small file of the same format has loaded what reading needs."""
    read: Callable[[Path], Any] = COMPARED[format][1] if who == "theirs" else _her2plastic
    read(sample_of(folder, "small"))
    adata, figures = measure(lambda: read(sample_of(folder, "large")))
    say(
        cells=adata.n_obs,
        genes=adata.n_vars,
        sum=float(adata.X.sum()),
        **figures,
    )


def _her2plastic(path: Path) -> AnnData:
    from her2plastic import io

    return io.read_counts(path)


def section(rounds: int) -> str:
    """Measure, and return a section of the results."""
    rows = []
    for format, (n_cells, _, name) in COMPARED.items():
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), format, n_cells)
            sample = sample_of(Path(folder), "large")
            size = sum(part.stat().st_size for part in ([sample] if sample.is_file() else sample.iterdir()))
            worker = [sys.executable, __file__, "--folder", folder, "--format", format, "--work"]
            runs = in_turn({"ours": [*worker, "ours"], "theirs": [*worker, "theirs"]}, rounds=rounds)
        ours, theirs = runs["ours"], runs["theirs"]
        same = {(run["cells"], run["genes"], run["sum"]) for run in (*ours, *theirs)}
        assert len(same) == 1, f"{format}: the readers disagree: {same}"
        rows.append(
            (
                format, f"{n_cells:,} x {N_GENES:,}", f"{size / MB:.0f}", f"{median(ours):.2f} ({spread(ours)})",
                f"`{name}`", f"{median(theirs):.2f} ({spread(theirs)})", f"{paired_ratio(ours, theirs):.2f}",
                f"{median(ours, 'increase') / MB:.0f}", f"{median(theirs, 'increase') / MB:.0f}",
            )
        )  # fmt: skip
    header = (
        "format", "cells x genes", "file, MB", "`io.read_counts`, s", "compared with", "s", "ratio", "memory, MB",
        "memory of the other, MB",
    )  # fmt: skip
    words = [
        "One sample as `datasets.write_cohort` writes it (matrix folder and table gzip-compressed), "
        f"{PER_CELL} non-zeros a cell.",
        f"{rounds} rounds, each reading in a fresh process, in turn; a small file of the same format is read first, so",
        "imports are not counted. Median (range). Both readers gave the same cells, genes and sum. `read_counts` also",
        "sniffs the format, checks every value, settles the unit and the gene names, and gives CSR for a table, where",
        "`read_csv` gives a dense matrix. Memory: highest resident set during the call, less what was held before it.",
    ]
    return "\n".join(["## Reading", "", *words, "", table(header, rows)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--format", choices=tuple(COMPARED))
    parser.add_argument("--work", choices=("ours", "theirs"))
    given = parser.parse_args()
    if given.work:
        work(given.work, given.format, given.folder)
    else:
        print(section(given.rounds))

"""tl.her2_state on a million cells against normalize_total + log1p of scanpy on the same matrix."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from measuring import MB, in_turn, measure, median, paired_ratio, say, spread, table, verdict

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

N_CELLS, N_GENES, PER_CELL, N_DONORS = 1_000_000, 2000, 100, 12
ROUNDS = 5
TIME_LIMIT, MEMORY_LIMIT = 1.0, 1.3
#: ERBB2 of the cells, CPM: the medians of the simulator's four kinds, and how they scatter.
MEDIAN_CPM, SD_LOG = (20.0, 35.0, 120.0, 800.0), 0.9


def make(folder: Path, n_cells: int) -> None:
    """Write a CSR matrix of counts: 100 genes a cell, depths from some 1,000 to 50,000, ERBB2 in gene 0."""
    rng = np.random.default_rng(0)
    width = N_GENES // PER_CELL
    indices = rng.integers(0, width, (n_cells, PER_CELL), dtype=np.int32)
    indices += np.arange(0, N_GENES, width, dtype=np.int32)
    depth = np.exp(rng.normal(np.log(8000), 0.7, n_cells))
    data = np.empty((n_cells, PER_CELL), dtype=np.float32)
    for rows in np.array_split(np.arange(n_cells), max(n_cells // 50_000, 1)):
        share = rng.gamma(0.5, size=(rows.size, PER_CELL))
        data[rows] = 1 + rng.poisson(share / share.sum(1, keepdims=True) * depth[rows, None])
    cpm = np.exp(rng.normal(np.log(MEDIAN_CPM)[rng.integers(0, len(MEDIAN_CPM), n_cells)], SD_LOG))
    erbb2 = rng.poisson(cpm * depth / 1e6)
    indices[:, 0] = np.where(erbb2 > 0, 0, np.maximum(indices[:, 0], 1))
    data[:, 0] = np.where(erbb2 > 0, erbb2, data[:, 0])
    np.save(folder / "data.npy", data.ravel())
    np.save(folder / "indices.npy", indices.ravel())
    np.save(folder / "indptr.npy", np.arange(0, n_cells * PER_CELL + 1, PER_CELL, dtype=np.int32))
    np.save(folder / "donor.npy", rng.integers(0, N_DONORS, n_cells))


def load(folder: Path) -> AnnData:
    """Return the matrix as an AnnData whose X and counts are one."""
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    parts = tuple(np.load(folder / f"{name}.npy") for name in ("data", "indices", "indptr"))
    n_cells = len(parts[2]) - 1
    matrix = csr_matrix(parts, shape=(n_cells, N_GENES), copy=False)
    names = pd.Index([f"donor {i}" for i in range(N_DONORS)])
    donors = pd.Categorical.from_codes(np.load(folder / "donor.npy"), categories=names)
    obs = pd.DataFrame(
        {"donor_id": donors, "assay": pd.Categorical(["10x"]).repeat(n_cells)},
        index=pd.RangeIndex(n_cells).astype(str),
    )
    var = pd.DataFrame(index=["ERBB2", *(f"GENE{i}" for i in range(1, N_GENES))])
    adata = AnnData(matrix, obs=obs, var=var)
    adata.layers["counts"] = adata.X
    return adata


def work(what: str, folder: Path) -> None:
    """Measure one call on the million, after the same call on a few thousand cells has loaded and compiled."""
    calls: dict[str, Any] = {"her2_state": _her2_state, "scanpy": _normalise}
    _, first = measure(lambda: calls[what](load(folder / "few")))
    adata = load(folder)
    assert adata.layers["counts"] is adata.X  # one matrix, not two
    matrix = cast("csr_matrix", adata.X)
    held = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    _, figures = measure(lambda: calls[what](adata))
    called = adata.obs["her2_call"].value_counts().to_dict() if what == "her2_state" else {}
    say(first=first["seconds"], matrix=held, calls=called, **figures)


def _her2_state(adata: AnnData) -> None:
    from her2plastic import tl

    tl.her2_state(adata)


def _normalise(adata: AnnData) -> None:
    import scanpy as sc

    del adata.layers["counts"]  # in place, no second copy
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)


def section(n_cells: int, rounds: int) -> str:
    """Measure, and return a section of the results."""
    ours, theirs = "`tl.her2_state`", "`normalize_total` + `log1p`"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "few").mkdir()
        make(folder, n_cells)
        make(folder / "few", 5000)
        worker = [sys.executable, __file__, "--folder", name, "--work"]
        runs = in_turn({ours: [*worker, "her2_state"], theirs: [*worker, "scanpy"]}, rounds=rounds)
    matrix = runs[ours][0]["matrix"]
    rows = [
        (
            name,
            f"{median(found):.2f}",
            spread(found),
            f"{median(found, 'first'):.2f}",
            f"{median(found, 'increase') / MB:.0f}",
            f"{1 + median(found, 'increase') / matrix:.2f}",
            f"{median(found, 'peak') / matrix:.2f}",
        )
        for name, found in runs.items()
    ]
    header = (
        "call", "s (median)", "s (range)", "first call on 5,000 cells, s", "memory above the loaded state, MB",
        "(matrix + that) / matrix", "whole process / matrix",
    )  # fmt: skip
    ratio = paired_ratio(runs[ours], runs[theirs])
    called = ", ".join(f"{name} {count:,}" for name, count in runs[ours][0]["calls"].items() if count)
    words = [
        f"{n_cells:,} cells x {N_GENES:,} genes, CSR float32 with {PER_CELL} non-zeros a cell ({matrix / MB:,.0f} MB),",
        f"{N_DONORS} donors, assay 10x, reference calibration. {rounds} rounds, each call in a fresh process, in turn.",
        "Imports and compilation are paid by a first call on 5,000 cells, listed apart. Memory is the highest resident",
        "set during the call (VmHWM of Linux, set back before it): less what the process held before it with the",
        "matrix loaded, and as a whole, with Python, its libraries and the matrix. `her2_state` leaves the matrix as",
        "it is and adds its columns; `normalize_total` + `log1p` are asked to work in place.",
    ]
    return "\n".join(
        [
            "## HER2 states of a million cells",
            "",
            *words,
            "",
            table(header, rows),
            "",
            verdict("time against scanpy (median of the rounds' ratios)", ratio, TIME_LIMIT),
            verdict(
                "peak memory, (matrix + memory above the loaded state) / matrix",
                1 + median(runs[ours], "increase") / matrix,
                MEMORY_LIMIT,
            ),
            "",
            f"What was called: {called}.",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=N_CELLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", choices=("her2_state", "scanpy"))
    given = parser.parse_args()
    if given.work:
        work(given.work, given.folder)
    else:
        print(section(given.cells, given.rounds))

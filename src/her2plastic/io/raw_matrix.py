"""What every reader hands over: a matrix of cells and genes with the names that the file gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from her2plastic._errors import InputFileError
from her2plastic.io.recover import Recovery

GenesIn = Literal["auto", "rows", "columns"]


@dataclass(frozen=True)
class ReadOptions:
    """What the caller said about a file; readers take what concerns them."""

    unit: str = "auto"
    genes_in: GenesIn = "auto"
    matrix: str = "auto"
    introns: bool = False


@dataclass
class RawMatrix:
    """A matrix as a file holds it, before genes are named and units are settled.

    ``values`` and ``layers`` are cells x genes, CSR or dense. ``unit`` is set where the format fixes it.
    ``estimated`` says that counts of this format may be fractions (assigned by expectation maximisation).
    ``recovery`` holds the counts behind ``values`` of this unit, where the reader had to recover them to choose.
    ``details`` goes into the record of the reading.
    """

    values: Any
    cells: np.ndarray
    genes: np.ndarray
    gene_id: np.ndarray | None = None
    layers: dict[str, Any] = field(default_factory=dict)
    obs: pd.DataFrame | None = None
    unit: str | None = None
    unit_hint: str | None = None
    estimated: bool = False
    recovery: Recovery | None = None
    details: dict[str, Any] = field(default_factory=dict)


def check_shape(path: Path, values: Any, *, n_cells: int, n_genes: int, cells_from: str, genes_from: str) -> None:
    """Raise an InputFileError unless a cells x genes matrix has the shape that its name files say."""
    if values.shape == (n_cells, n_genes):
        return
    turned = " (it fits when turned round)" if values.shape == (n_genes, n_cells) else ""
    raise InputFileError(
        f"{path}: the matrix holds {values.shape[0]:,} cells x {values.shape[1]:,} genes{turned}, but "
        f"{cells_from} names "
        f"{n_cells:,} cells and {genes_from} names {n_genes:,} genes. The files are not of one run, or one is cut "
        "short."
    )


def drop_empty(raw: RawMatrix) -> None:
    """Drop barcodes without any count: a matrix of all barcodes lists the whole whitelist."""
    keep = np.diff(raw.values.indptr) > 0
    raw.details["empty_barcodes_dropped"] = int((~keep).sum())
    raw.values, raw.cells = raw.values[keep], raw.cells[keep]
    raw.layers = {name: layer[keep] for name, layer in raw.layers.items()}


def single_precision(values: np.ndarray) -> np.ndarray:
    """Return values as float32; what is too large for it becomes infinite, which the check of values names."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def text_array(values: Any) -> np.ndarray:
    """Return names as an object array of str; bytes, as HDF5 stores them, are decoded."""
    names = [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in np.asarray(values).tolist()]
    return np.array(names, dtype=object)

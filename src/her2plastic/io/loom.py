"""Loom files, as velocyto writes them, read with h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from her2plastic import _keys
from her2plastic._errors import InputFileError
from her2plastic.io.opening import faults_named, read_array
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions, single_precision, text_array

_LAYERS = (_keys.SPLICED, _keys.UNSPLICED, _keys.AMBIGUOUS)
_CELL_NAMES = ("CellID", "obs_names", "cell_id", "Cell", "cell_names", "cellid", "barcode", "Barcode")
_GENE_NAMES = ("Gene", "var_names", "gene_name", "gene_names", "GeneName", "Symbol", "symbol")
_GENE_IDS = ("Accession", "gene_id", "gene_ids", "GeneID", "ensembl_ids", "ensembl_id")
# A block of this many values is held dense at a time.
_BLOCK_VALUES = 1 << 24


def read_loom(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a loom file (genes x cells, dense on disk) block by block into CSR."""
    import h5py

    with faults_named(path, what="a loom file"), h5py.File(path, "r") as file:
        cells = _first(path, file["col_attrs"], _CELL_NAMES)
        genes = _first(path, file["row_attrs"], _GENE_NAMES)
        rows = file["row_attrs"]
        gene_id = next((text_array(read_array(path, rows, name)) for name in _GENE_IDS if name in rows), None)
        shape = (len(genes), len(cells))
        values = _cells_by_genes(path, file["matrix"], shape)
        stored = file.get("layers", {})
        layers = {name: _cells_by_genes(path, stored[name], shape) for name in _LAYERS if name in stored}
    return RawMatrix(values=values, cells=cells, genes=genes, gene_id=gene_id, layers=layers)


def _first(path: Path, attributes: Any, names: tuple[str, ...]) -> np.ndarray:
    for name in names:
        if name in attributes:
            return text_array(read_array(path, attributes, name))
    raise InputFileError(
        f"{path}: {attributes.name} has none of {', '.join(names)}; there are {', '.join(attributes) or 'none'}."
    )


def _cells_by_genes(path: Path, dataset: Any, shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_matrix, vstack

    if not hasattr(dataset, "dtype"):
        raise InputFileError(f"{path}: {dataset.name} holds no values; expected an array.")
    if dataset.shape != shape:
        raise InputFileError(
            f"{path}: {dataset.name} is {dataset.shape}, but {shape[0]} genes and {shape[1]} cells are named."
        )
    width = dataset.chunks[1] if dataset.chunks else 64
    step = max(width, _BLOCK_VALUES // max(shape[0], 1) // width * width)
    blocks = [csr_matrix(single_precision(dataset[:, start : start + step].T)) for start in range(0, shape[1], step)]
    return vstack(blocks, format="csr") if blocks else csr_matrix((0, shape[0]), dtype=np.float32)

"""kb-python (kallisto | bustools): counts and spliced/unspliced matrices, in either of its naming schemes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from her2plastic import _keys
from her2plastic._errors import InputFileError
from her2plastic.io.containers import read_h5ad
from her2plastic.io.matrix_market import read_mtx
from her2plastic.io.opening import read_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions, check_shape

_RUN_FOLDERS = ("counts_filtered", "counts_unfiltered", "counts_unfiltered_modified")
_MAIN = "cells_x_genes.mtx"
# The lamanno workflow and the nac workflow; a later scheme wins where a folder holds both.
_SCHEMES: tuple[dict[str, str], ...] = (
    {_keys.SPLICED: "spliced.mtx", _keys.UNSPLICED: "unspliced.mtx"},
    {
        _keys.SPLICED: "cells_x_genes.mature.mtx",
        _keys.UNSPLICED: "cells_x_genes.nascent.mtx",
        _keys.AMBIGUOUS: "cells_x_genes.ambiguous.mtx",
    },
)


def counts_folder(path: Path) -> Path | None:
    """Return the folder of kb matrices that a path is or holds (filtered before unfiltered), or None."""
    for folder in (path, *(path / name for name in _RUN_FOLDERS)):
        if folder.is_dir() and (_scheme(folder) or _there(folder, _MAIN) or (folder / "adata.h5ad").is_file()):
            return folder
    return None


def read_kb(path: Path, options: ReadOptions) -> RawMatrix:
    """Read kb-python output. X is spliced + ambiguous where the matrices are split, with ``introns`` all of them."""
    folder = counts_folder(path)
    if folder is None:
        raise InputFileError(f"{path}: holds no kb-python matrix ({_MAIN}, spliced.mtx or adata.h5ad).")
    if (scheme := _scheme(folder)) is not None:
        raw = _split(folder, scheme, options)
    elif (matrix := _there(folder, _MAIN)) is not None:
        values, cells, gene_id = _named_matrix(matrix)
        raw = RawMatrix(values=values, cells=cells, genes=_symbols(folder, gene_id), gene_id=gene_id, unit="counts")
    else:
        raw = read_h5ad(folder / "adata.h5ad", options)
        raw.details["taken"] = "adata.h5ad"
    raw.estimated = True
    if folder != path:
        raw.details["taken"] = folder.name
    return raw


def _scheme(folder: Path) -> dict[str, Path] | None:
    for names in reversed(_SCHEMES):
        found = {layer: _there(folder, name) for layer, name in names.items()}
        if all(found.values()):
            return {layer: path for layer, path in found.items() if path is not None}
    return None


def _split(folder: Path, scheme: dict[str, Path], options: ReadOptions) -> RawMatrix:
    matrices = {layer: _named_matrix(path) for layer, path in scheme.items()}
    cells, gene_id = _shared_names(scheme, matrices)
    layers = {layer: _rows_of(matrix, named, cells) for layer, (matrix, named, _) in matrices.items()}
    summed = [layer for layer in layers if options.introns or layer != _keys.UNSPLICED]
    values = layers[summed[0]].copy()
    for layer in summed[1:]:
        values = values + layers[layer]
    return RawMatrix(
        values=values,
        cells=cells,
        genes=_symbols(folder, gene_id),
        gene_id=gene_id,
        layers=layers,
        unit="counts",
        details={"x_is": " + ".join(summed)},
    )


def _shared_names(scheme: dict[str, Path], matrices: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the barcodes that every matrix names, in the order of the first, and the genes, which must be the same."""
    (first, (_, cells, gene_id)), *others = matrices.items()
    for layer, (_, named, genes) in others:
        if not np.array_equal(genes, gene_id):
            raise InputFileError(f"{scheme[layer]}: its genes are not those of {scheme[first].name}.")
        if not np.array_equal(named, cells):
            cells = cells[np.isin(cells.astype(str), named.astype(str))]
    return cells, gene_id


def _rows_of(matrix: Any, named: np.ndarray, cells: np.ndarray) -> Any:
    if np.array_equal(named, cells):
        return matrix
    position = {cell: row for row, cell in enumerate(named)}
    return matrix[np.array([position[cell] for cell in cells], dtype=np.int64)]


def _named_matrix(path: Path) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return a matrix with the barcodes and genes that stand beside it, under its own prefix or the shared one."""
    base = path.name.removesuffix(".gz").removesuffix(".mtx")
    names = []
    for kind in ("barcodes", "genes"):
        beside = [path.with_name(f"{prefix}.{kind}.txt") for prefix in (base, base.split(".")[0])]
        found = next((item for item in beside if item.is_file()), None)
        if found is None:
            raise InputFileError(
                f"{path}: expected {beside[0].name} beside it, which kb-python writes; it is not there."
            )
        names.append((found.name, np.array([line.split("\t")[0] for line in read_lines(found)], dtype=object)))
    (cells_from, cells), (genes_from, genes) = names
    values = read_mtx(path, cells_in="rows")
    check_shape(path, values, n_cells=len(cells), n_genes=len(genes), cells_from=cells_from, genes_from=genes_from)
    return values, cells, genes


def _symbols(folder: Path, gene_id: np.ndarray) -> np.ndarray:
    """Return symbols where kb wrote them (``*.genes.names.txt``), else the ids."""
    names = {path: read_lines(path) for path in sorted(folder.glob("*.genes.names.txt"))}
    for lines in names.values():
        if len(lines) == len(gene_id):
            return np.array([line.strip() for line in lines], dtype=object)
    if names:
        path, lines = next(iter(names.items()))
        raise InputFileError(f"{path}: names {len(lines):,} genes, but the matrix beside it has {len(gene_id):,}.")
    return gene_id


def _there(folder: Path, name: str) -> Path | None:
    return next((folder / item for item in (name, f"{name}.gz") if (folder / item).is_file()), None)

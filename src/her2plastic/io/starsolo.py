"""STARsolo: Gene, GeneFull and Velocyto of a Solo.out folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from her2plastic import _keys
from her2plastic._errors import InputFileError
from her2plastic.io.matrix_market import read_mtx
from her2plastic.io.opening import read_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions, check_shape, drop_empty
from her2plastic.io.tenx import feature_columns, find_triple, read_matrix_folder

SPLICING = (_keys.SPLICED, _keys.UNSPLICED, _keys.AMBIGUOUS)
_EXONS = ("Gene",)
_EXONS_AND_INTRONS = ("GeneFull", "GeneFull_Ex50pAS", "GeneFull_ExonOverIntron")
_CALLED = ("filtered", "raw")


def solo_folder(path: Path) -> Path | None:
    """Return the Solo.out folder that a path is, or holds, or None."""
    for folder in (path, path / "Solo.out", *sorted(path.glob("*Solo.out"))):
        if any((folder / name).is_dir() for name in (*_EXONS, *_EXONS_AND_INTRONS, "Velocyto")):
            return folder
    return None


def is_velocyto_matrix_folder(path: Path) -> bool:
    """Tell whether a folder is ``Solo.out/Velocyto/raw`` or ``filtered``."""
    names = {item.name.removesuffix(".gz") for item in path.iterdir()} if path.is_dir() else set()
    return {"spliced.mtx", "unspliced.mtx", "ambiguous.mtx", "barcodes.tsv", "features.tsv"} <= names


def read_solo(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a Solo.out folder: X from Gene (GeneFull with ``introns``), splicing layers from Velocyto.

    Called cells (``filtered``) are taken where STARsolo wrote them; otherwise every barcode with at least one count.
    """
    if is_velocyto_matrix_folder(path):
        return _velocyto_only(path)
    solo = solo_folder(path)
    if solo is None:
        raise InputFileError(f"{path}: holds no STARsolo folder Gene, GeneFull or Velocyto.")
    wanted = _EXONS_AND_INTRONS if options.introns else (*_EXONS, *_EXONS_AND_INTRONS)
    folder = _matrix_folder(solo, wanted)
    velocyto = _matrix_folder(solo, ("Velocyto",))
    if folder is None:
        if velocyto is None or options.introns:
            raise InputFileError(f"{solo}: holds no matrix of {' or '.join(wanted)} in its folders filtered or raw.")
        return _velocyto_only(velocyto)
    raw = read_matrix_folder(folder, options)
    raw.estimated = True
    raw.details["taken"] = folder.relative_to(solo).as_posix()
    if folder.name == "raw":
        drop_empty(raw)
    if velocyto is not None:
        _add_velocyto(raw, solo, features=folder / "features.tsv")
    return raw


def _matrix_folder(solo: Path, features: tuple[str, ...]) -> Path | None:
    for feature in features:
        for called in _CALLED:
            folder = solo / feature / called
            if folder.is_dir() and (find_triple(folder) or is_velocyto_matrix_folder(folder)):
                return folder
    return None


def _add_velocyto(raw: RawMatrix, solo: Path, *, features: Path) -> None:
    """Add splicing layers, matched by barcode: Velocyto may be written for all barcodes and Gene for called cells."""
    for called in _CALLED:
        folder = solo / "Velocyto" / called
        if not (folder.is_dir() and is_velocyto_matrix_folder(folder)):
            continue
        layers, cells, genes, _ = _velocyto_layers(folder)
        position = {cell: row for row, cell in enumerate(cells)}
        if raw.gene_id is None or not np.array_equal(genes, raw.gene_id):
            raise InputFileError(f"{folder}: its genes are not those of {features}; the folders are of different runs.")
        if all(cell in position for cell in raw.cells):
            rows = np.array([position[cell] for cell in raw.cells], dtype=np.int64)
            raw.layers = {name: layer[rows] for name, layer in layers.items()}
            raw.details["splicing_from"] = folder.relative_to(solo).as_posix()
            return
    raw.details["splicing_from"] = "none: Velocyto lacks barcodes of the cells"


def _velocyto_only(folder: Path) -> RawMatrix:
    layers, cells, gene_id, symbol = _velocyto_layers(folder)
    raw = RawMatrix(
        values=layers[_keys.SPLICED] + layers[_keys.AMBIGUOUS],
        cells=cells,
        genes=symbol,
        gene_id=gene_id,
        layers=layers,
        unit="counts",
        details={"x_is": "spliced + ambiguous"},
    )
    if folder.name == "raw":
        drop_empty(raw)
    return raw


def _velocyto_layers(folder: Path) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray]:
    def there(name: str) -> Path:
        return folder / name if (folder / name).is_file() else folder / f"{name}.gz"

    cells = np.array([line.split("\t")[0] for line in read_lines(there("barcodes.tsv"))], dtype=object)
    gene_id, symbol, _ = feature_columns(there("features.tsv"))
    layers: dict[str, Any] = {}
    for name in SPLICING:
        path = there(f"{name}.mtx")
        layers[name] = matrix = read_mtx(path, cells_in="columns")
        check_shape(
            path, matrix, n_cells=len(cells), n_genes=len(gene_id), cells_from="barcodes.tsv", genes_from="features.tsv"
        )
    return layers, cells, gene_id, symbol

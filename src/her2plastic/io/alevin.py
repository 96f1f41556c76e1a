"""alevin-fry and simpleaf: quants_mat.mtx, with or without USA mode."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import InputFileError
from her2plastic.io.matrix_market import read_mtx
from her2plastic.io.opening import faults_named, read_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions

_MATRIX = "quants_mat.mtx"
# The three blocks of columns, in the order in which alevin-fry writes them.
_BLOCKS = (_keys.SPLICED, _keys.UNSPLICED, _keys.AMBIGUOUS)


def quant_folder(path: Path) -> Path | None:
    """Return the folder that holds ``alevin/`` (the output folder of ``alevin-fry quant``), or None."""
    for folder in (path, path / "af_quant", path.parent):
        if any((folder / "alevin" / name).is_file() for name in (_MATRIX, f"{_MATRIX}.gz")):
            if folder != path.parent or path.name == "alevin":
                return folder
    return None


def read_alevin(path: Path, options: ReadOptions) -> RawMatrix:
    """Read alevin-fry output. In USA mode X is spliced + ambiguous; with ``introns``, all three."""
    folder = quant_folder(path)
    if folder is None:
        raise InputFileError(
            f"{path}: holds no alevin/{_MATRIX}. Output of salmon alevin itself (quants_mat.gz) is not read: "
            "convert it, or quantify with alevin-fry."
        )
    alevin = folder / "alevin"
    matrix = alevin / _MATRIX if (alevin / _MATRIX).is_file() else alevin / f"{_MATRIX}.gz"
    values = read_mtx(matrix, cells_in="rows")
    cells = np.array([line.split("\t")[0] for line in read_lines(alevin / "quants_mat_rows.txt")], dtype=object)
    columns = np.array([line.split("\t")[0] for line in read_lines(alevin / "quants_mat_cols.txt")], dtype=object)
    if len(cells) != values.shape[0]:
        raise InputFileError(f"{matrix}: {values.shape[0]:,} rows, but quants_mat_rows.txt names {len(cells):,} cells.")
    usa = _usa_mode(folder, columns, values.shape[1])
    gene_id = columns[: values.shape[1] // 3] if usa else columns
    if len(gene_id) * (3 if usa else 1) != values.shape[1]:
        raise InputFileError(
            f"{matrix}: {values.shape[1]:,} columns, but quants_mat_cols.txt names {len(columns):,} genes"
            f"{' in three blocks (USA mode)' if usa else ''}."
        )
    raw = RawMatrix(
        values=values,
        cells=cells,
        genes=_symbols(folder, gene_id),
        gene_id=gene_id,
        unit="counts",
        estimated=True,
        obs=_feature_dump(folder, cells),
        details={"usa_mode": usa},
    )
    if usa:
        n = len(gene_id)
        raw.layers = {name: values[:, block * n : (block + 1) * n] for block, name in enumerate(_BLOCKS)}
        summed = [name for name in _BLOCKS if options.introns or name != _keys.UNSPLICED]
        raw.values = sum((raw.layers[name] for name in summed[1:]), start=raw.layers[summed[0]])
        raw.details["x_is"] = " + ".join(summed)
    return raw


def _usa_mode(folder: Path, columns: np.ndarray, n_columns: int) -> bool:
    """Return what quant.json says (by the name of its version), or else what the column names show."""
    for name in ("quant.json", "meta_info.json"):
        path = folder / name
        if path.is_file():
            with faults_named(path, what="JSON"):
                said = json.loads(path.read_text(encoding="utf-8"))
            if "usa_mode" in said:
                return bool(said["usa_mode"])
    n = n_columns // 3
    return n_columns == 3 * len(columns) or (len(columns) == 3 * n and str(columns[n]) == f"{columns[0]}-U")


def _symbols(folder: Path, gene_id: np.ndarray) -> np.ndarray:
    for path in (folder / "gene_id_to_name.tsv", folder / "alevin" / "gene_id_to_name.tsv"):
        if path.is_file():
            pairs = dict(line.split("\t")[:2] for line in read_lines(path) if "\t" in line)
            return np.array([pairs.get(gene, gene) for gene in gene_id], dtype=object)
    return gene_id


def _feature_dump(folder: Path, cells: np.ndarray) -> pd.DataFrame | None:
    """Return the mapping rate of each cell from featureDump.txt, where it is complete."""
    path = folder / "featureDump.txt"
    if not path.is_file():
        return None
    with faults_named(path, what="featureDump.txt of alevin-fry"):
        table = pd.read_csv(path, sep="\t", index_col=0, dtype={0: str})
    table.index = table.index.astype(str)
    if "MappingRate" not in table or not table.index.is_unique or not set(cells) <= set(table.index):
        return None
    return pd.DataFrame({"mapping_rate": table.loc[list(cells), "MappingRate"].to_numpy(dtype=float)}, index=cells)

"""10x Genomics Cell Ranger: matrix folders (v2, v3) and HDF5 files (v2, v3)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io.matrix_market import read_mtx
from her2plastic.io.opening import faults_named, read_array, read_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions, check_shape, drop_empty, single_precision, text_array

GENE_EXPRESSION = "Gene Expression"
_HUMAN = re.compile(r"grch3[78]|hg19|hg38|human", re.IGNORECASE)
_SUFFIXES = ("", ".gz")
_V3_GROUP = "matrix"


# --- matrix folders ---
def find_triple(path: Path) -> tuple[Path, Path, Path] | None:
    """Return matrix, features and barcodes of a 10x matrix folder, or of a matrix file with its two neighbours.

    The three names may share a prefix (``GSM123_sample1_matrix.mtx.gz``), as files from GEO do. None where there is
    no such triple; an error where a folder holds several.
    """
    if path.is_dir():
        matrices = sorted(item for item in path.iterdir() if item.name.endswith(("matrix.mtx", "matrix.mtx.gz")))
    else:
        matrices = [path] if path.name.endswith(("matrix.mtx", "matrix.mtx.gz")) else []
    triples = [triple for matrix in matrices if (triple := _triple_of(matrix)) is not None]
    if len(triples) > 1:
        raise InputFileError(
            f"{path}: holds {len(triples)} 10x matrices ({', '.join(triple[0].name for triple in triples[:4])}, ...). "
            "Give the path of one matrix file, or a row of the sample sheet to each."
        )
    return triples[0] if triples else None


def _triple_of(matrix: Path) -> tuple[Path, Path, Path] | None:
    prefix = matrix.name.removesuffix(".gz").removesuffix("matrix.mtx")
    features = _first_there(matrix.parent, [prefix + "features.tsv", prefix + "genes.tsv"])
    barcodes = _first_there(matrix.parent, [prefix + "barcodes.tsv"])
    return (matrix, features, barcodes) if features and barcodes else None


def _first_there(folder: Path, names: list[str]) -> Path | None:
    for name in names:
        for suffix in _SUFFIXES:
            if (folder / (name + suffix)).is_file():
                return folder / (name + suffix)
    return None


def read_matrix_folder(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a 10x matrix folder, or the matrix file of one."""
    triple = find_triple(path)
    if triple is None:
        there = sorted(item.name for item in path.iterdir())[:8] if path.is_dir() else [path.name]
        raise InputFileError(
            f"{path}: a 10x matrix needs matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv), each plain or .gz, "
            f"side by side; found {', '.join(there) or 'nothing'}."
        )
    matrix, features, barcodes = triple
    cells = np.array([line.split("\t")[0] for line in read_lines(barcodes)], dtype=object)
    gene_id, symbol, kind = feature_columns(features)
    values = read_mtx(matrix, cells_in="columns")
    check_shape(
        matrix, values, n_cells=len(cells), n_genes=len(gene_id), cells_from=barcodes.name, genes_from=features.name
    )
    raw = RawMatrix(values=values, cells=cells, genes=symbol, gene_id=gene_id, unit="counts")
    raw.details["version"] = "v3" if features.name.startswith("features") or "features.tsv" in features.name else "v2"
    return _human_gene_expression(raw, path=features, kind=kind, genome=_genome_prefixes(symbol))


def feature_columns(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return id, symbol (the id where there is none) and feature type of each line of a features or genes file."""
    rows = [line.split("\t") for line in read_lines(path)]
    gene_id = [row[0].strip() for row in rows]
    symbol = [row[1].strip() if len(row) > 1 and row[1].strip() else row[0].strip() for row in rows]
    kind = [row[2].strip() if len(row) > 2 else GENE_EXPRESSION for row in rows]
    return np.array(gene_id, dtype=object), np.array(symbol, dtype=object), np.array(kind, dtype=object)


# --- HDF5 ---
def is_tenx_h5(keys: set[str], path: Path) -> bool:
    """Tell whether the groups of an HDF5 file are those of Cell Ranger v3, or of v2 (one group a genome)."""
    import h5py

    with faults_named(path, what="HDF5"), h5py.File(path, "r") as file:
        if _V3_GROUP in keys and isinstance(file[_V3_GROUP], h5py.Group):
            return "features" in file[_V3_GROUP]
        return bool(_genome_groups(file))


def read_h5(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a Cell Ranger HDF5 file, v2 or v3. Its columns are cells, so its arrays are those of a CSR of cells."""
    import h5py

    with faults_named(path, what="a 10x HDF5 file"), h5py.File(path, "r") as file:
        if _V3_GROUP in file and isinstance(file[_V3_GROUP], h5py.Group):
            group, features, version = file[_V3_GROUP], file[_V3_GROUP]["features"], "v3"
            gene_id, symbol, kind = (_names(path, features, name) for name in ("id", "name", "feature_type"))
            genome = _names(path, features, "genome") if "genome" in features else _genome_prefixes(symbol)
        else:
            name = _choose_genome(path, _genome_groups(file))
            group, version = file[name], "v2"
            gene_id, symbol = _names(path, group, "genes"), _names(path, group, "gene_names")
            kind, genome = np.full(len(gene_id), GENE_EXPRESSION), np.full(len(gene_id), name)
        if len({len(gene_id), len(symbol), len(kind), len(genome)}) > 1:
            raise InputFileError(
                f"{path}: names {len(gene_id):,} ids, {len(symbol):,} symbols, {len(kind):,} types and {len(genome):,} "
                "genomes of features; the file is damaged."
            )
        cells = _names(path, group, "barcodes")
        values = _columns_as_csr(path, group, n_cells=len(cells), n_genes=len(gene_id))
    raw = RawMatrix(values=values, cells=cells, genes=symbol, gene_id=gene_id, unit="counts")
    raw.details["version"] = version
    return _human_gene_expression(raw, path=path, kind=kind, genome=genome)


def _names(path: Path, group: Any, name: str) -> np.ndarray:
    return text_array(read_array(path, group, name))


def _columns_as_csr(path: Path, group: Any, *, n_cells: int, n_genes: int) -> Any:
    from scipy.sparse import csr_matrix

    rows, columns = (int(size) for size in read_array(path, group, "shape"))
    data, indices, indptr = (read_array(path, group, name) for name in ("data", "indices", "indptr"))
    if (rows, columns) != (n_genes, n_cells) or len(indptr) != n_cells + 1 or len(data) != len(indices):
        raise InputFileError(
            f"{path}: the shape says {rows:,} genes x {columns:,} cells, but {n_genes:,} genes and {n_cells:,} "
            "barcodes "
            f"are named, with {len(indptr):,} column starts and {len(data):,}/{len(indices):,} values/indices."
        )
    if int(indptr[-1]) != len(indices):
        raise InputFileError(f"{path}: names {int(indptr[-1]):,} values, but holds {len(indices):,}; it is damaged.")
    if len(indices) and (int(indices.max()) >= n_genes or int(indices.min()) < 0):
        raise InputFileError(f"{path}: an index points outside the {n_genes:,} genes; the file is damaged.")
    if int(indptr[0]) != 0 or (len(indptr) > 1 and int(np.diff(indptr.astype(np.int64)).min()) < 0):
        raise InputFileError(f"{path}: the starts of its columns are not in order; the file is damaged.")
    values = csr_matrix(
        (single_precision(data), indices.astype(np.int32, copy=False), indptr), shape=(n_cells, n_genes)
    )
    values.sum_duplicates()
    return values


def _genome_groups(file: Any) -> list[str]:
    needed = {"barcodes", "data", "gene_names", "genes", "indices", "indptr", "shape"}
    return [name for name, item in file.items() if hasattr(item, "keys") and needed <= set(item.keys())]


# --- which features ---
def _genome_prefixes(symbol: np.ndarray) -> np.ndarray:
    """Return the genome of each gene where names carry it (``GRCh38_ERBB2`` in a run against two genomes)."""
    found = [re.match(r"(GRC[a-z]\d+|hg\d+|mm\d+|mm\d+-\w+|rn\d+)_+", name) for name in symbol[:1]]
    if not found or found[0] is None:
        return np.full(len(symbol), "", dtype=object)
    return np.array([name.split("_", 1)[0] if "_" in name else "" for name in symbol], dtype=object)


def _choose_genome(path: Path, genomes: list[str]) -> str:
    human = [name for name in genomes if _HUMAN.search(name)]
    if len(genomes) == 1:
        return genomes[0]
    if len(human) == 1:
        return human[0]
    raise InputFileError(
        f"{path}: holds the genomes {', '.join(genomes)}; exactly one human genome (GRCh38, hg38, hg19 ...) is "
        "expected. "
        "Write the one you want to a file of its own."
    )


def _human_gene_expression(raw: RawMatrix, *, path: Path, kind: np.ndarray, genome: np.ndarray) -> RawMatrix:
    """Keep gene expression (no antibodies, guides or peaks) of the human genome, and record what was left out."""
    keep = kind == GENE_EXPRESSION
    if not keep.any():
        raise InputFileError(f"{path}: has no feature of type {GENE_EXPRESSION!r}, only {sorted(set(kind))}.")
    if not keep.all():
        raw.details["feature_types_left_out"] = sorted(set(kind[~keep]))
    genomes = sorted({str(name) for name in genome[keep]} - {""})
    if genomes:
        raw.details["genome"] = chosen = _choose_genome(path, genomes)
    if len(genomes) > 1:
        raw.details["genomes_left_out"] = [name for name in genomes if name != chosen]
        keep &= genome == chosen
    if not keep.all():
        raw.values = raw.values[:, keep]
        raw.genes, raw.gene_id = raw.genes[keep], raw.gene_id[keep] if raw.gene_id is not None else None
    if genomes:
        raw.genes = np.array([re.sub(rf"^{re.escape(chosen)}_+", "", name) for name in raw.genes], dtype=object)
        if raw.gene_id is not None:
            raw.gene_id = np.array([re.sub(rf"^{re.escape(chosen)}_+", "", name) for name in raw.gene_id], dtype=object)
    if 2 * np.count_nonzero(np.diff(raw.values.indptr) == 0) > len(raw.cells):
        drop_empty(raw)  # a matrix of all barcodes, not of called cells
    return raw


# --- outs folders ---
def find_run_output(path: Path) -> Path | None:
    """Return what to read of a Cell Ranger run folder (or its ``outs``): filtered before raw, HDF5 before mtx."""
    for folder in (path / "outs", path):
        for which in ("filtered", "raw"):
            candidate = folder / f"{which}_feature_bc_matrix.h5"
            if candidate.is_file():
                return candidate
            if (folder / f"{which}_feature_bc_matrix").is_dir():
                return folder / f"{which}_feature_bc_matrix"
            if (folder / f"{which}_gene_bc_matrices").is_dir():
                genomes = sorted(
                    item.name for item in (folder / f"{which}_gene_bc_matrices").iterdir() if item.is_dir()
                )
                return folder / f"{which}_gene_bc_matrices" / _choose_genome(folder, genomes)
    return None


def read_run_folder(path: Path, options: ReadOptions) -> RawMatrix:
    """Read the matrix of a Cell Ranger run folder."""
    chosen = find_run_output(path)
    if chosen is None:
        raise InputFileError(f"{path}: holds no filtered_feature_bc_matrix (folder or .h5) and no raw one.")
    raw = read_h5(chosen, options) if chosen.suffix == ".h5" else read_matrix_folder(chosen, options)
    raw.details["taken"] = chosen.relative_to(path).as_posix()
    return raw

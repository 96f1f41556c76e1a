"""Writers of small files in every format, around one matrix of counts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import mmwrite
from scipy.sparse import coo_matrix, csc_matrix


@dataclass(frozen=True)
class Small:
    """Counts of a few cells with their names; cells x genes."""

    counts: np.ndarray
    genes: list[str]
    gene_ids: list[str]
    cells: list[str]

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.counts.copy(), index=self.cells, columns=self.genes)


@pytest.fixture(scope="session")
def small() -> Small:
    rng = np.random.default_rng(7)
    genes = ["ERBB2", "EPCAM", "KRT8", "PTPRC", "ACTB", "GRB7", "NOVEL1"]
    numbers = (141736, 119888, 170421, 81237, 75624, 141738, 999999)
    ids = [f"ENSG{number:011d}" for number in numbers]
    counts = rng.poisson(2.0, (5, len(genes)))
    counts[0] = [3, 0, 1, 0, 12, 0, 1]
    return Small(counts, genes, ids, [f"AAAC{number}-1" for number in range(5)])


def write_lines(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def write_mtx(path: Path, matrix: np.ndarray) -> Path:
    """Write a Matrix Market file of whole numbers; gzip by ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name(path.name.removesuffix(".gz"))
    mmwrite(plain, coo_matrix(matrix), field="integer" if matrix.dtype.kind in "iu" else "real")
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path


def write_tenx_folder(folder: Path, data: Small, *, version: str = "v3", prefix: str = "") -> Path:
    end = ".gz" if version == "v3" else ""
    write_mtx(folder / f"{prefix}matrix.mtx{end}", data.counts.T)
    write_lines(folder / f"{prefix}barcodes.tsv{end}", data.cells)
    pairs = zip(data.gene_ids, data.genes, strict=True)
    if version == "v3":
        write_lines(folder / f"{prefix}features.tsv.gz", [f"{i}\t{g}\tGene Expression" for i, g in pairs])
    else:
        write_lines(folder / f"{prefix}genes.tsv", [f"{i}\t{g}" for i, g in pairs])
    return folder


def write_tenx_h5(path: Path, data: Small, *, version: str = "v3", kinds: list[str] | None = None) -> Path:
    matrix = csc_matrix(data.counts.T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix" if version == "v3" else "GRCh38")
        group["data"], group["indices"] = matrix.data.astype("i4"), matrix.indices.astype("i8")
        group["indptr"], group["shape"] = matrix.indptr.astype("i8"), np.array(matrix.shape, dtype="i4")
        group["barcodes"] = np.array(data.cells, dtype="S")
        if version == "v2":
            group["genes"], group["gene_names"] = np.array(data.gene_ids, "S"), np.array(data.genes, "S")
            return path
        features = group.create_group("features")
        features["id"], features["name"] = np.array(data.gene_ids, "S"), np.array(data.genes, "S")
        features["feature_type"] = np.array(kinds or ["Gene Expression"] * len(data.genes), dtype="S")
        features["genome"] = np.array(["GRCh38"] * len(data.genes), dtype="S")
    return path


def write_solo(folder: Path, data: Small) -> Path:
    """Write Gene (filtered and raw), GeneFull (raw) and Velocyto (raw); one more barcode in raw than in filtered."""
    solo = folder / "Solo.out"
    wider = Small(np.vstack([data.counts, 0 * data.counts[:1]]), data.genes, data.gene_ids, [*data.cells, "EMPTY-1"])
    features = [f"{i}\t{g}\tGene Expression" for i, g in zip(data.gene_ids, data.genes, strict=True)]
    for place, part in (("Gene/filtered", data), ("Gene/raw", wider), ("GeneFull/raw", wider)):
        factor = 2 if place.startswith("GeneFull") else 1
        write_mtx(solo / place / "matrix.mtx", factor * part.counts.T)
        write_lines(solo / place / "barcodes.tsv", part.cells)
        write_lines(solo / place / "features.tsv", features)
    for name, factor in (("spliced", 3), ("unspliced", 2), ("ambiguous", 1)):
        write_mtx(solo / "Velocyto/raw" / f"{name}.mtx", factor * wider.counts.T)
    write_lines(solo / "Velocyto/raw/barcodes.tsv", wider.cells)
    write_lines(solo / "Velocyto/raw/features.tsv", features)
    return folder


def write_kb(folder: Path, data: Small, *, workflow: str) -> Path:
    """Write kb-python output: standard, lamanno (own names a matrix) or nac (shared names)."""
    counts = folder / "counts_unfiltered"
    names = {
        "standard": {"cells_x_genes": 1},
        "lamanno": {"spliced": 3, "unspliced": 2},
        "nac": {"cells_x_genes.mature": 3, "cells_x_genes.nascent": 2, "cells_x_genes.ambiguous": 1},
    }[workflow]
    for name, factor in names.items():
        write_mtx(counts / f"{name}.mtx", factor * data.counts)
        base = name if workflow == "lamanno" else "cells_x_genes"
        write_lines(counts / f"{base}.barcodes.txt", data.cells)
        write_lines(counts / f"{base}.genes.txt", [f"{gene_id}.4" for gene_id in data.gene_ids])
    if workflow != "lamanno":
        write_lines(counts / "cells_x_genes.genes.names.txt", data.genes)
    return folder


def write_alevin(folder: Path, data: Small, *, usa: bool) -> Path:
    blocks = [3 * data.counts, 2 * data.counts, data.counts] if usa else [data.counts]
    columns = [*data.gene_ids, *(f"{i}-U" for i in data.gene_ids), *(f"{i}-A" for i in data.gene_ids)]
    write_mtx(folder / "alevin/quants_mat.mtx", np.hstack(blocks).astype(float))
    write_lines(folder / "alevin/quants_mat_rows.txt", data.cells)
    write_lines(folder / "alevin/quants_mat_cols.txt", columns if usa else data.gene_ids)
    (folder / "quant.json").write_text(json.dumps({"usa_mode": usa, "num_genes": len(data.genes) * (3 if usa else 1)}))
    write_lines(
        folder / "featureDump.txt",
        [
            "CB\tCorrectedReads\tMappedReads\tDeduplicatedReads\tMappingRate",
            *(f"{c}\t10\t9\t8\t0.9" for c in data.cells),
        ],
    )
    write_lines(folder / "gene_id_to_name.tsv", [f"{i}\t{g}" for i, g in zip(data.gene_ids, data.genes, strict=True)])
    return folder


def write_loom(path: Path, data: Small) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("matrix", data=6.0 * data.counts.T, dtype="f4", chunks=(2, 1), compression="gzip")
        for name, factor in (("spliced", 3), ("unspliced", 2), ("ambiguous", 1)):
            file.create_dataset(f"layers/{name}", data=factor * data.counts.T, dtype="u2", chunks=(2, 1))
        text = h5py.string_dtype("utf-8")
        file.create_dataset("row_attrs/Gene", data=np.array(data.genes, dtype=object), dtype=text)
        file.create_dataset("row_attrs/Accession", data=np.array(data.gene_ids, dtype=object), dtype=text)
        file.create_dataset("col_attrs/CellID", data=np.array(data.cells, dtype=object), dtype=text)
    return path


def write_featurecounts(path: Path, data: Small) -> Path:
    header = ["Geneid", "Chr", "Start", "End", "Strand", "Length", *(f"/run/bam/{cell}.bam" for cell in data.cells)]
    rows = [
        "\t".join([gene_id, "chr17", "100", "900", "+", "801", *map(str, data.counts[:, place])])
        for place, gene_id in enumerate(data.gene_ids)
    ]
    return write_lines(path, ['# Program:featureCounts v2.0.3; Command:"featureCounts"', "\t".join(header), *rows])


def write_htseq(path: Path, data: Small, *, cell: int = 0) -> Path:
    rows = [f"{gene_id}\t{data.counts[cell, place]}" for place, gene_id in enumerate(data.gene_ids)]
    special = [
        "__no_feature\t31",
        "__ambiguous\t2",
        "__too_low_aQual\t0",
        "__not_aligned\t5",
        "__alignment_not_unique\t7",
    ]
    return write_lines(path, [*rows, *special])


def write_rsem(path: Path, data: Small, *, cell: int = 0) -> Path:
    header = "gene_id\ttranscript_id(s)\tlength\teffective_length\texpected_count\tTPM\tFPKM"
    rows = []
    for gene_id, gene, count in zip(data.gene_ids, data.genes, data.counts[cell], strict=True):
        rows.append(f"{gene_id}_{gene}\tENST1\t1000.00\t900.00\t{count + 0.25:.2f}\t{count * 1.5}\t1.00")
    return write_lines(path, [header, *rows])


@pytest.fixture(scope="session")
def files() -> dict[str, Callable[..., Path]]:
    """Return the writers by name."""
    return {
        "lines": write_lines, "mtx": write_mtx, "tenx_folder": write_tenx_folder, "tenx_h5": write_tenx_h5,
        "solo": write_solo, "kb": write_kb, "alevin": write_alevin, "loom": write_loom,
        "featurecounts": write_featurecounts, "htseq": write_htseq, "rsem": write_rsem,
    }  # fmt: skip

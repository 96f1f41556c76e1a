"""Count files as other programs lay them out: Cell Ranger, STARsolo, velocyto, tables, AnnData."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd
from scipy import sparse

from her2plastic import _access, _keys

if TYPE_CHECKING:
    from anndata import AnnData

_FEATURE_TYPE = "Gene Expression"
_GENOME = "GRCh38"
_GEM_WELL = "-1"
_SPLICING = (_keys.SPLICED, _keys.UNSPLICED, _keys.AMBIGUOUS)


def barcodes(adata: AnnData) -> list[str]:
    """Return the names of the cells without their sample, as Cell Ranger writes them."""
    return [str(name).rsplit(":", maxsplit=1)[-1] for name in adata.obs_names]


def starsolo_names(adata: AnnData) -> list[str]:
    """Return the names of the cells as STARsolo writes them: without a GEM well."""
    return [name.removesuffix(_GEM_WELL) for name in barcodes(adata)]


def velocyto_names(adata: AnnData) -> list[str]:
    """Return the names of the cells as velocyto writes them: run, colon, barcode, x."""
    run = str(adata.obs[_keys.SAMPLE_ID].iloc[0])
    return [f"{run}:{name}x" for name in starsolo_names(adata)]


def write_10x_h5(adata: AnnData, path: Path) -> None:
    """Write a Cell Ranger v3 feature-barcode matrix: compressed columns of genes x cells, which is CSR here."""
    import h5py

    counts = _counts(adata)
    with h5py.File(path, "w") as file:
        file.attrs["filetype"] = "matrix"
        file.attrs["version"] = 2
        file.attrs["chemistry_description"] = "simulated"
        group = file.create_group("matrix")
        group["barcodes"] = np.asarray(barcodes(adata), dtype="S")
        group.create_dataset("data", data=counts.data.astype(np.int32), compression="gzip", compression_opts=1)
        group.create_dataset("indices", data=counts.indices.astype(np.int64), compression="gzip", compression_opts=1)
        group["indptr"] = counts.indptr.astype(np.int64)
        group["shape"] = np.array([adata.n_vars, adata.n_obs], dtype=np.int32)
        features = group.create_group("features")
        features["_all_tag_keys"] = np.array([b"genome"])
        features["id"] = np.asarray(_gene_ids(adata), dtype="S")
        features["name"] = np.asarray(adata.var_names, dtype="S")
        features["feature_type"] = np.array([_FEATURE_TYPE] * adata.n_vars, dtype="S")
        features["genome"] = np.array([_GENOME] * adata.n_vars, dtype="S")


def write_10x_mtx(adata: AnnData, path: Path) -> None:
    """Write a Cell Ranger v3 matrix folder: gzip, barcodes with their GEM well."""
    path.mkdir()
    with _gzip(path / "matrix.mtx.gz") as file:
        _write_mtx(file, _counts(adata), comment="metadata_json: " + json.dumps({"format_version": 2}))
    _write_lines_gz(path / "barcodes.tsv.gz", barcodes(adata))
    _write_lines_gz(path / "features.tsv.gz", _features(adata))


def write_starsolo(adata: AnnData, path: Path) -> None:
    """Write a Solo.out folder: plain text, barcodes without a GEM well, one folder per kind of count."""
    counts = _counts(adata)
    if _keys.SPLICED not in adata.layers:
        _write_solo_folder(adata, path / "Gene" / "filtered", {"matrix.mtx": counts})
        return
    layers = {f"{name}.mtx": _layer(adata, name) for name in _SPLICING}
    exonic = layers["spliced.mtx"] + layers["ambiguous.mtx"]
    _write_solo_folder(adata, path / "Gene" / "filtered", {"matrix.mtx": exonic})
    _write_solo_folder(adata, path / "GeneFull" / "filtered", {"matrix.mtx": counts})
    _write_solo_folder(adata, path / "Velocyto" / "filtered", layers)


def write_loom(adata: AnnData, path: Path) -> None:
    """Write a loom file as velocyto does: genes x cells, the main matrix the sum of the layers."""
    import h5py

    def store(group: Any, name: str, matrix: sparse.csr_matrix) -> None:
        group.create_dataset(name, data=matrix.T.toarray(), compression="gzip", compression_opts=1)

    text = h5py.string_dtype("utf-8")
    with h5py.File(path, "w") as file:
        file.attrs["LOOM_SPEC_VERSION"] = "2.0.1"
        store(file, "matrix", _counts(adata))
        layers = file.create_group("layers")
        if _keys.SPLICED in adata.layers:
            for name in _SPLICING:
                store(layers, name, _layer(adata, name))
        rows, columns = file.create_group("row_attrs"), file.create_group("col_attrs")
        rows.create_dataset("Gene", data=[str(gene) for gene in adata.var_names], dtype=text)
        rows.create_dataset("Accession", data=_gene_ids(adata), dtype=text)
        columns.create_dataset("CellID", data=velocyto_names(adata), dtype=text)
        for name in ("row_graphs", "col_graphs"):
            file.create_group(name)


def write_csv(adata: AnnData, path: Path) -> None:
    """Write a gzip table with genes in rows and cells in columns, as count tables are deposited."""
    table = pd.DataFrame(_counts(adata).T.toarray().astype(np.int64), index=adata.var_names, columns=barcodes(adata))
    with _gzip(path) as file:
        file.write(table.to_csv().encode())


def write_plain_h5ad(adata: AnnData, path: Path) -> None:
    """Write an AnnData of counts, without any truth."""
    _plain(adata).write_h5ad(path)


def write_plain_zarr(adata: AnnData, path: Path) -> None:
    """Write an AnnData store of counts, without any truth."""
    _plain(adata).write_zarr(path)


def _plain(adata: AnnData) -> AnnData:
    from anndata import AnnData

    plain = AnnData(
        _counts(adata),
        obs=pd.DataFrame(index=pd.Index(barcodes(adata))),
        var=pd.DataFrame({"gene_ids": _gene_ids(adata)}, index=pd.Index([str(gene) for gene in adata.var_names])),
    )
    for name in _SPLICING:
        if name in adata.layers:
            plain.layers[name] = _layer(adata, name)
    return plain


def _write_solo_folder(adata: AnnData, folder: Path, matrices: dict[str, sparse.csr_matrix]) -> None:
    folder.mkdir(parents=True)
    for name, matrix in matrices.items():
        with (folder / name).open("wb") as file:
            _write_mtx(file, matrix, comment="")
    (folder / "barcodes.tsv").write_text("\n".join(starsolo_names(adata)) + "\n", encoding="utf-8")
    (folder / "features.tsv").write_text("\n".join(_features(adata)) + "\n", encoding="utf-8")


def _write_mtx(file: BinaryIO | gzip.GzipFile, cells_by_genes: sparse.csr_matrix, *, comment: str) -> None:
    """Write the matrix as Matrix Market with genes in rows, cell by cell."""
    entries = cells_by_genes.tocoo()
    n_cells, n_genes = cells_by_genes.shape
    file.write(f"%%MatrixMarket matrix coordinate integer general\n%{comment}\n".encode())
    file.write(f"{n_genes} {n_cells} {entries.nnz}\n".encode())
    table = pd.DataFrame({"gene": entries.col + 1, "cell": entries.row + 1, "count": entries.data.astype(np.int64)})
    file.write(table.to_csv(sep=" ", header=False, index=False).encode())


def _write_lines_gz(path: Path, lines: list[str]) -> None:
    with _gzip(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _gzip(path: Path) -> gzip.GzipFile:
    # without a time stamp, so that the same cohort gives the same bytes
    return gzip.GzipFile(path, "wb", compresslevel=1, mtime=0)


def _counts(adata: AnnData) -> sparse.csr_matrix:
    return sparse.csr_matrix(_access.counts(adata, needed_by="datasets.write_cohort"))


def _layer(adata: AnnData, name: str) -> sparse.csr_matrix:
    if name not in adata.layers:  # velocyto and STARsolo always write all three
        return sparse.csr_matrix(adata.shape, dtype=np.float32)
    return sparse.csr_matrix(adata.layers[name])


def _gene_ids(adata: AnnData) -> list[str]:
    names = adata.var[_keys.GENE_ID] if _keys.GENE_ID in adata.var else adata.var_names
    return [str(name) for name in names]


def _features(adata: AnnData) -> list[str]:
    return [
        f"{gene_id}\t{gene}\t{_FEATURE_TYPE}" for gene_id, gene in zip(_gene_ids(adata), adata.var_names, strict=True)
    ]

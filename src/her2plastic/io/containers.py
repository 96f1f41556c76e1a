"""h5ad files and zarr stores: which of their matrices to take, and under which names.

Only the matrices, obs, and the names of genes are read; graphs, embeddings and results of other programs are not.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import InputFileError, ParameterError
from her2plastic.io.blosc_chunks import check_chunks
from her2plastic.io.matrix_choice import Candidate, as_csr, best_matrix, candidate, counts_of_more_genes
from her2plastic.io.opening import faults_named
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions
from her2plastic.io.table_columns import plain_name

SPLICING = (_keys.SPLICED, _keys.UNSPLICED, _keys.AMBIGUOUS)
# As small letters and digits alone: gene_symbol, Gene_Symbol and geneSymbol are one.
_SYMBOLS = (
    *("genesymbols", "genesymbol", "genename", "genenames", "featurename", "symbol", "symbols", "geneshortname"),
    *("hgncsymbol", "hgnc", "externalgenename", "originalgenesymbols", "gene", "genes", "name", "names", "features"),
)
# Names that are looked at to tell symbols from ids.
_TOLD_BY = 500
_IDS = ("geneids", "geneid", "ensemblid", "ensemblids", "ensemblgeneid", "ensembl", "featureid", "accession")


def read_h5ad(path: Path, options: ReadOptions) -> RawMatrix:
    """Read an h5ad file."""
    import h5py

    with faults_named(path, what="an h5ad file"), h5py.File(path, "r") as file:
        if isinstance(file["obs"], h5py.Group):
            return _choose(path, _Store(file, path), options)
    return _read_old_h5ad(path, options)


def _read_old_h5ad(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a file of AnnData before 0.7, whose obs is one compound data set."""
    from anndata import read_h5ad as read_whole

    with faults_named(path, what="an h5ad file"), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return _choose(path, _Memory(read_whole(path), path), options)


def read_zarr(path: Path, options: ReadOptions) -> RawMatrix:
    """Read an AnnData zarr store (v2 or v3)."""
    import zarr

    with faults_named(path, what="an AnnData zarr store"):
        check_chunks(path)
        return _choose(path, _Store(zarr.open_group(str(path), mode="r"), path), options)


def is_anndata_zarr(path: Path) -> bool:
    """Tell whether a folder is a zarr group with the parts of an AnnData."""
    marked = any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zattrs"))
    return marked and (path / "obs").is_dir() and (path / "var").is_dir()


def from_memory(adata: Any, options: ReadOptions) -> RawMatrix:
    """Take the matrices of an AnnData that is in memory already."""
    return _choose(Path("AnnData"), _Memory(adata, Path("AnnData")), options)


# --- where matrices come from ---
class _Store:
    """An AnnData on disk; each part is read when asked for."""

    def __init__(self, group: Any, path: Path) -> None:
        self._group = group
        self.path = path

    def matrices(self) -> dict[str, str]:
        """Return the name of each matrix and the part whose var names its genes, layers before raw.X before X."""
        found = {f"layers/{name}": "var" for name in (self._group["layers"] if "layers" in self._group else ())}
        if "raw" in self._group and "X" in self._group["raw"]:
            found["raw.X"] = "raw/var"
        if "X" in self._group and not self._is_null("X"):
            found["X"] = "var"
        return found

    def _is_null(self, name: str) -> bool:
        return dict(self._group[name].attrs).get("encoding-type") == "null"

    def element(self, name: str) -> Any:
        """Return one element, by its path in the file."""
        # AnnData gives this error no public name
        from anndata._io.specs.registry import IORegistryError
        from anndata.io import read_elem

        with warnings.catch_warnings():
            # Files of older AnnData versions are read all the same.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            try:
                return read_elem(self._group[name.replace("raw.X", "raw/X")])
            except IORegistryError as fault:
                raise InputFileError(
                    f"{self.path}: {name} is stored in a way that this version of AnnData does not read: {fault} "
                    "Update anndata, or write the file again with an older one."
                ) from fault

    def log_base(self) -> float | None:
        """Return the base of the logarithm that scanpy recorded, or None where it recorded none."""
        if "uns" not in self._group or "log1p" not in self._group["uns"]:
            return None
        return _base_of(self.element("uns/log1p"))


class _Memory:
    """An AnnData in memory, seen as the same parts."""

    def __init__(self, adata: Any, path: Path) -> None:
        self._adata = adata
        self.path = path

    def matrices(self) -> dict[str, str]:
        found = {f"layers/{name}": "var" for name in self._adata.layers if name is not None}
        if self._adata.raw is not None:
            found["raw.X"] = "raw/var"
        if self._adata.X is not None:
            found["X"] = "var"
        return found

    def element(self, name: str) -> Any:
        if name.startswith("layers/"):
            return self._adata.layers[name.removeprefix("layers/")]
        parts: dict[str, Any] = {"X": self._adata.X, "obs": self._adata.obs, "var": self._adata.var}
        if self._adata.raw is not None:
            parts |= {"raw.X": self._adata.raw.X, "raw/var": self._adata.raw.var}
        return parts[name]

    def log_base(self) -> float | None:
        return _base_of(self._adata.uns["log1p"]) if "log1p" in self._adata.uns else None


def _base_of(log1p: Any) -> float:
    base = log1p.get("base") if isinstance(log1p, Mapping) else None
    return float(math.e if base is None else base)


# --- the chosen matrix with its names ---
def _choose(path: Path, store: _Store | _Memory, options: ReadOptions) -> RawMatrix:
    available = store.matrices()
    if not available:
        raise InputFileError(f"{path}: holds no matrix (X, raw.X or a layer).")
    if options.matrix != "auto":
        if options.matrix not in available:
            raise ParameterError(f"matrix={options.matrix!r} is not in {path.name}; there are {', '.join(available)}")
        return _named(store, candidate(store, options.matrix, available[options.matrix]), why="said")
    choice = best_matrix(path, store, available, options)
    raw = _named(store, choice.best, why=choice.why)
    if choice.fuller is None:
        return raw
    why = f"counts lie behind it, of more genes than in {choice.best.name}"
    return counts_of_more_genes(path, _named(store, choice.fuller, why=why), raw)


def _named(store: _Store | _Memory, chosen: Candidate, *, why: str) -> RawMatrix:
    """Return a matrix with its cells, genes and what belongs to it."""
    available = store.matrices()
    var, obs = store.element(chosen.genes_in), store.element("obs")
    _check_parts(store.path, chosen, var, obs)
    symbols, gene_id = _gene_columns(var)
    base = store.log_base()
    # uns["log1p"] speaks of X and of raw.X, which scanpy fills after the logarithm.
    hint = {2.0: "log2"}.get(base, "ln" if np.isclose(base, math.e) else None) if base is not None else None
    layers = {}
    if chosen.genes_in == "var":
        layers = {name: as_csr(store.element(f"layers/{name}")) for name in SPLICING if f"layers/{name}" in available}
    return RawMatrix(
        values=chosen.values,
        cells=obs.index.astype(str).to_numpy(dtype=object),
        genes=symbols,
        gene_id=gene_id,
        layers=layers,
        obs=_plain(obs),
        unit_hint=None if chosen.counts else hint,
        details={"matrix": chosen.name, "matrix_why": why, "matrices": list(available)},
    )


def _check_parts(path: Path, chosen: Candidate, var: pd.DataFrame, obs: pd.DataFrame) -> None:
    if chosen.values.shape != (len(obs), len(var)):
        raise InputFileError(
            f"{path}: {chosen.name} is {chosen.values.shape}, but obs has {len(obs):,} rows and var {len(var):,}."
        )


def _gene_columns(var: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    """Return symbols (a symbol column where the index holds Ensembl ids) and ids where there are any."""
    index = var.index.astype(str).to_numpy(dtype=object)
    index_is_id = bool(len(index)) and _share_of_ids(index[:_TOLD_BY]) > 0.5
    named = {plain_name(str(name)): name for name in reversed(list(var.columns))}
    symbol = next((var[named[name]] for name in _SYMBOLS if name in named), None)
    ids = next((var[named[name]].astype(str).to_numpy(dtype=object) for name in _IDS if name in named), None)
    numbered = bool(len(index)) and all(name.isdigit() for name in index[:_TOLD_BY])
    if (index_is_id or numbered) and symbol is not None:
        text = symbol.astype(object).where(symbol.notna(), "").astype(str).to_numpy(dtype=object)
        by_id = index if index_is_id else ids
        return (np.where(text == "", index, text) if by_id is None else np.where(text == "", by_id, text)), by_id
    if numbered and ids is not None:
        return ids, ids
    return index, index if index_is_id and ids is None else ids


def _share_of_ids(names: np.ndarray) -> float:
    return float(np.mean([bool(re.match(r"ENS[A-Z]*G\d+", name)) for name in names]))


def _plain(obs: pd.DataFrame) -> pd.DataFrame:
    obs = obs.copy()
    obs.index = obs.index.astype(str)
    obs.index.name = None
    return obs

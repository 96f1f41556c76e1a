"""Tables of cells as files hold them, each cell with a name."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from her2plastic import _keys
from her2plastic._errors import InputFileError, ReviewError
from her2plastic.io.ngff_slides import is_zarr
from her2plastic.io.opening import faults_named
from her2plastic.review.session.ordering import cell_ids

if TYPE_CHECKING:
    from anndata import AnnData

#: What every AnnData has.
_PARTS = frozenset({"obs", "var"})
_WHAT = "an AnnData with cells that were measured on slides"


def read_cells(path: Path) -> AnnData:
    """Return the cells of an h5ad file or of a zarr group; ``obs["cell_id"]`` names each.

    Raises
    ------
    InputFileError
        For a file that is no AnnData, damaged, or of a version that is not known.
    ReviewError
        Where there is no cell, or cells without a name of their own.
    """
    if not path.exists():
        raise InputFileError(f"{path}: the store holds no table of cells. Write it with `her2plastic slide`.")
    with faults_named(path, what=_WHAT):
        adata = _read_zarr(path) if path.is_dir() else _read_h5ad(path)
    if adata.n_obs == 0:
        raise ReviewError(f"{path}: holds no cells; there is nothing to review.")
    written = adata.uns.get(_keys.ROOT)
    records = written.get("records") if isinstance(written, Mapping) else None
    if isinstance(records, str):  # the records of the run, as the store of a slide holds them
        with faults_named(path, what=_WHAT):
            adata.uns[_keys.ROOT] = json.loads(records)
    if _keys.CELL_ID in adata.obs and adata.obs[_keys.CELL_ID].isna().any():
        raise ReviewError(f"{path}: some cells have no name in `obs[{_keys.CELL_ID!r}]`; a decision needs one.")
    adata.obs[_keys.CELL_ID] = cell_ids(adata)
    return adata


def _read_h5ad(path: Path) -> AnnData:
    import anndata
    import h5py

    with h5py.File(path, "r") as file:
        _check_parts(path, [name for name in _PARTS if name not in file])
    return _known_to_anndata(path, lambda: anndata.read_h5ad(path))


def _read_zarr(path: Path) -> AnnData:
    import anndata

    _check_parts(path, [name for name in _PARTS if not is_zarr(path / name)])
    return _known_to_anndata(path, lambda: anndata.read_zarr(path))


def _check_parts(path: Path, missing: list[str]) -> None:
    if missing:
        raise InputFileError(
            f"{path}: has no {' and no '.join(sorted(missing))}; expected {_WHAT}. Is it another file?"
        )


def _known_to_anndata(path: Path, read: Callable[[], AnnData]) -> AnnData:
    # AnnData gives this error no public name
    from anndata._io.specs.registry import IORegistryError

    with warnings.catch_warnings():
        # files of older versions of AnnData are read all the same
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        try:
            return read()
        except IORegistryError as fault:
            raise InputFileError(
                f"{path}: is stored in a way that this version of AnnData does not read: {fault} Update anndata, or "
                "write the file again with an older one."
            ) from fault

"""Cohorts larger than memory: cells and genes are read, matrices stay in their file until their cells are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import Her2plasticError, InputFileError, OutputFolderError, UnitError
from her2plastic._stored_sparse import check_stored
from her2plastic.io.blosc_chunks import check_chunks
from her2plastic.io.cohort import aligned, first_seen, layer_names
from her2plastic.io.cohort_obs import SampleCells, sample_cells
from her2plastic.io.matrix_on_disk import GrowingMatrix
from her2plastic.io.slide_store import whole_folder, written_for_all
from her2plastic.io.stored_text import TextReader, write_table

if TYPE_CHECKING:
    from anndata import AnnData

_LAYERS: Final = "layers"
_OBS: Final = "obs"
_TABLES: Final = (_OBS, "var")
#: Where text of each cell may stand.
_OF_CELLS: Final = (_OBS, "obsm")
#: Attribute of a store: how many files it was written with.
_N_FILES: Final = "her2plastic-files"
_READ: Final = ("obsm", "varm", "obsp", "varp", "uns")


def open_cohort(path: str | Path) -> AnnData:
    """Open a cohort in its file: cells, genes and results are read, matrices stay where they are.

    ``pp.quality``, ``pp.ctc_identity``, ``tl.amplicon`` and ``tl.her2_state`` take such a cohort as they take one in
    memory, read it block by block of cells, and write the same into it. Other steps say that they need the counts in
    memory: give them the cells that they are about, such as ``cohort[cohort.obs["is_ctc"]].to_memory()``. The file is
    not changed; :func:`write_h5ad` writes the cohort with its results, and does not read it into memory either.

    Parameters
    ----------
    path
        An ``.h5ad`` file or a zarr folder, as :func:`read_samples` (``store=``), :func:`write_h5ad` or AnnData write
        them, with sparse matrices cell by cell (CSR), or dense ones.

    Returns
    -------
    The cohort. Its file is open as long as the cohort is there. ``raw`` is left in the file.

    Raises
    ------
    InputFileError
        No such file, another format, a matrix that is stored gene by gene (CSC), or a file that is damaged or was not
        copied whole.

    Examples
    --------
    >>> import her2plastic as hp
    >>> sheet = hp.datasets.write_cohort(hp.datasets.simulate_cohort(n_donors=2, draws=(0,)), "files")
    >>> cohort = hp.io.read_samples(sheet, store="cohort.zarr", progress=False)
    >>> cohort = hp.io.open_cohort("cohort.zarr")  # on another day
    >>> type(cohort.layers["counts"]).__name__.strip("_")
    'CSRDataset'
    >>> hp.pp.ctc_identity(cohort)
    >>> ctcs = cohort[cohort.obs["is_ctc"]].to_memory()
    >>> ctcs.n_obs < cohort.n_obs
    True
    """
    path = Path(path)
    try:
        return _left_in_place(path, _opened(path))
    except Her2plasticError:
        raise
    except (ValueError, KeyError, RuntimeError, OSError) as fault:  # what h5py, zarr, codecs and AnnData raise
        raise InputFileError(
            f"{path}: cannot be read as a cohort ({fault}): the file is damaged or was not copied whole. Copy or "
            "write it again."
        ) from fault


def _left_in_place(path: Path, root: Any) -> AnnData:
    """Return the AnnData of an open file, its matrices not read."""
    from anndata import AnnData
    from anndata.io import read_elem

    _refuse_missing_files(path, root)
    if path.is_dir():
        check_chunks(path)
    if missing := [name for name in _TABLES if name not in root]:
        raise InputFileError(f"{path}: no {' and no '.join(missing)} in it, so it is no AnnData. Was it written whole?")
    text = TextReader()
    tables: dict[str, Any] = {
        name: text.read(root[name]) if name in _OF_CELLS else read_elem(root[name])
        for name in (*_TABLES, *_READ)
        if name in root
    }
    stored = root[_LAYERS] if _LAYERS in root else {}
    layers = {name: _left_in_file(stored[name], path, f"layers[{name!r}]") for name in stored}
    matrix = _left_in_file(root["X"], path, "X") if "X" in root and _has_values(root["X"]) else None
    return without_lookup(AnnData(X=matrix, layers=layers, **tables))


def _opened(path: Path) -> Any:
    """Return the open root of an h5ad or zarr file."""
    import h5py
    import zarr
    from zarr.errors import GroupNotFoundError

    if not path.exists():
        raise InputFileError(f"{path}: not found; expected an .h5ad file or a zarr folder.")
    try:
        return zarr.open_group(path, mode="r") if path.is_dir() else h5py.File(path, "r")
    except (GroupNotFoundError, OSError) as fault:
        raise InputFileError(
            f"{path}: cannot be opened as h5ad or zarr ({fault}). Files of other formats are read with "
            "io.read_samples, which takes store= where they are too large for memory."
        ) from fault


def _has_values(element: Any) -> bool:
    """Tell a matrix from the mark that AnnData leaves where X is empty."""
    return element.attrs.get("encoding-type") != "null"


def _left_in_file(element: Any, path: Path, name: str) -> Any:
    """Return a matrix that is read when it is asked for rows."""
    from anndata.io import sparse_dataset

    if hasattr(element, "shape"):  # dense
        check_stored(element)
        return element
    kind = element.attrs.get("encoding-type")
    if kind != "csr_matrix":
        raise InputFileError(
            f"{path}: {name} is stored as {kind!r}, expected 'csr_matrix': cells cannot be read in blocks from it. "
            "Read it into memory with anndata, make it CSR, and write it again."
        )
    matrix = sparse_dataset(element)
    check_stored(matrix)
    return matrix


def _refuse_missing_files(path: Path, root: Any) -> None:
    """Refuse a folder of :class:`CohortStore` that lacks files: zarr would read zeros and empty text in their place."""
    written, there = root.attrs.get(_N_FILES, 0), _number_of_files(path)
    if there < written:
        raise InputFileError(
            f"{path}: {written - there} of its {written} files are missing, as after a copy that was broken off. Copy "
            "it again, or read the samples again."
        )


def _number_of_files(path: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(path))


def without_lookup(adata: AnnData) -> AnnData:
    """Forget the table from name to place that pandas makes of an index, until it is asked for again.

    AnnData looks up whether names are unique; the table takes some thirty bytes a cell from then on.
    """
    index = adata.obs_names
    adata.obs.index = pd.Index(index.array, name=index.name, copy=False)
    return adata


@contextmanager
def storing(path: str | Path) -> Iterator[CohortStore]:
    """Give a store that stands at ``path`` once it is whole."""
    if Path(path).exists():
        raise OutputFolderError(f"{path}: is there already. Open it with her2plastic.io.open_cohort, or remove it.")
    with whole_folder(Path(path), overwrite=False) as part:
        yield CohortStore(part)


class CohortStore:
    """A zarr folder to which the samples of a cohort are added one by one.

    Genes are numbered as they are first seen, as :func:`her2plastic.io.cohort.join_samples` orders the union of genes.

    Parameters
    ----------
    part
        Where the folder is made.

    Attributes
    ----------
    cells
        The cells of each sample that was added.
    """

    def __init__(self, part: Path) -> None:
        import zarr

        self._part = part
        self._root = zarr.open_group(part, mode="w-", zarr_format=3)
        self._layers = self._root.create_group(_LAYERS)
        self._layers.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
        self._matrices: dict[str, GrowingMatrix] | None = None
        self._genes: Any = pd.Index([], dtype=object)
        self.cells: dict[str, SampleCells] = {}
        self._places = np.empty(0, dtype=object)

    def add(self, cells: AnnData, *, sample: str) -> AnnData:
        """Write the counts, and other layers, of one sample; return it with empty ones, and without its cells."""
        from anndata import AnnData

        if _keys.COUNTS not in cells.layers:
            raise UnitError(
                f"sample {sample!r}: no counts were read or recovered, and a cohort on disk is made of counts. Leave "
                "store out, or the sample."
            )
        self._genes = first_seen([self._genes, cells.var_names])
        names = [name for name in layer_names(cells) if name != _keys.CPM]
        if self._matrices is None:
            self._matrices = {name: GrowingMatrix(self._layers.create_group(name), np.float32) for name in names}
        for name in set(self._matrices) - set(names):  # not in every sample
            del self._matrices[name], self._layers[name]
        for name, matrix in self._matrices.items():
            matrix.append(aligned(_csr(cells.layers[name]), cells.var_names, self._genes))
        empty = {name: _csr_without_values(cells.shape) for name in layer_names(cells)}
        self.cells[sample] = sample_cells(sample, cells)
        genes: Any = cells.var
        obs = pd.DataFrame(index=self._numbered(cells.n_obs))
        return without_lookup(AnnData(layers=empty, obs=obs, var=genes, uns=cells.uns))

    def _numbered(self, n_cells: int) -> pd.Index:
        """Return names for the cells of any sample, in memory once."""
        if n_cells > len(self._places):
            self._places = np.array([str(place) for place in range(n_cells)], dtype=object)
        return pd.Index(self._places[:n_cells], dtype=object)

    def finish(self, cohort: AnnData) -> None:
        """Write cells, genes and records of the joined cohort."""
        from anndata.io import write_elem

        assert self._matrices is not None  # a cohort without samples is refused before
        assert list(cohort.var_names) == list(self._genes)  # the columns are numbered by them
        for matrix in self._matrices.values():
            matrix.finish(cohort.n_vars)
        for name in _TABLES:
            write_table(self._root, name, getattr(cohort, name))
        with written_for_all():
            write_elem(self._root, "uns", dict(cohort.uns))  # older AnnData keeps another kind of mapping
        self._root.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        self._root.attrs[_N_FILES] = _number_of_files(self._part)


def _csr(matrix: Any) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(matrix)


def _csr_without_values(shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(shape, dtype=np.float32)

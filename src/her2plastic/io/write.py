"""Writing of files that are whole or not there: a temporary file beside the target, flushed, then renamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd

from her2plastic._errors import OutputFolderError, ParameterError
from her2plastic._row_blocks import in_memory
from her2plastic.io.cohort import layer_names
from her2plastic.io.matrix_on_disk import copy_matrix

if TYPE_CHECKING:
    from anndata import AnnData

# What makes a spreadsheet take a cell for a formula, full-width forms included.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


@contextmanager
def whole_or_not(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and rename it into place once it is written and flushed to disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        yield part
        _flush(part)
        part.replace(path)
        _flush(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # folders cannot be opened there
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(text: str, path: str | Path) -> None:
    """Write text as UTF-8.

    Parameters
    ----------
    text
        The content; line ends are written as they are.
    path
        Target; its folder is made if need be. The file is whole or not there.

    Returns
    -------
    None

    Examples
    --------
    >>> import her2plastic as hp
    >>> from pathlib import Path
    >>> hp.io.write_text("40 CTCs of 3 patients", "results/notes.txt")
    >>> Path("results/notes.txt").read_text()
    '40 CTCs of 3 patients'
    """
    with whole_or_not(Path(path)) as part:
        part.write_bytes(text.encode("utf-8"))


def write_h5ad(adata: AnnData, path: str | Path) -> None:
    """Write an AnnData as h5ad, compressed with gzip.

    The file is the same under pandas 2 and 3, and can be read and written again under either. Matrices of a cohort that
    :func:`open_cohort` left in its file are copied block by block, as sparse ones.

    Parameters
    ----------
    adata
        What to write; it is not changed.
    path
        Target; its folder is made if need be. The file is whole or not there.

    Returns
    -------
    None

    Raises
    ------
    OutputFolderError
        The target is a folder, or cannot be written, as on a full disk.
    InputFileError
        A matrix that is to be copied cannot be read from its file.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=10)
    >>> hp.io.write_h5ad(cells, "results/cells.h5ad")
    >>> hp.io.read_counts("results/cells.h5ad").n_obs == cells.n_obs
    True
    """
    from anndata import settings

    path = Path(path)
    if path.is_dir():
        raise OutputFolderError(f"{path}: is a folder, and h5ad is a file. Choose another name, such as cells.h5ad.")
    held, in_file = _apart(adata)
    # Under pandas 3 anndata would write even cell names as nullable text, which it refuses to write under pandas 2.
    with _faults_named(path), whole_or_not(path) as part, settings.override(allow_write_nullable_strings=False):
        if held is not adata:
            _make_categories(held)
        held.write_h5ad(part, compression="gzip", compression_opts=1, convert_strings_to_categoricals=held is adata)
        if held is not adata and adata.raw is not None:
            _add_raw(part, adata.raw)
        _add_matrices(part, in_file)


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    """Turn what h5py raises on a full disk, or where nothing may be written, into an OutputFolderError."""
    try:
        yield
    except (OSError, RuntimeError) as fault:
        if isinstance(fault, RuntimeError) and "write failed" not in str(fault):  # not what h5py says of a full disk
            raise
        why = (str(fault).splitlines() or [type(fault).__name__])[0]
        raise OutputFolderError(
            f"{path}: could not be written ({why}). What stood there before still does. Make room or choose another "
            "folder, and write it again."
        ) from fault


def _apart(adata: AnnData) -> tuple[AnnData, dict[str, Any]]:
    """Return what is in memory, and the matrices that are in a file by their place in it."""
    from anndata import AnnData

    layers: dict[str, Any] = {name: adata.layers[name] for name in layer_names(adata)}
    in_file = {f"layers/{name}": matrix for name, matrix in layers.items() if not in_memory(matrix)}
    values: Any = adata.X
    if values is not None and not in_memory(values):
        in_file["X"], values = values, None
    if not in_file:
        return adata, {}
    held = {name: matrix for name, matrix in layers.items() if f"layers/{name}" not in in_file}
    tables: dict[str, Any] = {name: dict(getattr(adata, name)) for name in ("obsm", "varm", "obsp", "varp", "uns")}
    cells: Any = adata.obs
    genes: Any = adata.var
    return AnnData(X=values, obs=cells, var=genes, layers=held, **tables), in_file


def _make_categories(held: AnnData) -> None:
    """Make repeated text categories, as AnnData does, which would look for repeats among the names of cells too."""
    for table in (held.obs, held.var):
        names = table.index.to_numpy()
        for key in list(table):
            column: Any = table[key]
            text = not (isinstance(column.dtype, pd.CategoricalDtype) or column.dtype.kind in "biufcmM")
            if text and not (table.index.is_unique and np.array_equal(column.to_numpy(), names)):
                alone = column.to_frame()
                held.strings_to_categoricals(alone)
                table[key] = alone[key]


def _add_raw(path: Path, raw: Any) -> None:
    """Write raw beside a file's other parts: its genes, and its matrix wherever that is."""
    import h5py
    from anndata.io import write_elem

    with h5py.File(path, "r+") as file:
        group = file.create_group("raw")
        group.attrs.update({"encoding-type": "raw", "encoding-version": "0.1.0"})
        write_elem(group, "var", raw.var)
        write_elem(group, "varm", dict(raw.varm))
        if in_memory(raw.X):
            write_elem(group, "X", raw.X)
        else:
            copy_matrix(raw.X, group.create_group("X"))


def _add_matrices(path: Path, matrices: Mapping[str, Any]) -> None:
    """Copy matrices from one file to another, block by block of cells."""
    if not matrices:
        return
    import h5py

    with h5py.File(path, "r+") as file:
        for place, matrix in matrices.items():
            if place in file:  # the mark of an empty X
                del file[place]
            copy_matrix(matrix, file.create_group(place))


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV or TSV that a spreadsheet can open without harm.

    Text that would start a formula (``= + - @``, tab or line end, in cells, column names and index) is written with an
    apostrophe before it. Numbers, negative ones too, stay numbers.

    Parameters
    ----------
    frame
        The table. Its index is written if it has a name or holds text.
    path
        Target, ``.csv`` or ``.tsv``; its folder is made if need be. The file is whole or not there.

    Returns
    -------
    None

    Raises
    ------
    ParameterError
        For another ending of the name.

    Examples
    --------
    >>> import her2plastic as hp
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> shares = pd.DataFrame({"donor_id": ["D01", "D02"], "n_ctc": [12, 40]})
    >>> hp.io.write_table(shares, "results/shares.csv")
    >>> Path("results/shares.csv").read_text().split()
    ['donor_id,n_ctc', 'D01,12', 'D02,40']
    """
    path = Path(path)
    if path.suffix not in _SEPARATORS:
        raise ParameterError(
            f"path={str(path)!r} ends in {path.suffix!r}; options: {', '.join(map(repr, _SEPARATORS))}"
        )
    safe = frame.copy(deep=False)
    safe.columns = pd.Index([_without_formula(name) for name in frame.columns])
    for place in range(frame.shape[1]):
        safe.isetitem(place, _safe_column(frame.iloc[:, place]).array)
    with_index = not isinstance(frame.index, pd.RangeIndex) or frame.index.name is not None
    safe.index = _safe_index(frame.index)
    text = safe.to_csv(sep=_SEPARATORS[path.suffix], index=with_index, lineterminator="\n")
    write_text(text, path)


def _safe_column(column: pd.Series) -> pd.Series:
    """Return numbers as they are, and anything that may hold text with its formulas disarmed."""
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    return column.astype(object).map(_without_formula, na_action="ignore")


def _safe_index(index: pd.Index) -> pd.Index:
    if isinstance(index, pd.MultiIndex):
        names = [_without_formula(name) for name in index.names]
        return pd.MultiIndex.from_tuples([tuple(map(_without_formula, entry)) for entry in index], names=names)
    return pd.Index(
        [_without_formula(entry) for entry in index],
        name=_without_formula(index.name),
        dtype=index.dtype if pd.api.types.is_numeric_dtype(index.dtype) else object,
    )


def _without_formula(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _PLAIN_NUMBER.fullmatch(value):
        return f"'{value}"
    return value

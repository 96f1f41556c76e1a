"""Single CTCs of Jordan et al. 2016 (GEO series GSE75367)."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import InputFileError

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger(__name__)

#: The series' table of read counts. GEO publishes no checksum with it.
READ_COUNTS_URL = "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE75nnn/GSE75367/suppl/GSE75367_readCounts.txt.gz"

_MATRICES = (
    "GSE75367_log2norm.csv.gz",
    "GSE75367_log2norm.csv",
    "GSE75367_readCounts.txt.gz",
    "GSE75367_readCounts.txt",
)
_CELLS = "GSE75367_cells.csv"
#: Columns of the cell table and what they are called here.
_CELL_COLUMNS = {
    "patient": _keys.DONOR_ID,
    "histology": "histology",
    "facs_marker": "facs_marker",
    "her2_label_secrier": _keys.PUBLISHED_LABEL,
    "gsm": "gsm",
}
_PATIENT = re.compile(r"BRx[._-]?(\d+)", flags=re.IGNORECASE)


def jordan2016(
    *, path: str | Path | None = None, cache_dir: str | Path | None = None, sha256: str | None = None
) -> AnnData:
    """Load the single CTCs of Jordan et al. 2016 (GSE75367).

    Parameters
    ----------
    path
        A local copy: the matrix file, or a folder that holds it (``GSE75367_log2norm.csv.gz`` or
        ``GSE75367_readCounts.txt.gz``), with ``GSE75367_cells.csv`` beside it where there is one. None downloads the
        read counts from GEO.
    cache_dir
        Where the download is kept; None for the cache folder of the operating system.
    sha256
        Checksum that the download has to have. GEO publishes none: without this argument the checksum of the first
        download is recorded beside the file, and every later load is checked against it.

    Returns
    -------
    Cells x genes, read by :func:`her2plastic.io.read_counts`. ``obs``: ``donor_id`` (patient), ``sample_id`` (one per
    patient), ``cell_id``, ``assay`` (``smart-seq2``), ``draw_day`` (missing: the dates are not public), and from the
    cell table, where it is there, ``histology``, ``facs_marker``, ``gsm`` and ``published_label`` (``high`` or ``low``:
    HER2 by ERBB2 expression). GEO's table of read counts comes without a cell table: the patient is read from the
    cell's name.

    Raises
    ------
    InputFileError
        When there is no matrix at ``path``, a cell is in the matrix but not in the cell table, the download fails, or
        its checksum differs.

    References
    ----------
    Jordan et al. 2016, Nature 537:102.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import pandas as pd
    >>> few = pd.DataFrame({"BRx-07_CTC1": [12, 0, 3], "BRx-07_CTC2": [0, 4, 9]}, index=["ERBB2", "PTPRC", "EPCAM"])
    >>> few.to_csv("GSE75367_readCounts.txt.gz", sep=";")
    >>> cells = hp.datasets.jordan2016(path="GSE75367_readCounts.txt.gz")  # without a path: all cells, from GEO
    >>> print(cells.obs[["donor_id", "assay"]].to_string())
                donor_id       assay
    BRx-07_CTC1   BRx-07  smart-seq2
    BRx-07_CTC2   BRx-07  smart-seq2
    """
    from her2plastic.io import read_counts

    if path is None:
        matrix = _fetch(Path(cache_dir) if cache_dir is not None else None, sha256)
    else:
        matrix = _find_matrix(Path(path))
    adata = read_counts(matrix, assay="smart-seq2")
    cells = matrix.parent / _CELLS
    annotation = _cell_table(cells, adata.obs_names) if cells.is_file() else _from_names(adata.obs_names)
    for name in annotation:
        adata.obs[name] = annotation[name].to_numpy()
        if name != "gsm":
            adata.obs[name] = adata.obs[name].astype("category")
    adata.obs[_keys.SAMPLE_ID] = adata.obs[_keys.DONOR_ID]
    adata.obs[_keys.CELL_ID] = adata.obs_names.to_numpy()
    adata.obs[_keys.DRAW_DAY] = np.nan
    return adata


def _find_matrix(path: Path) -> Path:
    if path.is_file():
        return path
    for name in _MATRICES:
        if (path / name).is_file():
            return path / name
    raise InputFileError(f"{path}: expected the GSE75367 matrix or a folder that holds one of {', '.join(_MATRICES)}")


def _cell_table(path: Path, cells: pd.Index) -> pd.DataFrame:
    table = pd.read_csv(path, index_col="cell")
    missing = [str(cell) for cell in cells if cell not in table.index]
    if missing:
        raise InputFileError(
            f"{path}: column 'cell' lacks {len(missing)} of the matrix's {len(cells)} cells, e.g. {missing[0]!r}; "
            "the table and the matrix have to be of one series"
        )
    return table.loc[cells, list(_CELL_COLUMNS)].rename(columns=_CELL_COLUMNS)


def _from_names(cells: pd.Index) -> pd.DataFrame:
    patients = []
    for cell in cells:
        found = _PATIENT.match(str(cell))
        if found is None:
            raise InputFileError(f"cell {cell!r}: expected a name that begins with the patient, such as 'BRx-42-1'")
        patients.append(f"BRx-{found[1]}")
    return pd.DataFrame({_keys.DONOR_ID: patients}, index=cells)


def _fetch(cache_dir: Path | None, sha256: str | None) -> Path:
    """Return the downloaded read counts, checked against the given or the recorded checksum."""
    import pooch

    folder = cache_dir if cache_dir is not None else Path(pooch.os_cache("her2plastic"))
    name = READ_COUNTS_URL.rsplit("/", maxsplit=1)[-1]
    record = folder / f"{name}.sha256"
    known = sha256 or (record.read_text(encoding="ascii").strip() if record.is_file() else None)
    target = folder / name
    if known is not None and target.is_file() and _digest(target) != known:
        raise InputFileError(
            f"{target}: its sha256 is not {known}, which is {'given' if sha256 else f'recorded in {record.name}'}; "
            "remove the file to download it again, and the record too if GEO has replaced the series"
        )
    try:
        fetched = Path(pooch.retrieve(READ_COUNTS_URL, known_hash=known, fname=name, path=folder))
    except (OSError, ValueError) as fault:  # the network, or a checksum that differs
        raise InputFileError(
            f"{READ_COUNTS_URL}: could not be downloaded ({fault}); download it yourself and give its place as path="
        ) from fault
    if known is None:
        from her2plastic.io import write_text

        digest = _digest(fetched)
        write_text(f"{digest}\n", record)
        _log.info("%s: first download, sha256 %s recorded; GEO publishes none to compare it with", fetched, digest)
    return fetched


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Which format a file or folder has, told from its content: one table, first match wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from her2plastic._errors import InputFileError, one_of
from her2plastic.io import (
    alevin,
    cell_folders,
    containers,
    kallisto,
    loom,
    named_matrix,
    one_cell_tables,
    quantifiers,
    starsolo,
    tables,
    tenx,
)
from her2plastic.io.opening import HDF5_MAGIC, ZIP_MAGIC, faults_named, first_bytes, head_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions


class Look:
    """What the sniffers look at; each part is read once, when first asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_folder = path.is_dir()

    @cached_property
    def start(self) -> bytes:
        """First bytes of a file."""
        return b"" if self.is_folder else first_bytes(self.path)

    @cached_property
    def hdf5(self) -> set[str]:
        """Names at the root of an HDF5 file; empty for anything else."""
        if not self.start.startswith(HDF5_MAGIC):
            return set()
        import h5py

        with faults_named(self.path, what="HDF5"), h5py.File(self.path, "r") as file:
            return set(file.keys())

    @cached_property
    def lines(self) -> list[str]:
        """First lines of a text file; empty for folders and HDF5."""
        return [] if self.is_folder or self.start.startswith((HDF5_MAGIC, ZIP_MAGIC)) else head_lines(self.path)


@dataclass(frozen=True)
class Format:
    """A row of the table: name, what it is, how it is recognised, how it is read."""

    name: str
    what: str
    recognises: Callable[[Look], bool]
    read: Callable[[Path, ReadOptions], RawMatrix]


#: Order matters: a Solo.out/Gene/filtered folder is a 10x matrix folder, and every special table is a table.
FORMATS: tuple[Format, ...] = (
    Format("h5ad", "AnnData HDF5", lambda look: "obs" in look.hdf5 and "var" in look.hdf5, containers.read_h5ad),
    Format(
        "loom",
        "loom, as velocyto writes it",
        lambda look: {"matrix", "row_attrs", "col_attrs"} <= look.hdf5,
        loom.read_loom,
    ),
    Format(
        "10x-h5",
        "Cell Ranger HDF5 (v2, v3)",
        lambda look: bool(look.hdf5) and tenx.is_tenx_h5(look.hdf5, look.path),
        tenx.read_h5,
    ),
    Format(
        "zarr",
        "AnnData zarr store",
        lambda look: look.is_folder and containers.is_anndata_zarr(look.path),
        containers.read_zarr,
    ),
    Format(
        "starsolo",
        "STARsolo output (Solo.out or a folder with it)",
        lambda look: (
            look.is_folder
            and (starsolo.is_velocyto_matrix_folder(look.path) or starsolo.solo_folder(look.path) is not None)
        ),
        starsolo.read_solo,
    ),
    Format(
        "10x-mtx",
        "matrix folder of Cell Ranger or STARsolo, or its matrix file",
        lambda look: (look.is_folder or _is_mtx(look)) and tenx.find_triple(look.path) is not None,
        tenx.read_matrix_folder,
    ),
    Format(
        "cellranger",
        "Cell Ranger run folder (outs)",
        lambda look: look.is_folder and tenx.find_run_output(look.path) is not None,
        tenx.read_run_folder,
    ),
    Format(
        "alevin-fry",
        "alevin-fry or simpleaf output folder",
        lambda look: look.is_folder and alevin.quant_folder(look.path) is not None,
        alevin.read_alevin,
    ),
    Format(
        "kb",
        "kb-python output folder",
        lambda look: look.is_folder and kallisto.counts_folder(look.path) is not None,
        kallisto.read_kb,
    ),
    Format(
        "mtx",
        "matrix file between files of names of genes and of cells",
        lambda look: (look.is_folder or _is_mtx(look)) and named_matrix.find_named(look.path) is not None,
        named_matrix.read_named_matrix,
    ),
    Format(
        "cell-files",
        "folder of tables of one cell each: HTSeq, RSEM, STAR, featureCounts, salmon and others, or two columns",
        lambda look: look.is_folder and bool(cell_folders.cell_files(look.path)),
        cell_folders.read_cell_files,
    ),
    Format(
        "featurecounts",
        "featureCounts",
        lambda look: quantifiers.is_featurecounts(look.lines),
        quantifiers.read_featurecounts,
    ),
    Format(
        "one-cell",
        "table of one cell of salmon, kallisto, StringTie or Cufflinks",
        lambda look: one_cell_tables.program_of(look.lines) is not None,
        one_cell_tables.read_one_cell,
    ),
    Format("rsem", "RSEM genes.results", lambda look: quantifiers.is_rsem(look.lines), quantifiers.read_rsem),
    Format(
        "star",
        "STAR ReadsPerGene.out.tab",
        lambda look: quantifiers.is_star_counts(look.lines),
        quantifiers.read_star_counts,
    ),
    Format("htseq", "HTSeq", lambda look: quantifiers.is_htseq(look.path, look.lines), quantifiers.read_htseq),
    Format(
        "geo-series",
        "GEO series matrix",
        lambda look: quantifiers.is_geo_series(look.lines),
        quantifiers.read_geo_series,
    ),
    Format(
        "table",
        "CSV, TSV or other plain table, genes in rows or columns",
        lambda look: not _is_mtx(look) and tables.is_table(look.lines),
        tables.read_table,
    ),
)

FORMAT_NAMES: tuple[str, ...] = tuple(row.name for row in FORMATS)


def sniff(path: Path, *, said: str = "auto") -> Format:
    """Return the format of a file or folder.

    Parameters
    ----------
    path
        File or folder.
    said
        A format's name, which is then not questioned, or ``"auto"``.

    Returns
    -------
    The first row of :data:`FORMATS` that recognises it.

    Raises
    ------
    InputFileError
        For a path that does not exist, an empty file or folder, and a content that no row recognises.
    """
    one_of("format", said, ("auto", *FORMAT_NAMES))
    _check_there(path)
    if said != "auto":
        return next(row for row in FORMATS if row.name == said)
    look = Look(path)
    for row in FORMATS:
        if row.recognises(look):
            return row
    raise InputFileError(
        f"{path}: {_what_it_is(look)}. Known formats: {', '.join(FORMAT_NAMES)}; say one with format=..."
    )


def _check_there(path: Path) -> None:
    try:
        there = path.exists()
    except OSError as fault:
        raise InputFileError(f"{path}: cannot be looked up: {fault.strerror}. Check the path.") from fault
    if not there:
        raise InputFileError(
            f"{path}: no such file or folder. Check the path; relative ones start at {Path.cwd().name}/."
        )
    if path.is_dir() and not any(path.iterdir()):
        raise InputFileError(f"{path}: the folder is empty.")
    if path.is_file() and path.stat().st_size == 0:
        raise InputFileError(f"{path}: the file is empty (0 bytes). Copy or write it again.")


def _is_mtx(look: Look) -> bool:
    return bool(look.lines) and look.lines[0].startswith("%%MatrixMarket")


def _what_it_is(look: Look) -> str:
    if look.is_folder:
        names = sorted(item.name for item in look.path.iterdir())
        return f"nothing known in this folder (it holds {', '.join(names[:6])}{', ...' if len(names) > 6 else ''})"
    if look.start.startswith(HDF5_MAGIC):
        return f"HDF5, but neither 10x, loom nor h5ad (its groups are {', '.join(sorted(look.hdf5)) or 'none'})"
    if look.start.startswith(ZIP_MAGIC):
        return "a zip archive or a spreadsheet (xlsx); unpack it, or save the sheet as CSV"
    if _is_mtx(look):
        return "a matrix without its barcodes and features (or genes) files beside it"
    return f"not recognised; its first line is {look.lines[0][:60]!r}" if look.lines else "not recognised"

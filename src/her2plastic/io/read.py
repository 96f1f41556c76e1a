"""Reading of one file or folder of expression values into an AnnData."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import DataWarning, EmptySampleError, InputFileError, one_of
from her2plastic.io.cell_table import cells_of
from her2plastic.io.containers import from_memory
from her2plastic.io.duplicates import groups_of, join_ids
from her2plastic.io.gene_names import NamedGenes, name_genes
from her2plastic.io.raw_matrix import GenesIn, RawMatrix, ReadOptions
from her2plastic.io.sniff import sniff
from her2plastic.io.spike_ins import without_spike_ins
from her2plastic.io.spreadsheet_dates import SpreadsheetDates
from her2plastic.io.unit_matrices import compact, matrices_of, sum_duplicates
from her2plastic.io.units import Settled, check_log_floor, settle_unit
from her2plastic.io.value_checks import check_counts, check_values

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger(__name__)

# A spreadsheet writes the plus, which the names of wells (1E5) have not.
_NUMBER_FROM_NAME = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)


def read_counts(
    path: str | Path,
    *,
    unit: str = "auto",
    format: str = "auto",
    genes_in: GenesIn = "auto",
    assay: str | None = None,
    matrix: str = "auto",
    introns: bool = False,
    log_offset: float = 1.0,
    require: Iterable[str] = ("ERBB2",),
    spreadsheet_dates: SpreadsheetDates = "error",
) -> AnnData:
    """Read a count table, or other expression values, from a file or folder.

    What is not said is told from the content, logged, and recorded.

    Parameters
    ----------
    path
        10x ``.h5`` or matrix folder (v2, v3), Cell Ranger run folder, STARsolo, kb-python or alevin-fry output,
        loom, h5ad, zarr, a matrix file between files of names, a plain table (CSV, TSV, featureCounts, HTSeq, RSEM,
        STAR, salmon, GEO series matrix; compressed or not), or a folder of such tables, one a cell.
    unit
        ``"counts"``, ``"cpm"``, ``"tpm"``, ``"fpkm"`` (RPKM too), ``"log2"`` or ``"ln"`` (of x + ``log_offset``), or
        ``"auto"``. RSEM tables give expected counts unless ``"tpm"`` or ``"fpkm"`` is asked for.
    format
        Name of a format, if it is not to be sniffed; a wrong one is an error that lists the names.
    genes_in
        Whether genes stand in the ``"rows"`` or ``"columns"`` of a plain table.
    assay
        Assay of all cells, written to ``obs["assay"]``.
    matrix
        Which matrix of an h5ad or zarr to take: ``"X"``, ``"raw.X"``, ``"layers/<name>"``; by default counts before
        other values, and of these the one with most genes. Where raw.X holds other values of more genes than the
        counts, it is taken if exact counts lie behind them; if not, a DataWarning says of how many genes the depth is.
    introns
        Add intronic molecules to X (STARsolo GeneFull; unspliced counts of kb-python and alevin-fry).
    log_offset
        What was added before the logarithm, for the log units.
    require
        Genes without which the table is of no use; empty for none.
    spreadsheet_dates
        ``"error"`` for gene names that a spreadsheet turned into dates, or ``"keep"`` them under these names.

    Returns
    -------
    Cells x genes. ``X`` holds the values as read (float32; CSR where half of them or more are zero, and for counts), or
    the counts where linear values turn out to be counts divided by size factors.
    ``layers["counts"]`` holds counts, as read or exactly recovered from size-factor normalised values (whole numbers;
    expected counts are rounded). ``layers["cpm"]`` holds counts per million where the values are CPM, or logarithms
    of at least 1,000 genes of which only relative values can be known: each cell sums to a million over the genes of
    the table, and if the logarithms were of TPM, these are TPM. ``spliced``, ``unspliced`` and ``ambiguous`` layers
    come along. ``var_names`` are unique current symbols, ``var["gene_id"]`` Ensembl ids; genes that occur more than
    once are summed, and spike-ins (ERCC) are left out.
    ``uns["her2plastic"]["read"]`` records what was decided.

    Raises
    ------
    InputFileError
        The file is missing, damaged, empty, of no known format, or holds a value that is negative, not finite, or too
        large for an expression value (above 2 ** 40; above 2 ** 31 for counts).
    GeneError
        ERBB2 is missing, namings are mixed, or names are dates or bare numbers.
    UnitError
        The unit cannot be told from the values, or they contradict what was said.
    ParameterError
        A parameter is not one of its options.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=10)
    >>> sheet = hp.datasets.write_cohort(cells, "cohort", format="10x-h5")
    >>> read = hp.io.read_counts(sheet.parent / "D01-d0.h5")
    >>> read.shape
    (15, 2000)
    >>> read.uns["her2plastic"]["read"]["format"], read.uns["her2plastic"]["read"]["unit"]
    ('10x-h5', 'counts')
    """
    path = Path(path)
    one_of("unit", unit, ("auto", *_keys.UNITS))
    one_of("genes_in", genes_in, ("auto", "rows", "columns"))
    one_of("spreadsheet_dates", spreadsheet_dates, ("error", "keep"))
    chosen = sniff(path, said=format)
    _log.info("%s: read as %s (%s)", path, chosen.name, chosen.what)
    raw = chosen.read(path, ReadOptions(unit=unit, genes_in=genes_in, matrix=matrix, introns=introns))
    params = {
        "unit": unit,
        "format": format,
        "genes_in": genes_in,
        "matrix": matrix,
        "introns": introns,
        "log_offset": log_offset,
        "assay": assay,
        "spreadsheet_dates": spreadsheet_dates,
    }
    facts = {"file": path.name, "format": chosen.name, "format_from": "sniffed" if format == "auto" else "said"}
    return _assemble(path, raw, params=params, facts=facts, require=require)


def from_anndata(
    adata: AnnData,
    *,
    unit: str = "auto",
    matrix: str = "auto",
    assay: str | None = None,
    log_offset: float = 1.0,
    require: Iterable[str] = ("ERBB2",),
    spreadsheet_dates: SpreadsheetDates = "error",
) -> AnnData:
    """Take over an AnnData that is in memory, as :func:`read_counts` takes over a file.

    Parameters
    ----------
    adata
        Any AnnData; it is not changed. One that is backed by its file is read into memory.
    unit, matrix, assay, log_offset, require, spreadsheet_dates
        As for :func:`read_counts`.

    Returns
    -------
    A new AnnData, as :func:`read_counts` returns it.

    Raises
    ------
    InputFileError, GeneError, UnitError, ParameterError
        As :func:`read_counts` does.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import anndata as ad
    >>> import numpy as np
    >>> import pandas as pd
    >>> genes = pd.DataFrame(index=["HER2", "EPCAM", "PTPRC"])
    >>> mine = ad.AnnData(np.array([[3.0, 5.0, 0.0], [0.0, 2.0, 9.0]]), var=genes)
    >>> cells = hp.io.from_anndata(mine, assay="10x")
    >>> cells.var_names.tolist()
    ['ERBB2', 'EPCAM', 'PTPRC']
    >>> cells.uns["her2plastic"]["read"]["unit_from"]
    'values: non-negative integers'
    """
    one_of("unit", unit, ("auto", *_keys.UNITS))
    one_of("spreadsheet_dates", spreadsheet_dates, ("error", "keep"))
    if adata.isbacked:
        adata = adata.to_memory()
    raw = from_memory(adata, ReadOptions(unit=unit, matrix=matrix))
    params = {
        "unit": unit,
        "matrix": matrix,
        "log_offset": log_offset,
        "assay": assay,
        "spreadsheet_dates": spreadsheet_dates,
    }
    return _assemble(
        Path("AnnData"), raw, params=params, facts={"format": "anndata", "format_from": "in memory"}, require=require
    )


def _assemble(
    path: Path, raw: RawMatrix, *, params: dict[str, Any], facts: dict[str, Any], require: Iterable[str]
) -> AnnData:
    """Name genes, settle the unit, sum duplicates, and build the AnnData with its record."""
    from anndata import AnnData

    _check_cells(path, raw)
    said, log_offset = params["unit"], params["log_offset"]
    required = (require,) if isinstance(require, str) else tuple(require)
    genes = name_genes(path, raw.genes, gene_id=raw.gene_id, require=required, dates=params["spreadsheet_dates"])
    check_values(
        path, raw.values, cells=raw.cells, genes=raw.genes, allow_negative=said in ("log2", "ln") and log_offset != 1.0
    )
    for name, layer in raw.layers.items():
        check_values(path, layer, cells=raw.cells, genes=raw.genes, matrix=f"layer {name!r}")
    settled = settle_unit(path, raw, said=said, log_offset=log_offset)
    if settled.unit == _keys.COUNTS:
        check_counts(path, raw.values, cells=raw.cells, genes=raw.genes)
    check_log_floor(path, raw, settled, log_offset)
    own = without_spike_ins(path, raw, genes, settled)
    raw, genes, settled = own.raw, own.genes, own.settled
    matrices, counts_from, rounded = matrices_of(raw, settled, log_offset, of_no_gene=own.sums)
    repeated = sum_duplicates(matrices, raw.layers, genes, settled, log_offset)
    codes, unique, _ = groups_of(genes.symbol)
    adata = AnnData(
        X=matrices.pop("X"),
        obs=cells_of(raw, params["assay"]),
        var=pd.DataFrame(index=pd.Index(unique)),
        layers=matrices | {name: compact(layer, sparse=True) for name, layer in raw.layers.items()},
    )
    if genes.gene_id is not None:
        adata.var[_keys.GENE_ID] = join_ids(genes.gene_id, codes, len(unique))
    record_step(
        adata,
        "read",
        params=params,
        **facts,
        unit=settled.unit,
        unit_from=settled.unit_from,
        counts=counts_from,
        counts_rounded=rounded,
        recovery=settled.recovery.reason,
        recovery_check=settled.recovery.details or None,
        spike_ins_left_out=own.n,
        summed_duplicates=np.array(repeated, dtype=object),
        n_cells=adata.n_obs,
        n_genes=adata.n_vars,
        **genes.details,
        **raw.details,
    )
    _report(path, settled, counts_from, repeated, genes)
    return adata


def _check_cells(path: Path, raw: RawMatrix) -> None:
    if raw.values.shape[0] == 0:
        raise EmptySampleError(f"{path}: holds no cells ({raw.values.shape[1]:,} genes are named).")
    if raw.values.shape[1] == 0:
        raise InputFileError(f"{path}: holds no genes ({raw.values.shape[0]:,} cells are named).")
    names = pd.Index(raw.cells)
    if (unnamed := np.array([not str(name).strip() for name in raw.cells])).any():
        raise InputFileError(
            f"{path}: cell {int(np.argmax(unnamed)) + 1} has no name ({int(unnamed.sum())} of {len(names)} cells). "
            "Name every cell at its source."
        )
    if numbers := [name for name in raw.cells if _NUMBER_FROM_NAME.fullmatch(str(name))]:
        warnings.warn(
            f"{path}: {len(numbers)} of {len(names)} cell names are numbers in the notation of spreadsheets "
            f"({', '.join(map(repr, numbers[:5]))}): names such as 1E05 were opened in one, and what they were is "
            "lost. Take the file from its source to join these cells to anything by name.",
            DataWarning,
            stacklevel=2,
        )
    if names.is_unique:
        return
    twice = names[names.duplicated()][0]
    first, second = np.flatnonzero(names == twice)[:2] + 1
    raise InputFileError(
        f"{path}: cell name {twice!r} stands for cell {first} and cell {second} ({int(names.duplicated().sum())} "
        "repeated "
        "names). Names of cells must differ; rename them at their source."
    )


def _report(path: Path, settled: Settled, counts_from: str, repeated: list[str], genes: NamedGenes) -> None:
    _log.info("%s: unit %s (%s), counts %s", path, settled.unit, settled.unit_from, counts_from)
    if counts_from == "none":
        _log.warning("%s: no counts: %s", path, settled.recovery.reason)
    if repeated:
        _log.info(
            "%s: %d genes stood there more than once and were summed: %s", path, len(repeated), ", ".join(repeated[:10])
        )
    for what, names in genes.details.items():
        _log.info("%s: %s: %s", path, what.replace("_", " "), ", ".join(names[:10]))

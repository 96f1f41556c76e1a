"""Reading of a cohort: every file of a sample sheet, joined into one AnnData."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from her2plastic import _keys
from her2plastic._access import record_step, step_record
from her2plastic._errors import (
    EmptySampleError,
    GeneError,
    InputFileError,
    ParameterError,
    SampleSheetError,
    UnitError,
    one_of,
)
from her2plastic.io.cohort import JoinGenes, join_samples
from her2plastic.io.cohort_obs import SampleCells
from her2plastic.io.cohort_on_disk import CohortStore, open_cohort, storing
from her2plastic.io.image_columns import IMAGE_COLUMNS, IMAGE_PATH
from her2plastic.io.progress import steps_shown
from her2plastic.io.read import read_counts
from her2plastic.io.sample_sheet import OPTIONAL, PATH, read_sheet
from her2plastic.io.shared_files import CELL_NAMES, check_shares, own_cells
from her2plastic.io.spreadsheet_dates import SpreadsheetDates

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger(__name__)

_FAULTS = (InputFileError, GeneError, UnitError, ParameterError)


def read_samples(
    sheet: str | Path | pd.DataFrame,
    *,
    root: str | Path | None = None,
    unit: str = "auto",
    format: str = "auto",
    introns: bool = False,
    log_offset: float = 1.0,
    genes: JoinGenes = "auto",
    on_error: Literal["raise", "skip"] = "raise",
    require: Iterable[str] = ("ERBB2",),
    spreadsheet_dates: SpreadsheetDates = "error",
    store: str | Path | None = None,
    progress: bool | None = None,
) -> AnnData:
    """Read every file of a sample sheet into one cohort.

    Parameters
    ----------
    sheet
        Path of a sample sheet (see :func:`read_sheet`), or the table that it returned. Rows with images only are left
        out.
    root
        Folder where the paths of the sheet start; by default the sheet's own.
    unit, format, introns, log_offset, require, spreadsheet_dates
        As for :func:`read_counts`, for every file.
    genes
        Which genes the cohort has. ``"union"``: those of any sample, zero where a sample has no such gene;
        ``"intersection"``: those of every sample; ``"auto"``: the union where all samples are counts, since programs
        leave out genes without counts, and the intersection otherwise.
    on_error
        ``"raise"`` one error that lists every sample that cannot be read, or ``"skip"`` those, logged and recorded.
    store
        For a cohort that is larger than memory: a zarr folder, not yet there, to which the counts of one sample after
        another are written. What comes back is that folder as :func:`open_cohort` opens it, without X. It takes counts
        from every sample, and genes are their union.
    progress
        Show a progress bar; by default if standard error is a terminal.

    Returns
    -------
    Cells x genes: ``obs`` holds ``cell_id`` (``sample_id:barcode``, also the index), ``donor_id``, ``sample_id``,
    ``draw_day``, ``assay`` and the other columns of the sheet. Counts are in ``layers["counts"]``; if counts were had
    from every sample, X holds them, whatever the files held. Layers that some samples lack are left out. A sample
    without cells is no error (a draw may hold no CTC): it is listed in
    ``uns["her2plastic"]["read_samples"]["empty_samples"]``, with its donor.

    Raises
    ------
    SampleSheetError
        For faulty rows, and for files that cannot be read; ``problems`` lists them all.
    UnitError
        If samples come in different units and counts are not had from all.
    GeneError
        If samples share less than half of their genes, as under two namings.
    OutputFolderError
        If the store is there already, or cannot be written.
    ParameterError
        If a store is to hold the genes that all samples share.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=10)
    >>> sheet = hp.datasets.write_cohort(cells, "cohort", format="mixed")
    >>> read = hp.io.read_samples(sheet)
    >>> read.obs.groupby("sample_id", observed=True).size().to_dict()
    {'D01-d0': 15, 'D01-d21': 16, 'D02-d0': 19, 'D02-d21': 18}
    """
    one_of("on_error", on_error, ("raise", "skip"))
    one_of("genes", genes, ("auto", "union", "intersection"))
    if store is not None and genes == "intersection":
        raise ParameterError("genes='intersection' with store: which genes all samples share is known after the last")
    table = with_expression(sheet if isinstance(sheet, pd.DataFrame) else read_sheet(sheet, root=root))
    said = {
        "unit": unit,
        "format": format,
        "introns": introns,
        "log_offset": log_offset,
        "require": (require,) if isinstance(require, str) else tuple(require),
        "spreadsheet_dates": spreadsheet_dates,
    }
    rows = list(zip(table[_keys.SAMPLE_ID], table[PATH], table[_keys.ASSAY], patterns_of(table), strict=True))
    start = root_of(table, root)

    def joined(kept: CohortStore | None) -> AnnData:
        readings = {}
        for sample, path, assay, patterns in steps_shown(rows, what="Reading samples", shown=progress):
            reading = read_one(sample, start / path, assay=assay, patterns=patterns, said=said)
            if kept is not None and reading.cells is not None:
                reading = Reading(kept.add(reading.cells, sample=sample))
            readings[sample] = reading
        told = said | {"genes": genes, "on_error": on_error}
        return joined_readings(
            readings, table, told, skip=on_error == "skip", cells=None if kept is None else kept.cells
        )

    if store is None:
        return joined(None)
    with storing(store) as kept:
        kept.finish(joined(kept))
    del kept  # with the cells of all samples, which the store has now
    return open_cohort(store)


def joined_readings(
    readings: Mapping[str, Reading],
    table: pd.DataFrame,
    said: Mapping[str, Any],
    *,
    skip: bool,
    cells: Mapping[str, SampleCells] | None = None,
) -> AnnData:
    """Join what was read of each sample, with the columns of its sheet and a record; see :func:`read_samples`.

    ``table`` has the rows of these samples; ``said`` all that the reading was told, ``genes`` too. ``skip`` leaves out
    samples that cannot be read. ``cells`` are as for :func:`her2plastic.io.cohort.join_samples`.
    """
    faults = {sample: reading.fault for sample, reading in readings.items() if reading.fault}
    problems = [f"sample {sample!r}: {fault}" for sample, fault in faults.items()]
    if problems and not skip:
        listed = "\n".join(f"  {text}" for text in problems)
        raise SampleSheetError(f"{len(problems)} of {len(table)} samples cannot be read:\n{listed}", problems)
    for problem in problems:
        _log.warning("left out: %s", problem)
    parts = {sample: reading.cells for sample, reading in readings.items() if reading.cells is not None}
    empty = [sample for sample, reading in readings.items() if reading.cells is None and not reading.fault]
    if not parts:
        raise EmptySampleError(
            f"none of the {len(table)} samples of the sheet holds a cell ({len(empty)} without cells, "
            f"{len(problems)} unreadable){''.join(f'; {text}' for text in problems)}"
        )
    cohort, join = join_samples(parts, genes=said["genes"], cells=cells)
    check_shares(cohort, table, parts, PATH)
    _add_sheet(cohort, table)
    _record(cohort, parts, table, said, join, empty, faults)
    return cohort


def with_expression(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a sheet that have a file of expression."""
    kept = table[table[PATH].notna()] if PATH in table else table.iloc[:0]
    if kept.empty:
        raise SampleSheetError(
            f"no row of the sheet has a {PATH!r}: it is about slides. Use her2plastic.io.read_slides."
        )
    return kept


def root_of(table: pd.DataFrame, root: str | Path | None) -> Path:
    """Return the folder in which the paths of a sheet start."""
    if root is not None:
        return Path(root)
    if "root" not in table.attrs:
        raise ParameterError(
            "root is needed: this table does not come from read_sheet, so where its paths start is unknown"
        )
    return Path(table.attrs["root"])


@dataclass(frozen=True)
class Reading:
    """What was read of one sample: its cells; None where it holds none, or where a fault says why it has no cells."""

    cells: AnnData | None = None
    fault: str = ""


def patterns_of(table: pd.DataFrame) -> list[str]:
    """Return which cells of its file each row of a sheet takes; empty where it takes all."""
    said = table[CELL_NAMES] if CELL_NAMES in table else [""] * len(table)
    return ["" if pd.isna(words) else str(words) for words in said]


def read_one(sample: str, path: Path, *, assay: str, patterns: str, said: Mapping[str, Any]) -> Reading:
    """Read the cells of one sample, those of its file that fit; ``said`` are options of :func:`read_counts`."""
    try:
        cells = read_counts(path, assay=assay, **said)
        return Reading(own_cells(cells, patterns, path) if patterns else cells)
    except EmptySampleError as fault:
        _log.warning("sample %s is empty: %s", sample, fault)
        return Reading()
    except _FAULTS as fault:
        return Reading(fault=str(fault))


def _add_sheet(cohort: AnnData, table: pd.DataFrame) -> None:
    """Write the sheet's columns into obs; they win over columns of the same name in the files."""
    sample = cohort.obs[_keys.SAMPLE_ID].cat
    row = pd.Index(table[_keys.SAMPLE_ID]).get_indexer(sample.categories)[sample.codes]
    for name in table.columns:
        if name in (_keys.SAMPLE_ID, PATH, CELL_NAMES) or (name in IMAGE_COLUMNS and IMAGE_PATH in table):
            continue
        values = table[name].to_numpy()[row]
        if table[name].dtype.kind == "f":
            cohort.obs[name] = values
        elif pd.isna(values).all() and name in OPTIONAL:
            continue  # an optional column that nobody filled in
        elif name == _keys.LABEL:
            cohort.obs[name] = pd.Categorical(values, categories=_keys.STATES, ordered=True)
        else:
            cohort.obs[name] = pd.Categorical(values)
    first = [_keys.CELL_ID, _keys.DONOR_ID, _keys.SAMPLE_ID, _keys.DRAW_DAY, _keys.ASSAY]
    cohort.obs = cohort.obs[[*first, *(name for name in cohort.obs if name not in first)]]


def _record(
    cohort: AnnData,
    parts: Mapping[str, AnnData],
    table: pd.DataFrame,
    params: Mapping[str, Any],
    join: Mapping[str, Any],
    empty: list[str],
    faults: Mapping[str, str],
) -> None:
    donors = table.set_index(_keys.SAMPLE_ID)[_keys.DONOR_ID]
    records = {sample: step_record(part, "read") for sample, part in parts.items()}
    units = {record["unit"] for record in records.values()}
    sources = {record["counts"] for record in records.values()}
    record_step(
        cohort,
        "read_samples",
        params=params,
        n_samples=len(parts),
        samples=list(parts),
        files=[record["file"] for record in records.values()],
        formats=[record["format"] for record in records.values()],
        units=[record["unit"] for record in records.values()],
        counts=[record["counts"] for record in records.values()],
        cells=[part.n_obs for part in parts.values()],
        empty_samples=empty,
        empty_donors=[str(donors[sample]) for sample in empty],
        unreadable=[f"sample {sample!r}: {fault}" for sample, fault in faults.items()],
        unreadable_samples=list(faults),
        **join,
    )
    record_step(
        cohort,
        "read",
        params={key: value for key, value in params.items() if key in ("unit", "format", "introns", "log_offset")},
        unit="counts" if join["x_is"] == "counts" else next(iter(units)),
        counts=next(iter(sources)) if len(sources) == 1 else "as read or recovered",
        n_cells=cohort.n_obs,
        n_genes=cohort.n_vars,
    )

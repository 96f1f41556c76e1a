"""What the jobs of a workflow hand on: a sample by itself, and the cells of the cohort after a stage.

A folder holds cells, and a mark that says what they were made from and all that is not cells. Nothing is rounded or
renamed on the way, so that what comes back is what was kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys, io
from her2plastic.io.samples import Reading
from her2plastic.io.write import whole_or_not
from her2plastic.pp.doublets import SampleDoublets
from her2plastic.run.kept_marks import MARK, usable_mark, write_mark
from her2plastic.run.samples import Sample

if TYPE_CHECKING:
    from anndata import AnnData

#: The cells, and the folder of the tables, beside the mark.
CELLS: Final = "cells.h5ad"
TABLES: Final = "tables"


@dataclass(frozen=True)
class KeptTables:
    """Tables that another job wrote: they are copied and not written anew."""

    files: Mapping[str, Path] = field(default_factory=dict)

    def tables(self) -> Mapping[str, Path]:
        """Return the files by their names in the results folder."""
        return self.files


@dataclass(frozen=True)
class Stage:
    """The cells of the cohort after a stage, with what was noted on the way there."""

    adata: AnnData
    notes: tuple[str, ...]
    seconds: Mapping[str, float]
    tables: KeptTables


# --- one sample ---------------------------------------------------------------------------------------------------
def keep_sample(sample: Sample, folder: Path, *, key: str, entry: Mapping[str, Any]) -> None:
    """Keep a sample in a folder of its own; ``entry`` is what the provenance says of its file."""
    _begin(folder)
    if sample.reading.cells is not None:
        _write_cells(sample.reading.cells, folder / CELLS)
    found = sample.doublets
    told = None
    if found is not None:
        told = {"scores": found.scores.tolist(), "threshold": found.threshold, "status": found.status}
    write_mark(
        folder, key=key, fault=sample.reading.fault, doublets=told, notes=list(sample.notes),
        seconds=dict(sample.seconds), input=dict(entry),
    )  # fmt: skip


def kept_sample(folder: Path, mark: Mapping[str, Any]) -> Sample:
    """Return a sample as it was kept, given its mark."""
    cells = _read_cells(folder / CELLS) if (folder / CELLS).is_file() else None
    told = mark["doublets"]
    found = None
    if told is not None:
        found = SampleDoublets(np.array(told["scores"], dtype=float), float(told["threshold"]), told["status"])
    return Sample(Reading(cells, mark["fault"]), found, tuple(mark["notes"]), mark["seconds"])


# --- the cohort ---------------------------------------------------------------------------------------------------
def keep_stage(
    adata: AnnData,
    folder: Path,
    *,
    key: str,
    notes: list[str],
    seconds: Mapping[str, float],
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Keep the cells of the cohort after a stage, with the tables that the stage made."""
    _begin(folder)
    _write_cells(adata, folder / CELLS)
    for name, table in (tables or {}).items():
        io.write_table(table, folder / TABLES / name)
    records = _order_of(adata.uns.get(_keys.ROOT, {}))
    write_mark(folder, key=key, notes=notes, seconds=dict(seconds), records=records, tables=sorted(tables or {}))


def kept_stage(folder: Path, *, key: str, what: str) -> Stage:
    """Return the cells of the cohort as a stage kept them, if they were made from what ``key`` is the digest of."""
    mark = usable_mark(folder, what=what, key=key)
    adata = _read_cells(folder / CELLS)
    adata.uns[_keys.ROOT] = _in_order(adata.uns.get(_keys.ROOT, {}), mark["records"])
    tables = KeptTables({name: folder / TABLES / name for name in mark["tables"]})
    return Stage(adata, tuple(mark["notes"]), mark["seconds"], tables)


# --- cells ----------------------------------------------------------------------------------------------------------
def _begin(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).unlink(missing_ok=True)
    (folder / CELLS).unlink(missing_ok=True)


def _write_cells(adata: AnnData, path: Path) -> None:
    from anndata import settings

    # words stay words: as categories they would be joined in another order
    with whole_or_not(path) as part, settings.override(allow_write_nullable_strings=False):
        adata.write_h5ad(part, convert_strings_to_categoricals=False, compression="lzf")


def _read_cells(path: Path) -> AnnData:
    from anndata import read_h5ad

    return read_h5ad(path)


def _order_of(records: Any) -> Any:
    """Return the names of nested records as they stand: h5ad gives them back by the alphabet."""
    return {str(name): _order_of(value) if isinstance(value, Mapping) else None for name, value in records.items()}


def _in_order(records: Any, order: Mapping[str, Any]) -> Any:
    return {
        name: records[name] if inner is None else _in_order(records[name], inner)
        for name, inner in order.items()
        if name in records
    }

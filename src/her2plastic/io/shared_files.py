"""Files that hold the cells of several rows of a sheet, told apart by the names of the cells."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import InputFileError, SampleSheetError

if TYPE_CHECKING:
    from anndata import AnnData

#: Column of a sheet: patterns of names with ``*`` and ``?``, several with ``|`` between them.
CELL_NAMES: Final = "cell_names"
#: In the record of the reading: how many cells the file has beside those that were asked for.
_IN_FILE: Final = "n_cells_in_file"
_SHOWN: Final = 3
_log = logging.getLogger(__name__)


def own_cells(cells: AnnData, patterns: str, path: Path) -> AnnData:
    """Return the cells of a file that fit the patterns of a row; each pattern has to fit some."""
    names = cells.obs_names.astype(str)
    wanted = np.zeros(cells.n_obs, dtype=bool)
    for pattern in filter(None, (word.strip() for word in patterns.split("|"))):
        expression = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
        fits = names.str.fullmatch(expression)
        if not fits.any():
            raise InputFileError(
                f"{path}: none of its {cells.n_obs} cells is named {pattern!r}, as column {CELL_NAMES!r} of the sheet "
                f"says; their names are {', '.join(names[:_SHOWN])}{', ...' if cells.n_obs > _SHOWN else ''}"
            )
        wanted |= np.asarray(fits)
    if not wanted.any():
        raise InputFileError(f"{path}: column {CELL_NAMES!r} of the sheet says {patterns!r}; expected names of cells")
    own = cells[wanted].copy()
    own.uns[_keys.ROOT]["read"][_IN_FILE] = cells.n_obs
    return own


def repeated_files(sheet: str, frame: pd.DataFrame, column: str, base: Path) -> list[tuple[int, str]]:
    """Return the rows whose file is that of an earlier row, where it is not said which cells are whose."""
    found = []
    first: dict[Path, tuple[int, str]] = {}
    empty = pd.Series("", index=frame.index)
    for line, value, own in zip(
        frame.index.tolist(), frame.get(column, empty), frame.get(CELL_NAMES, empty), strict=True
    ):
        if not value:
            continue
        before, others = first.setdefault((base / value).resolve(), (line, own))
        if before != line and not (own and others):
            text = (
                f"{value!r} is the file of line {before} already: its cells would count twice; expected a column "
                f"{CELL_NAMES!r} with the names of each row's cells, such as BRx-42*"
            )
            found.append((line, f"{sheet}, line {line}, column {column!r}: {text}"))
    return found


def check_shares(cohort: AnnData, table: pd.DataFrame, parts: Mapping[str, AnnData], column: str) -> None:
    """Refuse a cell that several rows claim, and tell of cells in their file that none does."""
    if CELL_NAMES not in table:
        return
    shared = table[[isinstance(words, str) and words != "" for words in table[CELL_NAMES]]]
    owners = cohort.obs[_keys.SAMPLE_ID].astype(str).to_numpy()
    for file, rows in shared.groupby(shared[column].map(normpath)):
        samples = [sample for sample in rows[_keys.SAMPLE_ID] if sample in parts]
        here = np.flatnonzero(np.isin(owners, samples))
        # a cell of the cohort is named sample_id:name
        bare = pd.Series([cohort.obs_names[place][len(owners[place]) + 1 :] for place in here], dtype=object)
        if (twice := bare.duplicated(keep=False)).any():
            name = bare[twice].iloc[0]
            claiming = ", ".join(owners[here[bare == name]])
            problem = (
                f"{file}: cell {name!r} belongs to several rows: {claiming}; expected one of them in {CELL_NAMES!r}"
            )
            raise SampleSheetError(f"{twice.sum()} cells would count twice:\n  {problem}", (problem,))
        total = max((int(step_record(parts[sample], "read")[_IN_FILE]) for sample in samples), default=0)
        if len(samples) == len(rows) and total > len(bare):
            _log.warning("%s: %d of its %d cells belong to no row of the sheet", file, total - len(bare), total)

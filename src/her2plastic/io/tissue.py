"""Tables of tissue: one specimen a row, with its IHC and in-situ hybridisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import SampleSheetError
from her2plastic.io.day_fields import read_day
from her2plastic.io.text_rows import read_text_rows
from her2plastic.io.tissue_fields import EVIDENCE, NUMBERS, WORDS, number_of, word_of

DAY: Final = "day"
SITE: Final = "site"
REQUIRED: Final = (_keys.DONOR_ID, DAY)
_WHAT: Final = "table of tissue"
_DAY_0: Final = "the patient's day 0"
#: Written by tl.tissue_status: words in them would pass for its answers.
_RESERVED: Final = ("status", "step", "flags", "tissue_class", _keys.TISSUE_STATE, "ihc_score", "ish_group")


def read_tissue(path: str | Path) -> pd.DataFrame:
    """Read a table of tissue specimens and what was found of HER2 in each.

    Parameters
    ----------
    path
        CSV (comma, semicolon or tab) with a row per specimen. Columns: ``donor_id``; ``day`` (days since the patient's
        day 0, negative before it; dates are refused); at least one of ``ihc``, percentages of stained cells,
        ``ish_ratio`` and ``ish_copies``, in the columns and words of :func:`her2plastic.tl.tissue_status`. Optional:
        ``site`` (primary, metastasis or any other word). Other columns are kept as text.

    Returns
    -------
    One row per specimen, by donor and day: ``donor_id``, ``day``, ``site`` (empty where not given), scores as 0, null,
    ultralow, 1+, 2+ or 3+ and numbers, missing where nothing was done; then columns of one's own.

    Raises
    ------
    SampleSheetError
        Rows are faulty; ``problems`` lists every one with its line, the value, and what is expected.
    InputFileError
        The file is no such table.

    Examples
    --------
    >>> import her2plastic as hp
    >>> files = hp.datasets.demo_patients(".")
    >>> tissue = hp.io.read_tissue(files["tissue"])
    >>> print(tissue.loc[tissue["donor_id"] == "D02", ["day", "site", "ihc", "ish_ratio"]].to_string(index=False))
       day             site      ihc  ish_ratio
    -410.0          primary ultralow        NaN
      45.0 pleural effusion       2+        1.4
    """
    path = Path(path)
    rows, lines, problems = read_text_rows(path, what=_WHAT, columns=(*REQUIRED, SITE, *EVIDENCE))
    columns = rows[0]
    _check_header(path.name, columns)
    read = []
    for line, fields in zip(lines[1:], rows[1:], strict=True):
        row = dict(zip(columns, (field.strip() for field in fields), strict=True))
        found, faults = _typed(row)
        problems += [f"{path.name}, line {line}, column {name!r}: {row[name]!r}; {why}" for name, why in faults]
        read.append(found | {"line": line})
    frame = pd.DataFrame(read, columns=[*dict.fromkeys((*REQUIRED, SITE, *columns)), "line"])
    problems += _repeated(path.name, frame)
    if not problems and frame.empty:
        problems.append(f"{path.name}: has a header but no specimen. Add a row for each")
    if problems:
        listed = "\n".join(f"  {text}" for text in problems)
        raise SampleSheetError(f"{path}: {len(problems)} faults in the {_WHAT}:\n{listed}", problems)
    frame[SITE] = frame[SITE].astype(object).fillna("")  # numbers where no site is given
    for name in (DAY, *NUMBERS):
        if name in frame:
            frame[name] = frame[name].astype(float)
    return frame.sort_values([*REQUIRED, "line"], kind="stable").drop(columns="line").reset_index(drop=True)


def _check_header(name: str, columns: Sequence[str]) -> None:
    problems = [f"column {wanted!r} is missing" for wanted in REQUIRED if wanted not in columns]
    if not set(EVIDENCE) & set(columns):
        problems.append(f"none of the columns {', '.join(map(repr, EVIDENCE))} is there")
    problems += [
        f"column {twice!r} stands there twice" for twice in sorted({c for c in columns if columns.count(c) > 1})
    ]
    problems += [f"column {own!r} is written by the package; rename yours" for own in columns if own in _RESERVED]
    if problems:
        there = ", ".join(map(repr, columns))
        raise SampleSheetError(f"{name}, line 1: {'; '.join(problems)}; there are {there}.", problems)


def _typed(row: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the fields of a row as scores, numbers and text, and those that are none with what is expected."""
    found: dict[str, Any] = {}
    faults = []
    for column, field in row.items():
        value: Any = field
        why = ""
        if column == _keys.DONOR_ID:
            why = "" if field and field.isprintable() else "expected the name of the patient"
        elif column == DAY:
            value, why = read_day(field, since=_DAY_0)
            why = f"expected days since {_DAY_0}" if not why and np.isnan(value) else why
        elif column in NUMBERS:
            value, why = number_of(field)
        elif column in WORDS:
            value, why = word_of(column, field)
            value = value or None
        found[column] = value
        if why:
            faults.append((column, why))
    return found, faults


def _repeated(name: str, frame: pd.DataFrame) -> list[str]:
    """Return the rows that say the same of the same specimen again."""
    told = frame.drop(columns="line").astype(object).where(frame.drop(columns="line").notna(), "")
    return [
        f"{name}, line {frame['line'].iloc[row]}: the same specimen stands in an earlier line"
        for row in np.flatnonzero(told.duplicated().to_numpy())
    ]

"""Serum HER2 of patients on treatment: a long table in, one visit a row in ng/mL out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import ParameterError, SampleSheetError, UnitError, one_of
from her2plastic.io.day_fields import LAST_DAY, read_day, read_number
from her2plastic.io.serum_donors import OF_DONOR, donor_faults, time_faults, without_repeats
from her2plastic.io.serum_fields import (
    LARGEST_NG_PER_ML,
    NG_PER_ML,
    UNITS_OF_ASSAYS,
    Amount,
    read_amount,
    read_response,
    unit_key,
)
from her2plastic.io.text_rows import read_text_rows

#: Days of a treatment cycle.
CYCLE_DAYS: Final = 21.0
REPEATS: Final = ("refuse", "mean", "first", "last")
REQUIRED: Final = (_keys.DONOR_ID, "value")
TIMES: Final = ("day", "cycle")
OPTIONAL: Final = ("unit", "assay", "lod", *OF_DONOR)
_EXPECTED_NUMBERS: Final = {
    "cycle": "the number of cycles completed, 0 before treatment",
    "lod": "the limit of detection in the unit of the value",
}
_WHAT: Final = "table of serum HER2"
_EXPECTED: Final = (*REQUIRED[:1], *TIMES, *REQUIRED[1:], *OPTIONAL)


def read_serum(
    source: str | Path | pd.DataFrame,
    *,
    unit: str | None = None,
    lod: float | None = None,
    ng_per_unit: float | Mapping[str, float] | None = None,
    cycle_days: float = CYCLE_DAYS,
    repeats: str = "refuse",
) -> pd.DataFrame:
    """Read serum HER2 (the shed extracellular domain) of patients over time.

    Parameters
    ----------
    source
        CSV (comma, semicolon or tab) with a row per visit, or such a table. Columns: ``donor_id``; ``day`` (days since
        the first dose) or ``cycle`` (cycles completed; 0 before treatment), or both; ``value`` (a number, or ``<5``
        below detection; an empty field is a visit without a value and is left out). Optional: ``unit``, ``assay``,
        ``lod`` (limit of detection, in the unit of the row), ``response`` (CR, PR, SD, PD, NE; response, no response;
        yes, no), ``progression_day`` (empty without progression), ``last_day`` (last day of follow-up), ``arm``. Other
        columns are kept as text.
    unit
        Unit of all values where there is no column: ng/mL, ug/L, ug/mL, mg/L, pg/mL, ng/L, or U/mL with
        ``ng_per_unit``.
    lod
        Limit of detection where the table has none, in the unit of the values.
    ng_per_unit
        How many ng/mL one U/mL is, as the maker of the assay says: one number, or one per assay.
    cycle_days
        Days of a treatment cycle; ties ``day`` and ``cycle`` together where only one is given.
    repeats
        Several values of one donor on one day: ``"refuse"`` them; or take the geometric ``"mean"``, the ``"first"`` or
        the ``"last"``.

    Returns
    -------
    One row per visit with a value, by donor and day: ``donor_id``, ``day``, ``cycle``, ``value`` in ng/mL (the
    limit where it lies below), ``below_lod``, ``lod`` in ng/mL, ``assay``, ``response`` (category: no response,
    response), ``progression_day``, ``last_day`` (both missing where not given), ``arm``, then columns of one's own.
    ``attrs["notes"]`` says what was done on the way.

    Raises
    ------
    SampleSheetError
        Rows are faulty; ``problems`` lists every fault with its line: no number, a date for a day, values above the
        range, a donor with two responses, repeated visits, days in weeks beside cycles.
    UnitError
        The unit is not said, not known, or one of activity without ``ng_per_unit``.
    InputFileError
        The file is no such table.
    ParameterError
        A parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import pandas as pd
    >>> table = pd.DataFrame({"donor_id": "D01", "cycle": [0, 2], "value": ["14.2", "<2"], "unit": "ng/mL"})
    >>> visits = hp.io.read_serum(table)
    >>> print(visits[["donor_id", "day", "cycle", "value", "below_lod"]].to_string(index=False))
    donor_id  day  cycle  value  below_lod
         D01  0.0    0.0   14.2      False
         D01 42.0    2.0    2.0       True
    """
    one_of("repeats", repeats, REPEATS)
    _check_above_0("cycle_days", cycle_days)
    if lod is not None:
        _check_above_0("lod", lod)
    name, text, problems = _as_text(source)
    _check_columns(name, text)
    try:
        factors = _ng_factors(name, text, unit, ng_per_unit)
    except UnitError as error:
        unknown = np.full(len(text), np.finfo(float).tiny)  # no value is too large while its unit is not known
        problems += _visits(name, text, unknown, lod, cycle_days)[1]
        if not problems:
            raise
        raise UnitError(
            "\n".join([str(error), "Faults beside the unit:", *(f"  {fault}" for fault in problems)])
        ) from None
    frame, faults, notes = _visits(name, text, factors, lod, cycle_days)
    problems += faults
    problems += donor_faults(name, frame) + time_faults(name, frame, cycle_days)
    if not problems:
        frame, faults = without_repeats(name, frame, repeats, notes)
        problems += faults
    if problems:
        listed = "\n".join(f"  {text}" for text in problems)
        raise SampleSheetError(f"{name}: {len(problems)} faults in the {_WHAT}:\n{listed}", problems)
    return _finished(frame, notes)


def _check_above_0(name: str, value: object) -> None:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 < float(value) < np.inf:
        return
    raise ParameterError(f"{name}={value!r}: expected a number above 0")


# --- text ---
def _as_text(source: str | Path | pd.DataFrame) -> tuple[str, pd.DataFrame, list[str]]:
    """Return the name of the source, its fields as text with the line of each row as the index, and faulty rows."""
    if isinstance(source, pd.DataFrame):
        text = source.astype(object).where(source.notna(), "").map(lambda field: str(field).strip())
        text.index = pd.RangeIndex(1, len(text) + 1)
        text.columns = [str(column).strip() for column in source.columns]
        return "table", text, []
    path = Path(source)
    rows, lines, problems = read_text_rows(path, what=_WHAT, columns=_EXPECTED)
    text = pd.DataFrame(rows[1:], columns=rows[0], index=lines[1:], dtype=str).apply(lambda column: column.str.strip())
    return path.name, text, problems


def _check_columns(name: str, text: pd.DataFrame) -> None:
    columns = list(text.columns)
    problems = [f"column {wanted!r} is missing" for wanted in REQUIRED if wanted not in columns]
    if not set(TIMES) & set(columns):
        problems.append("column 'day' (days since the first dose) or 'cycle' is missing")
    problems += [
        f"column {column!r} stands there twice" for column in sorted(set(columns)) if columns.count(column) > 1
    ]
    problems += [f"column {column!r} is written by the package; rename yours" for column in columns if column in (
        "below_lod",)]  # fmt: skip
    if problems:
        there = ", ".join(map(repr, columns)) or "none"
        raise SampleSheetError(f"{name}: {'; '.join(problems)}; there are {there}.", problems)
    if text.empty:
        raise SampleSheetError(f"{name}: has a header but no visit. Add a row for each visit.", ())


# --- units ---
def _ng_factors(
    name: str, text: pd.DataFrame, unit: str | None, ng_per_unit: float | Mapping[str, float] | None
) -> np.ndarray:
    """Return what one unit of each row is in ng/mL."""
    there = text["unit"] if "unit" in text else pd.Series("", index=text.index)
    filled = there.where(there != "", unit or "")
    valued = text["value"] != ""
    if (valued & (filled == "")).any():
        line = int(text.index[valued & (filled == "")][0])
        raise UnitError(
            f"{name}, line {line}: the unit of the value is not said. Fill the column 'unit', or read with "
            f"unit='ng/mL' if that is what it is; known: {', '.join(NG_PER_ML)}, and U/mL with ng_per_unit."
        )
    keys = filled.map(unit_key)
    assays = text["assay"] if "assay" in text else pd.Series("", index=text.index)
    factors = np.full(len(text), np.nan)
    for place, (line, key, assay, has_value) in enumerate(zip(text.index, keys, assays, valued, strict=True)):
        if not has_value:
            continue
        if key in NG_PER_ML:
            factors[place] = NG_PER_ML[key]
        elif key in UNITS_OF_ASSAYS:
            factors[place] = _factor_of_assay(name, line, key, assay, ng_per_unit)
        else:
            raise UnitError(
                f"{name}, line {line}: unit {filled.loc[line]!r} is not known; expected one of "
                f"{', '.join(NG_PER_ML)}, or U/mL with ng_per_unit."
            )
    return factors


def _factor_of_assay(
    name: str, line: int, key: str, assay: str, ng_per_unit: float | Mapping[str, float] | None
) -> float:
    per_ml = {"u/l": 1e-3, "mu/ml": 1e-3}.get(key, 1.0)
    given = ng_per_unit.get(assay) if isinstance(ng_per_unit, Mapping) else ng_per_unit
    if given is None:
        raise UnitError(
            f"{name}, line {line}: {key} (assay {assay!r}) is a unit of the assay's own, and no number of ng/mL by "
            "itself. Give ng_per_unit= the ng/mL of one U/mL that the maker of the assay states, or leave these rows "
            "out."
        )
    _check_above_0("ng_per_unit", given)
    return float(given) * per_ml


# --- visits ---
def _visits(
    name: str, text: pd.DataFrame, factors: np.ndarray, lod: float | None, cycle_days: float
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return the visits (without a value where none was measured), faults, and notes."""
    faults: list[str] = []
    rows: list[dict[str, Any]] = []
    for place, (line, fields) in enumerate(zip(text.index, text.to_dict("records"), strict=True)):
        where = f"{name}, line {line}"
        row = {str(column): str(field) for column, field in fields.items()}
        numbers, wrong = _numbers(row, where)
        faults += wrong
        if row[_keys.DONOR_ID] == "":
            faults.append(f"{where}, column {_keys.DONOR_ID!r}: empty; expected the name of the patient")
        if np.isnan(numbers["day"]) and np.isnan(numbers["cycle"]) and not wrong:
            faults.append(f"{where}: neither 'day' nor 'cycle' is filled")
        limit = numbers["lod"] if np.isfinite(numbers["lod"]) else (np.nan if lod is None else float(lod))
        amount = Amount() if row["value"] == "" else read_amount(row["value"], limit)
        value = amount.number * factors[place]
        if amount.fault or value > LARGEST_NG_PER_ML:
            why = amount.fault or f"is {value:g} ng/mL, more than any serum holds; check the unit and the decimal point"
            faults.append(f"{where}, column 'value': {row['value']!r} {why}")
        limit = amount.number if amount.below else limit
        found = {"line": line, "value": value, "below_lod": amount.below, "lod": limit * factors[place]}
        rows.append({**row, **numbers, **found})
    frame = pd.DataFrame(rows, columns=["line", *dict.fromkeys((*text.columns, *_EXPECTED, "below_lod"))])
    valued, below = int(frame["value"].notna().sum()), int(frame["below_lod"].sum())
    notes = [f"{len(frame) - valued} rows without a value were left out"] if valued < len(frame) else []
    notes += [f"{below} of {valued} values lie below the limit of detection"] if below else []
    if not valued and not faults:
        faults.append(f"{name}: no visit has a value")
    frame["day"] = frame["day"].astype(float).where(frame["day"].notna(), frame["cycle"].astype(float) * cycle_days)
    frame["cycle"] = frame["cycle"].astype(float).where(frame["cycle"].notna(), frame["day"] / cycle_days)
    return frame, faults, notes


def _numbers(row: Mapping[str, str], where: str) -> tuple[dict[str, float], list[str]]:
    """Return days, cycle, limit and response of a row, and what is wrong with them."""
    numbers: dict[str, float] = {}
    faults = []
    for column in (*TIMES, "lod", *OF_DONOR[:3]):
        field = row.get(column, "")
        numbers[column], fault = _number(column, field)
        if not fault and column in ("cycle", "progression_day", "last_day") and numbers[column] < 0:
            fault = "is below 0; expected a number of at least 0"
        if not fault and column == "lod" and numbers[column] <= 0:
            fault = f"is not above 0; expected {_EXPECTED_NUMBERS[column]}"
        if fault:
            faults.append(f"{where}, column {column!r}: {field!r} {fault}")
    return numbers, faults


def _number(column: str, field: str) -> tuple[float, str]:
    if column == "response":
        return read_response(field)
    if column in _EXPECTED_NUMBERS:
        most = LAST_DAY if column == "cycle" else np.inf  # a larger one is a date in another form
        return read_number(field, expected=_EXPECTED_NUMBERS[column], most=most)
    return read_day(field, since="the first dose")


def _finished(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the table in its form: typed, sorted, one value per donor on every row of it."""
    frame = frame.copy()
    for column in OF_DONOR:
        known = frame[column].replace("", np.nan)
        frame[column] = known.groupby(frame[_keys.DONOR_ID]).transform("first")
    words = frame["response"].astype(float).map({1.0: _keys.RESPONSES[1], 0.0: _keys.RESPONSES[0]})
    frame["response"] = pd.Categorical(words, categories=list(_keys.RESPONSES))
    for column in ("value", "lod", "day", "cycle", "progression_day", "last_day"):
        frame[column] = frame[column].astype(float)
    frame["below_lod"] = frame["below_lod"].astype(bool)
    for column in ("assay", "arm"):
        frame[column] = frame[column].astype(object).where(frame[column].notna() & (frame[column] != ""), None)
    first = [_keys.DONOR_ID, "day", "cycle", "value", "below_lod", "lod", "assay", *OF_DONOR]
    own = [column for column in frame.columns if column not in (*first, "unit", "line")]
    frame = (
        frame.loc[frame["value"].notna(), first + own]
        .sort_values([_keys.DONOR_ID, "day"], kind="stable")
        .reset_index(drop=True)
    )
    frame.attrs = {"notes": tuple(notes)}
    return frame

"""Gene names that a spreadsheet turned into dates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from her2plastic._errors import GeneError

SpreadsheetDates = Literal["error", "keep"]

# As spreadsheets shorten them in English, German and French. No gene is a month with a day beside it.
_MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"),
    *("jän", "mrz", "mär", "märz", "mai", "juni", "juli", "okt", "dez"),
    *("janv", "févr", "fevr", "mars", "avr", "juin", "juil", "août", "aout", "déc"),
)
_MONTH = f"(?:{'|'.join(_MONTHS)})"
_DAY = r"\d{1,2}"
_YEAR = r"(?:\d\d|\d{4})"
# One name a line: a single search over all names is many times faster than one search a name. A month stands before
# two or four digits: APR-1 is a gene, and DEC-205 a receptor.
_DATE_OR_SERIAL = re.compile(
    rf"^(?:{_DAY}(?:[-/ ]|\. ?){_MONTH}\.?(?:[-/ ]{_YEAR})?|{_MONTH}\.?[- ]{_YEAR}"
    rf"|\d{{4}}-\d\d-\d\d(?: 00:00:00)?|{_DAY}[/.]{_DAY}[/.]{_YEAR}|\d{{5}})$",
    re.IGNORECASE | re.MULTILINE,
)
# Days since 1900 of the dates 1936-12-09 to 2051-07-29, as spreadsheets store them.
_SERIAL = range(13_493, 55_363)
_SHOWN = 5


def check_not_dates(path: Path, names: list[str], dates: SpreadsheetDates) -> list[str]:
    """Return the names that are dates, where they are to be kept; else raise a GeneError."""
    mostly_names = sum(map(str.isdigit, names)) < len(names) / 2
    matched = {
        name
        for name in _DATE_OR_SERIAL.findall("\n".join(names))
        if not name.isdigit() or (mostly_names and int(name) in _SERIAL)
    }
    found = [(place, name) for place, name in enumerate(names, start=1) if name in matched] if matched else []
    if found and dates == "error":
        shown = ", ".join(f"{name!r} (gene {place})" for place, name in found[:_SHOWN])
        raise GeneError(
            f"{path}: {len(found)} gene names are dates: {shown}{', ...' if len(found) > _SHOWN else ''}. A "
            "spreadsheet turned genes such as MARCH1, SEPT9 or DEC1 (now MARCHF1, SEPTIN9, DELEC1) into dates, and the "
            "names cannot be told back for certain. Take the table from its source without opening it in a "
            "spreadsheet, or read it with spreadsheet_dates='keep': these genes then keep their wrong names and only "
            "count towards the depth."
        )
    return [name for _, name in found]

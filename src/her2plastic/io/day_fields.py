"""Days and other numbers in tables that people write; days are counted from a day 0 and are never dates."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from her2plastic.io.number_columns import is_number

#: No patient is followed for a century: a larger number is a date in another form.
LAST_DAY: Final = 36_525
_DATE: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T].*)?|\d{1,2}[ -][a-zA-Z]{3,}[ -]\d{2,4}")


def read_day(text: str, *, since: str) -> tuple[float, str]:
    """Return days as a number, or why they are none; an empty field is missing.

    Parameters
    ----------
    text
        The field.
    since
        The day 0 of the table, for the reason.
    """
    expected = f"days since {since}"
    if _DATE.fullmatch(text.strip()):
        return float("nan"), f"is a date; expected {expected} (dates identify people, and are not read)"
    return read_number(text, expected=f"{expected}, at most {LAST_DAY:,} before or after", most=LAST_DAY)


def read_number(text: str, *, expected: str, most: float = float("inf")) -> tuple[float, str]:
    """Return a number, or why it is none, with what is ``expected`` in words; an empty field is missing."""
    plain = text.strip()
    if plain == "":
        return float("nan"), ""
    if not is_number(plain) or not np.isfinite(float(plain)):
        return float("nan"), f"is no number; expected {expected}"
    if abs(float(plain)) > most:
        return float("nan"), f"is too large; expected {expected}"
    return float(plain), ""

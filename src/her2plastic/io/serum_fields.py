"""Fields of a table of serum HER2: values with their unit and limit of detection, and words for responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic.io.number_columns import is_missing, is_number

#: What one unit of mass concentration is in ng/mL.
NG_PER_ML: Final = {
    "ng/ml": 1.0, "ug/l": 1.0, "mcg/l": 1.0, "ug/ml": 1000.0, "mg/l": 1000.0, "pg/ml": 1e-3, "ng/l": 1e-3, "g/l": 1e6,
}  # fmt: skip
#: Units of activity: how much mass one of them is depends on the assay.
UNITS_OF_ASSAYS: Final = ("u/ml", "iu/ml", "ku/l", "u/l", "mu/ml")
#: Best responses: objective response (CR, PR) or none.
RESPONSES: Final = {
    **dict.fromkeys(("response", "responder", "responders", "cr", "pr", "complete response", "partial response"), 1.0),
    **dict.fromkeys(("no response", "non-responder", "nonresponder", "non-response", "sd", "pd"), 0.0),
    **dict.fromkeys(("stable disease", "progressive disease", "progression"), 0.0),
    **dict.fromkeys(("yes", "true", "1", "1.0", "r"), 1.0),
    **dict.fromkeys(("no", "false", "0", "0.0", "nr"), 0.0),
    **dict.fromkeys(("ne", "not evaluable", "not assessed", "unknown"), float("nan")),
}
#: No serum holds more, in ng/mL: a larger number is in another unit, or has lost its decimal point.
LARGEST_NG_PER_ML: Final = 1e5

_BELOW = re.compile(r"(?:<=?|≤|below|less than)\s*(.*)", re.IGNORECASE)
_ABOVE = re.compile(r"(?:>=?|≥|above|more than)\s*(.*)", re.IGNORECASE)
_NOT_DETECTED: Final = ("nd", "n.d.", "not detected", "undetected", "undetectable", "below lod", "<lod", "< lod", "bdl")


@dataclass(frozen=True)
class Amount:
    """A value as it was written: a number, a limit it lies below, or why it is neither."""

    number: float = float("nan")
    below: bool = False
    fault: str = ""


def unit_key(text: str) -> str:
    """Return a unit in one spelling: lower case, no blanks, ``u`` for micro."""
    return re.sub(r"\s+", "", text).replace("µ", "u").replace("μ", "u").lower().replace("per", "/")


def read_amount(text: str, limit: float) -> Amount:
    """Return a value, with ``<5`` and words for what was not detected as values below a limit.

    Parameters
    ----------
    text
        The field, not empty.
    limit
        Limit of detection in the unit of the field; missing where it is not known.
    """
    plain = text.strip()
    if plain.lower() in _NOT_DETECTED:
        if np.isfinite(limit):
            return Amount(limit, below=True)
        return Amount(fault="is below a limit that is nowhere said; write '<5', or fill the column 'lod'")
    if _ABOVE.fullmatch(plain):
        return Amount(fault=f"lies above the range of the assay; expected the value of the diluted serum, not {plain}")
    below = _BELOW.fullmatch(plain)
    figure = plain if below is None else below.group(1).strip()
    if re.fullmatch(r"\d+,\d+", figure):
        return Amount(fault="has a comma; expected a decimal point, without thousands separators")
    if not is_number(figure) or not np.isfinite(float(figure)):
        what = "is missing" if is_missing(figure) else "is no number"
        return Amount(fault=f"{what}; expected a number, '<5' for below detection, or an empty field for no value")
    number = float(figure)
    if number <= 0:
        return Amount(fault="is not above 0; below detection is written '<5', with the limit of the assay")
    if below is not None:
        return Amount(number, below=True)
    if np.isfinite(limit) and number < limit:
        return Amount(limit, below=True)
    return Amount(number)


def read_response(text: str, words: Mapping[str, float] = RESPONSES) -> tuple[float, str]:
    """Return 1 for a response, 0 for none, missing for neither, or why a word is none of them."""
    plain = text.strip().lower()
    if plain == "" or is_missing(plain):
        return float("nan"), ""
    if plain in words:
        return words[plain], ""
    return float("nan"), "is no known response; expected CR, PR, SD, PD, NE, 'response', 'no response', yes or no"

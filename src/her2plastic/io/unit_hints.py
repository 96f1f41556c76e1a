"""What the name of a file says of the unit of its values, and where the values contradict it."""

from __future__ import annotations

import re
from pathlib import Path

from her2plastic import _keys
from her2plastic._errors import UnitError

#: No logarithm of an expression value is larger: 2 ** 40 is 10 ** 12.
LARGEST_LOG = 40.0
#: In a table of this many genes the largest CPM, TPM or FPKM is in the hundreds, and the largest count in the tens.
MANY_GENES = 1000
SMALL_MAXIMUM = 25.0
LOGS = ("log2", "ln")
OPTIONS = ", ".join(repr(unit) for unit in _keys.UNITS)
_NAME_HINTS = (
    (re.compile(r"log2", re.IGNORECASE), "log2"),
    # LN by itself is a lymph node
    (re.compile(r"log1p|(?<![a-z])ln(?=1p|\(|tpm|cpm|rpm|fpkm|rpkm)", re.IGNORECASE), "ln"),
    (re.compile(r"(?<![a-z])[fr]pkm(?![a-z])", re.IGNORECASE), "fpkm"),
    (re.compile(r"(?<![a-z])tpm(?![a-z])", re.IGNORECASE), "tpm"),
    (re.compile(r"(?<![a-z])(cpm|rpm)(?![a-z])", re.IGNORECASE), "cpm"),
)
_LOG10 = re.compile(r"log_?10", re.IGNORECASE)
_COUNT = re.compile(r"count|umi", re.IGNORECASE)


def hint_of(path: Path, recorded: str | None) -> tuple[str | None, str]:
    """Return the unit that the file records, or else the one in its name, and which of these it was."""
    if recorded:
        return recorded, "file: recorded logarithm" if recorded in LOGS else "names of columns"
    for pattern, unit in _NAME_HINTS:
        if pattern.search(path.name):
            return unit, "file name"
    return None, ""


def believed(path: Path, hint: str | None, *, top: float, n_genes: int) -> str | None:
    """Return the unit of the name unless the values show that it is that of before the logarithm.

    Raises
    ------
    UnitError
        For logarithms to base 10, and for so few genes that small values may be either.
    """
    if _LOG10.search(path.name) and top <= LARGEST_LOG:
        raise UnitError(
            f"{path}: its name says log10, which is no unit here. Multiply the values by 3.321928 (log2 of 10), "
            "which makes log2(x + 1) of log10(x + 1), and say unit='log2'."
        )
    if hint is None or hint in LOGS or top > SMALL_MAXIMUM:
        return hint
    if n_genes >= MANY_GENES:
        return None
    raise UnitError(
        f"{path}: its name says {hint!r}, but the largest value of {n_genes:,} genes is {top:g}, as it is for "
        f"logarithms. Say the unit: one of {OPTIONS}."
    )


def check_whole(path: Path, hint: str | None) -> None:
    """Raise a UnitError for a table of whole numbers whose name is that of relative values, and not of counts."""
    if hint in ("cpm", "tpm", "fpkm") and not _COUNT.search(path.name):
        raise UnitError(
            f"{path}: its name says {hint!r}, but the values are whole: counts, or values that were rounded. "
            f"Say unit='counts' or {hint!r}."
        )

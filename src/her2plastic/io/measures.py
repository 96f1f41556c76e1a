"""Columns that are several measures of one cell, such as a count and an FPKM, and not several cells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from her2plastic._errors import InputFileError, UnitError
from her2plastic.io.table_columns import plain_name

#: What each word in the name of a column says of its unit; None for what is no expression.
_UNIT_OF_WORD: Final = {
    **dict.fromkeys(("count", "counts", "reads", "readcount", "numreads", "rawcount", "rawcounts"), "counts"),
    **dict.fromkeys(("estcounts", "expectedcount", "umi", "umis", "umicount"), "counts"),
    **dict.fromkeys(("fpkm", "rpkm"), "fpkm"), "tpm": "tpm", **dict.fromkeys(("cpm", "rpm"), "cpm"),
    **dict.fromkeys(("coverage", "efflength", "fpkmconflo", "fpkmconfhi"), None),
}  # fmt: skip
#: Counts before other values.
_ORDER: Final = ("counts", "tpm", "fpkm", "cpm")


def columns_of_one_measure(
    path: Path, header: tuple[str, ...], columns: list[int], *, unit: str
) -> tuple[list[int], dict[int, str], str]:
    """Return the columns of one measure, the names of their cells, and the unit that the names say, if they say one.

    Companies give tables with ``S1_count, S1_fpkm, S2_count, ...``: counts are taken, or the unit that was said.

    Raises
    ------
    InputFileError
        For several measures of one cell without a name.
    UnitError
        Where the measure that was said is not among the columns.
    """
    names = [header[index] for index in columns]
    whole = [plain_name(name) in _UNIT_OF_WORD for name in names]
    if len(names) > 1 and all(whole):
        raise InputFileError(
            f"{path}: its columns ({', '.join(names[:6])}) are measures of one cell and not cells. Keep the genes and "
            "one of them, in a file named after the cell."
        )
    told = {index: _told(header[index]) for index in columns}
    found = {measure for measure, _ in told.values()}
    if len(found) < 2 or "" in found:
        return columns, {index: header[index] for index in columns}, ""
    wanted = unit if unit != "auto" else next((name for name in _ORDER if name in found), "")
    if wanted not in found:
        raise UnitError(
            f"{path}: its columns hold {', '.join(sorted(found))}, but {unit!r} was asked for. Say one of these."
        )
    kept = {index: cell for index, (measure, cell) in told.items() if measure == wanted}
    return list(kept), kept, wanted


def _told(name: str) -> tuple[str, str]:
    """Return the unit that the first or the last word of a name says, and the rest of the name."""
    for pattern in (r"(?P<cell>.+?)[^A-Za-z0-9]+(?P<word>[A-Za-z]+)", r"(?P<word>[A-Za-z]+)[^A-Za-z0-9]+(?P<cell>.+)"):
        match = re.fullmatch(pattern, name.strip())
        if match and (unit := _UNIT_OF_WORD.get(plain_name(match["word"]))):
            return unit, match["cell"]
    return "", name

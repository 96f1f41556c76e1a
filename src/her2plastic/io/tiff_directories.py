"""Whether the directories of a TIFF are all there: readers pass over those that a cut file has lost.

Sources: TIFF revision 6.0, section 2; the BigTIFF design.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from her2plastic._errors import InputFileError

#: Bytes of a value by its type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def check_directories(path: Path) -> None:
    """Raise an InputFileError where a directory, or a value that one refers to, lies beyond the end of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            order, big, position = _header(file)
            seen: set[int] = set()
            reach = 0
            while position and position not in seen:
                if max(position, reach) > size:
                    break
                seen.add(position)
                position, reach = _directory(file, position, order, big)
            if max(position, reach) > size:
                raise EOFError(f"it refers to byte {max(position, reach):,}, but ends at {size:,}")
        except (EOFError, struct.error) as fault:
            why = str(fault) if isinstance(fault, EOFError) else "it ends within a directory"
            raise InputFileError(f"{path}: is not a whole TIFF file ({why}). Copy or export it again.") from fault
    if not seen:
        raise InputFileError(f"{path}: holds no picture.")


def _header(file: BinaryIO) -> tuple[str, bool, int]:
    """Return byte order, whether it is a BigTIFF, and where the first directory stands."""
    start = file.read(16)
    order = "<" if start.startswith(b"II") else ">"
    big = struct.unpack(f"{order}H", start[2:4])[0] == 43
    return order, big, struct.unpack(f"{order}Q", start[8:16])[0] if big else struct.unpack(f"{order}I", start[4:8])[0]


def _directory(file: BinaryIO, position: int, order: str, big: bool) -> tuple[int, int]:
    """Return where the next directory stands, and how far the values of this one reach."""
    file.seek(position)
    (entries,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
    length, inline, number = (20, 8, "Q") if big else (12, 4, "I")
    content = file.read(min(entries, 65_536) * length)
    reach = position
    for _, kind, count, value in struct.iter_unpack(f"{order}HH{number}{number}", content):
        if (bytes_ := _SIZES.get(kind, 0) * count) > inline:
            reach = max(reach, value + bytes_)
    if len(content) < entries * length:
        raise EOFError("it ends within a directory")
    (following,) = struct.unpack(f"{order}{number}", file.read(inline))
    return following, reach

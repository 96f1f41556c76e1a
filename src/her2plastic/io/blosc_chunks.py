"""Chunks of zarr stores that are shorter than Blosc wrote them.

Blosc would decode what happens to lie behind such a chunk in memory, without a fault (c-blosc, README_HEADER: bytes 4
to 7 are the decoded size, 12 to 15 that of the chunk). It is what AnnData writes with zarr 2, down to the text.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from her2plastic.io.opening import first_bytes


def check_chunk(file: Path, decoded_size: int | None = None) -> None:
    """Raise a ValueError for a chunk that is shorter than its header says, or would be longer once decoded."""
    if not file.is_file():
        return  # an empty chunk need not be written
    header, size = first_bytes(file), file.stat().st_size
    decoded, stored = (int.from_bytes(header[place : place + 4], "little") for place in (4, 12))
    if size < max(stored, 16):
        raise ValueError(f"the chunk is cut short: {size} of {stored} bytes")
    if decoded_size is not None and decoded > decoded_size:
        raise ValueError(f"the chunk says that it holds {decoded} bytes; expected {decoded_size}")


def check_chunks(store: Path) -> None:
    """Raise a ValueError that names the chunk, where one of any array of a zarr folder is cut short."""
    arrays: list[Path] = []
    for folder, _, names in os.walk(store):  # a folder comes before what is in it
        here = Path(folder)
        if is_in_blosc(here):
            arrays.append(here)
        if not any(here.is_relative_to(array) for array in arrays[-1:]):
            continue
        for name in names:
            if name.startswith(".") or name == "zarr.json":
                continue
            try:
                check_chunk(here / name)
            except ValueError as fault:
                raise ValueError(f"{(here / name).relative_to(store)}: {fault}") from fault


def is_in_blosc(folder: Path) -> bool:
    """Tell whether a folder is a zarr array whose files are chunks that Blosc wrote last."""
    for name in (".zarray", "zarr.json"):
        if (folder / name).is_file():
            said: Any = json.loads((folder / name).read_bytes())
            last = said.get("compressor") if name == ".zarray" else (said.get("codecs") or [None])[-1]
            return isinstance(last, dict) and "blosc" in (last.get("id"), last.get("name"))
    return False

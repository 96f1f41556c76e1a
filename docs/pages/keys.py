"""The page of every name that the package reads from or writes to an AnnData."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from her2plastic._keys import REGISTRY
from pages.writing import put, table

_HEAD = """# Keys of the AnnData

Every name that her2plastic reads from or writes to an AnnData, from the one table in the code that holds them
(`her2plastic._keys`), in the order in which the steps write them. What a step did, its parameters, seed and version
stand in `uns["her2plastic"][step]`.
"""


def write(path: Path) -> None:
    """Write one table for every step that writes keys, in the order of the code."""
    parts = [_HEAD]
    for writer, entries in groupby(REGISTRY, key=lambda entry: entry.written_by):
        rows = [(_named(key.slot, key.name), key.dtype, key.meaning) for key in entries]
        names = ", ".join(f"`{name}`" if "." in name else name for name in writer.split(", "))
        parts += [f"## {names}", table(("key", "dtype", "meaning"), rows)]
    put(path, "\n\n".join(parts))


def _named(slot: str, name: str) -> str:
    return f'[`{slot}["{name}"]`]{{#{slot}-{name.lower().replace("_", "-")}}}'

"""The page of the facts that the package rests on: every table of ``her2plastic.reference``, with its sources."""

from __future__ import annotations

import inspect
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from her2plastic import reference
from pages.writing import put, table

_HEAD = """# Reference tables

Gene panels, coordinates, cut-offs, criteria and published numbers are rows of tables with a source each, not code. They
are shown as they are shipped; the functions of `reference` return them.
"""
_OPEN, _CLOSE = ":::::{dropdown} {title}\n\n", "\n:::::\n"
#: More rows than a page needs; the rest is said to be there.
_ROWS = 60
#: Tables of which a name takes a part: what lists the names.
_OF_NAMES = {"if_gates": reference.if_gate_names}


def write(path: Path) -> None:
    """Write every table."""
    parts = [_HEAD]
    for name in reference.__all__:
        function: Any = getattr(reference, name)
        needed = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
        if (needed and name not in _OF_NAMES) or name.endswith("_names"):
            continue
        names = _OF_NAMES.get(name)
        facts = pd.concat([function(each) for each in names()]) if names else function()
        about = (inspect.getdoc(function) or "").split("\n\n")[0].replace("``", "`").removeprefix("Return ")
        parts += [f"## `{name}`", _head_of(name) or about[0].upper() + about[1:], _shown(facts)]
    put(path, "\n\n".join(parts))


def _head_of(name: str) -> str:
    """Return what the head of a table's file says of its columns and of what its numbers rest on."""
    tables = sorted(each.name for each in files(reference).iterdir() if each.name.endswith(".tsv"))
    own = next((each for each in tables if each.startswith(name)), None)
    if own is None:
        return ""
    lines = (files(reference) / own).read_text(encoding="utf-8").splitlines()
    return _text(" ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#")))


def _shown(facts: Any) -> str:
    frame = facts if isinstance(facts, pd.DataFrame) else _of_mapping(facts)
    if frame.index.name:
        frame = frame.reset_index()
    rows = [[_text(value) for value in row] for row in frame.head(_ROWS).itertuples(index=False)]
    rest = f"\n… and {len(frame) - _ROWS} rows more.\n" if len(frame) > _ROWS else ""
    title = f"{len(frame)} row{'s' * (len(frame) != 1)}: {', '.join(map(str, frame.columns))}"
    return _OPEN.replace("{title}", title) + table([str(name) for name in frame.columns], rows) + rest + _CLOSE


def _of_mapping(facts: dict[str, Any]) -> pd.DataFrame:
    values = [", ".join(value) if isinstance(value, tuple) else value for value in facts.values()]
    return pd.DataFrame({"name": list(facts), "is": values})


def _text(value: Any) -> str:
    """Return a value as prose; what Markdown would take for markup is written as it stands."""
    if value is None or (isinstance(value, float) and pd.isna(value)) or value is pd.NA:
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return re.sub(r"([*_<>`\[\]$~])", r"\\\1", text)

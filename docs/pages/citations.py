"""Sources named as "Surname et al. Year" in docstrings become links to the bibliography."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_BIBLIOGRAPHY = Path(__file__).parents[1] / "references.bib"
_NAMED = re.compile(r"\b(?P<who>[A-Z][a-z]+)(?:\s+et\s+al\.|\s+and\s+[A-Z][a-z]+)?\s+(?P<year>(?:19|20)\d\d)\b")
KNOWN = frozenset(re.findall(r"^@\w+\{(\w+),", _BIBLIOGRAPHY.read_text(encoding="utf-8"), re.M))


def link(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Put a link behind each source; a name that is cut by the end of a line is left as it is."""
    for place, line in enumerate(lines):
        lines[place] = _NAMED.sub(_linked, line)


def _linked(found: re.Match[str]) -> str:
    key = found["who"] + found["year"]
    return f":cite:t:`{key}`" if key in KNOWN else found[0]

"""Sources named as "Surname et al. Year" lead to the bibliography, and each page ends with the list of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pybtex.database import Entry, parse_file
from pybtex.richtext import Text

_BIBLIOGRAPHY = Path(__file__).parents[1] / "references.bib"
_NAMED = re.compile(r"\b(?P<who>[A-Z][a-z]+)(?:\s+et\s+al\.|\s+and\s+[A-Z][a-z]+)?\s+(?P<year>(?:19|20)\d\d)\b")
#: Code and headings of a page stay as they are.
_APART = re.compile(r"(^(?P<fence>`{3,}|~{3,})[\s\S]*?^(?P=fence)[ ]*$|`[^`\n]*`|^#+ .*$|\]\([^)]*\))", re.M)

ENTRIES: dict[str, Entry] = dict(parse_file(str(_BIBLIOGRAPHY)).entries.items())


def in_docstring(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Put the number of each source behind its name in a docstring."""
    lines[:] = _NAMED.sub(lambda found: _numbered(found, ":cite:p:`{}`"), "\n".join(lines)).split("\n")


def in_page(app: Any, docname: str, source: list[str]) -> None:
    """Put the number of each source behind its name in a page, and list the page's sources at its end."""
    if docname == "bibliography" or docname.startswith("generated/"):
        return
    parts = _split(source[0])
    named = dict.fromkeys(found["who"] + found["year"] for part in parts[::2] for found in _NAMED.finditer(part))
    keys = sorted(key for key in named if key in ENTRIES)
    if keys:
        parts[::2] = [_NAMED.sub(lambda found: _numbered(found, "{{cite:p}}`{}`"), part) for part in parts[::2]]
        text = "".join(parts).rstrip()
        heading = "" if "\n## Sources\n" in text else "```{rubric} Sources\n```\n\n"
        source[0] = f"{text}\n\n{heading}" + "\n".join(map(_listed, keys)) + "\n"


def _split(text: str) -> list[str]:
    """Return prose and what stays as it is in turn, prose first."""
    parts, start = [], 0
    for found in _APART.finditer(text):
        parts += [text[start : found.start()], found[0]]
        start = found.end()
    return [*parts, text[start:]]


def _numbered(found: re.Match[str], role: str) -> str:
    key = found["who"] + found["year"]
    return f"{found[0]} {role.format(key)}" if key in ENTRIES else found[0]


def _listed(key: str) -> str:
    """Return a source as an item of a list."""
    entry = ENTRIES[key]
    fields = {name: _plain(value) for name, value in entry.fields.items()}
    people = [" ".join(map(_plain, (*person.prelast_names, *person.last_names))) for person in entry.persons["author"]]
    people = [name for name in people if name != "others"] + ["et al."] * ("others" in people)
    where = fields.get("journal") or fields.get("booktitle") or fields.get("publisher", "")
    numbers = ":".join(filter(None, (fields.get("volume", ""), fields.get("pages", "").replace("--", "–"))))
    link = f" [doi](https://doi.org/{quote(fields['doi'])})" if "doi" in fields else ""
    who = ", ".join(people).replace(", et al.", " et al.")
    return f"- {who} ({fields['year']}). {fields['title'].rstrip('.')}. *{where}* {numbers}.{link}"


def _plain(text: str) -> str:
    """Return a field of BibTeX as it is read."""
    return str(Text.from_latex(text))

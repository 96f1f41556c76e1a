"""What stands at the top of the repository, as pages: how to contribute, and what has changed."""

from __future__ import annotations

import re
from pathlib import Path

from pages.writing import put

_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def write(project: Path, folder: Path) -> None:
    """Write the pages; links to pages of the documentation lead there, those to other files are named only."""
    for name, page in _PAGES.items():
        text = (project / name).read_text(encoding="utf-8")
        put(folder / page, _LINK.sub(lambda found: _led(found, project / "docs"), text))


def _led(found: re.Match[str], docs: Path) -> str:
    text, target = found[1], found[2]
    if target.startswith("docs/") and (docs.parent / target).is_file():
        return f"[{text}](../{target.removeprefix('docs/')}{found[3] or ''})"
    if target in _PAGES:
        return f"[{text}]({_PAGES[target]})"
    return text if text.startswith("`") else f"`{target}`" if text == target else text

"""The notebooks, brought into the site; the build executes them."""

from __future__ import annotations

import json
from pathlib import Path

from pages.writing import hidden_toctree, put

_HEAD = """# Notebooks

Each opens with a question, runs from top to bottom in less than two minutes, and says what to change for data of your
own. They are shown here as they came out when the site was built; the files are in `notebooks/` of the repository, and
`papermill` runs them with other parameters.

"""


def write(stored: Path, folder: Path) -> None:
    """Write the notebooks that are stored into a folder, with a page that leads to them."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted(stored.glob("*.ipynb"))}
    for path in folder.glob("*.ipynb"):
        if path.stem not in found:
            path.unlink()
    for name, text in found.items():
        put(folder / f"{name}.ipynb", text)
    cards = "".join(_card(name, *_opening(text)) for name, text in found.items())
    grid = f"::::{{grid}} 1 1 2 2\n:gutter: 3\n\n{cards}::::\n\n"
    put(folder / "index.md", _HEAD + grid + hidden_toctree(found))


def _card(name: str, title: str, question: str) -> str:
    return f":::{{grid-item-card}} {title}\n:link: {name}\n:link-type: doc\n{question}\n:::\n"


def _opening(text: str) -> tuple[str, str]:
    """Return the heading and the first paragraph of a notebook."""
    first = "".join(json.loads(text)["cells"][0]["source"])
    heading, _, rest = first.partition("\n")
    return heading.lstrip("# "), rest.strip().split("\n\n")[0]

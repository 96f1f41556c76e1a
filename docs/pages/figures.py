"""What each function of ``pl`` draws: the figure of the example in its docstring, drawn by the build."""

from __future__ import annotations

import doctest
import os
import tempfile
from pathlib import Path

import her2plastic as hp
from pages.writing import put

_HEAD = """# Figures

What each function of `pl` draws from the example in its documentation. All return matplotlib axes (`ax=` draws into
your own, `.figure.savefig("figure.svg")` saves), and each has a `prepare_` function that gives the numbers behind it.

"""
_DRAWN_BY = "drawn_by.txt"


def names() -> list[str]:
    """Return the functions that draw."""
    return [name for name in hp.pl.__all__ if f"prepare_{name}" in hp.pl.__all__]


def draw(folder: Path, *, digest: str) -> None:
    """Draw every example, unless those in the folder were drawn by the same code."""
    stamp = folder / _DRAWN_BY
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        _draw(name, folder / f"{name}.png")
    stamp.write_text(digest, encoding="utf-8")


def write(page: Path, folder: Path) -> None:
    """Write the page with every figure that was drawn."""
    cards = "".join(_card(name, folder) for name in names())
    put(page, f"{_HEAD}::::{{grid}} 1 1 2 2\n:gutter: 3\n:class-container: shown\n\n{cards}::::\n")


def picture(name: str, folder: Path) -> str:
    """Return the picture of a function for its own page; nothing where it was not drawn."""
    return f"![What the example draws](../figures/{name}.png)" if (folder / f"{name}.png").exists() else ""


def _card(name: str, folder: Path) -> str:
    shown = f"![pl.{name}](figures/{name}.png)\n" if (folder / f"{name}.png").exists() else ""
    about = " ".join((getattr(hp.pl, name).__doc__ or "").split("\n\n")[0].replace("``", "`").split())
    return f":::{{grid-item-card}} {name}\n:link: api/pl.{name}\n:link-type: doc\n{shown}{about}\n:::\n\n"


def _draw(name: str, path: Path) -> None:
    """Run the example in a folder of its own and save its axes; an example without axes is left out."""
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    found = doctest.DocTestFinder(recurse=False).find(getattr(hp.pl, name), name, globs={})
    here = Path.cwd()
    for example in found:
        with tempfile.TemporaryDirectory() as away:
            os.chdir(away)
            try:
                runner.run(example, clear_globs=False, out=lambda text: None)
            finally:
                os.chdir(here)
        if (ax := example.globs.get("ax")) is not None:
            ax.figure.savefig(path, dpi=130, bbox_inches="tight")
    pyplot.close("all")

"""A page for every public room, and one for every public thing in it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast

from pages import figures
from pages.writing import hidden_toctree, put, table

ROOMS = {
    "io": "Files in, AnnData and slides out",
    "pp": "Quality and identity of expression",
    "im": "Images of cells",
    "tl": "States and transitions",
    "pl": "Figures",
    "models": "Models on arrays",
    "datasets": "Simulated and published data",
    "reference": "Tables with their sources",
}
_HEAD = """# API

```python
import her2plastic as hp
```

Functions take what they work on first and everything else by name. Those of `pp`, `im` and `tl` read the keys of an
AnnData and add their own ([all keys](../keys.md)); those of `pl` return matplotlib axes, each with a `prepare_`
function that gives the numbers behind the figure. `models` works on plain arrays.

"""


@cache
def homes() -> dict[str, str]:
    """Return the page of every public function and class, both as ``room.name``.

    What prepares a figure, and what it returns, stands on the page of the figure; all else has a page of its own.
    """
    found = {f"{room}.{name}": f"{room}.{name}" for room in ROOMS for name in _things(room)}
    for name, thing in _things("pl").items():
        if name.startswith("prepare_"):
            made = str(inspect.signature(cast("Callable[..., object]", thing)).return_annotation)
            page = f"pl.{name.removeprefix('prepare_')}"
            found |= {f"pl.{each}": page for each in (name, made) if f"pl.{each}" in found}
    return found


def write(folder: Path, pictures: Path) -> None:
    """Write the pages, those of figures with their pictures, and take those away that are of nothing any more."""
    wanted = {folder / "index.md": _index()}
    for room, title in ROOMS.items():
        names = _things(room)
        wanted[folder / f"{room}.md"] = _room(room, title, names)
    for page in dict.fromkeys(homes().values()):
        told = [name for name, home in homes().items() if home == page]
        wanted[folder / f"{page}.md"] = _page(page, sorted(told, key=page.__ne__), pictures)
    for path in set(folder.glob("*.md")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        put(path, text)


def _things(room: str) -> dict[str, object]:
    module = importlib.import_module(f"her2plastic.{room}")
    things = {name: getattr(module, name) for name in module.__all__}
    return {name: thing for name, thing in things.items() if not isinstance(thing, ModuleType)}


def _index() -> str:
    rows = [(f"[`{room}`]({room}.md)", title, str(len(_things(room)))) for room, title in ROOMS.items()]
    return _HEAD + table(("module", "what is in it", "names"), rows) + "\n" + hidden_toctree(ROOMS)


def _room(room: str, title: str, names: dict[str, object]) -> str:
    about = inspect.getdoc(importlib.import_module(f"her2plastic.{room}")) or ""
    parts = [f"# {room}: {title[0].lower()}{title[1:]}", about]
    for heading, kept in _kinds(names).items():
        rows = [(f"[`{name}`]({homes()[f'{room}.{name}']}.md)", _first_line(names[name])) for name in kept]
        parts += [f"## {heading}", table(("name", "what it does"), rows)]
    own = [name for name in names if homes()[f"{room}.{name}"] == f"{room}.{name}"]
    parts.append(hidden_toctree(f"{name} <{room}.{name}>" for name in own))
    return "\n\n".join(parts)


def _kinds(names: dict[str, object]) -> dict[str, list[str]]:
    """Part functions, what prepares figures, and classes; what has nothing is left out."""
    classes = [name for name, thing in names.items() if inspect.isclass(thing)]
    prepared = [name for name in names if name.startswith("prepare_")]
    functions = [name for name in names if name not in classes and name not in prepared]
    kinds = {"Functions": functions, "Numbers behind the figures": prepared, "Classes": classes}
    return {heading: kept for heading, kept in kinds.items() if kept}


def _page(page: str, told: list[str], pictures: Path) -> str:
    """Return the page of a thing, with what belongs to it below."""
    room, name = page.split(".")
    parts = [f"# {name}"]
    for each in told:
        is_class = inspect.isclass(_things(room)[each.split(".")[1]])
        directive = (
            f".. autoclass:: her2plastic.{each}\n   :members:" if is_class else f".. autofunction:: her2plastic.{each}"
        )
        parts.append(f"```{{eval-rst}}\n{directive}\n```")
        if each == page and room == "pl":
            parts.append(figures.picture(name, pictures))
    return "\n\n".join(filter(None, parts)) + "\n"


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("``", "`")

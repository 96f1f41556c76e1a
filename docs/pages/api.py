"""A page for every public room, and one for every public thing in it."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType

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


def public_names() -> tuple[str, ...]:
    """Return every public function and class as ``room.name``."""
    return tuple(f"{room}.{name}" for room in ROOMS for name in _things(room))


def write(folder: Path, pictures: Path) -> None:
    """Write the pages, those of figures with their pictures, and take those away that are of nothing any more."""
    wanted = {folder / "index.md": _index()}
    for room, title in ROOMS.items():
        names = _things(room)
        wanted[folder / f"{room}.md"] = _room(room, title, names)
        for name, thing in names.items():
            wanted[folder / f"{room}.{name}.md"] = _thing(room, name, thing)
            if room == "pl":
                wanted[folder / f"{room}.{name}.md"] += figures.picture(name, pictures)
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
    return _HEAD + table(("room", "what is in it", "names"), rows) + "\n" + hidden_toctree(ROOMS)


def _room(room: str, title: str, names: dict[str, object]) -> str:
    about = inspect.getdoc(importlib.import_module(f"her2plastic.{room}")) or ""
    parts = [f"# {room}: {title[0].lower()}{title[1:]}", about]
    for heading, kept in _kinds(names).items():
        rows = [(f"[`{name}`]({room}.{name}.md)", _first_line(names[name])) for name in kept]
        parts += [f"## {heading}", table(("name", "what it does"), rows)]
    parts.append(hidden_toctree(f"{name} <{room}.{name}>" for name in names))
    return "\n\n".join(parts)


def _kinds(names: dict[str, object]) -> dict[str, list[str]]:
    """Part functions, what prepares figures, and classes; what has nothing is left out."""
    classes = [name for name, thing in names.items() if inspect.isclass(thing)]
    prepared = [name for name in names if name.startswith("prepare_")]
    functions = [name for name in names if name not in classes and name not in prepared]
    kinds = {"Functions": functions, "Numbers behind the figures": prepared, "Classes": classes}
    return {heading: kept for heading, kept in kinds.items() if kept}


def _thing(room: str, name: str, thing: object) -> str:
    kind = "autoclass" if inspect.isclass(thing) else "autofunction"
    members = "   :members:\n" if kind == "autoclass" else ""
    return f"# {name}\n\n```{{eval-rst}}\n.. {kind}:: her2plastic.{room}.{name}\n{members}```\n"


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("``", "`")

"""A page for every public room, and one for every public thing in it."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType

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


def write(folder: Path) -> None:
    """Write the pages; files that have not changed are left alone, so that a second build is quick."""
    wanted = {folder / "index.md": _index()}
    for room, title in ROOMS.items():
        module = importlib.import_module(f"her2plastic.{room}")
        names = [name for name in module.__all__ if not isinstance(getattr(module, name), ModuleType)]
        wanted[folder / f"{room}.md"] = _room(room, title, module, names)
        for name in names:
            wanted[folder / f"{room}.{name}.md"] = _thing(room, name, getattr(module, name))
    for path in set(folder.glob("*.md")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        put(path, text)


def put(path: Path, text: str) -> None:
    """Write a page unless it stands there as it is."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _index() -> str:
    rows = "\n".join(f"| [`her2plastic.{room}`]({room}.md) | {title} |" for room, title in ROOMS.items())
    toctree = "\n".join(ROOMS)
    return (
        "# API\n\n```python\nimport her2plastic as hp\n```\n\nFunctions take the AnnData first and everything else by "
        f"name.\n\n| room | what is in it |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{toctree}\n```\n"
    )


def _room(room: str, title: str, module: ModuleType, names: list[str]) -> str:
    rows = "\n".join(f"| [`{name}`]({room}.{name}.md) | {_first_line(getattr(module, name))} |" for name in names)
    toctree = "\n".join(f"{name} <{room}.{name}>" for name in names)
    return (
        f"# {room}: {title[0].lower()}{title[1:]}\n\n{inspect.getdoc(module) or ''}\n\n"
        f"| name | what it does |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{toctree}\n```\n"
    )


def _thing(room: str, name: str, thing: object) -> str:
    kind = "autoclass" if inspect.isclass(thing) else "autofunction"
    members = "   :members:\n" if kind == "autoclass" else ""
    return f"# {name}\n\n```{{eval-rst}}\n.. {kind}:: her2plastic.{room}.{name}\n{members}```\n"


def _first_line(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("|", "\\|").replace("``", "`")

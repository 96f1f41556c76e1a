"""The pages of the command line and of the configuration, from the commands and templates themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from her2plastic.cli.commands import app
from her2plastic.run.template import config_text
from pages.writing import put, table

#: An option in prose, where two hyphens would become a dash.
_OPTION = re.compile(r"(?<![`\w-])--[a-z][\w-]*(?!`)")

_COMMANDS = """# Command line

`her2plastic COMMAND --help` says the same in a terminal. Faults are told in words, with the file and the line at fault;
`--debug` shows the traceback as well.

| exit code | meaning |
|---|---|
| 0 | all went well |
| 1 | a job of a workflow lost the processes that worked on it, most often for lack of memory: it is tried again |
| 2 | bad input, or a disk that is full: nothing was published, former results are as they were |
| 3 | results are written, but a part of the input failed; the report names it |
| 130 | interrupted |
"""
_CONFIGURATION = """# Configuration

`her2plastic init` writes these files. Every key may be left out but the name of the sheet: what stands here is its
default. `her2plastic check` reports every key that is misspelled, out of range, or of the wrong kind, with its line.

## Cells

```yaml
{cells}
```

## Slides

```yaml
{slides}
```
"""


def write(folder: Path) -> None:
    """Write ``commands.md`` and ``configuration.md``."""
    put(folder / "commands.md", "\n\n".join([_COMMANDS, *_described(typer.main.get_command(app), "her2plastic")]))
    texts = {"cells": config_text().strip(), "slides": config_text(slides=True).strip()}
    put(folder / "configuration.md", _CONFIGURATION.format(**texts))


def _described(command: Any, name: str) -> list[str]:
    """Return a section for a command, or for every command of a group."""
    if hasattr(command, "commands"):
        return [part for key, below in command.commands.items() for part in _described(below, f"{name} {key}")]
    if command.hidden:
        return []
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each not in arguments and each.name != "help"]
    usage = " ".join([name, *map(_value, arguments), "[options]"])
    about = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    about = _OPTION.sub(r"`\g<0>`", about)
    rows = [(f"`{_spelled(each)}`", each.help or "") for each in (*arguments, *options)]
    return [f"## {name}", f"```sh\n{usage}\n```", about, table(("", "what it says"), rows)]


def _spelled(parameter: Any) -> str:
    """Return how a parameter is written."""
    if parameter.param_type_name == "argument":
        return _value(parameter)
    return ", ".join(parameter.opts) + ("" if parameter.is_flag else f" {_value(parameter)}")


def _value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())

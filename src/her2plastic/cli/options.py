"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

Config = Annotated[Path, typer.Argument(help="The configuration, as `her2plastic init` writes it.", metavar="CONFIG")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Force = Annotated[bool, typer.Option("--force", help="Write to a folder that holds files of someone else's.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The results folder.", metavar="DIR")]
Overwrite = Annotated[bool, typer.Option("--force", help="Write over files of these names.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes that work on the tiles of a slide.")]
#: Where results go unless another folder is named.
RESULTS: Final = Path("results")

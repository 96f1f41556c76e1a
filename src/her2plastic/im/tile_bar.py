"""A progress bar by tile, there only for a person who looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def tile_bar(what: str, *, shown: bool | None) -> Iterator[Callable[[int, int], None]]:
    """Give what :func:`her2plastic.im.tiles.map_tiles` tells its progress to.

    The bar is on standard error if ``shown``, or by default if that is a terminal.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{what}, tiles", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

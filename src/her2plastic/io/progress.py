"""A progress bar that is there only for a person who looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def steps_shown(items: Sequence[Item], *, what: str, shown: bool | None) -> Iterator[Item]:
    """Yield the items, with a bar on standard error if ``shown``, or by default if that is a terminal."""
    if not (sys.stderr.isatty() if shown is None else shown):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, console=Console(stderr=True))

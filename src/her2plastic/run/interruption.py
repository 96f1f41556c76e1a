"""Ctrl-C is held on to: a request that a library's callback swallows ends the run all the same.

Python raises KeyboardInterrupt wherever the main thread happens to be. Where that is a callback that C code made (a
finaliser, a hook of a compiler), the exception is printed and dropped, and the run would go on to its end. It is not
printed here: the run ends by it, at the next place that asks :func:`go_on`.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_asked = threading.Event()


@contextmanager
def held_on_to() -> Iterator[None]:
    """Remember every Ctrl-C within the block, beside raising KeyboardInterrupt as ever.

    Only where Python's own handler stands: a program that ignores the signal, or handles it itself, keeps its way.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    _asked.clear()
    shown_before = sys.unraisablehook

    def shown(lost: UnraisableHookArgs) -> None:
        if not (_asked.is_set() and issubclass(lost.exc_type, KeyboardInterrupt)):
            shown_before(lost)

    signal.signal(signal.SIGINT, _remember)
    sys.unraisablehook = shown
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = shown_before
        _asked.clear()


def go_on() -> None:
    """Return if nobody has asked to stop, or raise the KeyboardInterrupt that was lost."""
    if _asked.is_set():
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    _asked.set()
    signal.default_int_handler(number, frame)

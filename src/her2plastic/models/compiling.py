"""Compilation of numeric loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Compile a function by numba on first use, and keep the machine code on disk where a folder can be written."""
    try:
        return cast(Loop, njit(cache=True, nogil=True)(loop))
    except RuntimeError:  # neither beside the source nor in the user's cache folder may files be written
        return cast(Loop, njit(nogil=True)(loop))


def compiled_sums(loop: Loop) -> Loop:
    """Compile like :func:`compiled` a function whose sums may be added up in any order, several terms at once."""
    reordered = {"reassoc", "nsz", "contract", "arcp"}
    try:
        return cast(Loop, njit(cache=True, nogil=True, fastmath=reordered)(loop))
    except RuntimeError:
        return cast(Loop, njit(nogil=True, fastmath=reordered)(loop))

"""Which review a napari viewer has open, for the widgets beside it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from her2plastic.review.window.dock import ReviewDock

_DOCKS: dict[int, ReviewDock] = {}
#: Widgets are kept to the end of the process: PySide6 harms the memory where Python collects widgets with children.
_KEPT: list[ReviewDock] = []


class _News(QObject):
    #: A viewer has got a review widget, or another one of its review widgets is about to begin.
    changed = Signal()


@cache
def news() -> _News:
    """Return what tells widgets that were there before a review of it."""
    return _News()


def review_under_way(viewer: Any) -> ReviewDock | None:
    """Return the review widget of a viewer: ``.opened`` has its data and session (None before the start)."""
    return _DOCKS.get(id(viewer))


def put_under_way(viewer: Any, dock: ReviewDock) -> None:
    """Note which review widget a viewer has."""
    _DOCKS[id(viewer)] = dock
    if dock not in _KEPT:
        _KEPT.append(dock)
    news().changed.emit()


def end_others(viewer: Any, dock: ReviewDock) -> None:
    """Let the other review widgets of a viewer go of what they have open; their sessions can be gone on with."""
    for other in _KEPT:
        if other is not dock and other.viewer is viewer and other.opened is not None:
            other.end()


def take_off(viewer: Any, dock: ReviewDock) -> None:
    """Note that a viewer has this review widget no more."""
    if _DOCKS.get(id(viewer)) is dock:
        del _DOCKS[id(viewer)]

"""Which review a napari viewer has open, for the widgets beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from her2plastic.review.window.dock import ReviewDock

_DOCKS: dict[int, ReviewDock] = {}
#: Widgets are kept to the end of the process: PySide6 harms the memory where Python collects widgets with children.
_KEPT: list[ReviewDock] = []


def review_under_way(viewer: Any) -> ReviewDock | None:
    """Return the review widget of a viewer: ``.opened`` has its data and session (None before the start)."""
    return _DOCKS.get(id(viewer))


def put_under_way(viewer: Any, dock: ReviewDock) -> None:
    """Note which review widget a viewer has."""
    _DOCKS[id(viewer)] = dock
    if dock not in _KEPT:
        _KEPT.append(dock)


def end_others(viewer: Any, dock: ReviewDock) -> None:
    """Let the other review widgets of a viewer go of what they have open; their sessions can be gone on with."""
    for other in _KEPT:
        if other is not dock and other.viewer is viewer and other.opened is not None:
            other.end()


def take_off(viewer: Any, dock: ReviewDock) -> None:
    """Note that a viewer has this review widget no more."""
    if _DOCKS.get(id(viewer)) is dock:
        del _DOCKS[id(viewer)]

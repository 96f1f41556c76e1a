"""Which review a napari viewer has open, for the widgets beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from her2plastic.review.window.dock import ReviewDock

_DOCKS: dict[int, ReviewDock] = {}


def review_under_way(viewer: Any) -> ReviewDock | None:
    """Return the review widget of a viewer: ``.opened`` has its data and session (None before the start)."""
    return _DOCKS.get(id(viewer))


def put_under_way(viewer: Any, dock: ReviewDock | None) -> None:
    """Note which review widget a viewer has, or that it has none any more."""
    if dock is None:
        _DOCKS.pop(id(viewer), None)
    else:
        _DOCKS[id(viewer)] = dock

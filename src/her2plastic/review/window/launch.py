"""Starts napari with a review in it, for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from her2plastic._errors import ReviewError, from_extra
from her2plastic.review.window.wish import Wish

if TYPE_CHECKING:
    from her2plastic.review.window.dock import ReviewDock

#: Size of the window at first, pixels of the screen.
_SIZE = (1500, 940)


def review_in_napari(wish: Wish) -> ReviewDock:
    """Open napari with a review in it, and wait until its window is closed.

    Parameters
    ----------
    wish
        What is to be reviewed.

    Returns
    -------
    The widget of the review, after its window was closed.

    Raises
    ------
    MissingExtraError
        napari or Qt is not installed.
    ReviewError
        There is no screen to open a window on.
    """
    napari = from_extra("napari", extra="review")
    check_screen()
    dock = put_into(napari.Viewer(title="her2plastic review", show=False))
    dock.viewer.show()
    _fit(dock.viewer)
    dock.viewer.window.activate()
    dock.start(wish)
    napari.run()
    if dock.opened is not None:
        dock.opened.close()
    return dock


def put_into(viewer: Any) -> ReviewDock:
    """Dock the review in a viewer."""
    from her2plastic.review.window.dock import ReviewDock

    dock = ReviewDock(viewer)
    viewer.window.add_dock_widget(dock, name="Review", area="right")
    return dock


def _fit(viewer: Any) -> None:
    """Make the window large enough for a cell, and no larger than the screen."""
    room = viewer.window._qt_window.screen().availableSize()
    viewer.window.resize(min(_SIZE[0], room.width()), min(_SIZE[1], room.height()))


def check_screen() -> None:
    """Raise ReviewError where no window can be opened: Qt would end the process instead."""
    import os
    import sys

    if sys.platform.startswith("linux") and not any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY")):
        raise ReviewError(
            "there is no screen here to open napari on (neither DISPLAY nor WAYLAND_DISPLAY is set): run the review on "
            "the computer that you sit at, or connect with `ssh -X`"
        )

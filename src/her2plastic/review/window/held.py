"""Files and threads that a widget holds, let go of however the widget ends."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QWidget


class Held:
    """What has to be let go of when a widget ends.

    Qt tells a widget nothing that ends with the window around it: no event of closing comes, and its threads would read
    on. Only ``destroyed`` comes in any case.

    Parameters
    ----------
    widget
        The widget. What is held must not need it any more.
    """

    def __init__(self, widget: QWidget) -> None:
        self._ends: list[Callable[[], None]] = []
        widget.destroyed.connect(self.let_go)

    def hold(self, end: Callable[[], None]) -> None:
        """Have ``end`` called when all is let go of."""
        self._ends.append(end)

    def let_go(self, _widget: object = None) -> None:
        """End all that is held, the last first; once is enough."""
        while self._ends:
            self._ends.pop()()

"""Lays the stage over napari's canvas, and takes it off where the slide itself is to be seen."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QWidget


class Cover(QObject):
    """Keeps a widget as large as the one that it covers.

    Parameters
    ----------
    covered
        What lies below.
    widget
        What lies on top; a child of ``covered`` from now on.
    """

    def __init__(self, covered: QWidget, widget: QWidget) -> None:
        super().__init__(covered)
        self._covered, self._widget = covered, widget
        widget.setParent(covered)
        covered.installEventFilter(self)
        self._fit()

    def set_on(self, on: bool) -> None:
        """Show what lies on top, or what lies below."""
        self._widget.setVisible(on)
        # a canvas that lies below would be drawn anew with each picture on top of it
        for child in self._covered.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if child is not self._widget:
                child.setVisible(not on)
        if on:
            self._fit()
            self._widget.raise_()

    def end(self) -> None:
        """Take the cover off for good."""
        self._covered.removeEventFilter(self)
        self._widget.hide()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Follow the size of what is covered."""
        if watched is self._covered and event.type() == QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        self._widget.setGeometry(self._covered.rect())

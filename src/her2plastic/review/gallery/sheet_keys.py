"""What the keys and the keys held with the mouse do on the contact sheet."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent

from her2plastic.review.gallery.selection import How
from her2plastic.review.gallery.sheet_layout import Move
from her2plastic.review.gallery.sheet_view import SheetView

_MOVES: Final[dict[Qt.Key, Move]] = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
    Qt.Key.Key_PageUp: "page up",
    Qt.Key.Key_PageDown: "page down",
    Qt.Key.Key_Home: "start",
    Qt.Key.Key_End: "end",
}
_OTHERS: Final = (
    Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus, Qt.Key.Key_Space, Qt.Key.Key_Escape, Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
)  # fmt: skip
_SHIFT, _CTRL, _ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)


def how_of(modifiers: Qt.KeyboardModifier) -> How:
    """Return what becomes of cells that are pointed at: Ctrl toggles, Shift adds, Alt takes away."""
    if modifiers & _ALT:
        return "remove"
    if modifiers & _CTRL:
        return "toggle"
    return "add" if modifiers & _SHIFT else "replace"


def is_own(event: QKeyEvent) -> bool:
    """Return whether a key belongs to the sheet or the plot while one of them has the keys."""
    key = event.key()
    if event.modifiers() & _CTRL and key in (Qt.Key.Key_A, Qt.Key.Key_I):
        return True
    return key in _MOVES or (key in _OTHERS and not event.modifiers() & _CTRL)


def press(sheet: SheetView, event: QKeyEvent) -> bool:
    """Do what a key does to size and selection; return whether it does anything."""
    key, selection, cells = event.key(), sheet.selection, sheet.order.cells
    with_ctrl = bool(event.modifiers() & _CTRL)
    if key in _MOVES:
        if cells.size:
            _move(sheet, _MOVES[Qt.Key(key)], event.modifiers())
    elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
        sheet.step_side(-1 if key == Qt.Key.Key_Minus else 1)
    elif key == Qt.Key.Key_Space and selection.current is not None:
        selection.point_at(selection.current, how="toggle")
    elif key == Qt.Key.Key_Escape and len(selection):
        selection.clear()
    elif key == Qt.Key.Key_A and with_ctrl:
        selection.select(cells)
    elif key == Qt.Key.Key_I and with_ctrl:
        selection.invert(among=cells)
    else:
        return False
    return True


def _move(sheet: SheetView, move: Move, modifiers: Qt.KeyboardModifier) -> None:
    selection, order = sheet.selection, sheet.order
    from_slot = -1 if selection.current is None else int(order.slots[selection.current])
    if from_slot < 0 and move not in ("start", "end"):
        seen = sheet.seen_cells()
        cell = int(seen[0] if seen.size else order.cells[0])
    else:
        height = sheet.viewport().height()
        cell = int(order.cells[sheet.layout_now.moved(max(from_slot, 0), move, view_height=height)])
    if modifiers & _SHIFT:
        selection.extend_to(cell, order=order.cells, how="add" if modifiers & _CTRL else "replace")
    elif modifiers & _CTRL:
        selection.move_to(cell)
    else:
        selection.point_at(cell)
    sheet.reveal(cell)

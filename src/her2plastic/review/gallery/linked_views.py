"""The gallery: contact sheet and scatter plot side by side, with one selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QCloseEvent, QGuiApplication, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QWidget

from her2plastic._errors import Her2plasticError
from her2plastic.review.gallery.bars import PlotBar, SelectionBar, SheetBar
from her2plastic.review.gallery.contact_sheet import ContactSheet
from her2plastic.review.gallery.contents import DECIDED, OPEN, GalleryContents
from her2plastic.review.gallery.grouping import BY_DECISION, BY_DIFFERENCE, BY_NOTHING, Groups
from her2plastic.review.gallery.legend import Legend
from her2plastic.review.gallery.page_layout import arrange, turn
from her2plastic.review.gallery.plot_scene import plot_of
from her2plastic.review.gallery.scatter_plot import ScatterPlot
from her2plastic.review.gallery.selection import CellSelection
from her2plastic.review.gallery.thumbnails import Thumbnails
from her2plastic.review.window.message_line import MessageLine

if TYPE_CHECKING:
    import pandas as pd

    from her2plastic.review.pictures import ReviewData
    from her2plastic.review.session import ReviewSession

#: How long after a decision the gallery takes it in, milliseconds: never in the way of the next cell.
_LATER = 250
#: How often the number of pictures to come is told, milliseconds.
_NEWS_EVERY = 400


class Gallery(QWidget):
    """All cells as thumbnails, linked with a plot of any two of their columns.

    Parameters
    ----------
    data
        Cells and their pictures.
    session
        The review that is under way, if there is one: its decisions are shown, and what it hides is hidden.
    decisions
        Decisions to be shown where there is no session, as ``io.read_decisions`` gives.
    thumbnails
        Pictures of all cells in the order of the rows; by default an atlas of the data.
    parent
        Widget that it is in.
    """

    opened = Signal(str)
    selection_changed = Signal()

    def __init__(
        self,
        data: ReviewData,
        *,
        session: ReviewSession | None = None,
        decisions: pd.DataFrame | None = None,
        thumbnails: Thumbnails | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.contents = GalleryContents(data.adata, session=session, decisions=decisions)
        self.selection = CellSelection(len(self.contents))
        if thumbnails is None:
            from her2plastic.review.pictures import Atlas

            thumbnails = Atlas(data.pictures, self.contents.columns.cell_ids)
        self.thumbnails = thumbnails
        self.sheet, self.plot = ContactSheet(thumbnails, self.selection), ScatterPlot(self.selection)
        self.sheet_bar, self.plot_bar, self.selection_bar = SheetBar(), PlotBar(), SelectionBar()
        self.legend, self.message = Legend(), MessageLine()
        self._only: np.ndarray | None = None
        self._stale = False
        self._stop_listening = [self.selection.listen(self._selected)]
        if session is not None:
            self._stop_listening.append(session.listen(self._heard))
        self._late, self._news = QTimer(self), QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_LATER)
        self._late.timeout.connect(self._take_in)
        self._news.setInterval(_NEWS_EVERY)
        self._news.timeout.connect(self._tell)
        self.setWindowTitle("Gallery")
        sides = (self.sheet_bar, self.sheet), (self.plot_bar, self.plot, self.legend)
        self._split = arrange(self, self.message, sides, self.selection_bar)
        self._connect()
        self.reload()
        self.thumbnails.start()
        self._news.start()

    def _connect(self) -> None:
        self.sheet.words_of = self.plot.words_of = self._words_of
        self.sheet_bar.scope.chosen.connect(self._show_scope)
        self.sheet_bar.order_changed.connect(self._order_anew)
        self.sheet_bar.side_chosen.connect(self.sheet.set_side)
        self.sheet.side_changed.connect(self.sheet_bar.show_side)
        self.sheet_bar.show_side(self.sheet.side)
        self.plot_bar.axes_changed.connect(self._plot_anew)
        self.plot_bar.colour_changed.connect(self._colour)
        self.selection_bar.only_toggled.connect(self._show_only)
        self.selection_bar.inverted.connect(self._invert)
        self.selection_bar.cleared.connect(self.selection.clear)
        self.selection_bar.copied.connect(self._copy)
        self.legend.picked.connect(self._pick)
        self.plot.lassoed.connect(self._show_selected)
        self.sheet.hovered.connect(self.plot.show_hovered)
        self.plot.hovered.connect(self.sheet.show_hovered)
        for view in (self.sheet, self.plot):
            view.opened.connect(self._open)

    # --- from outside -------------------------------------------------------------------------------------------
    def show_cell(self, cell_id: str | None) -> None:
        """Ring the cell that is being reviewed, and show it."""
        cell = None if cell_id is None else self.contents.place_of(cell_id)
        self.sheet.show_reviewed(cell)
        self.plot.show_reviewed(cell)
        busy = self.sheet.hasFocus() or self.plot.hasFocus() or len(self.selection)
        if cell is not None and not busy:
            self.sheet.reveal(cell)

    def refresh(self) -> None:
        """Take in decisions soon, and once for many; while the gallery is not seen, when it is seen again."""
        self._stale = True
        if self.isVisible():
            self._late.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Take in what was decided while the gallery was not seen."""
        super().showEvent(event)
        if self._stale:
            self._late.start()

    def reload(self) -> None:
        """Look again at what may be shown: after a session was closed, or others have decided."""
        self.contents.reload()
        self.sheet_bar.offer(self.contents)
        self.plot_bar.offer(self.contents)
        self._show_scope()

    def selected_cells(self) -> tuple[str, ...]:
        """Return the names of the selected cells, in the order of the file."""
        return tuple(self.contents.columns.cell_ids[cell] for cell in self.selection.places.tolist())

    def closeEvent(self, event: QCloseEvent) -> None:
        """End what works in the background."""
        self.shut_down()
        super().closeEvent(event)

    def shut_down(self) -> None:
        """End what works in the background; once is enough."""
        self._news.stop()
        self._late.stop()
        for stop in self._stop_listening:
            stop()
        self._stop_listening = []
        self.thumbnails.close()

    # --- what is shown ------------------------------------------------------------------------------------------
    @property
    def shown(self) -> np.ndarray:
        """Which cells are on the sheet, or would be if the selected ones were not alone on it, and in the plot."""
        return self.contents.shown(self.sheet_bar.scope.name)

    @property
    def colours(self) -> Groups:
        """Groups by which the cells are coloured in the plot and marked on the sheet."""
        return self.contents.groups(self.plot_bar.colour.name)

    def _show_scope(self) -> None:
        """Show other cells."""
        self.selection.keep(np.flatnonzero(self.shown))
        self._lay_sheet(from_top=True)
        self._plot_anew()
        self._show_legend()

    def _lay_sheet(self, *, from_top: bool = False) -> None:
        bar, on_sheet = self.sheet_bar, self.shown
        if self._only is not None:
            on_sheet &= self._only
        groups = self.contents.groups(bar.group.name)
        order = self.contents.ordered(groups, shown=on_sheet, sort=bar.sort.name, falling=bar.falling.isChecked())
        headed, marked = bar.group.name != BY_NOTHING, bar.group.name == self.plot_bar.colour.name
        self.sheet.show_cells(order, groups, headed=headed, marked=marked, from_top=from_top)
        self._tell()

    def _plot_anew(self) -> None:
        bar = self.plot_bar
        if bar.x.name and bar.y.name:
            scales: Any = {"x_scale": bar.x_scale.name, "y_scale": bar.y_scale.name}
            scene = plot_of(self.contents.columns, x=bar.x.name, y=bar.y.name, drawn=self.shown, **scales)
            self.plot.show_plot(scene, self.colours)
        self._tell()

    def _colour(self) -> None:
        self.plot.show_groups(self.colours)
        self._show_legend()
        self._lay_sheet()

    def _show_legend(self) -> None:
        groups, plain = self.colours, self.plot_bar.colour.name == BY_NOTHING
        self.sheet.show_marks(None if plain else groups)
        self.legend.show_groups(groups, self.shown)
        self.legend.setVisible(not plain)

    def _show_only(self, only: bool) -> None:
        self._only = self.selection.chosen.copy() if only else None
        self._lay_sheet()
        if not only and self.selection.places.size:
            self.sheet.reveal(int(self.selection.places[0]))

    def _show_selected(self) -> None:
        """Show on the sheet what was selected in the plot."""
        if self._only is not None and len(self.selection):
            self._only = self.selection.chosen.copy()
            self._lay_sheet()
        slots = self.sheet.order.slots[self.selection.places]
        slots = slots[slots >= 0]
        if slots.size and not self.selection.chosen[self.sheet.seen_cells()].any():
            self.sheet.reveal(int(self.sheet.order.cells[slots.min()]), at_top=True)

    def _order_anew(self) -> None:
        self._lay_sheet(from_top=True)

    def _invert(self) -> None:
        self.selection.invert(among=self.sheet.order.cells)

    def _open(self, cell: int) -> None:
        self.opened.emit(self.contents.columns.cell_ids[cell])

    def _pick(self, code: int, adding: bool) -> None:
        cells = np.flatnonzero((self.colours.codes == code) & self.shown)
        self.selection.select(cells, how="add" if adding else "replace")
        self._show_selected()

    # --- what is told -------------------------------------------------------------------------------------------
    def _selected(self) -> None:
        self._tell()
        self.selection_changed.emit()

    def _tell(self) -> None:
        notes = []
        scene = self.plot.scene
        if scene is not None and scene.without_place:
            notes.append(f"{scene.without_place:,} without a place in the plot")
        waiting = int((~np.asarray(self.thumbnails.ready)).sum()) - len(self.thumbnails.missing)
        if waiting > 0:
            notes.append(f"{waiting:,} pictures to come")
        else:
            self._news.stop()
        if self.thumbnails.missing:
            notes.append(f"{len(self.thumbnails.missing):,} without a picture")
        self.selection_bar.tell(
            len(self.selection), len(self.sheet.order.cells), note="  ·  ".join(notes), names_hidden=self.contents.blind
        )

    def _words_of(self, cell: int) -> str:
        words = self.contents.words_of(cell, also=(self.plot_bar.x.name, self.plot_bar.y.name))
        reason = self.thumbnails.missing.get(cell)
        told = "" if self.contents.blind else f": {reason}"  # it names the slide
        return f"{words}\nno picture{told}" if reason else words

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None and not self.contents.blind:
            clipboard.setText("\n".join(self.selected_cells()))

    # --- what is heard ------------------------------------------------------------------------------------------
    def _heard(self, what: str, cell_id: str) -> None:
        if what == "closed":
            self._open_up()
        elif what in ("decision", "undo", "moved"):
            self.refresh()

    def _open_up(self) -> None:
        """Show what was hidden; the session is closed whether the decisions of others can be read or not."""
        try:
            self.reload()
        except (Her2plasticError, OSError) as fault:
            self.message.say(str(fault), "error")

    def _take_in(self) -> None:
        self._stale = False
        self.contents.reread()
        live = (BY_DECISION, BY_DIFFERENCE)
        if self.sheet_bar.scope.name in (DECIDED, OPEN):
            self._show_scope()
        elif self.plot_bar.colour.name in live:
            self._colour()
        elif self.sheet_bar.group.name in live:
            self._lay_sheet()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the two views side by side where there is room, else one above the other."""
        turn(self._split, self.width())
        super().resizeEvent(event)

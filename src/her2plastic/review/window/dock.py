"""The widget that napari docks: it asks for a review, shows it, and ends it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QDockWidget, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from her2plastic._errors import Her2plasticError
from her2plastic.review import looks
from her2plastic.review.window import actions
from her2plastic.review.window.actions import KeyTable
from her2plastic.review.window.cover import Cover
from her2plastic.review.window.desk import Desk
from her2plastic.review.window.held import Held
from her2plastic.review.window.keys_page import KeysPage
from her2plastic.review.window.message_line import MessageLine
from her2plastic.review.window.opening import Opened, open_review
from her2plastic.review.window.panel import ReviewPanel
from her2plastic.review.window.settings_file import read_keys, read_settings, write_settings
from her2plastic.review.window.shortcuts import Shortcuts
from her2plastic.review.window.slide_view import SlideView
from her2plastic.review.window.stage import Stage
from her2plastic.review.window.start_form import StartForm
from her2plastic.review.window.under_way import end_others, put_under_way, take_off
from her2plastic.review.window.wish import Wish

_WIDTH = 390
#: napari's docks for layers, which a review has no use for.
_LAYER_DOCKS = ("layer list", "layer controls")


class ReviewDock(QWidget):
    """Reviews cells in a napari viewer.

    Parameters
    ----------
    napari_viewer
        The viewer; napari hands it over by this name.
    """

    #: A review began, or is let go of.
    began, ended = Signal(), Signal()
    #: The cell on the stage, by its name; empty at the end of the queue.
    shown_cell = Signal(str)

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.setObjectName("review")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(looks.STYLE)
        self.setMinimumWidth(_WIDTH)
        self.viewer = napari_viewer
        self.keys = read_keys()
        self.opened: Opened | None = None
        self.desk: Desk | None = None
        self._held = Held(self)
        self.stage = Stage()
        self._window = napari_viewer.window._qt_window
        self._canvas = self._window.centralWidget()
        self._cover = Cover(self._canvas, self.stage)
        self._cover.set_on(False)
        self.message = MessageLine()
        self.form = StartForm(Wish(reviewer=str(read_settings().get("reviewer", ""))))
        self.form.started.connect(self.start)
        self.panel = ReviewPanel(self.keys)
        self.panel.ended.connect(self._ask_to_close)
        self._asked = False
        self._pages = QStackedWidget()
        self._pages.addWidget(self.form)
        self._pages.addWidget(self.panel)
        self.keys_page = KeysPage(self.keys)
        self.keys_page.changed.connect(self._set_keys)
        self.keys_page.refused.connect(self._refuse)
        self.keys_page.left.connect(self._leave_keys)
        self._pages.addWidget(self.keys_page)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(10)
        column.addWidget(self._pages, 1)
        column.addWidget(self.message)  # below, so that nothing jumps when it comes
        self.shortcuts = Shortcuts((self._canvas, self), self._act, self.keys)
        self.shortcuts.set_on(False)
        self.panel.asked.connect(self._act)
        self.panel.noted.connect(self._note)
        put_under_way(napari_viewer, self)

    # --- start and end ------------------------------------------------------------------------------------------------
    def start(self, wish: Wish) -> None:
        """Begin the review that is asked for, or say in the window why it cannot be begun."""
        self.message.be_quiet()
        self.form.fill(wish)
        try:
            opened = open_review(wish)
        except (Her2plasticError, OSError) as fault:
            self.message.say(str(fault), "error")
            return
        self.end()
        end_others(self.viewer, self)  # two would share the keys, and decide cells that nobody sees
        put_under_way(self.viewer, self)
        self.opened = opened
        self._held.hold(opened.close)
        self.desk = Desk(
            opened, stage=self.stage, cover=self._cover, panel=self.panel, message=self.message,
            slide_view=SlideView(self.viewer, opened.data.pictures), keys=self.keys,
        )  # fmt: skip
        write_settings({"reviewer": wish.reviewer})
        self.panel.show_session(
            opened.session.reviewer, opened.data.name, adjudicates=opened.session.settings.adjudicate
        )
        self.stage.set_outlines(opened.session.settings.outlines)
        self.panel.caps[actions.OUTLINE].set_on(self.stage.outlines)
        self._turn_to(self.panel)
        self._set_layer_docks(False)
        self._cover.set_on(True)
        self.shortcuts.set_on(True)
        self.desk.shows.connect(self.shown_cell)
        self.desk.wants.connect(self._open)
        shown = self.desk.begin()
        self.began.emit()
        if notices := opened.notices():
            self.message.say("\n".join(filter(None, (notices, self.message.text()))), "warning")
        elif shown and opened.session.resumed and not opened.session.finished:
            self.message.say("Gone on with where it was left.")
        self.stage.setFocus()

    def _ask_to_close(self) -> None:
        """Close the session; where cells are left, only if it is asked for twice, for it cannot be opened again."""
        session = self.opened.session if self.opened is not None else None
        if session is None or session.closed or session.finished or self._asked:
            self._asked = False
            self.close_session()
            return
        self._asked = True
        progress = session.progress
        self.message.say(
            f"{progress.total - progress.done:,} of {progress.total:,} cells are not decided, and a closed session "
            "cannot be gone on with. “Close session” once more closes it. To go on another day, close the window.",
            "warning",
        )

    def close_session(self) -> None:
        """End the session: what was hidden may be seen from now on. Once it is ended, ask for another."""
        if self.opened is None or self.desk is None:
            return
        if self.opened.session.closed:
            self.end()
            self.message.be_quiet()
            return
        if not self.desk.keep_note():
            return
        try:
            self.opened.session.close()
        except (Her2plasticError, OSError) as fault:
            self.message.say(str(fault), "error")
            return
        self.message.say("Closed: nothing is hidden any more.", "good")
        self.desk.tell()

    def end(self) -> None:
        """Let go of what is open, as at a closed window: the session can be gone on with."""
        opened, desk, self.opened, self.desk = self.opened, self.desk, None, None
        if opened is not None and desk is not None:
            desk.keep_note()
            desk.end()
            self.ended.emit()
            self._held.let_go()
        self.shortcuts.set_on(False)
        self._cover.set_on(False)
        if opened is not None:
            self._set_layer_docks(True)
        self._turn_to(self.form)
        self.form.look_for_unfinished()

    def _turn_to(self, page: QWidget) -> None:
        """Show a page; those that are not seen claim no room."""
        for other in (self.form, self.panel, self.keys_page):
            policy = QSizePolicy.Policy.Preferred if other is page else QSizePolicy.Policy.Ignored
            other.setSizePolicy(policy, policy)
        self._pages.setCurrentWidget(page)

    def _set_layer_docks(self, on: bool) -> None:
        """Show napari's lists of layers, or give their room to the cell; its Window menu has them all the time."""
        for dock in self._window.findChildren(QDockWidget):
            if dock.objectName() in _LAYER_DOCKS:
                dock.setVisible(on)

    def event(self, event: QEvent) -> bool:
        """Let go of everything when the window is closed, or napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.Close or (event.type() == QEvent.Type.ParentChange and self.parent() is None):
            self.end()
            self.shortcuts.end()
            self._cover.end()
            take_off(self.viewer, self)
        return super().event(event)

    # --- keys ---------------------------------------------------------------------------------------------------------
    def _act(self, name: str) -> None:
        self._asked = False
        if self.desk is not None:
            self.desk.act(name)
            if name not in (actions.NOTE, actions.KEYS):
                self._look_at_cell()

    def _note(self) -> None:
        if self.desk is not None and self.desk.keep_note():
            self._look_at_cell()

    def _open(self, name: str) -> None:
        """Open what is not the cell: the gallery, or the page of keys."""
        if name == actions.KEYS:
            self.shortcuts.set_on(False)
            self._turn_to(self.keys_page)
            self.keys_page.setFocus()
        elif name == actions.GALLERY:
            from her2plastic.review.gallery.dock import show_gallery

            show_gallery(self.viewer)

    def _refuse(self, words: str) -> None:
        self.message.say(words, "error")

    def _set_keys(self, keys: KeyTable) -> None:
        self.keys = keys
        self.message.be_quiet()
        self.shortcuts.set_keys(keys)
        self.panel.show_keys(keys)
        if self.desk is not None:
            self.desk.set_keys(keys)
        write_settings({"keys": keys.own()})

    def _leave_keys(self) -> None:
        self.message.be_quiet()
        self._turn_to(self.panel if self.desk is not None else self.form)
        self.shortcuts.set_on(self.desk is not None)
        self._look_at_cell()

    def _look_at_cell(self) -> None:
        """Let the keys go to where the cell is seen."""
        (self.stage if self.stage.isVisible() else self._canvas).setFocus()

    def go_to(self, cell_id: str) -> bool:
        """Show a cell of the queue; False where it is not in it, or no review is open."""
        shown = self.desk is not None and self.desk.go_to(cell_id)
        if shown:
            self._look_at_cell()
        return shown

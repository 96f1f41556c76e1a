"""The gallery beside a review in napari: of the cells that are reviewed, or of results that are opened for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from her2plastic._errors import Her2plasticError
from her2plastic.review.gallery.linked_views import Gallery
from her2plastic.review.gallery.style import STYLE
from her2plastic.review.window.held import Held
from her2plastic.review.window.message_line import MessageLine
from her2plastic.review.window.under_way import news, review_under_way

if TYPE_CHECKING:
    from her2plastic.review.pictures import ReviewData
    from her2plastic.review.session import ReviewSession

_TITLE = "Gallery"
_FILES = "Cells (*.h5ad *.csv *.tsv);;All (*)"
#: Size of its window at first.
_SIZE = (1380, 860)


class GalleryDock(QWidget):
    """The gallery in a napari viewer; it follows the review that the viewer has open.

    Parameters
    ----------
    napari_viewer
        The viewer; napari hands it over by this name.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.gallery: Gallery | None = None
        self._held = Held(self)
        self._review: Any = None
        self._heard: list[Any] = []
        self.setObjectName("review")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(STYLE)
        self.message = MessageLine()
        self._empty = self._nothing_open()
        self._page = QVBoxLayout(self)
        self._page.setContentsMargins(0, 0, 0, 0)
        self._page.setSpacing(0)
        self._page.addWidget(self.message)
        self._page.addWidget(self._empty, 1)
        self.follow()
        news().changed.connect(self._look_for_review)

    def _nothing_open(self) -> QWidget:
        page = QWidget()
        page.setProperty("role", "side")
        column = QVBoxLayout(page)
        column.addStretch()
        title, words = QLabel("No review is open"), QLabel("Begin one in the review's window, or look at results.")
        title.setProperty("role", "title")
        words.setProperty("role", "quiet")
        row = QHBoxLayout()
        folder, file = QPushButton("Results folder…"), QPushButton("File of cells…")
        folder.clicked.connect(self._ask_for_folder)
        file.clicked.connect(self._ask_for_file)
        for label in (title, words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        row.addStretch()
        for button in (folder, file):
            row.addWidget(button)
        row.addStretch()
        column.addSpacing(8)
        column.addLayout(row)
        column.addStretch()
        return page

    def _ask_for_folder(self) -> None:
        self.open(QFileDialog.getExistingDirectory(self, "Results, or the store of a slide"))

    def _ask_for_file(self) -> None:
        self.open(QFileDialog.getOpenFileName(self, "Cells", filter=_FILES)[0])

    def follow(self) -> None:
        """Show the cells of the review that the viewer has open, if it has one."""
        self._look_for_review()
        if self._reviewing:
            self._begin()

    def _look_for_review(self) -> None:
        """Listen to the review widget of the viewer, which may have come after the gallery, or in place of another."""
        review = review_under_way(self.viewer)
        if review is None or self._reviewing:
            return
        self._review = review
        if review not in self._heard:
            self._heard.append(review)
            review.began.connect(self._begin)
            review.ended.connect(self._end)
            review.shown_cell.connect(self._ring)

    @property
    def _reviewing(self) -> bool:
        """Whether the review that is listened to has a session open."""
        return self._review is not None and self._review.opened is not None

    def open(self, path: str) -> None:
        """Show results without a review, or say in the window why it cannot be done."""
        from her2plastic.review.pictures import open_review_data

        if not path:
            return
        if self._reviewing:  # beside it, nothing would be hidden
            self._begin()
            if self.gallery is not None:
                self.message.say("A review is open: its cells are shown. Leave it to look at others.", "warning")
            return
        try:
            data = open_review_data(path)
        except (Her2plasticError, OSError) as fault:
            self.message.say(str(fault), "error")
            return
        self._show(data, None)
        self._held.hold(data.pictures.close)

    def _begin(self) -> None:
        opened = self._review.opened
        if opened is not None and opened.data is not None:
            self._show(opened.data, opened.session)
            if not opened.session.finished:
                self._ring(opened.session.current[0])

    def _show(self, data: ReviewData, session: ReviewSession | None) -> None:
        self._end()
        try:
            gallery = Gallery(data, session=session)
        except (Her2plasticError, OSError) as fault:
            self.message.say(str(fault), "error")
            return
        self.message.be_quiet()
        self.gallery = gallery
        self._held.hold(gallery.thumbnails.close)
        gallery.opened.connect(self._open_cell)
        self._page.addWidget(gallery, 1)
        self._empty.hide()

    def _end(self) -> None:
        """Let go of what is shown."""
        gallery, self.gallery = self.gallery, None
        if gallery is not None:
            gallery.shut_down()
            self._page.removeWidget(gallery)
            gallery.hide()
            gallery.deleteLater()
        self._held.let_go()
        self._empty.show()

    def _ring(self, cell_id: str) -> None:
        if self.gallery is not None:
            self.gallery.show_cell(cell_id or None)

    def _open_cell(self, cell_id: str) -> None:
        """Put the review on a cell."""
        if not self._reviewing:
            self.message.say("No review is open: begin one to decide on cells.", "warning")
        elif self._review.go_to(cell_id):
            self.message.be_quiet()
            window = self.viewer.window._qt_window
            window.raise_()
            window.activateWindow()
        else:
            self.message.say("This cell is not in the queue of the review.", "warning")

    def event(self, event: QEvent) -> bool:
        """Let go of everything when the window is closed, or napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.Close or (event.type() == QEvent.Type.ParentChange and self.parent() is None):
            self._end()
        return super().event(event)


def show_gallery(viewer: Any) -> GalleryDock:
    """Open the gallery of a viewer in a window of its own, or bring it to the front where it is open."""
    window = viewer.window
    for dock in window._qt_window.findChildren(GalleryDock):
        frame = dock.parentWidget()
        if frame is not None:
            frame.show()
            frame.raise_()
        dock.follow()
        return dock
    dock = GalleryDock(viewer)
    frame = window.add_dock_widget(dock, name=_TITLE, area="bottom")
    frame.setFloating(True)
    frame.resize(*_SIZE)
    return dock

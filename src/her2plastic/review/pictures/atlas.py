"""Thumbnails of many cells on a few pages, painted in the background, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import ReviewError, check_whole, one_of
from her2plastic.review.pictures.painting import COMPOSITE, Ranges, thumbnail

if TYPE_CHECKING:
    from her2plastic.review.pictures.cell_pictures import CellPictures

#: Tiles to a side of a page.
_ACROSS = 16
_ON_PAGE = _ACROSS * _ACROSS
_SMALLEST = 8
#: Red, green, blue, and a byte that is not used: what a screen takes as it is.
_BYTES = 4
#: Cells that are painted before it is looked what is wanted now.
_BATCH = 16


class Atlas:
    """Thumbnails of cells.

    All have one side, which is made smaller where they would not fit into the memory that they may take. What is wanted
    is painted first, then all others in the order in which they lie on the slides, so that no piece of an image is
    decoded twice.

    Parameters
    ----------
    pictures
        Where the pictures come from.
    cell_ids
        Cells; a cell is called by its place among them.
    side
        Side of a thumbnail, pixels.
    size_um
        Side of what it shows, micrometres.
    ranges
        Values shown as black and as full light in each channel; those of the data set by default.
    channel
        ``"composite"``, or the channel that is shown in grey.
    most_bytes
        Memory that the pages may take.

    Attributes
    ----------
    side
        Side of a thumbnail as it is.
    pages
        uint8 arrays of shape (rows, columns, 4): red, green, blue, and 255 where something was painted. Black where
        nothing was painted yet.
    page_of, y_of, x_of
        Page and upper left corner of each thumbnail.
    ready
        Whether it is painted.
    missing
        Why a thumbnail cannot be painted, by the place of its cell.
    """

    def __init__(
        self,
        pictures: CellPictures,
        cell_ids: Sequence[str],
        *,
        side: int = 64,
        size_um: float = 24.0,
        ranges: Ranges | None = None,
        channel: str = COMPOSITE,
        most_bytes: int = 160_000_000,
    ) -> None:
        check_whole("side", side, least=_SMALLEST)
        one_of("channel", channel, (COMPOSITE, *pictures.channels))
        self._pictures, self._cell_ids = pictures, tuple(cell_ids)
        self._size_um, self._channel = float(size_um), channel
        self._ranges = dict(pictures.display_ranges() if ranges is None else ranges)
        n = len(self._cell_ids)
        rows = -(-n // _ACROSS)
        fits = int(np.sqrt(most_bytes / max(1, rows * _ACROSS * _BYTES)))
        self.side = max(_SMALLEST, min(side, fits))
        at = np.arange(n)
        self.page_of = at // _ON_PAGE
        self.y_of, self.x_of = at % _ON_PAGE // _ACROSS * self.side, at % _ACROSS * self.side
        heights = [min(_ACROSS, rows - start) for start in range(0, rows, _ACROSS)]
        # zeros take no memory before they are written to
        shape = (_ACROSS * self.side, _BYTES)
        self.pages = [np.zeros((height * self.side, *shape), dtype=np.uint8) for height in heights]
        self.ready = np.zeros(n, dtype=bool)
        self.missing: dict[int, str] = {}
        self._tried = np.zeros(n, dtype=bool)
        self._order: np.ndarray | None = None
        self._next = 0
        self._wanted = np.zeros(0, dtype=np.intp)
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._painted = 0

    def __len__(self) -> int:
        return len(self._cell_ids)

    @property
    def painted(self) -> int:
        """Number of cells that were painted or found to be missing; it never falls."""
        return self._painted

    @property
    def nbytes(self) -> int:
        """Memory of the pages once all is painted."""
        return sum(page.nbytes for page in self.pages)

    def place(self, index: int) -> tuple[int, int, int] | None:
        """Return page, row and column of a thumbnail; None while it is not painted."""
        if not self.ready[index]:
            return None
        return int(self.page_of[index]), int(self.y_of[index]), int(self.x_of[index])

    def tile(self, index: int) -> np.ndarray | None:
        """Return a thumbnail, (side, side, 4); None while it is not painted."""
        if not self.ready[index]:
            return None
        return self._tile(index)

    def start(self) -> None:
        """Begin to paint in the background."""
        with self._news:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="her2plastic-atlas", daemon=True)
                self._thread.start()

    def want(self, indices: Iterable[int] | np.ndarray) -> None:
        """Paint these next; what was wanted before waits for its turn."""
        wanted = np.asarray(indices if isinstance(indices, np.ndarray) else list(indices), dtype=np.intp)
        with self._news:
            self._wanted = wanted
            self._news.notify_all()

    def wait(self, *, timeout: float) -> bool:
        """Wait until all is painted, at most ``timeout`` seconds; tell whether it is."""
        with self._news:
            return self._news.wait_for(lambda: bool(self._tried.all()) or self._closed, timeout) and not self._closed

    def close(self) -> None:
        """End the painting; what is painted stays."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)

    def _tile(self, index: int) -> np.ndarray:
        y, x = self.y_of[index], self.x_of[index]
        return self.pages[self.page_of[index]][y : y + self.side, x : x + self.side]

    def _work(self) -> None:
        self._order = self._pictures.reading_order(self._cell_ids)
        while (batch := self._batch()) is not None:
            for index in batch:
                if self._closed:
                    return
                self._paint(int(index))

    def _batch(self) -> np.ndarray | None:
        """Return the cells that come next, as they lie on the slides; None at the end."""
        assert self._order is not None
        with self._news:
            while not self._closed:
                wanted = self._wanted[~self._tried[self._wanted]]
                if wanted.size:
                    near = self._pictures.reading_order([self._cell_ids[index] for index in wanted.tolist()])
                    return wanted[near[:_BATCH]]
                while self._next < len(self._order):
                    some = self._order[self._next : self._next + _BATCH]
                    self._next += _BATCH
                    if (left := some[~self._tried[some]]).size:
                        return left
                self._news.wait()
        return None

    def _paint(self, index: int) -> None:
        reason = ""
        try:
            picture = self._pictures.read(self._cell_ids[index], size_um=self._size_um, outlines=False)
            tile = self._tile(index)
            tile[..., :3] = thumbnail(picture, self._ranges, side=self.side, channel=self._channel)
            tile[..., 3] = 255
        except ReviewError as fault:
            reason = str(fault)
        with self._news:
            if reason:
                self.missing[index] = reason
            else:
                self.ready[index] = True
            self._tried[index] = True
            self._painted += 1
            if self._tried.all():
                self._news.notify_all()

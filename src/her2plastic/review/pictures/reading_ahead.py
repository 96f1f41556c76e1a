"""Pictures that are read before they are asked for, by a thread, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

from her2plastic._errors import ReviewError
from her2plastic.review.pictures.cell_picture import CellPicture

Wanted = tuple[str, float]


class PictureReader:
    """The pictures used or read last, up to a number of bytes.

    Parameters
    ----------
    read
        Returns the picture of a cell, of a size in micrometres, or raises ReviewError.
    most_bytes
        What may be held together; one picture is always held.
    """

    def __init__(self, read: Callable[[str, float], CellPicture], *, most_bytes: int) -> None:
        self._read = read
        self._most_bytes = most_bytes
        self._held: OrderedDict[Wanted, CellPicture] = OrderedDict()
        self._bytes = 0
        self._wanted: deque[Wanted] = deque()
        self._change = threading.Condition()
        self._under_way: Wanted | None = None
        self._ahead = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def get(self, cell_id: str, size_um: float) -> CellPicture:
        """Return a picture, at once if it was read ahead."""
        key = (cell_id, float(size_um))
        with self._change:
            while self._under_way == key and key not in self._held:
                self._change.wait()
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        picture = self._read(*key)
        self._hold(key, picture)
        return picture

    def want(self, wanted: Iterable[Wanted]) -> None:
        """Read these in the background, in this order; what was wanted before and is not read yet is given up."""
        with self._change:
            if self._closed:
                return
            keys = [(name, float(size)) for name, size in wanted]
            # the first are to stay longest
            for key in reversed(keys):
                if key in self._held:
                    self._held.move_to_end(key)
            self._ahead = 0
            self._wanted = deque(key for key in keys if key not in self._held)
            if self._wanted and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="her2plastic-pictures", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def holds(self, cell_id: str, size_um: float) -> bool:
        """Tell whether a picture has been read."""
        with self._change:
            return (cell_id, float(size_um)) in self._held

    @property
    def nbytes(self) -> int:
        """Memory that the pictures take."""
        with self._change:
            return self._bytes

    def close(self) -> None:
        """End the thread and let go of all pictures."""
        with self._change:
            self._closed = True
            self._wanted.clear()
            self._held.clear()
            self._bytes = 0
            self._change.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _hold(self, key: Wanted, picture: CellPicture) -> None:
        with self._change:
            if self._closed or key in self._held:
                return
            self._held[key] = picture
            self._bytes += picture.nbytes
            while self._bytes > self._most_bytes and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes

    def _work(self) -> None:
        while (key := self._next()) is not None:
            picture = None
            try:
                picture = self._read(*key)
                self._hold(key, picture)
            except ReviewError:
                pass  # told when it is asked for
            finally:
                with self._change:
                    self._under_way = None
                    self._ahead += 0 if picture is None else picture.nbytes
                    if self._ahead > self._most_bytes // 2:
                        self._wanted.clear()  # more would push out what is looked at first
                    self._change.notify_all()

    def _next(self) -> Wanted | None:
        """Return what is to be read next, once there is anything; None at the end."""
        with self._change:
            while not self._closed:
                while self._wanted:
                    key = self._wanted.popleft()
                    if key not in self._held:
                        self._under_way = key
                        return key
                self._change.wait()
        return None

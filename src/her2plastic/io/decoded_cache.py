"""A small memory of what was decoded last, so that neighbouring windows do not decode the same piece again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

import numpy as np

_MOST_BYTES = 64_000_000


class DecodedCache:
    """The arrays used last, up to a number of bytes; of larger ones only the last.

    Parameters
    ----------
    most_bytes
        What may be held together.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._held: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what is held under a key, or decode and hold it. The array is shared: it must not be written to."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        array = decode()
        with self._lock:
            self._held[key] = array
            total = sum(held.nbytes for held in self._held.values())
            while total > self.most_bytes and len(self._held) > 1:
                total -= self._held.popitem(last=False)[1].nbytes
        return array


#: One for the process: its bound is a bound for all slides together.
DECODED = DecodedCache()

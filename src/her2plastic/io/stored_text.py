"""Text of cells in files, piece by piece: whole columns of it take several times their memory on the way.

What stands there more than once, such as the names of the cells in every table, is in memory once.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic.io.slide_store import written_for_all

#: Texts that are read or written at once.
PIECE: Final = 2**17
_TEXT: Final = "string-array"


class TextReader:
    """Reads tables of cells with AnnData, their text by itself."""

    def __init__(self) -> None:
        self._columns: list[np.ndarray] = []
        self._texts: dict[str, str] = {}

    def read(self, element: Any) -> Any:
        """Return a table, or several, of an open h5ad or zarr file, with the types that AnnData gives them."""
        from anndata.experimental import read_dispatched

        return read_dispatched(element, self._read_one)

    def _read_one(self, function: Any, name: str, element: Any, *, iospec: Any) -> Any:
        if iospec.encoding_type != _TEXT or len(element.shape) != 1 or not element.shape[0]:
            return function(element)
        column = np.empty(element.shape[0], dtype=object)
        chunk = element.chunks[0] if element.chunks else 1
        step = chunk * max(1, PIECE // chunk)  # whole chunks, each of which is decoded once
        texts = element.asstr() if hasattr(element, "asstr") else element
        for start in range(0, len(column), step):
            column[start : start + step] = self._known(np.asarray(texts[start : start + step], dtype=object), start)
        self._columns.append(column)
        return column

    def _known(self, piece: np.ndarray, start: int) -> np.ndarray:
        """Return the same texts, those that were read before as they are in memory already."""
        for column in self._columns:
            there = column[start : start + len(piece)]
            if np.array_equal(there, piece):
                return there
        codes, texts = pd.factorize(piece)
        if len(texts) <= len(piece) / 2:
            self._texts |= {text: text for text in texts if text not in self._texts}
        return np.array([self._texts.get(text, text) for text in texts], dtype=object)[codes]


def write_table(root: Any, name: str, table: pd.DataFrame) -> None:
    """Write a table into an open zarr folder as AnnData does, long columns of text in chunks."""
    from anndata.experimental import write_dispatched

    with written_for_all():
        write_dispatched(root, name, table, _write_one)


def _write_one(function: Any, group: Any, key: str, element: Any, dataset_kwargs: Any, *, iospec: Any) -> None:
    if iospec.encoding_type != _TEXT or not isinstance(element, np.ndarray) or len(element) <= PIECE:
        function(group, key, element, dataset_kwargs=dataset_kwargs)
        return
    function(group, key, element[:0], dataset_kwargs={**dataset_kwargs, "chunks": (PIECE,)})
    array = group[key]
    array.resize(element.shape)
    for start in range(0, len(element), PIECE):
        array[start : start + PIECE] = element[start : start + PIECE]

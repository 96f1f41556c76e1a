"""What is known of each cell and may be looked at: columns of numbers and of words, without what blinding hides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from her2plastic import _keys
from her2plastic._errors import ReviewError

if TYPE_CHECKING:
    from anndata import AnnData

#: Columns of words with more different words than this are names, not groups.
MOST_WORDS: Final = 40
#: What a cell without a word is called.
NO_WORD: Final = "none"

Source = Literal["feature", "obs", "obsm"]


@dataclass(frozen=True)
class Column:
    """One column that can be put on an axis, or that sorts or groups the cells.

    Attributes
    ----------
    name
        What the menus call it.
    source
        Where it stands.
    key
        Its name there; for ``obsm`` the name of the table.
    part
        Place of the column in a table of ``obsm``.
    words
        Whether it holds words; else numbers.
    unit
        Of the numbers, where it is known.
    """

    name: str
    source: Source
    key: str
    part: int = 0
    words: bool = False
    unit: str = ""


class CellColumns:
    """Columns of an AnnData for the gallery.

    Parameters
    ----------
    adata
        One row a cell.
    hidden
        Names of columns of ``obs`` and tables of ``obsm`` that may not be shown.
    """

    def __init__(self, adata: AnnData, *, hidden: Collection[str] = ()) -> None:
        self._adata = adata
        self.hidden = frozenset(hidden)
        self.cell_ids: tuple[str, ...] = tuple(map(str, _names(adata)))
        self._columns = {column.name: column for column in _find_columns(adata, self.hidden)}

    def __len__(self) -> int:
        return len(self.cell_ids)

    @property
    def of_numbers(self) -> tuple[str, ...]:
        """Names of the columns of numbers."""
        return tuple(name for name, column in self._columns.items() if not column.words)

    @property
    def of_words(self) -> tuple[str, ...]:
        """Names of the columns of words, of which a group can be made."""
        return tuple(name for name, column in self._columns.items() if column.words)

    def column(self, name: str) -> Column:
        """Return a column by its name, or raise ReviewError."""
        if name not in self._columns:
            why = "it is hidden in a blinded review" if name in self.hidden else "there is no such column"
            raise ReviewError(
                f"column {name!r}: {why}. Choose one of the {len(self._columns)} columns that are listed."
            )
        return self._columns[name]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column of numbers as floats, NaN where there is none."""
        column = self.column(name)
        if column.words:
            raise ReviewError(f"column {name!r} holds words, not numbers")
        values: Any
        if column.source == "obs":
            values = self._adata.obs[column.key]
        elif column.source == "obsm":
            table = self._adata.obsm[column.key]
            values = table.iloc[:, column.part] if hasattr(table, "iloc") else np.asarray(table)[:, column.part]
        else:
            values = self._adata[:, column.key].X
            values = values.toarray() if hasattr(values, "toarray") else values
        return _as_floats(values)

    def words(self, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the code of each cell's word, and the words in their order; cells without one come last."""
        column = self.column(name)
        if not column.words:
            raise ReviewError(f"column {name!r} holds numbers, not words")
        return _coded(self._adata.obs[column.key])

    def text(self, name: str, place: int) -> str:
        """Return the value of one cell as it is written for a person."""
        if self.column(name).words:
            codes, words = self.words(name)
            return words[codes[place]]
        value = float(self.numbers(name)[place])
        return f"{value:,.4g}" if np.isfinite(value) else "no value"


def _names(adata: AnnData) -> Sequence[str]:
    return list(adata.obs[_keys.CELL_ID]) if _keys.CELL_ID in adata.obs else list(adata.obs_names)


def _find_columns(adata: AnnData, hidden: Collection[str]) -> list[Column]:
    """Return all columns: intensity and other columns of obs, then tables of obsm, then features or genes."""
    import pandas as pd

    columns: list[Column] = []
    taken: set[str] = set()

    def add(column: Column) -> None:
        if column.name not in taken:
            taken.add(column.name)
            columns.append(column)

    for key in map(str, adata.obs.columns):
        if key in hidden or key == _keys.CELL_ID:
            continue
        kind = _kind(adata.obs[key])
        if kind:
            add(Column(key, "obs", key, words=kind == "words"))
    for key in map(str, adata.obsm):
        if key not in hidden:
            for part, name in enumerate(_parts(adata.obsm[key], key)):
                add(Column(name, "obsm", key, part))
    units = adata.var[_keys.FEATURE_UNIT] if _keys.FEATURE_UNIT in adata.var else pd.Series("", index=adata.var_names)
    for name, unit in zip(map(str, adata.var_names), units.astype(str), strict=True):
        if name not in hidden:
            add(Column(name, "feature", name, unit="" if unit in ("1", "nan") else unit))
    return columns


def _parts(table: Any, key: str) -> list[str]:
    """Return the names of the columns of a table of numbers in obsm."""
    if hasattr(table, "columns"):
        return [f"{key}: {name}" for name in table.columns]
    if getattr(table, "ndim", 0) != 2 or not np.issubdtype(table.dtype, np.number):
        return []
    if key == _keys.SPATIAL and table.shape[1] >= 2:
        return [f"{key}: x", f"{key}: y", *(f"{key}: {n + 1}" for n in range(2, table.shape[1]))]
    return [f"{key}: {n + 1}" for n in range(table.shape[1])]


def _kind(column: Any) -> str:
    """Return ``numbers``, ``words``, or nothing for what can be neither an axis nor a group."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return "words"
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        return "numbers"
    if isinstance(column.dtype, pd.CategoricalDtype):
        words = column.cat.categories[column.cat.codes.unique()[column.cat.codes.unique() >= 0]]
    elif pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        words = pd.unique(column.dropna())
    else:
        return ""
    return "words" if 1 <= len(words) <= MOST_WORDS else ""


def _coded(column: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        ordered = [str(word) for word in column.cat.categories]
    else:
        ordered = sorted({str(word) for word in column.dropna()})
    text = column.astype(object).where(column.notna(), NO_WORD).astype(str).replace({"": NO_WORD, "nan": NO_WORD})
    found = set(text)
    words = [word for word in dict.fromkeys(ordered) if word in found and word != NO_WORD]
    words += [NO_WORD] * (NO_WORD in found)
    place = {word: code for code, word in enumerate(words)}
    return text.map(place).to_numpy(dtype=np.int64), tuple(words)


def _as_floats(values: Any) -> np.ndarray:
    import pandas as pd

    if isinstance(values, pd.Series):
        return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(values, dtype=float).reshape(-1)

"""Conditions on columns of obs, as a person types them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from her2plastic._access import obs_column
from her2plastic._errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_FORM: Final = re.compile(r"\s*(?P<column>[^=!]+?)\s*(?P<sign>!?=)\s*(?P<wanted>.*?)\s*", re.DOTALL)
_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE: Final = re.compile(rf"({_NUMBER})?\s*\.\.\s*({_NUMBER})?")
_TRUTH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN_VALUES: Final = 8


@dataclass(frozen=True)
class Filter:
    """One condition on a column.

    Attributes
    ----------
    column
        The column of ``obs``.
    negated
        Keep the cells on which the condition does not hold.
    wanted
        Values, one of which has to stand there; an empty one is a missing value.
    low, high
        Bounds of a number, both included, where ``wanted`` is empty.
    """

    column: str
    negated: bool
    wanted: tuple[str, ...] = ()
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def of(cls, text: object) -> Self:
        """Return the condition that a text says, or raise ParameterError."""
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise ParameterError(
                f"filter {text!r}: expected a column of obs and what it holds, such as 'her2_if_call=HER2-low', "
                "'slide_id!=s1|s2', 'ctc_probability=0.2..0.9' or 'is_ctc=True'"
            )
        negated = found["sign"] == "!="
        if (bounds := _RANGE.fullmatch(found["wanted"])) and found["wanted"] != "..":
            low, high = bounds.groups()
            return cls(found["column"], negated, (), float(low or -np.inf), float(high or np.inf))
        return cls(found["column"], negated, tuple(value.strip() for value in found["wanted"].split("|")))

    def holds(self, adata: AnnData) -> np.ndarray:
        """Return on which cells the condition holds; a missing value is in no range and equals no name."""
        import pandas as pd

        column = obs_column(adata, self.column, remedy="Filters go by columns of obs.")
        missing = column.isna().to_numpy(dtype=bool)
        if not self.wanted:
            found = self._in_range(column, missing)
        elif pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
            found = self._is_number(column, missing)
        else:
            names = column.astype(str).to_numpy(dtype=object)
            self._check_known(set(names[~missing]))
            found = np.isin(names.astype(str), self.wanted) & ~missing
        if "" in self.wanted:
            found |= missing
        return ~found if self.negated else found

    def _in_range(self, column: pd.Series, missing: np.ndarray) -> np.ndarray:
        import pandas as pd

        if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            raise ParameterError(f"filter on {self.column!r}: a range, but the column holds no numbers")
        values = column.to_numpy(dtype=float, na_value=np.nan)
        with np.errstate(invalid="ignore"):
            return (values >= self.low) & (values <= self.high) & ~missing

    def _is_number(self, column: pd.Series, missing: np.ndarray) -> np.ndarray:
        import pandas as pd

        truth = pd.api.types.is_bool_dtype(column.dtype)
        values = column.to_numpy(dtype=float, na_value=np.nan)
        wanted = []
        for text in self.wanted:
            if text == "":
                continue
            number = _TRUTH.get(text.lower()) if truth else (float(text) if re.fullmatch(_NUMBER, text) else None)
            if number is None:
                kind = "True or False" if truth else "a number, or a range such as 0.2..0.9"
                raise ParameterError(f"filter on {self.column!r}: {text!r} is not {kind}")
            wanted.append(float(number))
        return np.isin(values, wanted) & ~missing

    def _check_known(self, names: set[str]) -> None:
        unknown = [value for value in self.wanted if value and value not in names]
        if unknown:
            known = sorted(names)
            shown = ", ".join(map(repr, known[:_SHOWN_VALUES])) + (", ..." if len(known) > _SHOWN_VALUES else "")
            raise ParameterError(f"filter on {self.column!r}: {unknown[0]!r} is not among its values: {shown}")


def matching_cells(adata: AnnData, filters: tuple[str, ...]) -> np.ndarray:
    """Return on which cells all conditions hold."""
    found = np.ones(adata.n_obs, dtype=bool)
    for text in filters:
        found &= Filter.of(text).holds(adata)
    return found

"""When patients were treated: from a column of the cells, or from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic._access import obs_column
from her2plastic._errors import MissingKeyError, ParameterError, as_numbers
from her2plastic.models.draws.rows import TreatmentPeriod

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

#: Columns of a table of treatments.
COLUMNS = ("donor", "start_day", "end_day", "treatment")
#: What stands for no treatment.
_NONE = ("", "none", "nan", "untreated")


def periods_between_draws(
    adata: AnnData,
    used: np.ndarray,
    donor: np.ndarray,
    day: np.ndarray,
    names: tuple[str, ...],
    treatment_key: str | None,
) -> list[TreatmentPeriod]:
    """Return the treatments of the intervals that end at each draw, from a column of the cells.

    Parameters
    ----------
    adata, used
        The cells, and which of them count.
    donor, day
        Shape ``(used cells,)``.
    names
        Names of the donors.
    treatment_key
        The column; None for the default one, if it is there.

    Returns
    -------
    A period for each interval under a treatment.

    Raises
    ------
    MissingKeyError
        No such column.
    ParameterError
        Cells of one draw with several treatments.
    """
    if treatment_key is None and _keys.TREATMENT not in adata.obs:
        return []
    key = treatment_key or _keys.TREATMENT
    column = obs_column(adata, key)
    given = np.where(column.isna(), "", column.astype(object))[used].astype(str)
    found = []
    for d in np.unique(donor):
        days = np.unique(day[donor == d])
        for before, after in zip(days, days[1:], strict=False):
            told = sorted(set(given[(donor == d) & (day == after)]))
            if len(told) > 1:
                raise ParameterError(
                    f"`obs[{key!r}]`: cells of donor {names[d]!r}, day {after:g} have the treatments "
                    f"{', '.join(map(repr, told))}; expected one per draw"
                )
            if told[0].strip().lower() not in _NONE:
                found.append(TreatmentPeriod(names[d], float(before), float(after), told[0]))
    return found


def periods_of_table(table: pd.DataFrame) -> list[TreatmentPeriod]:
    """Return the rows of a table of treatments; an end that is missing is never."""
    if not hasattr(table, "columns"):
        raise ParameterError(
            f"treatments: expected a table with the columns {', '.join(COLUMNS)}, has {type(table).__name__}"
        )
    for column in COLUMNS:
        if column not in table:
            raise MissingKeyError("treatments", column, table.columns, "A row is a treatment of a donor.")
    start, end = (
        as_numbers(f"treatments[{name!r}]", table[name].astype(object).where(table[name].notna(), np.nan))
        for name in ("start_day", "end_day")
    )
    return [
        TreatmentPeriod(str(donor), float(first), float("inf") if np.isnan(last) else float(last), str(what))
        for donor, first, last, what in zip(table["donor"], start, end, table["treatment"], strict=True)
    ]

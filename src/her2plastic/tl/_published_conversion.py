"""Published changes of the HER2 state of tissue, read anew: what is left after reader error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import reference
from her2plastic._errors import ParameterError, check_probability
from her2plastic.models.misclassification.bounds import StatedShare, error_alone_bounds
from her2plastic.models.misclassification.reader_error import ERROR_OF_HIGHEST, reader_matrix

if TYPE_CHECKING:
    import pandas as pd


def published_conversion(
    *,
    accuracies: Sequence[float] = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
    error_of_highest: float = ERROR_OF_HIGHEST,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return what error alone gives of every published change, at several accuracies of the readers.

    Few publications give the whole table. The composition of the true states is taken to be any that agrees with the
    published shares of single readings; so there are bounds instead of numbers.

    Parameters
    ----------
    accuracies
        Accuracies of both readers.
    error_of_highest
        Error of the highest state as a share of that of the others.
    level
        Probability of the intervals.

    Returns
    -------
    A row per published change and accuracy: ``study, among, first, second, share, n`` as published, ``accuracy``,
    ``lowest`` and ``highest`` (what error alone is expected to give), ``lower`` and ``upper`` (where it lies in as many
    patients), ``left_lower`` and ``left_upper`` (what is left), ``verdict``.

    Raises
    ------
    ParameterError
        An accuracy or the level is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> found = hp.tl.published_conversion(accuracies=(0.8, 0.9))
    >>> columns = ["first", "second", "share", "accuracy", "verdict"]
    >>> print(found[columns].head(3).round(2).to_string())
      first   second  share  accuracy                      verdict
    0   any  differs   0.38       0.8  more than error alone gives
    1   any  differs   0.38       0.9  more than error alone gives
    2     0      low   0.15       0.8      error alone can give it
    """
    import pandas as pd

    check_probability("level", level)
    for accuracy in accuracies:
        check_probability("accuracies", accuracy, above=0.5)
    table = reference.published_conversion()
    rows: list[dict[str, Any]] = []
    for _, published in table[table["quantity"] == "share"].groupby("study", sort=False):
        states = tuple(str(published["states"].iloc[0]).split(","))
        stated = [_stated(row, states) for _, row in published.iterrows()]
        for (_, row), asked in zip(published.iterrows(), stated, strict=True):
            if asked.is_margin:
                continue
            for accuracy in accuracies:
                matrix = reader_matrix(accuracy, n_states=len(states), error_of_highest=error_of_highest)
                found = error_alone_bounds(stated, asked, matrix, level=level)
                told = {name: row[name] for name in ("study", "among", "first", "second", "share", "n")}
                rows.append({**told, "accuracy": accuracy, **vars(found)})
    return pd.DataFrame(rows)


def _stated(row: Any, states: tuple[str, ...]) -> StatedShare:
    """Return what a row of the table says, as pairs of states."""
    k = len(states)
    whole = np.repeat(_places(row["among"], states)[:, None], k, axis=1)
    part = whole & _places(row["first"], states)[:, None]
    part = part & (~np.eye(k, dtype=bool) if row["second"] == "differs" else _places(row["second"], states)[None, :])
    return StatedShare(part, whole, float(row["share"]), float(row["n"]))


def _places(words: str, states: tuple[str, ...]) -> np.ndarray:
    if words == "any":
        return np.ones(len(states), dtype=bool)
    named = set(words.split("+"))
    if not named <= set(states):
        raise ParameterError(f"published_conversion: {words!r} is not among the states {', '.join(states)}")
    return np.array([state in named for state in states])

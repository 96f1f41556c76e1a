"""The cells of blood draws: whose, of which day, and what is known of the state of each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import check_plain_numbers, control_cells, donor_codes, obs_column, true_or_false
from her2plastic._errors import DataWarning, ParameterError, as_numbers, one_of
from her2plastic.models.misclassification.reader_error import error_matrix
from her2plastic.tl.state_likelihoods import StateLikelihoods, of_calls, of_posterior, of_table

if TYPE_CHECKING:
    from anndata import AnnData

#: HER2-positive against the rest, whose two states ERBB2 counts barely tell apart.
POSITIVE_AGAINST_REST: Final = (("HER2-0", "HER2-low"), ("HER2-positive",))
#: Times of which so many are no whole numbers, over no longer than this, look like years.
_BROKEN_TIMES, _LONGEST_YEARS = 0.5, 30.0


@dataclass(frozen=True)
class DrawnCells:
    """The cells of draws: donor and day of each, its likelihoods, and how many were left out."""

    donor: np.ndarray
    day: np.ndarray
    names: tuple[str, ...]
    likelihoods: StateLikelihoods
    left_out: int


def merged_groups(merge: Sequence[Sequence[str]] | str | None) -> tuple[tuple[str, ...], ...] | None:
    """Return the groups of states that count as one, each state once; None where none are merged."""
    if merge is None:
        return None
    if isinstance(merge, str):
        one_of("merge", merge, ("positive",))
        return POSITIVE_AGAINST_REST
    groups = tuple((group,) if isinstance(group, str) else tuple(group) for group in merge)
    if sorted(state for group in groups for state in group) != sorted(_keys.STATES) or len(groups) < 2:
        raise ParameterError(f"merge={merge!r}: expected two or three groups that hold each of {_keys.STATES} once")
    return groups


def cells_with_evidence(
    adata: AnnData, donor_key: str, day_key: str, table_key: str, state_key: str | None
) -> np.ndarray:
    """Return which cells are patients' CTCs with a donor, a day and evidence of their state."""
    used = ~control_cells(adata)
    if _keys.IS_CTC in adata.obs:
        used &= true_or_false(adata, _keys.IS_CTC)
    remedy = "Draws need the donor and the day of each cell: give them in the sample sheet, or name the columns."
    used &= obs_column(adata, donor_key, remedy=remedy).notna().to_numpy()
    used &= np.isfinite(days_of(adata, day_key, remedy))
    if state_key is not None:
        return used & obs_column(adata, state_key).notna().to_numpy()
    if table_key in adata.obsm:
        used &= np.isfinite(as_numbers(f"`obsm[{table_key!r}]`", adata.obsm[table_key])).all(axis=1)
        if table_key == _keys.HER2_POSTERIOR and _keys.ERBB2_CPM in adata.obs:
            used &= adata.obs[_keys.ERBB2_CPM].notna().to_numpy()  # a cell without counts has no evidence
    return used


def days_of(adata: AnnData, day_key: str, remedy: str) -> np.ndarray:
    """Return the day of each cell's draw, missing where there is none; what is no number is refused."""
    import pandas as pd

    column = obs_column(adata, day_key, remedy=remedy)
    check_plain_numbers(column, day_key)
    days = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    faulty = (np.isnan(days) & column.notna().to_numpy()) | np.isinf(days)
    if faulty.any():
        cell = int(np.flatnonzero(faulty)[0])
        raise ParameterError(
            f"`obs[{day_key!r}]` must hold days as numbers; cell {adata.obs_names[cell]!r} has {column.iloc[cell]!r}"
        )
    return days


def drawn_cells(
    adata: AnnData,
    used: np.ndarray,
    *,
    donor_key: str,
    day_key: str,
    posterior_key: str,
    prior: str | None,
    likelihood_key: str | None,
    state_key: str | None,
    misclassification: np.ndarray | None,
    groups: tuple[tuple[str, ...], ...] | None,
) -> DrawnCells:
    """Return donor, day and likelihoods of the used cells."""
    codes, names = donor_codes(adata, donor_key)
    donor, day = codes[used], days_of(adata, day_key, "")[used]
    _tell_no_days(day, day_key)
    if likelihood_key is not None and state_key is not None:
        raise ParameterError("likelihood_key and state_key: expected one of the two at most")
    if misclassification is not None and state_key is None:
        raise ParameterError("misclassification is of called states: name their column with state_key")
    if state_key is not None:
        error = error_matrix("misclassification", misclassification, len(_keys.STATES))
        found = of_calls(adata, used, state_key=state_key, error=error)
    elif likelihood_key is not None:
        found = of_table(adata, used, likelihood_key)
    else:
        found = of_posterior(adata, used, donor, key=posterior_key, prior=prior)
    if groups is not None:
        found = found.merged(groups, donor)
    return DrawnCells(donor, day, names, found, int((~used).sum()))


def _tell_no_days(day: np.ndarray, day_key: str) -> None:
    """Warn of times that look like years or months: blood is drawn on whole days."""
    times = np.unique(day)
    broken = (times % 1 != 0).mean() if times.size else 0.0
    if broken < _BROKEN_TIMES or np.ptp(times) > _LONGEST_YEARS:
        return
    warnings.warn(
        f"`obs[{day_key!r}]` holds {int(round(broken * times.size))} fractions among {times.size} times, the last "
        f"{times[-1]:g}: are these years or months? They are taken as days, and rates are per day; multiply years by "
        "365.25.",
        DataWarning,
        stacklevel=2,
    )

"""What ``tl.switching`` and its like recorded, read back for the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import MissingKeyError
from her2plastic.models import TransitionRates

if TYPE_CHECKING:
    from anndata import AnnData

#: The name of a step's record starts with this; its design follows.
SWITCHING: Final = "switching_"
#: Columns of the record ``fitted``: shares observed and fitted, per group, day and state.
FITTED: Final = (
    "group", "day", "state", "observed", "lower", "upper", "fitted", "fitted_lower", "fitted_upper", "n",
)  # fmt: skip
#: Columns of the record ``treatments``.
TREATMENTS: Final = ("group", "start_day", "end_day", "treatment")
#: Columns of the record ``fitted`` that hold text.
_WORDS: Final = ("group", "state", "model", "treatment")


def recorded(adata: AnnData, step: str, *, remedy: str) -> Mapping[str, Any]:
    """Return the record of a step, or raise an error that lists the steps there are."""
    record = step_record(adata, step)
    if not record:
        raise MissingKeyError("uns['her2plastic']", step, adata.uns.get(_keys.ROOT, {}), remedy)
    return record


def switching_record(adata: AnnData, design: str) -> Mapping[str, Any]:
    """Return the record of ``tl.switching`` for one design."""
    there = [str(key).removeprefix(SWITCHING) for key in adata.uns.get(_keys.ROOT, {}) if key.startswith(SWITCHING)]
    remedy = f"Run her2plastic.tl.switching(adata, design={design!r}) first."
    if there:
        remedy = f"Recorded here: design={' or '.join(map(repr, sorted(there)))}. Or: {remedy}"
    return recorded(adata, SWITCHING + design, remedy=remedy)


def rates_of(source: AnnData | TransitionRates, design: str) -> TransitionRates:
    """Return the rates themselves, or those that were recorded for a design."""
    if isinstance(source, TransitionRates):
        return source
    return TransitionRates.from_record(switching_record(source, design))


def table_from(record: Mapping[str, Any], name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return one of the tables of a record as a frame with at least these columns; without rows where it has none."""
    columns_there = record.get(name, {})
    frame = pd.DataFrame({str(key): np.asarray(values).ravel() for key, values in columns_there.items()})
    for column in columns:
        if column not in frame:
            frame[column] = pd.Series("" if column in _WORDS else np.nan, index=frame.index)
    for column in frame.columns:
        frame[column] = frame[column].astype(str) if column in _WORDS else frame[column].astype(float)
    return frame

"""The obs table of a cohort: what the files say of their cells, in types that h5ad and zarr hold.

Files of earlier runs hold results under the names that later steps read. These do not come along, and neither does a
``label``: only the sample sheet says which cells are controls.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from her2plastic import _keys
from her2plastic._errors import DataWarning, InputFileError

if TYPE_CHECKING:
    from anndata import AnnData

#: Names that only the sample sheet or a step of the package may fill.
NOT_FROM_FILES = frozenset(
    {
        _keys.LABEL,
        *(
            key.name
            for key in _keys.REGISTRY
            if key.slot == "obs" and not key.written_by.startswith(("io.read_samples", "datasets"))
        ),
    }
)
_SHOWN = 5


@dataclass(frozen=True)
class SampleCells:
    """The obs table of one sample, with the names of its cells in the cohort, and columns of its file left out."""

    table: pd.DataFrame
    left_out: tuple[str, ...]


def sample_cells(sample: str, part: AnnData) -> SampleCells:
    """Return the cells of one sample, each under ``sample_id:barcode``."""
    obs: Any = part.obs
    left_out = [name for name in obs if name in NOT_FROM_FILES]
    frame = obs.drop(columns=left_out)
    names = np.array([f"{sample}:{barcode}" for barcode in part.obs_names], dtype=object)
    frame[_keys.CELL_ID] = names
    frame[_keys.SAMPLE_ID] = pd.Categorical.from_codes(
        np.zeros(len(names), dtype=np.int8), categories=pd.Index([sample])
    )
    frame.index = pd.RangeIndex(len(names))  # and the barcodes go
    return SampleCells(frame, tuple(map(str, left_out)))


def joined_obs(cells: Mapping[str, SampleCells]) -> pd.DataFrame:
    """Return the obs tables of the samples as one, indexed by the names of the cells."""
    _tell_left_out(cells)
    assay = _keys.ASSAY
    frames = [own.table.assign(**{assay: own.table[assay].astype(object)}) for own in cells.values()]
    obs = _stacked(frames)
    repeated = obs[_keys.CELL_ID].duplicated()
    if repeated.any():
        cell = obs.loc[repeated.to_numpy(), _keys.CELL_ID].iloc[0]
        samples = obs.loc[(obs[_keys.CELL_ID] == cell).to_numpy(), _keys.SAMPLE_ID]
        raise InputFileError(
            f"cell id {cell!r} is made by sample {samples.iloc[0]!r} and by sample {samples.iloc[1]!r} "
            "(sample_id:barcode). Rename one of the samples."
        )
    obs.index = pd.Index(obs[_keys.CELL_ID].to_numpy())
    obs[_keys.SAMPLE_ID] = pd.Categorical(obs[_keys.SAMPLE_ID], categories=list(cells))
    return obs


def _tell_left_out(cells: Mapping[str, SampleCells]) -> None:
    samples = [sample for sample, own in cells.items() if own.left_out]
    if not samples:
        return
    names = sorted({name for own in cells.values() for name in own.left_out})
    warnings.warn(
        f"obs columns in the files of {len(samples)} of {len(cells)} samples ({', '.join(samples[:_SHOWN])}"
        f"{', ...' if len(samples) > _SHOWN else ''}) are left out: {', '.join(names)}. Under these names the package "
        "writes its own results, and which cells are controls is said by a `label` in the sample sheet alone. Rename a "
        "column to keep it.",
        DataWarning,
        stacklevel=2,
    )


# --- one type a column ---
def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the frames below one another, each column in one type that can be written."""
    names = dict.fromkeys(name for frame in frames for name in frame)
    return pd.DataFrame({name: _stacked_column(name, frames) for name in names})


def _stacked_column(name: Any, frames: list[pd.DataFrame]) -> pd.Series:
    types = list(dict.fromkeys(frame[name].dtype for frame in frames if name in frame))
    everywhere = all(name in frame for frame in frames)
    if everywhere and len(types) == 1 and _is_storable(types[0]):
        return pd.concat([frame[name] for frame in frames], ignore_index=True)
    # Joined as objects, no value is turned into another on the way.
    values = [
        frame[name].to_numpy(object) if name in frame else np.full(len(frame), np.nan, object) for frame in frames
    ]
    return _storable(pd.Series(np.concatenate(values), dtype=object), types)


def _is_storable(dtype: Any) -> bool:
    """Tell categories, numbers and truth values that can be written; nullable floats cannot."""
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    return dtype.kind in "biu" or (dtype.kind == "f" and isinstance(dtype, np.dtype))


def _storable(column: pd.Series, types: list[Any]) -> pd.Series:
    """Return a column of objects in a type that h5ad and zarr hold, given the types of its pieces.

    Truth values with gaps become nullable booleans, numbers with gaps floats; words beside anything else, or with
    gaps, become categories of text.
    """
    missing = column.isna()
    whole = not missing.any()
    if all(isinstance(dtype, pd.CategoricalDtype) for dtype in types) and _are_of_one_kind(types):
        return column.astype(_joined_categories(types))
    kind = infer_dtype(column, skipna=True)
    if kind == "boolean":
        return column.astype(bool if whole else "boolean")
    if kind == "integer" and whole:
        return column.infer_objects()
    if kind in ("integer", "floating", "mixed-integer-float", "empty"):
        return column.where(~missing, np.nan).astype(np.float64)
    if kind == "string" and whole:
        return column.infer_objects()  # pandas 3 has a type of text, which files are read in too
    return pd.Series(
        pd.Categorical([np.nan if gap else str(value) for value, gap in zip(column, missing, strict=True)])
    )


def _are_of_one_kind(types: list[Any]) -> bool:
    return len({dtype.categories.dtype for dtype in types}) == 1


def _joined_categories(types: list[Any]) -> Any:
    """Return the categories of all pieces as they appear; ordered only where all pieces have the same order."""
    if len(types) == 1:
        return types[0]
    return pd.CategoricalDtype(list(dict.fromkeys(value for dtype in types for value in dtype.categories)))

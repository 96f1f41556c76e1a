"""Channels that are clipped below the saturation of their slide: a 12-bit camera in 16 bits that the file keeps quiet.

Nobody counts such pixels as saturated, and the brightest cells are taken for as bright as they look.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import DataWarning

if TYPE_CHECKING:
    import pandas as pd

    from her2plastic.io.slide import Slide

#: Objects that hold the brightest pixel, where it is the largest value of so many bits (or 1 of fractions).
_FULL_SCALE_CELLS: Final = 3
#: The same for any other value, and the smallest that is: small whole numbers agree by chance.
_ANY_CELLS, _ANY_LEAST = 5, 1000.0
_FEWEST_BITS: Final = 8


def tell_clipped(slide: Slide, values: np.ndarray, var: pd.DataFrame) -> None:
    """Warn of every channel whose brightest pixels are the same in several cells, and below the saturation.

    Parameters
    ----------
    slide
        The slide.
    values, var
        ``(objects, features)`` and what the features are, as measured.
    """
    is_float = slide.fields[0].image.dtype.kind == "f"
    found = [(channel, *_brightest(channel, values, var)) for channel in slide.channels]
    clipped = [
        (channel, value, cells)
        for channel, value, cells in found
        if value < slide.saturation and _is_limit(value, cells, is_float=is_float)
    ]
    if not clipped:
        return
    told = ", ".join(f"{channel} {value:g} in {cells} objects" for channel, value, cells in clipped)
    limit = max(value for _, value, _ in clipped)
    bits = None if is_float else _bits(limit)
    said = f"bit_depth={bits}" if bits else f"saturation={limit:g}"
    warnings.warn(
        f"slide {slide.slide_id!r}: the brightest pixels are all alike ({told}) though pixels are said to saturate at "
        f"{slide.saturation:g}: they look clipped, and cells that are brighter than measured are not marked as such. "
        f"Read the slide with {said} if that is its camera's limit.",
        DataWarning,
        stacklevel=3,
    )


def _brightest(channel: str, values: np.ndarray, var: pd.DataFrame) -> tuple[float, int]:
    """Return the value of the brightest pixel in any cell, background not taken off, and the cells that hold it."""
    of_channel = (var[_keys.CHANNEL] == channel).to_numpy()
    statistic, compartment = var[_keys.STATISTIC].to_numpy(), var[_keys.COMPARTMENT].to_numpy()
    top = values[:, of_channel & (statistic == "max") & (compartment == "cell")].astype(np.float64)
    ground = values[:, of_channel & (statistic == "background")].astype(np.float64)
    raw = (top + ground).ravel()
    raw = raw[np.isfinite(raw)]
    if not raw.size:
        return np.inf, 0
    value = float(raw.max())
    return value, int(np.isclose(raw, value, rtol=1e-6, atol=0).sum())


def _is_limit(value: float, cells: int, *, is_float: bool) -> bool:
    full_scale = abs(value - 1) < 1e-6 if is_float else _bits(value) is not None
    if full_scale:
        return cells >= _FULL_SCALE_CELLS
    return not is_float and cells >= _ANY_CELLS and value >= _ANY_LEAST


def _bits(value: float) -> int | None:
    """Return the bits whose largest value this is, or None."""
    bits = round(np.log2(value + 1)) if value > 0 else 0
    return bits if bits >= _FEWEST_BITS and abs(value - (2**bits - 1)) < 0.01 else None

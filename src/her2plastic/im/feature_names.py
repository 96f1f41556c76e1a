"""The features of an object: their names, units and order, and their values from what was measured in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.models.region_stats.names import COMPARTMENTS, SHAPED, SHAPES, STATISTICS

if TYPE_CHECKING:
    from her2plastic.models.region_stats.measuring import RegionStats

INTENSITY, NO_UNIT = "intensity", "1"
#: Statistics from which the background is taken off; the sum loses it once for each pixel.
ABOVE_BACKGROUND = ("mean", "median", "max", "min", "sum", "p05", "p25", "p75", "p95")
#: Measured once a channel, not in every compartment.
PER_CHANNEL = ("background", "nucleus_overlap", "rim_to_centre", "rim_completeness")
#: Powers of the pixel size that turn pixels into the unit of a shape; the others have none.
POWERS = {"area": 2, "diameter": 1, "perimeter": 1}
UNITS = {0: NO_UNIT, 1: "um", 2: "um2"}
NUCLEUS_TO_CELL = "nucleus_to_cell_ratio"


def feature_table(channels: Sequence[str], *, low_resolution: bool = False) -> pd.DataFrame:
    """Return the ``var`` of the features of these channels: a row a feature, named channel, compartment, statistic.

    With ``low_resolution`` the measures of the rim are marked as such.
    """
    rows: list[tuple[str, str, str, str, str]] = []
    for channel in channels:
        for compartment in COMPARTMENTS:
            for statistic in STATISTICS:
                unit = NO_UNIT if statistic == "saturated" else INTENSITY
                rows.append((f"{channel}_{compartment}_{statistic}", channel, compartment, statistic, unit))
        for statistic in PER_CHANNEL:
            unit = INTENSITY if statistic == "background" else NO_UNIT
            rows.append((f"{channel}_{statistic}", channel, "", statistic, unit))
    for compartment in SHAPED:
        for shape in SHAPES:
            unit = UNITS[POWERS.get(shape, 0)]
            statistic = shape if unit == NO_UNIT else f"{shape}_{unit}"
            rows.append((f"{compartment}_{statistic}", "", compartment, statistic, unit))
    rows.append((NUCLEUS_TO_CELL, "", "", NUCLEUS_TO_CELL, NO_UNIT))
    columns = (_keys.CHANNEL, _keys.COMPARTMENT, _keys.STATISTIC, _keys.FEATURE_UNIT)
    index = pd.Index([row[0] for row in rows], dtype=object)
    table = pd.DataFrame([row[1:] for row in rows], columns=list(columns), index=index, dtype=object)
    of_rim = (table[_keys.COMPARTMENT] == "rim") | table[_keys.STATISTIC].str.startswith("rim_")
    table[_keys.LOW_RESOLUTION] = of_rim.to_numpy() & low_resolution
    return table


def feature_values(stats: RegionStats, *, pixel_size_um: float) -> np.ndarray:
    """Return the values, shape (objects, features) in the order of ``feature_table``, as float32."""
    n = len(stats.intensity)
    subtracted = stats.intensity.copy()
    for statistic in ABOVE_BACKGROUND:
        at = STATISTICS.index(statistic)
        times = stats.n_pixels[:, None, :] if statistic == "sum" else 1
        subtracted[..., at] -= stats.background[:, :, None] * times
    blocks = []
    for channel in range(stats.background.shape[1]):
        blocks.append(subtracted[:, channel].reshape(n, len(COMPARTMENTS) * len(STATISTICS)))
        once = (stats.background, stats.nucleus_overlap, stats.rim_to_centre, stats.rim_completeness)
        blocks.append(np.column_stack([values[:, channel] for values in once]))
    scale = np.array([pixel_size_um ** POWERS.get(shape, 0) for shape in SHAPES])
    blocks.append((stats.shape * scale).reshape(n, len(SHAPED) * len(SHAPES)))
    blocks.append(stats.shape[:, 0, :1] / stats.shape[:, 1, :1])
    return np.hstack(blocks).astype(np.float32)

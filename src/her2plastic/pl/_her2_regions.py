"""What the recorded calibration calls at each depth and ERBB2 count, for a cell of which nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from her2plastic.models.count_noise import CountNoise
from her2plastic.models.ordered_counts import new_donor_posterior
from her2plastic.tl import her2_calibration
from her2plastic.tl.her2_words import call_words


def region_calls(record: Mapping[str, Any], assay: str, counts: np.ndarray, depth: np.ndarray) -> np.ndarray | None:
    """Return the calls that a recorded calibration gives to counts at a depth.

    Parameters
    ----------
    record
        ``uns["her2plastic"]["her2_state"]``.
    assay
        The assay whose noise and offset are used.
    counts, depth
        One-dimensional, of one length; depth above 0.

    Returns
    -------
    Words of ``her2_call``, for cells of a new donor of this cohort. None where the assay was not fitted.
    """
    calibration = her2_calibration.recorded(record["calibration"])
    if isinstance(calibration, her2_calibration.Her2Rule):
        positive = counts > calibration.cpm_above * depth / 1e6
        return np.where(positive, "HER2-positive", "HER2-0/low").astype(object)
    posterior = region_posterior(record, assay, counts, depth)
    if posterior is None:
        return None
    shallow = her2_calibration.never_only_zero(calibration, counts, depth)
    return call_words(posterior, level=float(record["params"]["level"]), never_only_zero=shallow)


def region_posterior(record: Mapping[str, Any], assay: str, counts: np.ndarray, depth: np.ndarray) -> np.ndarray | None:
    """Return state probabilities, shape ``(len(counts), 3)``; None where the assay was not fitted."""
    scale = her2_calibration.recorded(record["calibration"])
    entry = record.get("assays", {}).get(assay, {})
    if isinstance(scale, her2_calibration.Her2Rule) or "scale_offset_log2" not in entry:
        return None
    noise = CountNoise(float(entry["dispersion"]), float(entry["zero_inflation"]), float(entry["ambient_cpm"]))
    offset = float(entry["scale_offset_log2"])
    return new_donor_posterior(counts, depth, scale=scale, noise=noise, offset=offset)

"""What the recorded calibration calls at each depth and ERBB2 count, for a cell of which nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import logsumexp

from her2plastic.models.count_noise import CountNoise, log_likelihood
from her2plastic.tl import her2_calibration
from her2plastic.tl.her2_words import call_words


def region_calls(record: Mapping[str, Any], assay: str, counts: np.ndarray, depth: np.ndarray) -> np.ndarray | None:
    """Return the call that a recorded calibration gives to counts at a depth.

    Parameters
    ----------
    record
        ``uns["her2plastic"]["her2_state"]``.
    assay
        The assay whose noise, offset and shares are used.
    counts, depth
        One-dimensional, of one length; depth above 0.

    Returns
    -------
    Words of ``her2_call``, for a cell of a new donor of this cohort. None where the assay was not fitted.
    """
    calibration = her2_calibration.recorded(record["calibration"])
    if isinstance(calibration, her2_calibration.Her2Rule):
        positive = counts > calibration.cpm_above * depth / 1e6
        return np.where(positive, "HER2-positive", "HER2-0/low").astype(object)
    entry = record.get("assays", {}).get(assay, {})
    if "component_shares" not in entry:
        return None
    noise = CountNoise(float(entry["dispersion"]), float(entry["zero_inflation"]), float(entry["ambient_cpm"]))
    mean = np.asarray(calibration.mean_log2_cpm, dtype=float) + float(entry["scale_offset_log2"])
    spread = np.hypot(np.asarray(calibration.sd_log2, dtype=float), calibration.donor_sd)
    log_joint = log_likelihood(counts, np.log2(depth), mean, spread, noise)
    log_joint = log_joint + np.log(np.asarray(entry["component_shares"], dtype=float))
    posterior = calibration.to_states(np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True)))
    return call_words(posterior, level=float(record["params"]["level"]), never_only_zero=counts == 0)

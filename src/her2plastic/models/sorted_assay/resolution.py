"""Whether the first days of a sorted assay still see how the sorts differ, or everything has evened out before."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.stats import chi2

from her2plastic.models.sorted_assay.fit import Fit

#: A difference between the sorts counts as seen if scatter alone makes as large a one more seldom than this.
_CHANCE: Final = 0.001
#: Sorts that differ by less than this at day 0 were never apart.
_APART: Final = 0.05


def evened_out(fit: Fit) -> bool:
    """Return whether some difference between the sorts is gone when each is first measured after day 0.

    What evens out before anybody looks has no upper limit of speed: the likelihood stays level up to infinite rates,
    while slow rates, with growth to match, have parameters to spare for the scatter of the first wells. The top of the
    likelihood then lies among the slow ones, and a fall by what is usual for one parameter excludes the truth.

    The sorts' compositions on their first days span as many directions as those at day 0 unless a mode of the movement
    has died away; the smallest spread among these directions, in units of the wells' scatter, is compared with
    chi-square.

    Parameters
    ----------
    fit
        The fit of switching and growth.
    """
    data, begin = fit.layout.data, fit.layout.parts(fit.values)[2]
    moving = np.isfinite(data.day) & (data.day > 0)
    starts = [group for group in range(data.n_starts) if (moving & (data.start == group)).any()]
    apart = begin[starts] - begin[starts].mean(axis=0)
    directions = int((np.linalg.svd(apart, compute_uv=False) > _APART).sum())
    if directions == 0:
        return True
    # scatter around a fit with many parameters is too small by their share
    rho = fit.spread.rho * data.n_values / max(data.n_values - fit.layout.n, 1)
    weight = 1 / (1 / data.cells + rho)
    shares, heavy = np.empty((len(starts), data.n_states)), np.empty(len(starts))
    for place, group in enumerate(starts):
        wells = moving & (data.start == group)
        wells &= data.day == data.day[wells].min()
        shares[place], heavy[place] = np.average(data.shares[wells], axis=0, weights=weight[wells]), weight[wells].sum()
    middle = np.average(shares, axis=0, weights=heavy)
    scaled = (shares - middle) * np.sqrt(heavy[:, None] / np.maximum(middle, 1e-9))
    smallest = float(np.linalg.svd(scaled, compute_uv=False)[directions - 1] ** 2)
    freedom = (len(starts) - directions) * (data.n_states - directions)
    return bool(smallest < chi2.isf(_CHANCE, freedom))

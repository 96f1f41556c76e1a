"""Share of one base among reads: its interval where reads of a cell are alike, and how far it is from a half."""

from __future__ import annotations

import numpy as np

from her2plastic.models.agreement import share_interval

#: Cells from which on their spread is estimated; below, the overdispersion given is used.
FEWEST_CELLS = 5
#: Probabilities below this one are given as it: none is 0.
LEAST_P = 1e-300


def effective_reads(
    n_ref: np.ndarray, n_alt: np.ndarray, *, overdispersion: float, cells: bool = False, level: float = 0.95
) -> float:
    """Return how many independent reads the reads of some cells or samples are worth.

    Parameters
    ----------
    n_ref, n_alt
        Reads per unit (cell, or sample as a whole).
    overdispersion
        Correlation of the reads of one unit, used where there are too few units to estimate it.
    cells
        Whether units are single cells: these burst, and where their spread is not known each is worth one read.
    level
        Level of the interval they are for: a spread known from few units makes it wider (Korn and Graubard 1998).

    Returns
    -------
    At most the number of reads. With five units or more the spread of their shares decides, as in a sample of clusters.
    """
    from scipy.stats import norm
    from scipy.stats import t as student_t

    ref, alt = np.asarray(n_ref, dtype=float), np.asarray(n_alt, dtype=float)
    size = ref + alt
    kept = size > 0
    size, alt = size[kept], alt[kept]
    total, units = float(size.sum()), len(size)
    if total == 0:
        return 0.0
    alike = 1.0 if cells else overdispersion
    by_guess = total / (1 + (float((size**2).sum()) / total - 1) * alike)
    share = float(alt.sum()) / total
    if units < FEWEST_CELLS or not 0 < share < 1:
        return by_guess
    variance = float(np.sum((alt - size * share) ** 2)) / total**2 * units / (units - 1)
    # a spread that happens to be small is no proof of reads beyond their number
    worth = float(np.clip(share * (1 - share) / variance, 1.0, total)) if variance > 0 else total
    tail = 0.5 + level / 2
    return worth * float(norm.ppf(tail) / student_t.ppf(tail, units - 1)) ** 2


def base_share(alt: float, total: float, *, effective: float, level: float) -> tuple[float, float, float]:
    """Return the share of a base and its Jeffreys interval on the effective number of reads."""
    if total == 0:
        return (float("nan"),) * 3
    share = alt / total
    lower, upper = share_interval(share * effective, effective, level)
    return share, lower, upper


def p_of_half(alt: float, total: float, *, effective: float) -> float:
    """Return the two-sided p of equal shares, on the effective number of reads.

    Fractions of reads are taken by the continuous form of the binomial tail.
    """
    from scipy.special import betainc

    if total == 0:
        return float("nan")
    hits = max(alt, total - alt) / total * effective
    misses = effective - hits
    if hits - misses < 1e-12:
        return 1.0
    return float(np.clip(2 * betainc(hits, misses + 1, 0.5), LEAST_P, 1.0))


def p_of_error(n_alt: np.ndarray, total: np.ndarray, error_rate: float) -> np.ndarray:
    """Return the probability of as many reads of a base or more, if all are errors."""
    from scipy.stats import binom

    return np.maximum(binom.sf(np.asarray(n_alt) - 1, np.asarray(total), error_rate), LEAST_P)

"""Hardy-Weinberg proportions, tested exactly."""

from __future__ import annotations

import numpy as np

from her2plastic._errors import ParameterError


def hardy_weinberg_p(n_first: int, n_mixed: int, n_second: int) -> float:
    """Return the exact p of Hardy-Weinberg proportions (Wigginton et al. 2005).

    Parameters
    ----------
    n_first, n_mixed, n_second
        People with one base twice, with both, with the other twice.

    Returns
    -------
    Probability, given the numbers of bases, of heterozygotes in a number as likely as that seen or less; 1 where all
    have the same base, missing without people.
    """
    from scipy.special import gammaln

    counts = (n_first, n_mixed, n_second)
    if any(count != int(count) or count < 0 for count in counts):
        raise ParameterError(f"genotype counts {counts}: expected whole numbers of at least 0")
    people = sum(counts)
    if people == 0:
        return float("nan")
    rare = 2 * min(n_first, n_second) + n_mixed
    mixed = np.arange(rare % 2, rare + 1, 2)
    homozygous = (rare - mixed) // 2
    others = people - mixed - homozygous
    log_p = mixed * np.log(2.0) - gammaln(mixed + 1) - gammaln(homozygous + 1) - gammaln(others + 1)
    p = np.exp(log_p - log_p.max())
    seen = p[np.flatnonzero(mixed == n_mixed)[0]]
    return float(min(p[p <= seen * (1 + 1e-9)].sum() / p.sum(), 1.0))

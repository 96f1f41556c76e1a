"""How likely each germline genotype makes the alleles that were read."""

from __future__ import annotations

import numpy as np

#: Log10 below which a likelihood is as good as nothing; PL stays finite.
_FLOOR = -999.0


def genotype_log_likelihoods(
    n_ref: np.ndarray, n_alt: np.ndarray, *, error_rate: float, overdispersion: float
) -> np.ndarray:
    """Return log10 likelihoods of two, one and no reference base, up to a constant.

    Parameters
    ----------
    n_ref, n_alt
        Reads or molecules with either base.
    error_rate
        Probability that a read shows the other base.
    overdispersion
        Correlation between reads of a heterozygote beyond chance (beta-binomial); 0 is binomial.

    Returns
    -------
    ``(..., 3)``: reference twice, one of each, the other twice.
    """
    from scipy.special import betaln, xlog1py, xlogy

    ref, alt = np.asarray(n_ref, dtype=float), np.asarray(n_alt, dtype=float)
    alike = xlogy(alt, error_rate) + xlog1py(ref, -error_rate)
    other = xlogy(ref, error_rate) + xlog1py(alt, -error_rate)
    if overdispersion > 0:
        shape = 0.5 * (1 / overdispersion - 1)
        mixed = betaln(alt + shape, ref + shape) - betaln(shape, shape)
    else:
        mixed = (ref + alt) * np.log(0.5)
    return np.maximum(np.stack([alike, mixed, other], axis=-1) / np.log(10), _FLOOR)


def phred(log_likelihoods: np.ndarray) -> np.ndarray:
    """Return phred-scaled likelihoods (PL): 0 for the best genotype."""
    return np.rint(-10 * (log_likelihoods - log_likelihoods.max(axis=-1, keepdims=True))) + 0.0

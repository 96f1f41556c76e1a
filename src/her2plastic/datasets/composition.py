"""The donors of a simulated cohort: their HER2 composition over the draws and the CTCs drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.datasets.argument_checks import in_range, whole
from her2plastic.datasets.parameters import Composition
from her2plastic.models.draws.sampling import closed, lognormal_numbers, shares_over


@dataclass(frozen=True)
class Donors:
    """What is true of the donors.

    Parameters
    ----------
    names, draws
        Names of the donors; days of the draws.
    shares
        Underlying shares of the three states, donors x draws x 3.
    rates
        Effective rates per day that moved the shares, donors x 3 x 3 (rows sum to 0).
    counts
        CTCs by state, donors x draws x 3.
    amplified, er_positive
        Whether the tumour is amplified, whether it expresses hormone receptors, per donor.
    erbb2_log2
        Effect of the donor on ERBB2 of all its CTCs, in log2 units.
    """

    names: np.ndarray
    draws: np.ndarray
    shares: np.ndarray
    rates: np.ndarray
    counts: np.ndarray
    amplified: np.ndarray
    er_positive: np.ndarray
    erbb2_log2: np.ndarray


def make_shares(
    rng: np.random.Generator, n_donors: int, draws: np.ndarray, model: Composition
) -> tuple[np.ndarray, np.ndarray]:
    """Return shares (donors x draws x 3) that move by donor-specific effective rates, and the rates."""
    first = rng.dirichlet(model.prior, n_donors)
    rates = np.asarray(model.rates, dtype=float) / model.slowdown
    rates = closed(rates * np.exp(rng.normal(0.0, model.rate_sd, (n_donors, 3, 3))))
    return shares_over(first, rates, draws), rates


def ctc_numbers(
    rng: np.random.Generator, shape: tuple[int, int], model: Composition, n_ctc: int | Sequence[Sequence[int]] | None
) -> np.ndarray:
    """Return the number of CTCs of each donor and draw: as given, or log-normal."""
    # drawn in any case, so that fixed numbers do not shift what is drawn next
    drawn = lognormal_numbers(rng, shape, model.ctc_median, model.ctc_sd_log, model.ctc_range)
    if n_ctc is None:
        return drawn
    if not isinstance(n_ctc, (list, tuple, np.ndarray)):
        whole("n_ctc", n_ctc, 0)
        return np.full(shape, n_ctc, dtype=int)
    rows = [len(row) if isinstance(row, (list, tuple, np.ndarray)) else -1 for row in n_ctc]
    numbers = np.asarray(n_ctc) if set(rows) == {shape[1]} else np.empty((len(rows), max(0, *rows, 0)))
    if numbers.shape != shape or numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise ParameterError(
            f"n_ctc: expected one whole number, or {shape[0]} donors x {shape[1]} draws of them, none below 0; "
            f"got {numbers.dtype} of shape {numbers.shape}"
        )
    return numbers.astype(int)


def amplified_donors(rng: np.random.Generator, n_donors: int, amplified: float | Sequence[int]) -> np.ndarray:
    """Return which donors have an amplified tumour: a share of them at random, or the ones listed (from 0)."""
    order = rng.permutation(n_donors)
    chosen = np.zeros(n_donors, dtype=bool)
    if isinstance(amplified, (list, tuple, np.ndarray)):
        for index in amplified:
            whole("amplified", index, 0)
            if index >= n_donors:
                raise ParameterError(f"amplified: donor {index} is not among the {n_donors} donors, counted from 0")
            chosen[index] = True
        return chosen
    in_range("amplified", amplified, 0, 1)
    chosen[order[: round(float(amplified) * n_donors)]] = True  # type: ignore[arg-type]
    return chosen

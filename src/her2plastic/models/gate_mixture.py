"""Which of three stains a cell has (cytokeratin, CD45, HER2), with the leukocytes among the cells as the control.

Leukocytes are negative for cytokeratin and HER2 and positive for CD45, and there are hundreds or thousands of them for
a few tumour cells. Their three distributions are therefore fitted to the data (Student t, robust to neighbours' light),
on a scale that is linear near 0 and logarithmic above. What is left, cytokeratin- and HER2-positive and CD45-negative,
may be three cells or none: those distributions are broad, and are drawn by their prior unless many cells speak.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from her2plastic.models.log_sums import log_sum
from her2plastic.models.stain_densities import CHANNELS, CLEAR, DEGREES, StainDensities, without_leukocytes

#: Every combination of negative (0) and positive (1), in the order of CHANNELS.
COMBINATIONS: Final = np.array(list(product((0, 1), repeat=3)))
LEUKOCYTE: Final = 0b010
_CK, _CD45, _HER2 = range(3)
_ITERATIONS: Final = 60
#: Prior of a broad density: distance from the leukocytes' own centre, spread, and the cells that it is worth.
_POSITIVE_PRIOR: Final = {_CK: (3.0, 1.0, 5.0), _HER2: (1.5, 0.8, 5.0)}
_CD45_NEGATIVE_PRIOR: Final = (0.0, 0.5, 5.0)
#: Dirichlet prior of the combinations, in cells.
_SHARE_PRIOR: Final = 0.5
#: Leukocytes of one batch are alike: spread of their CD45 and cytokeratin on the soft logarithm.
_WIDEST: Final = 0.8
#: With fewer leukocytes than this, nothing is fitted.
_FEWEST: Final = 5
#: Leukocytes are at least so bright in CD45, as a share of the background of their channel.
_LEAST_CD45: Final = 0.25


class GateMixture:
    """Mixture over the eight combinations of negative and positive for cytokeratin, CD45 and HER2.

    Parameters
    ----------
    least_leukocytes
        Leukocytes that it takes to calibrate on them.

    Attributes
    ----------
    densities_
        The fitted densities.
    shares_
        Shape ``(8,)``: share of each combination.
    n_leukocytes_
        Expected number of leukocytes among the cells.
    shortfall_
        Why the leukocytes do not do as a control; empty if they do.
    doubtful_
        They are few, or not clear of other cells, but all there is: the densities are theirs, drawn to their priors.
    overlapping_
        CD45 does not tell them from other cells: it shows neither a leukocyte nor that a cell is none.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> tumour = rng.normal((30, 4, 20), (3, 0.5, 2), (60, 3))  # cytokeratin, CD45, HER2
    >>> leukocytes = rng.normal((4, 30, 4), (0.5, 3, 0.5), (300, 3))
    >>> gate = hp.models.GateMixture().fit(np.vstack([tumour, leukocytes]), np.full(3, 3.0))
    >>> round(float(gate.n_leukocytes_)), gate.shortfall_
    (300, '')
    """

    def __init__(self, *, least_leukocytes: int = 20) -> None:
        self.least_leukocytes = least_leukocytes

    def fit(self, values: np.ndarray, background: np.ndarray) -> GateMixture:
        """Fit to the cells of one batch.

        Parameters
        ----------
        values
            Shape ``(cells, 3)``: background-subtracted means; a channel without values is missing (NaN) throughout.
        background
            Shape ``(3,)``: typical local background of each channel, or NaN.

        Returns
        -------
        Itself.
        """
        usable = np.isfinite(values) | ~np.isfinite(values).any(axis=0)
        cells = values[usable.all(axis=1)]
        self.shares_ = np.full(len(COMBINATIONS), 1 / len(COMBINATIONS))
        self.n_leukocytes_ = 0.0
        self.doubtful_ = self.overlapping_ = False
        self.shortfall_ = self._shortfall(cells)
        if self.shortfall_:
            self.overlapping_ = len(cells) >= _FEWEST and bool(np.ptp(cells[:, _CD45]) == 0)
            self.densities_ = without_leukocytes(background)
            return self
        best = (False, -np.inf)
        for core in _starts(cells):
            densities, shares, height, number = _expectation_maximisation(cells, core)
            shortfall = self._implausible(densities, number, background)
            if (not shortfall, height) > best:
                best = (not shortfall, height)
                self.densities_, self.shares_, self.n_leukocytes_ = densities, shares, number
                self.shortfall_ = shortfall
        if self.shortfall_:
            self.densities_ = without_leukocytes(background)
            self.shares_ = np.full(len(COMBINATIONS), 1 / len(COMBINATIONS))
        else:
            self.overlapping_ = self._cd45_overlaps()
            self.shortfall_ = self._doubt()
            self.doubtful_ = bool(self.shortfall_)
        return self

    def use(self, densities: StainDensities, values: np.ndarray) -> GateMixture:
        """Take densities from elsewhere, and fit the shares of the combinations alone."""
        self.densities_ = densities
        log_like = _by_combination(densities.log_densities(values))
        shares = np.full(len(COMBINATIONS), 1 / len(COMBINATIONS))
        for _ in range(_ITERATIONS if len(values) else 0):
            shares = _shares(_responsibilities(log_like, shares)[0])
        self.shares_ = shares
        return self

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        """Return the probability of each combination.

        Parameters
        ----------
        values
            Shape ``(cells, 3)``, as in :meth:`fit`.

        Returns
        -------
        Shape ``(cells, 8)``; rows sum to 1.
        """
        return _responsibilities(_by_combination(self.densities_.log_densities(values)), self.shares_)[0]

    def _shortfall(self, cells: np.ndarray) -> str:
        measured = np.isfinite(cells).all(axis=0) if len(cells) else np.zeros(len(CHANNELS), dtype=bool)
        if len(cells) < _FEWEST:
            return f"{len(cells)} cells, fewer than the {self.least_leukocytes} leukocytes needed"
        lacking = [CHANNELS[c] for c in (_CK, _CD45) if not measured[c]]
        if lacking:
            return f"no {' and no '.join(lacking)} channel, so leukocytes cannot be told"
        flat = [CHANNELS[c] for c in np.flatnonzero(measured) if np.ptp(cells[:, c]) == 0]
        if flat:
            return f"{' and '.join(flat)} the same in every cell"
        return ""

    def _implausible(self, densities: StainDensities, n_leukocytes: float, background: np.ndarray) -> str:
        if round(n_leukocytes) < _FEWEST:
            return f"about {n_leukocytes:.0f} leukocytes, fewer than the {self.least_leukocytes} needed"
        cd45 = densities.intensity(densities.positive)[_CD45]
        if np.isfinite(background[_CD45]) and cd45 < _LEAST_CD45 * background[_CD45]:
            return (
                f"the cells taken for leukocytes are hardly brighter in CD45 ({cd45:.3g}) than its background varies "
                f"(background {background[_CD45]:.3g})"
            )
        return ""

    def _cd45_overlaps(self) -> bool:
        fitted = self.densities_
        return bool(fitted.positive[_CD45] - CLEAR * fitted.positive_spread[_CD45] < fitted.negative[_CD45])

    def _doubt(self) -> str:
        """Return why the leukocytes found are a poor control; empty if they are a good one."""
        if round(self.n_leukocytes_) < self.least_leukocytes:
            return f"about {self.n_leukocytes_:.0f} leukocytes, fewer than the {self.least_leukocytes} needed"
        fitted = self.densities_
        if self.overlapping_:
            return "CD45 of the cells taken for leukocytes reaches down to that of cells without it"
        widest = float(max(fitted.positive_spread[_CD45], fitted.negative_spread[_CK]))
        if widest > _WIDEST:
            return f"the cells taken for leukocytes are no one kind: they vary by a factor of {np.exp(widest):.1f}"
        return ""


def _starts(cells: np.ndarray) -> list[np.ndarray]:
    """Return cells that may be the leukocytes: all of them, or those beyond a split of CD45 and below one of CK."""
    cd45 = np.arcsinh(cells[:, _CD45] / max(0.1 * np.percentile(cells[:, _CD45], 95), 1e-9))
    ck = np.arcsinh(cells[:, _CK] / max(0.1 * np.percentile(cells[:, _CK], 95), 1e-9))
    bright, pale = cd45 > _split(cd45), ck <= _split(ck)
    starts = [np.ones(len(cells), dtype=bool), bright, bright & pale]
    return [start for start in starts if start.sum() >= 5]


def _split(values: np.ndarray) -> float:
    """Return the value that splits a sample into the two groups with the least variance within (Otsu)."""
    ordered = np.sort(values)
    n = np.arange(1, len(ordered))
    total = np.cumsum(ordered)
    between = (total[:-1] - n * total[-1] / len(ordered)) ** 2 / (n * (len(ordered) - n))
    return float(ordered[:-1][np.argmax(between)])


def _expectation_maximisation(cells: np.ndarray, core: np.ndarray) -> tuple[StainDensities, np.ndarray, float, float]:
    """Return densities, shares, log posterior and the number of leukocytes, starting from a guess of the latter."""
    densities = _from_leukocytes(cells, core)
    responsibilities = np.zeros((len(cells), len(COMBINATIONS)))
    responsibilities[core, LEUKOCYTE] = 1.0
    soft = densities.soft_log(cells)
    responsibilities[~core] = 0.5 / len(COMBINATIONS)
    shares = _shares(responsibilities)
    height = -np.inf
    for _ in range(_ITERATIONS):
        log_like = _by_combination(densities.log_densities(cells))
        responsibilities, evidence = _responsibilities(log_like, shares)
        shares = _shares(responsibilities)
        densities = _maximise(soft, responsibilities, densities)
        previous, height = height, evidence + _SHARE_PRIOR * float(np.log(shares).sum())
        if abs(height - previous) < 1e-3:
            break
    # the Jacobian of the soft logarithm, so that starts with different units can be compared
    jacobian = -np.log(np.hypot(cells, 2 * densities.unit))
    return densities, shares, height + float(np.nansum(jacobian)), float(responsibilities[:, LEUKOCYTE].sum())


def _from_leukocytes(cells: np.ndarray, core: np.ndarray) -> StainDensities:
    """Return units and first densities from a guess of the leukocytes."""
    centre, spread = _centre_and_spread(cells[core])
    unit = np.maximum(spread, np.abs(centre) / 4)
    unit[_CD45] = max(abs(centre[_CD45]) / 20, 1e-9)
    unit = np.where(np.isnan(centre), np.nan, np.maximum(unit, 1e-9))
    soft = np.arcsinh(cells[core] / (2 * unit))
    own, own_spread = _centre_and_spread(soft)
    own_spread = np.maximum(own_spread, 0.05)
    negative, negative_spread, positive, positive_spread = own.copy(), own_spread.copy(), own.copy(), own_spread.copy()
    for channel, (distance, wide, _) in _POSITIVE_PRIOR.items():
        positive[channel], positive_spread[channel] = own[channel] + distance, wide
    negative[_CD45], negative_spread[_CD45] = _CD45_NEGATIVE_PRIOR[:2]
    return StainDensities(unit, negative, negative_spread, positive, positive_spread)


def _centre_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and scaled median deviation of each column; missing where a column is."""
    centre = np.median(values, axis=0)
    return centre, 1.4826 * np.median(np.abs(values - centre), axis=0)


def _maximise(soft: np.ndarray, responsibilities: np.ndarray, old: StainDensities) -> StainDensities:
    """Return densities that fit the responsibilities: leukocytes' by their data, broad ones drawn to their prior."""
    positive = responsibilities @ COMBINATIONS
    new = {"negative": old.negative.copy(), "negative_spread": old.negative_spread.copy()}
    new |= {"positive": old.positive.copy(), "positive_spread": old.positive_spread.copy()}
    leukocyte = responsibilities[:, LEUKOCYTE]
    for channel in np.flatnonzero(np.isfinite(old.unit)):
        own = "positive" if channel == _CD45 else "negative"
        y = soft[:, channel]
        new[own][channel], new[f"{own}_spread"][channel] = _fit_student(
            y, leukocyte, getattr(old, own)[channel], getattr(old, f"{own}_spread")[channel]
        )
        if channel == _CD45:
            other, weight, prior = "negative", 1 - positive[:, channel], _CD45_NEGATIVE_PRIOR
        else:
            distance, wide, worth = _POSITIVE_PRIOR[channel]
            other, weight, prior = "positive", positive[:, channel], (new[own][channel] + distance, wide, worth)
        new[other][channel], new[f"{other}_spread"][channel] = _fit_broad(y, weight, prior)
    return StainDensities(old.unit, **new)


def _fit_student(y: np.ndarray, weight: np.ndarray, centre: float, spread: float) -> tuple[float, float]:
    """Return centre and spread of a Student t by one weighted step from the old ones."""
    total = weight.sum()
    if total < 1:
        return centre, spread
    robust = weight * (DEGREES + 1) / (DEGREES + ((y - centre) / spread) ** 2)
    centre = float(robust @ y / robust.sum())
    # a tenth of the old spread for a few cells, so that a handful of equal values is no point mass
    variance = float((robust @ (y - centre) ** 2 + 2 * spread**2) / (total + 2))
    return centre, max(float(np.sqrt(variance)), 0.05)


def _fit_broad(y: np.ndarray, weight: np.ndarray, prior: tuple[float, float, float]) -> tuple[float, float]:
    """Return centre and spread of a normal density under its normal-gamma prior."""
    start, wide, worth = prior
    total = weight.sum()
    centre = float((worth * start + weight @ y) / (worth + total))
    squares = weight @ (y - centre) ** 2 + worth * (start - centre) ** 2 + worth * wide**2
    return centre, max(float(np.sqrt(squares / (worth + total))), 0.2)


def _by_combination(log_densities: np.ndarray) -> np.ndarray:
    """Return the log density of each combination, shape ``(cells, 8)``: channels are independent given it."""
    parts = [log_densities[:, channel][:, COMBINATIONS[:, channel]] for channel in range(len(CHANNELS))]
    return np.sum(parts, axis=0)


def _responsibilities(log_like: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, float]:
    joint = log_like + np.log(shares)
    evidence = log_sum(joint, axis=1, keepdims=True)
    return np.exp(joint - evidence), float(evidence.sum())


def _shares(responsibilities: np.ndarray) -> np.ndarray:
    counted = responsibilities.sum(axis=0) + _SHARE_PRIOR
    return counted / counted.sum()

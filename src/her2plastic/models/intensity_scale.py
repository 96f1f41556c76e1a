"""A scale of HER2 fluorescence: where the scores 0, 1+, 2+ and 3+ lie in units of the leukocytes' background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import log_ndtr

from her2plastic import _keys
from her2plastic._errors import CalibrationError

if TYPE_CHECKING:
    import pandas as pd

#: Control cells of a score that it takes to place the score, and to estimate its spread.
MIN_CONTROLS: Final = 10
_MIN_FOR_SPREAD: Final = 30
#: Spread of the batches' drift before the data, log2, and the batches that this is worth.
_DRIFT_PRIOR: Final = (0.15, 2.0)
#: How much less sure a score is that no control places, log2.
_UNPLACED_SD: Final = 0.4
#: Where the fit starts: wide, as it narrows faster than it widens.
_DRIFT_START: Final = 0.6
_DRIFT_GRID: Final = np.arange(-2.0, 2.01, 0.02)
_ROUNDS: Final = 40


@dataclass(frozen=True)
class IntensityScale:
    """Log-normal intensities of each score, in units of the leukocyte background of the slide.

    Parameters
    ----------
    name
        Name under which the scale is recorded; ``"controls"`` or ``"reference (uncalibrated)"`` for the package's own.
    source
        Where the numbers come from, in words.
    mean_log2, sd_log2
        Per score (0, 1+, 2+, 3+): centre and spread over cells of one slide, log2.
    share_prior
        Per score: Dirichlet parameter of the shares of a patient's CTCs.
    slide_sd, cohort_sd
        How far a slide may lie off the cohort, and the cohort off the scale, log2.
    drift_log2
        Batches by name with the drift of each, log2, that was taken off the intensities the scale was fitted to.

    Examples
    --------
    >>> import her2plastic as hp
    >>> scale = hp.models.IntensityScale(
    ...     name="lab", source="four control lines", mean_log2=(1.0, 2.5, 4.0, 6.0), sd_log2=(0.6, 0.6, 0.6, 0.7)
    ... )
    >>> print(scale.summary())
    lab: 0 at 2, 1+ at 5.7, 2+ at 16, 3+ at 64 times the leukocyte background. four control lines
    """

    name: str
    source: str
    mean_log2: tuple[float, ...]
    sd_log2: tuple[float, ...]
    share_prior: tuple[float, ...] = (0.8, 0.6, 0.6, 0.8)
    slide_sd: float = 0.1
    cohort_sd: float = 0.0
    drift_log2: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        columns = (self.mean_log2, self.sd_log2, self.share_prior)
        if {len(column) for column in columns} != {len(_keys.IF_SCORES)}:
            raise CalibrationError(
                f"scale {self.name!r} needs a value for each of {', '.join(_keys.IF_SCORES)}, has "
                f"{[len(column) for column in columns]}"
            )
        spreads = np.array([*self.sd_log2, *self.share_prior])
        if not (np.isfinite(self.mean_log2).all() and np.isfinite(spreads).all() and (spreads > 0).all()):
            raise CalibrationError(f"scale {self.name!r}: means must be finite, spreads and priors finite and above 0")
        if not (np.isfinite([self.slide_sd, self.cohort_sd]).all() and min(self.slide_sd, self.cohort_sd) >= 0):
            raise CalibrationError(f"scale {self.name!r}: slide_sd and cohort_sd must be numbers of at least 0")
        if (np.diff(self.mean_log2) <= 0).any():
            raise CalibrationError(
                f"scale {self.name!r}: intensities must rise from 0 to 3+, are "
                + ", ".join(f"{s} {2**m:.2f}" for s, m in zip(_keys.IF_SCORES, self.mean_log2, strict=True))
            )

    @property
    def membership(self) -> np.ndarray:
        """0/1 matrix of scores by states."""
        return (np.array(_keys.STATE_OF_SCORE)[:, None] == np.array(_keys.STATES)[None, :]).astype(float)

    def log_likelihood(self, log2_intensity: np.ndarray, censored: np.ndarray, offset: float = 0.0) -> np.ndarray:
        """Return how likely each score makes each intensity.

        Parameters
        ----------
        log2_intensity
            Shape ``(cells,)``.
        censored
            Shape ``(cells,)``: the value is a lower bound, and counts as "at least so much".
        offset
            Offset of the slide from the scale, log2.

        Returns
        -------
        Log-likelihoods, shape ``(cells, scores)``.
        """
        sd = np.array(self.sd_log2)
        z = (np.asarray(log2_intensity, dtype=float)[:, None] - np.array(self.mean_log2) - offset) / sd
        exact = -0.5 * z**2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
        return np.where(np.asarray(censored, dtype=bool)[:, None], log_ndtr(-z), exact)

    def to_frame(self) -> pd.DataFrame:
        """Return the scale as a table with a row per score."""
        import pandas as pd

        return pd.DataFrame(
            {
                "score": _keys.IF_SCORES,
                "state": _keys.STATE_OF_SCORE,
                "mean_log2": self.mean_log2,
                "sd_log2": self.sd_log2,
                "share_prior": self.share_prior,
            }
        )

    def summary(self) -> str:
        """Return the scale in one sentence."""
        places = ", ".join(f"{s} at {2**m:.2g}" for s, m in zip(_keys.IF_SCORES, self.mean_log2, strict=True))
        return f"{self.name}: {places} times the leukocyte background. {self.source}"


@dataclass(frozen=True)
class ControlCells:
    """Control cells: log2 intensity, whether that is a lower bound, place of the score (0 to 3), number of batch."""

    log2_intensity: np.ndarray
    censored: np.ndarray
    score: np.ndarray
    batch: np.ndarray


def scale_from_receptors(receptors: Mapping[str, float], *, background: float) -> tuple[float, ...]:
    """Return log2 intensities of the scores from receptor numbers.

    Parameters
    ----------
    receptors
        Receptors per cell of each score.
    background
        Receptors whose stain would equal the background of a leukocyte.

    Returns
    -------
    log2 of ``1 + receptors / background`` for 0, 1+, 2+ and 3+.
    """
    return tuple(float(np.log2(1 + receptors[score] / background)) for score in _keys.IF_SCORES)


def fit_controls(
    cells: ControlCells, base: IntensityScale, *, n_batches: int, words: str
) -> tuple[IntensityScale, np.ndarray]:
    """Place the scores by control cells, and find each batch's drift.

    Intensities without their batch's drift (:func:`without_drift`) are log-normal around the centre of their score;
    drifts scatter around 0. Saturated cells enter by what is expected of a cell above their bound.

    Parameters
    ----------
    cells
        The control cells.
    base
        Scale that scores without controls are taken from, moved along with the others.
    n_batches
        Number of batches, with or without controls.
    words
        The controls in words, for the source.

    Returns
    -------
    The scale, and the drift of each batch, log2; 0 for a batch without controls.

    Raises
    ------
    CalibrationError
        No score has enough control cells, all of them are saturated, or the scores come out in the wrong order.
    """
    numbers = np.bincount(cells.score, minlength=len(_keys.IF_SCORES))
    placed = np.flatnonzero(numbers >= MIN_CONTROLS)
    if len(placed) == 0:
        found = ", ".join(f"{n} of {s}" for s, n in zip(_keys.IF_SCORES, numbers, strict=True))
        raise CalibrationError(
            f"no score has {MIN_CONTROLS} control cells (found {found}); use calibration='reference'"
        )
    for k in placed:
        if cells.censored[cells.score == k].all():
            raise CalibrationError(
                f"every control cell of {_keys.IF_SCORES[k]} is saturated: nothing shows where the score lies. Record "
                "the controls with a shorter exposure."
            )
    used = np.isin(cells.score, placed)
    kept = ControlCells(cells.log2_intensity[used], cells.censored[used], cells.score[used], cells.batch[used])
    centre, spread, drift, drift_sd = _fit(kept, np.array(base.sd_log2), n_batches)
    _check_order(centre, placed)
    shift = np.interp(base.mean_log2, np.array(base.mean_log2)[placed], (centre - base.mean_log2)[placed])
    is_placed = np.isin(np.arange(len(centre)), placed)
    mean = np.where(is_placed, centre, base.mean_log2 + shift)
    sd = np.where(is_placed, spread, np.hypot(base.sd_log2, _UNPLACED_SD))
    lacking = [s for s, there in zip(_keys.IF_SCORES, is_placed, strict=True) if not there]
    rest = f"; no controls of {', '.join(lacking)}: moved along with the others" if lacking else ""
    scale = replace(
        base, name="controls", source=f"control lines in the run ({words}){rest}", mean_log2=tuple(mean.tolist()),
        sd_log2=tuple(sd.tolist()), slide_sd=drift_sd, cohort_sd=0.0 if len(placed) > 1 else _UNPLACED_SD / 2,
    )  # fmt: skip
    return scale, drift


def without_drift(intensity: np.ndarray, drift_log2: np.ndarray | float) -> np.ndarray:
    """Return intensities with the drift of the stain taken off.

    Exposure and lamp change leukocytes and CTCs alike, and are gone once intensities are divided by the leukocytes'.
    What remains, the strength of the stain, acts on what a cell has above that background of 1.

    Parameters
    ----------
    intensity
        In units of the leukocyte background.
    drift_log2
        Drift of each cell's batch, or of all.

    Returns
    -------
    ``1 + (intensity - 1) / 2 ** drift_log2`` above 1; values below 1 as they are.
    """
    above = np.maximum(intensity - 1, 0.0)
    return np.where(intensity > 1, 1 + above * 2.0 ** -np.asarray(drift_log2), intensity)


def _fit(cells: ControlCells, base_sd: np.ndarray, n_batches: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return centre and spread of each score, drift of each batch, and what is left of the drift of any one batch."""
    n_scores = len(_keys.IF_SCORES)
    number = np.bincount(cells.score, minlength=n_scores)
    drift, variance, drift_sd = np.zeros(n_batches), np.zeros(n_batches), _DRIFT_START
    there = np.bincount(cells.batch, minlength=n_batches) > 0
    spread = base_sd.copy()
    with np.errstate(invalid="ignore"):
        centre = np.bincount(cells.score, cells.log2_intensity, n_scores) / number
    for _ in range(_ROUNDS):
        x = _shifted(cells.log2_intensity, drift[cells.batch])
        x, extra = _completed(x, cells.censored, centre[cells.score], spread[cells.score])
        with np.errstate(invalid="ignore"):
            centre = np.bincount(cells.score, x, n_scores) / number
        squares = np.bincount(cells.score, (x - centre[cells.score]) ** 2 + extra, n_scores)
        # the shipped spread is worth ten cells
        spread = np.where(number >= _MIN_FOR_SPREAD, np.sqrt((squares + 10 * base_sd**2) / (number + 10)), base_sd)
        for batch in np.flatnonzero(there):
            drift[batch], variance[batch] = _drift_of(cells, cells.batch == batch, centre, spread, drift_sd)
        drift[there] -= drift[there].mean()
        typical, worth = _DRIFT_PRIOR
        squared = worth * typical**2 + (drift**2 + variance)[there].sum()
        drift_sd = float(np.sqrt(squared / (worth + there.sum())))
    left = float(np.sqrt(variance.mean())) if there.all() else drift_sd
    return centre, spread, drift, left


def _drift_of(
    cells: ControlCells, here: np.ndarray, centre: np.ndarray, spread: np.ndarray, drift_sd: float
) -> tuple[float, float]:
    """Return mean and variance of the drift of one batch, on a grid."""
    raw, score, censored = cells.log2_intensity[here, None], cells.score[here], cells.censored[here, None]
    moved = _shifted(raw, _DRIFT_GRID)
    z = (moved - centre[score][:, None]) / spread[score][:, None]
    # the density of what was measured: the slope of the shift belongs to it
    slope = np.where(raw > 0, raw - moved - _DRIFT_GRID, 0.0) * np.log(2)
    log_like = np.where(censored, log_ndtr(-z), -0.5 * z**2 + slope).sum(axis=0)
    log_like -= 0.5 * (_DRIFT_GRID / drift_sd) ** 2
    weight = np.exp(log_like - log_like.max())
    weight /= weight.sum()
    mean = float(weight @ _DRIFT_GRID)
    return mean, float(weight @ (_DRIFT_GRID - mean) ** 2)


def _shifted(log2_intensity: np.ndarray, drift: np.ndarray) -> np.ndarray:
    return np.log2(without_drift(2.0**log2_intensity, drift))


def _completed(
    x: np.ndarray, censored: np.ndarray, expected: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values with saturated ones replaced by what is expected above them, and the variance that is left."""
    z = (x - expected) / spread
    hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-z))
    extra = np.where(censored, spread**2 * np.maximum(1 + z * hazard - hazard**2, 0.0), 0.0)
    return np.where(censored, expected + spread * hazard, x), extra


def _check_order(centre: np.ndarray, placed: np.ndarray) -> None:
    if (np.diff(centre[placed]) <= 0).any():
        found = ", ".join(f"{_keys.IF_SCORES[k]} at {2 ** centre[k]:.2f}" for k in placed)
        raise CalibrationError(
            f"control lines in the wrong order: {found} times the leukocyte background, expected to rise. Check which "
            "line is on which slide."
        )

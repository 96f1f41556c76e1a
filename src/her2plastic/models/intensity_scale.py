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
_ROUNDS: Final = 50


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
    """

    name: str
    source: str
    mean_log2: tuple[float, ...]
    sd_log2: tuple[float, ...]
    share_prior: tuple[float, ...] = (0.6, 0.3, 0.3, 0.6)
    slide_sd: float = 0.1
    cohort_sd: float = 0.0

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

    Intensities are normal around the centre of their score plus the drift of their batch; drifts scatter around 0.
    Saturated cells enter by what is expected of a cell above their bound.

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


def _fit(cells: ControlCells, base_sd: np.ndarray, n_batches: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return centre and spread of each score, drift of each batch, and what is left of the drift of any one batch."""
    n_scores = len(_keys.IF_SCORES)
    number = np.bincount(cells.score, minlength=n_scores)
    drift, drift_sd, worth = np.zeros(n_batches), _DRIFT_PRIOR[0], _DRIFT_PRIOR[1]
    spread = base_sd.copy()
    with np.errstate(invalid="ignore"):
        centre = np.bincount(cells.score, cells.log2_intensity, n_scores) / number
    in_batch = np.bincount(cells.batch, minlength=n_batches)
    for _ in range(_ROUNDS):
        expected = centre[cells.score] + drift[cells.batch]
        x, extra = _completed(cells, expected, spread[cells.score])
        with np.errstate(invalid="ignore"):
            centre = np.bincount(cells.score, x - drift[cells.batch], n_scores) / number
        residual = x - centre[cells.score]
        precision = np.bincount(cells.batch, spread[cells.score] ** -2.0, n_batches)
        total = np.bincount(cells.batch, residual * spread[cells.score] ** -2.0, n_batches)
        drift = total / (precision + drift_sd**-2)
        variance = 1 / (precision + drift_sd**-2)
        there = in_batch > 0
        drift_sd = float(
            np.sqrt((worth * _DRIFT_PRIOR[0] ** 2 + (drift**2 + variance)[there].sum()) / (worth + there.sum()))
        )
        squares = np.bincount(cells.score, (residual - drift[cells.batch]) ** 2 + extra, n_scores)
        # the shipped spread is worth ten cells
        own = np.sqrt((squares + 10 * base_sd**2) / (number + 10))
        spread = np.where(number >= _MIN_FOR_SPREAD, own, base_sd)
    left = float(np.sqrt(variance[in_batch > 0].mean())) if (in_batch > 0).all() else drift_sd
    return centre, spread, drift, left


def _completed(cells: ControlCells, expected: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values with saturated ones replaced by what is expected above them, and the variance that is left."""
    z = (cells.log2_intensity - expected) / spread
    hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-z))
    x = np.where(cells.censored, expected + spread * hazard, cells.log2_intensity)
    extra = np.where(cells.censored, spread**2 * np.maximum(1 + z * hazard - hazard**2, 0.0), 0.0)
    return x, extra


def _check_order(centre: np.ndarray, placed: np.ndarray) -> None:
    if (np.diff(centre[placed]) <= 0).any():
        found = ", ".join(f"{_keys.IF_SCORES[k]} at {2 ** centre[k]:.2f}" for k in placed)
        raise CalibrationError(
            f"control lines in the wrong order: {found} times the leukocyte background, expected to rise. Check which "
            "line is on which slide."
        )

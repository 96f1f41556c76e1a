"""Serum HER2 of a study on treatment as arrays: what patients' values truly do, who is seen, who progresses when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys

if TYPE_CHECKING:
    import pandas as pd

#: Days of a treatment cycle.
CYCLE_DAYS: Final = 21.0
#: Progressions per cycle without and with response.
PROGRESSIONS: Final = (0.14, 0.04)

# One random stream for each purpose, so that a twin differs in one thing only.
_PATIENTS, _NOISE, _PROGRESS, _STAYS = range(4)


@dataclass(frozen=True)
class SerumPlan:
    """A study of serum HER2.

    Attributes
    ----------
    n_patients
        Number of patients.
    cycles
        Cycles completed at the visits; the first is 0.
    response_share
        Share of patients whose tumour responds.
    baseline
        Mean of the natural log before treatment without response, and by how much it is higher with it.
    level_sd, slope_sd
        Standard deviations between patients of the natural log before treatment, and of its change per cycle.
    slopes
        Change of the natural log per cycle without and with response.
    residual_sd
        Standard deviation of the natural log within a patient.
    lod
        Limit of detection, ng/mL; missing for none.
    drop_out
        Probability of missing a visit and all later ones, and by how much it is higher after progression.
    drop_out_slope
        By how much the log-odds of leaving rise with the true change of the natural log.
    slope_hazard
        By how much the log hazard of progression rises with 0.1 of a patient's own slope.
    follow_cycles
        Cycles after which follow-up of progression ends.
    correlation
        Correlation of a patient's level with the standard normal ``other``.
    """

    n_patients: int
    cycles: np.ndarray
    response_share: float
    baseline: tuple[float, float]
    level_sd: float
    slopes: tuple[float, float]
    slope_sd: float
    residual_sd: float
    lod: float
    drop_out: tuple[float, float]
    drop_out_slope: float = 0.0
    slope_hazard: float = 0.0
    follow_cycles: float = 18.0
    correlation: float = 0.0

    def simulate(self, seed: int) -> SerumStudy:
        """Return one study; the same seed gives the same patients whatever the slopes."""
        n = self.n_patients
        responds, level, slope, other = _patients(
            _rng(seed, _PATIENTS), n, self.response_share, self.level_sd, self.slope_sd, self.correlation
        )
        level = level + self.baseline[0] + self.baseline[1] * responds
        own_slope = np.where(responds, self.slopes[1], self.slopes[0]) + slope
        hazard = np.where(responds, PROGRESSIONS[1], PROGRESSIONS[0]) * np.exp(self.slope_hazard * slope / 0.1)
        progressed = _rng(seed, _PROGRESS).exponential(1.0, n) / hazard
        change = own_slope[:, None] * self.cycles
        seen = _stays(_rng(seed, _STAYS), progressed[:, None] < self.cycles, change, *self.drop_out,
                      self.drop_out_slope)  # fmt: skip
        log_value = level[:, None] + change + _rng(seed, _NOISE).normal(0.0, self.residual_sd, change.shape)
        return SerumStudy(self, log_value, seen, responds, progressed, level, own_slope, other)


@dataclass(frozen=True)
class SerumStudy:
    """A simulated study.

    Attributes
    ----------
    plan
        Its plan.
    log_value
        Natural log of the value, patients x visits, also of visits that did not take place.
    seen
        Whether the visit took place.
    responds
        Whose tumour responds.
    progressed
        Cycles until progression.
    level, slope
        True natural log before treatment, and its change per cycle.
    other
        Standard normal that is correlated with the level.
    """

    plan: SerumPlan
    log_value: np.ndarray
    seen: np.ndarray
    responds: np.ndarray
    progressed: np.ndarray
    level: np.ndarray
    slope: np.ndarray
    other: np.ndarray

    @property
    def names(self) -> np.ndarray:
        """Names of the patients."""
        n = len(self.responds)
        width = max(2, len(str(n)))
        return np.array([f"P{number:0{width}d}" for number in range(1, n + 1)])

    def visits(self) -> pd.DataFrame:
        """Return the visits that took place, in the form of ``io.read_serum``."""
        import pandas as pd

        plan = self.plan
        patient, look = np.nonzero(self.seen)
        value = np.exp(self.log_value[patient, look])
        below = value < plan.lod
        day = np.round(self.progressed * CYCLE_DAYS) + 1
        known = day <= plan.follow_cycles * CYCLE_DAYS
        last_visit = plan.cycles[self.seen.sum(axis=1) - 1] * CYCLE_DAYS
        last = np.fmax(np.where(known, day, plan.follow_cycles * CYCLE_DAYS), last_visit)
        words = np.array(_keys.RESPONSES)[self.responds.astype(int)][patient]
        return pd.DataFrame({
            _keys.DONOR_ID: self.names[patient], "day": plan.cycles[look] * CYCLE_DAYS, "cycle": plan.cycles[look],
            "value": np.where(below, plan.lod, value), "below_lod": below, "lod": plan.lod, "assay": "simulated",
            "response": pd.Categorical(words, categories=list(_keys.RESPONSES)),
            "progression_day": np.where(known, day, np.nan)[patient], "last_day": last[patient], "arm": "ADC",
        })  # fmt: skip


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


def _patients(
    rng: np.random.Generator, n: int, share: float, level_sd: float, slope_sd: float, correlation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return who responds, and deviations of level, slope and (standardised) log-odds of a HER2-positive CTC."""
    responds = np.zeros(n, dtype=bool)
    responds[rng.permutation(n)[: round(share * n)]] = True
    standard = rng.normal(size=(3, n))
    ctc = correlation * standard[0] + np.sqrt(1 - correlation**2) * standard[2]
    return responds, level_sd * standard[0], slope_sd * standard[1], ctc


def _stays(
    rng: np.random.Generator, progressed: np.ndarray, change: np.ndarray, share: float, factor: float, slope: float
) -> np.ndarray:
    """Return who came to which visit: all to the first, to a later one by drop-out since."""
    chance = np.clip(share * np.where(progressed, factor, 1.0), 0.0, 0.95)
    odds = chance / (1 - chance) * np.exp(slope * change)
    stays = rng.random(change.shape) >= odds / (1 + odds)
    stays[:, 0] = True
    return np.logical_and.accumulate(stays, axis=1)

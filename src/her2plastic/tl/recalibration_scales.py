"""The two HER2 scales as something that can be moved and asked anew: fluorescence, and ERBB2 counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import log_ndtr

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import MissingKeyError, ParameterError, one_of
from her2plastic.models.count_noise import CountNoise, log_likelihood
from her2plastic.models.expression_scale import ExpressionScale
from her2plastic.models.intensity_scale import IntensityScale, without_drift
from her2plastic.models.ordered_counts import OrderedCounts
from her2plastic.models.ordered_intensities import OrderedIntensities
from her2plastic.models.recalibration import Move, log_sum
from her2plastic.tl import her2_calibration as calibrations
from her2plastic.tl.her2_cells import Her2Cells, collect
from her2plastic.tl.if_calibration import recorded_scale
from her2plastic.tl.if_cells import ScoredCells, patients_of, scored_cells
from her2plastic.tl.review_model import MODELS

if TYPE_CHECKING:
    from anndata import AnnData


#: How far a scale and its components may lie off before the decisions, log2: one by assumptions; one that control cells
#: of the same run placed, where patients' cells may still differ from cultured ones.
_COMMON_SD = {False: 0.5, True: 0.2}
_OWN_SD = {False: 0.3, True: 0.1}
#: The same of the log of the factor of the spreads. The expression of donors scatters about as much as that of one
#: donor's cells: where donors are few, the one cannot be told from the other, and the factor stays near 1.
_FACTOR_SD = {"intensity": 0.25, "counts": 0.03}


class Measured(Protocol):
    """Cells with their measurement, and the scale that they were called by."""

    @property
    def scale(self) -> Any:
        """The scale before."""

    @property
    def patient(self) -> np.ndarray:
        """Number of each cell's patient."""

    @property
    def common_sd(self) -> float:
        """How far the scale as a whole may lie off before the decisions, log2."""

    @property
    def own_sd(self) -> float:
        """How far each of its components may lie off beyond that, log2."""

    @property
    def factor_sd(self) -> float:
        """How far the log of the factor of its spreads may lie off 0."""

    @property
    def usable(self) -> np.ndarray:
        """Which cells are a patient's CTCs with a measurement."""

    def posterior(self, scale: Any) -> np.ndarray:
        """Return the posterior of the states ``(cells, states)`` under a scale; missing for unusable cells."""

    @property
    def n_components(self) -> int:
        """Number of the scale's components."""

    def log_like(self, places: np.ndarray, move: Move) -> np.ndarray:
        """Return how likely each state makes some cells, with the scale moved."""

    def moved(self, move: Move, source: str) -> Any:
        """Return the scale moved."""


def measured_cells(adata: AnnData, model: str, *, seed: int) -> Measured:
    """Return the cells as a model measured them.

    Raises
    ------
    ParameterError
        A model that is not known, or that called cells by a published rule.
    MissingKeyError
        The model has not run.
    """
    one_of("model", model, MODELS)
    record = step_record(adata, model)
    if not record:
        raise MissingKeyError("uns['her2plastic']", model, adata.uns.get(_keys.ROOT, {}), f"Run tl.{model} first.")
    return _Intensities.of(adata, record, seed) if model == "her2_if" else _Counts.of(adata, record, seed)


def _by_state(by_component: np.ndarray, weights: np.ndarray, membership: np.ndarray) -> np.ndarray:
    """Return log-likelihoods of the states, whose components are weighed by the scale's own shares."""
    within = weights[:, None] * membership
    with np.errstate(divide="ignore"):
        logs = np.log(within / within.sum(axis=0))
    return log_sum(by_component[:, :, None] + logs)


def _rising(means: np.ndarray) -> tuple[float, ...]:
    """Return the means; those that a move put below the one before stand just above it."""
    return tuple(float(m) for m in np.maximum.accumulate(means) + 1e-3 * np.arange(len(means)))


@dataclass(frozen=True)
class _Intensities:
    scale: IntensityScale
    cells: ScoredCells
    patient: np.ndarray
    seed: int

    @classmethod
    def of(cls, adata: AnnData, record: Mapping[str, Any], seed: int) -> _Intensities:
        drift = zip(map(str, record["batches"]["batch"]), map(float, record["batches"]["drift_log2"]), strict=True)
        scale = replace(recorded_scale(record["calibration"]), drift_log2=tuple(drift))
        cells = scored_cells(adata, control_key=str(record["params"]["control_key"]))
        return cls(scale, cells, patients_of(adata, str(record["params"]["donor_key"])), seed)

    @property
    def common_sd(self) -> float:
        return float(np.hypot(self.scale.cohort_sd, _COMMON_SD[self._by_controls]))

    @property
    def own_sd(self) -> float:
        return _OWN_SD[self._by_controls]

    @property
    def factor_sd(self) -> float:
        return _FACTOR_SD["intensity"]

    @property
    def _by_controls(self) -> bool:
        return self.scale.name == "controls"

    @property
    def usable(self) -> np.ndarray:
        return self.cells.scored & self.cells.of_patient

    def posterior(self, scale: IntensityScale) -> np.ndarray:
        used = self.usable
        states = np.full((len(used), len(_keys.STATES)), np.nan)
        if used.any():
            model = OrderedIntensities(scale, seed=self.seed)
            model.fit(self.cells.log2_intensity[used], self.cells.censored[used], self.patient[used])
            states[used] = model.score_posterior_ @ scale.membership
        return states

    @property
    def n_components(self) -> int:
        return len(self.scale.mean_log2)

    def log_like(self, places: np.ndarray, move: Move) -> np.ndarray:
        sd = np.hypot(np.array(self.scale.sd_log2) * move.factor, self.scale.slide_sd)
        z = (self.cells.log2_intensity[places, None] - self._means(move)) / sd
        by_score = np.where(self.cells.censored[places, None], log_ndtr(-z), -0.5 * z**2 - np.log(sd))
        return _by_state(by_score, np.array(self.scale.share_prior), self.scale.membership)

    def moved(self, move: Move, source: str) -> IntensityScale:
        return replace(
            self.scale, name=calibrations.REVIEWED, source=source, mean_log2=_rising(self._means(move)),
            sd_log2=tuple(float(sd * move.factor) for sd in self.scale.sd_log2), cohort_sd=move.common_sd,
        )  # fmt: skip

    def _means(self, move: Move) -> np.ndarray:
        """Return the centres under another strength of the stain, which acts on what is above the background."""
        stained = without_drift(2.0 ** np.array(self.scale.mean_log2), -move.common)
        return np.asarray(np.log2(stained) + move.own)


@dataclass(frozen=True)
class _Counts:
    scale: ExpressionScale
    cells: Her2Cells
    noise: dict[str, CountNoise]
    cohort_sds: dict[str, float]
    seed: int

    @classmethod
    def of(cls, adata: AnnData, record: Mapping[str, Any], seed: int) -> _Counts:
        scale = calibrations.recorded(record["calibration"])
        if not isinstance(scale, ExpressionScale):
            raise ParameterError(
                f"her2_state called these cells by the rule {scale.name!r}, which has no scale to place: run "
                "tl.her2_state with calibration='reference' or 'controls' first"
            )
        params = record["params"]
        cells = collect(adata, donor_key=str(params["donor_key"]), only_ctcs=bool(params["only_ctcs"]))
        noise = {
            name: CountNoise(*(float(found[key]) for key in ("dispersion", "zero_inflation", "ambient_cpm")))
            for name, found in record["assays"].items()
        }
        return cls(scale, cells, noise, {n: float(f["cohort_sd"]) for n, f in record["assays"].items()}, seed)

    @property
    def patient(self) -> np.ndarray:
        return self.cells.donor

    @property
    def common_sd(self) -> float:
        return float(np.hypot(max(self.cohort_sds.values(), default=0.0), _COMMON_SD[self._by_controls]))

    @property
    def own_sd(self) -> float:
        return _OWN_SD[self._by_controls]

    @property
    def factor_sd(self) -> float:
        return _FACTOR_SD["counts"]

    @property
    def _by_controls(self) -> bool:
        return self.scale.name == "controls"

    @property
    def usable(self) -> np.ndarray:
        return self.cells.is_ctc & ~self.cells.is_control & (self.cells.depth > 0)

    def posterior(self, scale: ExpressionScale) -> np.ndarray:
        states = np.full((len(self.cells.count), len(_keys.STATES)), np.nan)
        for assay, noise in self.noise.items():
            used = self.usable & self.cells.of_assay(assay)
            if used.any():
                # a scale that decisions on these very cells placed is off by no more than its donors are
                sd = 0.0 if scale.name == calibrations.REVIEWED else self.cohort_sds[assay]
                model = OrderedCounts(scale, noise, cohort_sd=sd, seed=self.seed)
                states[used] = model.fit(
                    self.cells.count[used], self.cells.depth[used], self.cells.donor[used]
                ).cell_posterior_
        return states

    @property
    def n_components(self) -> int:
        return len(self.scale.components)

    def log_like(self, places: np.ndarray, move: Move) -> np.ndarray:
        sd = np.hypot(np.array(self.scale.sd_log2) * move.factor, self.scale.donor_sd)
        by_component = np.full((len(places), self.n_components), np.nan)
        for assay, noise in self.noise.items():
            own = self.cells.of_assay(assay)[places]
            if own.any():
                count, depth = self.cells.count[places][own], self.cells.depth[places][own]
                by_component[own] = log_likelihood(count, np.log2(depth), self._means(move), sd, noise)
        return _by_state(by_component, np.array(self.scale.share_prior), self.scale.membership)

    def moved(self, move: Move, source: str) -> ExpressionScale:
        return replace(
            self.scale, name=calibrations.REVIEWED, source=source, mean_log2_cpm=_rising(self._means(move)),
            sd_log2=tuple(float(sd * move.factor) for sd in self.scale.sd_log2),
        )  # fmt: skip

    def _means(self, move: Move) -> np.ndarray:
        return np.array(self.scale.mean_log2_cpm) + move.common + move.own

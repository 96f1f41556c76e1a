"""Simulated serum HER2 of patients on treatment, with response, progression, drop-out, and CTCs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import check_seed
from her2plastic.datasets.argument_checks import in_range, rising_days, whole
from her2plastic.models.serum_study import SerumPlan

if TYPE_CHECKING:
    import pandas as pd

# The random stream of CTCs; those of the study are below this number.
_CTCS: Final = 4


@dataclass(frozen=True)
class SimulatedSerum:
    """Serum HER2 of a simulated study with all that is true of it.

    Attributes
    ----------
    visits
        A row per visit that took place, as :func:`her2plastic.io.read_serum` returns it.
    ctcs
        A row per visit: ``donor_id``, ``day``, ``cycle``, ``n_ctc``, ``n_positive`` (CTCs that are HER2-positive).
    truth
        A row per patient: ``donor_id``, ``responds``, ``level`` (log ng/mL at day 0), ``slope`` (log per cycle),
        ``ctc_level`` (log-odds of a HER2-positive CTC at day 0), ``visits`` (how many took place).
    effects
        True fixed effects in log ng/mL: ``intercept``, ``response``, ``time`` (per cycle), ``time:response``.
    residual_sd, level_sd, slope_sd
        Standard deviations in log ng/mL: of a value within a patient; between patients, of the level and of the slope
        per cycle.
    correlation
        Correlation of a patient's serum level with the log-odds that a CTC is HER2-positive.
    seed
        Seed of the simulation.
    """

    visits: pd.DataFrame
    ctcs: pd.DataFrame
    truth: pd.DataFrame
    effects: dict[str, float]
    residual_sd: float
    level_sd: float
    slope_sd: float
    correlation: float
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """Return the visits as they would stand in a file: ``<2`` below detection, a unit, days and cycles."""
        frame = self.visits.copy()
        below = frame.pop("below_lod")
        values = [f"<{lod:g}" if low else f"{value:.4g}" for value, low, lod in
                  zip(frame["value"], below, frame["lod"], strict=True)]  # fmt: skip
        frame["value"], frame["unit"] = values, "ng/mL"
        return frame


def simulate_serum(
    *,
    n_patients: int = 50,
    cycles: Sequence[float] = (0, 2, 4, 6),
    response_share: float = 0.5,
    baseline_median: float = 11.0,
    level_sd: float = 0.5,
    response_level: float = 0.0,
    slopes: tuple[float, float] = (0.10, -0.25),
    slope_sd: float = 0.04,
    residual_sd: float = 0.15,
    lod: float | None = 2.0,
    drop_out: float = 0.15,
    drop_out_progressed: float = 3.0,
    drop_out_slope: float = 0.0,
    slope_hazard: float = 0.0,
    follow_cycles: float = 18.0,
    ctc_median: float = 7.0,
    ctc_positive: float = 0.3,
    ctc_level_sd: float = 1.0,
    ctc_overdispersion: float = 0.03,
    correlation: float = 0.5,
    seed: int = 0,
) -> SimulatedSerum:
    """Simulate serum HER2 over the cycles of a HER2-directed antibody-drug conjugate, in the design of NCT06492447.

    Levels, spread and slopes are assumptions of this package in the order of magnitude of reported cut-offs; the design
    (50 patients; before treatment and after cycles 2, 4 and 6 of three weeks) is that of the trial's record.

    Parameters
    ----------
    n_patients
        Number of patients.
    cycles
        Cycles completed at the visits, rising; the first is 0.
    response_share
        Share of patients whose tumour responds.
    baseline_median
        Median before treatment, ng/mL, without response.
    level_sd
        Standard deviation of the natural log before treatment between patients.
    response_level
        By how much the natural log before treatment is higher in patients who will respond.
    slopes
        Change of the natural log per two cycles without and with response.
    slope_sd
        Standard deviation between patients of the change per cycle.
    residual_sd
        Standard deviation of the natural log within a patient: assay and biology.
    lod
        Limit of detection, ng/mL; None for none.
    drop_out
        Probability of missing a visit and all later ones.
    drop_out_progressed
        By how much drop-out is likelier once the disease has progressed.
    drop_out_slope
        By how much the log-odds of leaving rise with one unit of the patient's true change of the natural log since
        day 0; other than 0, drop-out depends on what is not seen.
    slope_hazard
        By how much the log hazard of progression rises with 0.1 of the patient's own slope per cycle, beyond response.
    follow_cycles
        Cycles after which follow-up of progression ends.
    ctc_median
        Median number of CTCs per visit (log-normal, at most 300; none is possible).
    ctc_positive
        Median share of CTCs that are HER2-positive.
    ctc_level_sd
        Standard deviation between patients of the log-odds of a HER2-positive CTC.
    ctc_overdispersion
        Intra-draw correlation of the states of CTCs.
    correlation
        Correlation of a patient's serum level with these log-odds.
    seed
        The same seed and parameters give the same study.

    Returns
    -------
    Visits, CTC counts and what is true of the patients.

    Raises
    ------
    ParameterError
        When a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> study = hp.datasets.simulate_serum(n_patients=30, seed=1)
    >>> visits = study.to_frame()
    >>> visits.groupby("cycle")["donor_id"].nunique().to_dict()
    {0.0: 30, 2.0: 21, 4.0: 16, 6.0: 11}
    >>> print(visits[["donor_id", "cycle", "value", "lod", "response"]].head(3).to_string(index=False))
    donor_id  cycle value  lod    response
         P01    0.0  8.06  2.0 no response
         P02    0.0 10.53  2.0    response
         P03    0.0 12.12  2.0    response
    """
    import pandas as pd

    whole("n_patients", n_patients, 2)
    check_seed(seed)
    looks = rising_days("cycles", cycles)
    for name, value, low, high, above in (
        ("response_share", response_share, 0, 1, False), ("baseline_median", baseline_median, 0, 1e4, True),
        ("level_sd", level_sd, 0, 5, False), ("response_level", response_level, -10, 10, False),
        ("slope_sd", slope_sd, 0, 5, False), ("residual_sd", residual_sd, 0, 5, True),
        ("drop_out", drop_out, 0, 0.95, False), ("drop_out_progressed", drop_out_progressed, 0, 100, False),
        ("drop_out_slope", drop_out_slope, -50, 50, False), ("slope_hazard", slope_hazard, -20, 20, False),
        ("follow_cycles", follow_cycles, 0, 1000, True), ("ctc_median", ctc_median, 0, 300, True),
        ("ctc_level_sd", ctc_level_sd, 0, 10, False), ("correlation", correlation, -1, 1, False),
        ("ctc_overdispersion", ctc_overdispersion, 0, 0.9, False),
        ("ctc_positive", ctc_positive, 0.001, 0.999, False), ("slopes[0]", slopes[0], -5, 5, False),
        ("slopes[1]", slopes[1], -5, 5, False),
    ):  # fmt: skip
        in_range(name, value, low, high, above=above)
    if lod is not None:
        in_range("lod", lod, 0, above=True)
    plan = SerumPlan(
        n_patients=n_patients, cycles=looks, response_share=response_share,
        baseline=(float(np.log(baseline_median)), response_level), level_sd=level_sd,
        slopes=(slopes[0] / 2, slopes[1] / 2), slope_sd=slope_sd, residual_sd=residual_sd,
        lod=float("nan") if lod is None else lod, drop_out=(drop_out, drop_out_progressed),
        drop_out_slope=drop_out_slope, slope_hazard=slope_hazard, follow_cycles=follow_cycles, correlation=correlation,
    )  # fmt: skip
    study = plan.simulate(seed)
    ctc_level = np.log(ctc_positive / (1 - ctc_positive)) + ctc_level_sd * study.other
    visits = study.visits()
    rng = np.random.default_rng([seed, _CTCS])
    truth = pd.DataFrame({
        _keys.DONOR_ID: study.names, "responds": study.responds, "level": study.level, "slope": study.slope,
        "ctc_level": ctc_level, "visits": study.seen.sum(axis=1),
    })  # fmt: skip
    return SimulatedSerum(
        visits=visits, ctcs=_ctcs(rng, visits, study.names, ctc_level, ctc_median, ctc_overdispersion), truth=truth,
        residual_sd=residual_sd, level_sd=level_sd, slope_sd=slope_sd, correlation=correlation, seed=int(seed),
        effects={
            "intercept": float(np.log(baseline_median)), "response": response_level, "time": slopes[0] / 2,
            "time:response": (slopes[1] - slopes[0]) / 2,
        },
    )  # fmt: skip


def _ctcs(
    rng: np.random.Generator,
    visits: pd.DataFrame,
    names: np.ndarray,
    level: np.ndarray,
    median: float,
    overdispersion: float,
) -> pd.DataFrame:
    """Return CTCs per visit, and how many of them are HER2-positive."""
    place = {name: row for row, name in enumerate(names.tolist())}
    own = level[visits[_keys.DONOR_ID].map(place).to_numpy()]
    share = 1 / (1 + np.exp(-own))
    numbers = np.clip(np.round(rng.lognormal(np.log(median), 1.5, len(visits))), 0, 300).astype(int)
    if overdispersion > 0:
        size = 1 / overdispersion - 1
        share = rng.beta(np.maximum(share * size, 1e-9), np.maximum((1 - share) * size, 1e-9))
    frame = visits[[_keys.DONOR_ID, "day", "cycle"]].copy()
    frame["n_ctc"], frame["n_positive"] = numbers, rng.binomial(numbers, share)
    return frame

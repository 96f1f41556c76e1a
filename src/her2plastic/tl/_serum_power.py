"""How many patients are needed to see that serum HER2 moves otherwise with response, and to tell response by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from her2plastic._errors import ParameterError, check_probability, check_seed, check_whole
from her2plastic.io.progress import steps_shown
from her2plastic.models.power import share_interval
from her2plastic.models.roc.looks import roc_at_looks
from her2plastic.models.serum_study import SerumPlan
from her2plastic.tl.serum_model import fit_serum
from her2plastic.tl.serum_response import response_scores
from her2plastic.tl.serum_visits import serum_visits

#: Draws of the bootstrap of an area in each study.
_BOOTSTRAPS: Final = 199
_INTERACTION: Final = "time:response"
#: Median before treatment, ng/mL, and by how much drop-out is likelier after progression.
_MEDIAN: Final = 11.0
_PROGRESSED: Final = 3.0


@dataclass(frozen=True)
class SerumPower:
    """What studies of serum HER2 of several sizes would find, from simulated data.

    Attributes
    ----------
    frame
        A row per size of study: see :meth:`to_frame`.
    look
        Cycle at which response is told.
    alpha
        Probability below which a difference of slopes counts as found.
    n
        Studies simulated per size, with and without a difference.
    notes
        What a reader must know, a sentence each.
    """

    frame: pd.DataFrame
    look: float
    alpha: float
    n: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per size of study.

        ``patients``, ``difference`` (of the change per two cycles, natural log); ``power`` (share of studies that find
        it) with its Monte-Carlo interval ``power_lower``, ``power_upper``; the same of ``false_positive`` (without a
        difference); ``interval`` (median width of the interval of the difference per two cycles); ``area`` (median at
        the look) with ``area_width`` (median width of its interval for all looks) and ``area_found`` (share of studies
        with p below alpha for all looks); ``seen`` (median patients at the look); ``insufficient`` (share that say so).
        """
        return self.frame.copy()

    def summary(self) -> str:
        """Return one line per size of study, then what has to be known."""
        lines = [f"serum HER2, {self.n} studies per size, at the {self.alpha:.0%} level"]
        for row in self.frame.to_dict("records"):
            lines.append(
                f"{row['patients']:g} patients, difference {row['difference']:+.2f}: found in {row['power']:.0%} "
                f"({row['power_lower']:.0%} to {row['power_upper']:.0%}), without one in {row['false_positive']:.0%}; "
                f"area at cycle {self.look:g} {row['area']:.2f}, its interval {row['area_width']:.2f} wide"
            )
        return "\n".join([*lines, *self.notes])


def serum_power(
    n_patients: Sequence[int] = (30, 50, 80),
    *,
    differences: Sequence[float] = (-0.10, -0.35),
    slope: float = 0.10,
    slope_sd: float = 0.04,
    residual_sd: float = 0.15,
    level_sd: float = 0.5,
    response_share: float = 0.5,
    lod: float | None = None,
    drop_out: float = 0.15,
    looks: Sequence[float] = (2, 4, 6),
    alpha: float = 0.05,
    n: int = 100,
    seed: int = 0,
    progress: bool | None = None,
) -> SerumPower:
    """Simulate studies of serum HER2 in the design of NCT06492447, and analyse them as :func:`serum` does.

    Parameters
    ----------
    n_patients
        Numbers of patients.
    differences
        True differences of the change of the natural log per two cycles, response less no response.
    slope
        Change of the natural log per two cycles without response.
    slope_sd, residual_sd, level_sd
        Standard deviations of the natural log: of the change per cycle between patients, within patients, and of the
        level between patients.
    response_share
        Share of patients whose tumour responds.
    lod
        Limit of detection, ng/mL; None for none. With one each study takes some ten times longer.
    drop_out
        Probability of missing a visit and all later ones; three times that after progression.
    looks
        Cycles of the looks; response is told at the first.
    alpha
        Probability below which a test counts as found.
    n
        Studies per size and difference; as many are made without a difference.
    seed
        Seed of everything random. Sizes share it.
    progress
        Show a bar; by default where standard error is a terminal.

    Returns
    -------
    Power with its Monte-Carlo interval, false positives, and the widths of intervals.

    Raises
    ------
    ParameterError
        When a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> found = hp.tl.serum_power((40,), differences=(-0.35,), n=10, progress=False)
    >>> print(found.to_frame()[["patients", "difference", "power", "area"]].round(2).to_string())
       patients  difference  power  area
    0        40       -0.35    1.0  0.87
    """
    check_probability("alpha", alpha)
    check_seed(seed)
    check_whole("n", n, least=10)
    for name, numbers in (("n_patients", n_patients), ("differences", differences), ("looks", looks)):
        if np.ndim(numbers) != 1 or isinstance(numbers, str) or not len(numbers):
            raise ParameterError(f"{name}={numbers!r}: expected a list of numbers")
    plan = SerumPlan(
        n_patients=2, cycles=np.array([0.0, *looks]), response_share=response_share, baseline=(np.log(_MEDIAN), 0.0),
        level_sd=level_sd, slopes=(slope / 2, slope / 2), slope_sd=slope_sd, residual_sd=residual_sd,
        lod=float("nan") if lod is None else lod, drop_out=(drop_out, _PROGRESSED),
    )  # fmt: skip
    rows = []
    for patients in n_patients:
        check_whole("n_patients", patients, least=2)
        static = _studies(replace(plan, n_patients=int(patients)), n, seed, alpha, progress)
        for apart in differences:
            slopes = (slope / 2, (slope + float(apart)) / 2)
            moved = _studies(replace(plan, n_patients=int(patients), slopes=slopes), n, seed, alpha, progress)
            rows.append(_row(int(patients), float(apart), moved, static, alpha, n))
    notes = (
        "Levels, spread and slopes are assumptions; the design is that of NCT06492447.",
        "Response is known only later: a difference of slopes describes, it predicts nothing.",
    )
    return SerumPower(pd.DataFrame(rows), float(looks[0]), alpha, n, notes)


def _studies(plan: SerumPlan, n: int, seed: int, alpha: float, progress: bool | None) -> pd.DataFrame:
    """Return what each of ``n`` simulated studies finds."""
    seeds = np.random.SeedSequence(seed).generate_state(n).tolist()
    what = f"{plan.n_patients} patients, {'with' if plan.slopes[0] != plan.slopes[1] else 'without'} a difference"
    return pd.DataFrame([_study(plan, own, alpha) for own in steps_shown(seeds, what=what, shown=progress)])


def _study(plan: SerumPlan, seed: int, alpha: float) -> dict[str, float]:
    """Return what one simulated study finds."""
    visits = serum_visits(plan.simulate(seed).visits(), group="response", looks=plan.cycles[1:].tolist(), window=0.5)
    fit = fit_serum(visits, time="linear", level=1 - alpha).fit
    score, responded = response_scores(visits)
    first = roc_at_looks(score[list(visits.looks)].to_numpy(), responded, tuple(map(str, visits.looks)),
                         level=1 - alpha, n_bootstrap=_BOOTSTRAPS, seed=seed)[0]  # fmt: skip
    found = {"p": np.nan, "interval": np.nan}
    if fit is not None:
        effect = fit.contrast(np.array(fit.names) == _INTERACTION)
        found = {"p": effect.p, "interval": 2 * (effect.upper - effect.lower)}
    return {**found, "area": first.area, "area_width": first.upper_all - first.lower_all, "area_p": first.p_all,
            "seen": float(first.n)}  # fmt: skip


def _row(
    patients: int, apart: float, with_it: pd.DataFrame, without: pd.DataFrame, alpha: float, n: int
) -> dict[str, float]:
    """Return the row of one size of study."""
    row: dict[str, float] = {"patients": patients, "difference": apart}
    for name, frame in (("power", with_it), ("false_positive", without)):
        found = int((frame["p"] < alpha).sum())
        row[name] = found / n
        row[f"{name}_lower"], row[f"{name}_upper"] = share_interval(found, n)
    row["insufficient"] = float(with_it["p"].isna().mean())
    for name in ("interval", "area", "area_width", "seen"):
        known = with_it[name].dropna()
        row[name] = float(known.median()) if len(known) else float("nan")
    row["area_found"] = float((with_it["area_p"] < alpha).mean())
    return row

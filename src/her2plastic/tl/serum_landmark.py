"""Progression after a landmark visit, by what serum HER2 had done until then: nothing later is looked at."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from her2plastic._errors import from_extra
from her2plastic.tl.serum_visits import SerumVisits

#: Fewest progressions per covariate of the Cox model.
EVENTS_PER_COVARIATE: Final = 5
_COVARIATES: Final = ("change, per halving", "level before treatment, per doubling")


@dataclass(frozen=True)
class SerumLandmark:
    """Progression after a landmark.

    Attributes
    ----------
    look
        Cycle of the landmark visit. Each patient's time counts from the day of that visit.
    n, n_events
        Patients at risk there with both values, and their progressions.
    left_out
        Patients left out by reason: no value before treatment or at the landmark, or progressed or no longer followed
        by then.
    frame
        A row per covariate: ``effect``, hazard ``ratio`` with ``lower`` and ``upper``, ``p``; without rows where it is
        insufficient.
    p
        Of the likelihood-ratio test of both covariates.
    concordance
        Share of pairs of patients in the order of their risk.
    status
        ``"ok"``, or why there is no model.
    """

    look: float
    n: int
    n_events: int
    left_out: dict[str, int]
    frame: pd.DataFrame
    p: float
    concordance: float
    status: str


def landmark_rows(visits: SerumVisits, look: float) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the patients at risk after the landmark, and how many were left out for which reason.

    Columns: ``change`` (halvings since before treatment), ``level`` (log2 ng/mL before it), ``days`` from the landmark
    visit to progression or the end of follow-up, ``event``.
    """
    donors, log_value = visits.donors, visits.log_value
    progression = donors["progression_day"].astype(float)
    end = donors["last_day"].astype(float).where(donors["last_day"].notna(), donors["last_visit"])
    days = progression.where(progression.notna(), end) - visits.day[look]
    has_first, has_look = log_value[0.0].notna(), log_value[look].notna()
    at_risk = has_first & has_look & (days > 0)
    early = has_first & ((has_look & (days <= 0)) | (~has_look & (progression <= 21.0 * look)))
    left_out = {
        "no value before treatment": int((~has_first).sum()),
        "progressed or no longer followed by the landmark": int(early.sum()),
        "no value at the landmark": int((has_first & ~has_look & ~early).sum()),
    }
    table = pd.DataFrame({
        "change": (log_value[0.0] - log_value[look]) / np.log(2), "level": log_value[0.0] / np.log(2), "days": days,
        "event": progression.notna().astype(float),
    })  # fmt: skip
    return table[at_risk], left_out


def landmark_model(visits: SerumVisits, *, look: float, level: float) -> SerumLandmark:
    """Fit a Cox model of progression after the landmark (Anderson et al. 1983).

    Parameters
    ----------
    visits
        Visits.
    look
        Cycle of the landmark.
    level
        Probability that an interval holds.

    Returns
    -------
    The model.
    """
    rows, left_out = landmark_rows(visits, look)
    n, events = len(rows), int(rows["event"].sum())
    nothing = pd.DataFrame(columns=["effect", "ratio", "lower", "upper", "p"])
    need = EVENTS_PER_COVARIATE * len(_COVARIATES)
    status = "ok"
    if visits.frame["progression_day"].isna().all():
        status = "insufficient: no progression is given (column 'progression_day')"
    elif events < need:
        status = f"insufficient: {events} progressions after the landmark; at least {need} are needed"
    elif rows["change"].std() < 1e-9 or rows["level"].std() < 1e-9:
        status = "insufficient: all patients have the same values"
    if status != "ok":
        return SerumLandmark(look, n, events, left_out, nothing, float("nan"), float("nan"), status)
    lifelines = from_extra("lifelines", extra="clinical")
    exceptions = from_extra("lifelines.exceptions", extra="clinical")
    cox = lifelines.CoxPHFitter(alpha=1 - level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", exceptions.ConvergenceWarning)
            cox.fit(rows, duration_col="days", event_col="event")
    except (exceptions.ConvergenceError, exceptions.ConvergenceWarning):
        status = "insufficient: the Cox model did not converge: a value parts those who progress from the rest"
        return SerumLandmark(look, n, events, left_out, nothing, float("nan"), float("nan"), status)
    table = cox.summary
    bounds = [column for column in table.columns if column.startswith("exp(coef) ") and column != "exp(coef)"]
    frame = pd.DataFrame({
        "effect": list(_COVARIATES), "ratio": table["exp(coef)"].to_numpy(), "lower": table[bounds[0]].to_numpy(),
        "upper": table[bounds[1]].to_numpy(), "p": table["p"].to_numpy(),
    })  # fmt: skip
    p = float(cox.log_likelihood_ratio_test().p_value)
    return SerumLandmark(look, n, events, left_out, frame, p, float(cox.concordance_index_), status)

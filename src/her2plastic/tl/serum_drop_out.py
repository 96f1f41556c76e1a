"""How the effects on serum HER2 change if patients stay away because of what it does, seen or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from her2plastic.models.censored_mixed.drop_out import fit_joint, joint_frame
from her2plastic.models.censored_mixed.likelihood import Leaving
from her2plastic.models.censored_mixed.rows import mixed_rows
from her2plastic.tl.serum_model import SerumModel
from her2plastic.tl.serum_visits import SerumVisits, cycles_to_days

#: Assumed dependence: by how much the probit of leaving rises if serum HER2 has truly grown by a factor of e.
DEPENDENCE: Final = (-2.0, -1.0, 1.0, 2.0)
#: Fewest patients who left, and who stayed, from which the dependence is estimated.
LEAST_LEFT: Final = 8


@dataclass(frozen=True)
class SerumDropOut:
    """The effects over time under several assumptions on why patients left.

    Attributes
    ----------
    left
        Patients who left before a look, by look.
    frame
        A row per assumption and effect: ``dependence`` (by how much the probit of leaving rises if serum HER2 has truly
        grown by a factor of e; 0: leaving depends on what was seen only), ``estimated``, ``loglik``, ``fits`` (False: a
        likelihood-ratio test at 0.05 speaks against the assumption, as far as random effects are normal), ``effect``,
        ``estimate``, ``error``, ``lower``, ``upper``, ``p``.
    dependence, dependence_error
        The dependence as estimated; missing where it was not.
    status
        ``"ok"``, or why there is nothing to look at.
    """

    left: dict[float, int]
    frame: pd.DataFrame
    dependence: float
    dependence_error: float
    status: str

    def tipping_point(self, effect: str) -> float:
        """Return the assumption nearest to none at which the interval of an effect holds 0 if it did not before.

        Infinite if there is none among those tried; missing where the effect is not found without an assumption.
        """
        rows = self.frame[(self.frame["effect"] == effect) & ~self.frame["estimated"].astype(bool)]
        found = (rows["lower"] > 0) | (rows["upper"] < 0)
        if not found[rows["dependence"] == 0].all() or rows.empty:
            return float("nan")
        lost = rows.loc[~found, "dependence"]
        return float(lost.iloc[int(np.argmin(np.abs(lost)))]) if len(lost) else float("inf")


def drop_out_table(model: SerumModel, visits: SerumVisits, *, dependence: Sequence[float] | None) -> SerumDropOut:
    """Fit the model again, jointly with leaving, under each assumption and with the dependence estimated.

    Parameters
    ----------
    model
        The fitted model.
    visits
        Visits.
    dependence
        Assumptions besides 0.

    Returns
    -------
    The effects of time under each.
    """
    nothing = pd.DataFrame()
    if model.fit is None:
        return SerumDropOut({}, nothing, float("nan"), float("nan"), model.status)
    if dependence is None:
        return SerumDropOut({}, nothing, float("nan"), float("nan"), "not asked for")
    frame = model.visits
    z = np.stack([np.ones(len(frame)), frame["cycle"].to_numpy(dtype=float)], axis=1)[:, : len(model.fit.random)]
    x = model.design.rows(frame["cycle"].to_numpy(dtype=float), model.level, frame["assay"].to_numpy(dtype=object))
    y, below = np.log(frame["value"].to_numpy(dtype=float)), frame["below_lod"].to_numpy(dtype=bool)
    rows = mixed_rows(frame["donor_id"].to_numpy(), x, z, y, below)
    leaving, left = _leaving(model, visits, rows.patients, z.shape[1])
    total = sum(left.values())
    if total == 0 or total == len(leaving.left):
        status = (
            "nobody left before the last look" if total == 0 else "insufficient: nobody stayed after the first visit"
        )
        return SerumDropOut(left, nothing, float("nan"), float("nan"), status)
    names = [name for name in model.design.names if name.startswith(("time", "cycle"))]
    fits = [fit_joint(rows, leaving, model.fit, dependence=value) for value in sorted({0.0, *map(float, dependence)})]
    slope = error = float("nan")
    if min(total, len(leaving.left) - total) >= LEAST_LEFT and len(model.fit.random) > 1:
        fits.append(fit_joint(rows, leaving, model.fit, dependence=None))
        slope, error = fits[-1].dependence, fits[-1].error
    return SerumDropOut(left, joint_frame(fits, names), slope, error, "ok")


def _leaving(
    model: SerumModel, visits: SerumVisits, patients: tuple[str, ...], n_random: int
) -> tuple[Leaving, dict[float, int]]:
    """Return a row per patient and look until the patient left.

    Who was not yet due at a look (follow-up ended before it, without progression) has not left.
    """
    donors = visits.donors.loc[list(patients)]
    level = dict(zip(model.visits["donor_id"], model.level, strict=True))
    last_seen = model.visits.groupby("donor_id")["cycle"].max()
    rows: list[tuple[int, float, int, bool]] = []
    left: dict[float, int] = dict.fromkeys(visits.looks, 0)
    for place, name in enumerate(patients):
        end = float(donors["last_day"].iloc[place]) if pd.notna(donors["last_day"].iloc[place]) else np.inf
        progressed = pd.notna(donors["progression_day"].iloc[place])
        for look in visits.looks:
            gone = bool(last_seen[name] < look - visits.window)
            if gone and not progressed and end < cycles_to_days(look - visits.window):
                break
            rows.append((place, look, int(level[name]), gone))
            if gone:
                left[look] += 1
                break
    table = np.array(rows, dtype=float)
    patient, cycle, group = table[:, 0].astype(int), table[:, 1], table[:, 2].astype(int)
    groups = [np.asarray(group == number, dtype=float) for number in range(1, len(model.design.levels))]
    w = np.stack([np.ones(len(cycle)), *groups], axis=1)
    x = model.design.rows(cycle, group) - model.design.rows(np.zeros(len(cycle)), group)
    z = np.zeros((len(cycle), n_random))
    if n_random > 1:
        z[:, 1] = cycle
    return Leaving(patient, w, x, z, table[:, 3].astype(bool)), left

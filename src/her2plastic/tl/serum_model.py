"""Serum HER2 over time: the mixed model of its logarithm, and the change that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import ParameterError
from her2plastic.models.censored_mixed.estimator import CensoredMixed, MixedFit
from her2plastic.tl.serum_visits import SerumVisits

TIMES: Final = ("linear", "visits")
#: Fewest patients of a group with two values or more for a change of their own.
LEAST_CHANGED: Final = 3
#: Points of the line of a group.
_STEPS: Final = 25


@dataclass(frozen=True)
class SerumDesign:
    """How the fixed effects are built of time and group.

    Attributes
    ----------
    levels
        Levels of the group, the one compared with first; one empty level without groups.
    looks
        Cycles of the looks for ``"visits"``: each has a mean of its own. Empty for ``"linear"``.
    assays
        Assays besides the first one, whose values may be shifted by a factor.
    """

    levels: tuple[str, ...]
    looks: tuple[float, ...]
    assays: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fixed effects."""
        times = [f"cycle {look:g}" for look in self.looks] or ["time"]
        others = list(self.levels[1:])
        return (
            "intercept", *others, *times, *(f"{time}:{level}" for time in times for level in others),
            *(f"assay {assay}" for assay in self.assays),
        )  # fmt: skip

    def rows(self, cycle: np.ndarray, level: np.ndarray, assay: np.ndarray | None = None) -> np.ndarray:
        """Return the design of visits at these cycles, of patients of these levels (by number)."""
        groups = [(level == number).astype(float) for number in range(1, len(self.levels))]
        times = [np.abs(cycle - look) < 1e-9 for look in self.looks] or [cycle]
        columns = [np.ones(len(cycle)), *groups, *times]
        columns += [time * group for time in times for group in groups]
        columns += [np.zeros(len(cycle)) if assay is None else assay == name for name in self.assays]
        return np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)


@dataclass(frozen=True)
class SerumModel:
    """A fitted model with its design and the visits behind it; ``fit`` is None where it is insufficient."""

    design: SerumDesign
    fit: MixedFit | None
    status: str
    visits: pd.DataFrame
    level: np.ndarray


def fit_serum(visits: SerumVisits, *, time: str, level: float) -> SerumModel:
    """Fit the mixed model.

    Parameters
    ----------
    visits
        Visits; those of patients without a group are left out where there are groups.
    time
        ``"linear"``: a slope per cycle. ``"visits"``: a mean at each look.
    level
        Probability that an interval holds.

    Returns
    -------
    The model.
    """
    frame = visits.on_treatment
    if visits.group:
        frame = frame[frame[visits.group].notna()]
    if time == "visits":
        frame = _at_looks(frame, visits)
    assays = tuple(sorted({str(name) for name in frame["assay"].dropna()}))
    design = SerumDesign(visits.levels or ("",), visits.looks if time == "visits" else (), assays[1:])
    if design.assays and frame["assay"].isna().any():
        raise ParameterError("the assay of some values is not given, and there are several: fill the column 'assay'")
    place = {name: number for number, name in enumerate(design.levels)}
    group = frame[visits.group].astype(str).map(place).to_numpy() if visits.group else np.zeros(len(frame), dtype=int)
    short = _shortfall(visits, frame)
    if short:
        return SerumModel(design, None, short, frame, group)
    cycle = frame["cycle"].to_numpy(dtype=float)
    x = design.rows(cycle, group, frame["assay"].to_numpy(dtype=object))
    z = np.stack([np.ones(len(cycle)), cycle], axis=1)
    model = CensoredMixed(design.names, level=level).fit(
        frame[_keys.DONOR_ID].to_numpy(),
        x,
        z,
        np.log(frame["value"].to_numpy(dtype=float)),
        frame["below_lod"].to_numpy(dtype=bool),
    )
    return SerumModel(design, model.fitted_, model.status_, frame, group)


def _at_looks(frame: pd.DataFrame, visits: SerumVisits) -> pd.DataFrame:
    """Return the visits at looks, each at the cycle of its look."""
    kept = []
    for look, rows in visits._rows.items():
        here = frame[frame.index.isin(rows)].copy()
        here["cycle"] = look
        kept.append(here)
    return pd.concat(kept).sort_values([_keys.DONOR_ID, "cycle"], kind="stable")


def _shortfall(visits: SerumVisits, frame: pd.DataFrame) -> str:
    """Return why the groups cannot be compared; empty if they can."""
    if frame.empty:
        return f"insufficient: no patient has a value of {visits.group!r}"
    if visits.group and len(visits.levels) < 2:
        return f"insufficient: all patients have {visits.group} {visits.levels[0]!r}; two groups are needed"
    if not visits.group:
        return ""
    donors = frame.groupby(_keys.DONOR_ID).agg(group=(visits.group, "first"), visits=("day", "size"))
    often = donors[donors["visits"] >= 2]
    for name in visits.levels:
        number = int((often["group"].astype(str) == name).sum())
        if number < LEAST_CHANGED:
            return (
                f"insufficient: {number} patients with {visits.group} {name!r} have two values or more; at least "
                f"{LEAST_CHANGED} are needed"
            )
    return ""


def group_means(model: SerumModel, visits: SerumVisits) -> pd.DataFrame:
    """Return the geometric mean of each group over the cycles by the model: ``group``, ``cycle``, ng/mL with bounds."""
    columns = ["group", "cycle", "mean", "lower", "upper"]
    if model.fit is None:
        return pd.DataFrame(columns=columns)
    cycles = np.array([0.0, *model.design.looks]) if model.design.looks else np.linspace(0, visits.looks[-1], _STEPS)
    rows = []
    for number, name in enumerate(model.design.levels):
        for cycle, weights in zip(cycles, model.design.rows(cycles, np.full(len(cycles), number)), strict=True):
            found = model.fit.contrast(weights)
            rows.append((name or "all", float(cycle), *np.exp([found.estimate, found.lower, found.upper])))
    return pd.DataFrame(rows, columns=columns)


def percent_changes(model: SerumModel, visits: SerumVisits) -> pd.DataFrame:
    """Return the change since before treatment by group and look, as the model has it and as seen.

    Parameters
    ----------
    model
        The fitted model.
    visits
        The visits.

    Returns
    -------
    A row per group and look: ``group``, ``look``, ``change`` (percent, of the geometric mean) with ``lower`` and
    ``upper``; ``n`` patients with both values, ``median_seen`` (percent) of those, ``n_below`` of them below detection
    at the look, where the change is at least so large.
    """
    rows = []
    ratio = visits.log_value.sub(visits.log_value[0.0], axis=0)
    for number, name in enumerate(model.design.levels):
        own = np.ones(len(ratio), dtype=bool)
        if visits.group:
            own = (visits.donors[visits.group].astype(str) == name).to_numpy()
        for look in visits.looks:
            seen = ratio.loc[own, look].dropna()
            row = {"group": name or "all", "look": look, "n": len(seen)}
            row["n_below"] = int(visits.below.loc[seen.index, look].sum())
            row["median_seen"] = 100 * float(np.expm1(seen.median())) if len(seen) else float("nan")
            change = lower = upper = float("nan")
            if model.fit is not None:
                at = model.design.rows(np.array([0.0, look]), np.array([number, number]))
                found = model.fit.contrast(at[1] - at[0])
                change, lower, upper = (100 * float(np.expm1(part)) for part in
                                        (found.estimate, found.lower, found.upper))  # fmt: skip
            rows.append({**row, "change": change, "lower": lower, "upper": upper})
    order = ["group", "look", "change", "lower", "upper", "n", "median_seen", "n_below"]
    return pd.DataFrame(rows)[order]

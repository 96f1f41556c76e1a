"""What refitting a HER2 scale to reviewed cells came to, and what it gained on cells held out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from her2plastic.models.expression_scale import ExpressionScale
    from her2plastic.models.intensity_scale import IntensityScale


@dataclass(frozen=True)
class Recalibration:
    """What :func:`her2plastic.tl.recalibrate` found.

    Attributes
    ----------
    model
        The step whose scale was refitted.
    scale
        The refitted scale, fit for ``calibration=`` of that step; None where ``status`` says why.
    before
        The scale as it was.
    groups
        A row per group held out (patient or slide): ``n`` reviewed cells, ``log_score_before`` and ``log_score_after``
        (mean log of the probability given to the decisions, by scales that had not seen the group), ``right_before``
        and ``right_after`` (share of cells whose most probable state is the one that reviewers decided).
    gain, gain_lower, gain_upper
        Mean gain in log score of a cell over groups, in nats, with its interval over groups; above 0 is better.
    p
        Null: refitting gains nothing, so that the sign of a group's gain is chance (two-sided).
    right
        Share of held-out cells whose most probable state is the decided one, before and after.
    by
        Column that the groups are of.
    n_cells
        Reviewed CTCs that the scale was fitted to, by the state that reviewers most likely meant.
    status, gain_status
        ``"ok"``, or ``"insufficient: "`` with the number that fell short: of the scale, and of its gain.
    level
        Probability that the interval holds.
    """

    model: str
    scale: IntensityScale | ExpressionScale | None
    before: IntensityScale | ExpressionScale
    groups: pd.DataFrame
    gain: float
    gain_lower: float
    gain_upper: float
    p: float
    right: tuple[float, float]
    by: str
    n_cells: dict[str, int] = field(default_factory=dict)
    status: str = "ok"
    gain_status: str = "ok"
    level: float = 0.95

    def to_frame(self) -> pd.DataFrame:
        """Return the groups held out, one a row."""
        return self.groups.copy()

    def summary(self) -> str:
        """Return what was found in some lines."""
        cells = ", ".join(f"{n} {state}" for state, n in self.n_cells.items())
        if self.scale is None:
            return f"{self.model}, reviewed CTCs: {cells}: {self.status}"
        lines = [f"{self.model} refitted to reviewed CTCs: {cells}", self.scale.summary()]
        if self.gain_status != "ok":
            return "\n".join([*lines, f"gain on held-out cells: {self.gain_status}"])
        n = len(self.groups)
        lines.append(
            f"gain on cells of {n} groups of {self.by!r} held out in turn: {self.gain:+.3f} ({self.gain_lower:+.3f} to "
            f"{self.gain_upper:+.3f}) nats a cell, p = {self.p:.2g}; states as decided: {self.right[0]:.0%} before, "
            f"{self.right[1]:.0%} after. {self.verdict}"
        )
        return "\n".join(lines)

    @property
    def verdict(self) -> str:
        """What the gain means for whoever would use the scale."""
        if self.gain_status != "ok":
            return "Whether the refitted scale is better cannot be said."
        if self.gain_lower > 0:
            return "The refitted scale is better on patients it has not seen."
        if self.gain_upper < 0:
            return "The refitted scale is worse on patients it has not seen: keep the one before."
        return "No gain is shown: keep the scale before."

    def record(self) -> dict[str, Any]:
        """Return the result as plain scalars and arrays, for ``uns``."""
        scales = {"before": self.before} | ({"after": self.scale} if self.scale else {})
        return {
            "model": self.model, "by": self.by, "status": self.status, "gain_status": self.gain_status,
            "gain": self.gain, "gain_lower": self.gain_lower, "gain_upper": self.gain_upper, "p": self.p,
            "right_before": self.right[0], "right_after": self.right[1], "level": self.level,
            "verdict": self.verdict, "states": np.array(list(self.n_cells), dtype=object),
            "n_cells": np.array(list(self.n_cells.values()), dtype=float),
            "groups": {str(name): column.to_numpy() for name, column in self.groups.items()},
            "scales": {
                name: {str(key): column.to_numpy() for key, column in scale.to_frame().items()}
                for name, scale in scales.items()
            },
        }  # fmt: skip

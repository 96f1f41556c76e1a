"""What serum HER2 on treatment says: effects, changes, response, progression, and how far drop-out may matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from her2plastic.models.censored_mixed.estimator import MixedFit
from her2plastic.models.roc.looks import RocLook
from her2plastic.tl.serum_drop_out import SerumDropOut
from her2plastic.tl.serum_landmark import SerumLandmark


@dataclass(frozen=True)
class Serum:
    """Serum HER2 of patients over treatment.

    Attributes
    ----------
    status
        ``"ok"``, or why the mixed model is insufficient; the other parts say so for themselves.
    fit
        The mixed model of log ng/mL; None where it is insufficient.
    changes
        Percent change since before treatment by group and look: ``group``, ``look``, ``change``, ``lower``, ``upper``
        (of the geometric mean, by the model), ``n``, ``median_seen``, ``n_below``.
    roc
        A row per look: ``look``, ``marker``, ``n``, ``n_positive``, ``area``, ``error``, ``lower``, ``upper``,
        ``lower_all``, ``upper_all`` (holding for all looks together), ``p``, ``p_all``, ``status``, ``not_seen``,
        ``conditional``.
    curves
        The ROC of each look.
    cutoffs
        A row per look and kind of cut-off: given, optimised as found, optimised by nested resampling. ``not_known``:
        patients whose value below detection leaves open on which side of a given one they lie.
    landmark
        Progression after the landmark.
    drop_out
        The effects of time under assumptions on drop-out.
    visits
        The visits: ``donor_id``, ``cycle``, ``value`` (ng/mL), ``below_lod``, ``progression_day``, ``group``.
    means
        Geometric mean of each group over the cycles by the model: ``group``, ``cycle``, ``mean``, ``lower``, ``upper``
        in ng/mL.
    cutoff
        The cut-off said beforehand, ng/mL.
    n_patients, n_values, n_below
        Numbers of patients, of values, and of those below detection.
    group
        Column that parts the patients; empty for none.
    level
        Probability that an interval holds.
    notes
        What a reader must know, a sentence each.
    """

    status: str
    fit: MixedFit | None
    changes: pd.DataFrame
    roc: pd.DataFrame
    curves: tuple[RocLook, ...]
    cutoffs: pd.DataFrame
    landmark: SerumLandmark
    drop_out: SerumDropOut
    visits: pd.DataFrame
    means: pd.DataFrame
    cutoff: float
    n_patients: int
    n_values: int
    n_below: int
    group: str
    level: float
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the fixed effects in log ng/mL, and as factors.

        Columns ``effect``, ``estimate``, ``error``, ``lower``, ``upper``, ``p``, ``factor``, ``factor_lower``,
        ``factor_upper``; without rows where the model is insufficient.
        """
        import numpy as np

        if self.fit is None:
            names = ["effect", "estimate", "error", "lower", "upper", "p", "factor", "factor_lower", "factor_upper"]
            return pd.DataFrame(columns=names)
        frame = self.fit.to_frame()
        for name, column in (("factor", "estimate"), ("factor_lower", "lower"), ("factor_upper", "upper")):
            frame[name] = np.exp(frame[column])
        return frame

    def summary(self) -> str:
        """Return the results in lines."""
        lines = [f"{self.n_patients} patients, {self.n_values} values, {self.n_below} below detection"]
        lines.append(self.fit.summary() if self.fit is not None else self.status)
        for row in self.changes.to_dict("records"):
            if row["change"] != row["change"]:  # the model is insufficient, as said above
                continue
            lines.append(
                f"{row['group']}, cycle {row['look']:g}: {row['change']:+.0f} % ({row['lower']:+.0f} to "
                f"{row['upper']:+.0f}) by the model; {row['n']} patients seen"
            )
        lines += [self._roc_line(row) for row in self.roc.to_dict("records")]
        lines += self._landmark_lines()
        lines += [f"drop-out: {self.drop_out.status}"] if self.drop_out.status != "ok" else self._drop_out_lines()
        return "\n".join([*lines, *self.notes])

    def _roc_line(self, row: dict[Any, Any]) -> str:
        head = f"ROC, {row['marker']}" + (f", cycle {row['look']:g}" if row["look"] else "")
        if row["status"] != "ok":
            return f"{head}: {row['status']}"
        return (
            f"{head}: area {row['area']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}; for all looks "
            f"{row['lower_all']:.2f} to {row['upper_all']:.2f}), p {row['p']:.3g}, for all looks {row['p_all']:.3g}; "
            f"{row['conditional']}"
        )

    def _landmark_lines(self) -> list[str]:
        found = self.landmark
        head = f"landmark at cycle {found.look:g}: {found.n} patients, {found.n_events} progressions"
        if found.status != "ok":
            return [f"{head}; {found.status}"]
        return [head] + [
            f"  {row['effect']}: hazard ratio {row['ratio']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})"
            for row in found.frame.to_dict("records")
        ]

    def _drop_out_lines(self) -> list[str]:
        found = self.drop_out
        lines = [f"drop-out: {sum(found.left.values())} patients left before the last look"]
        for row in found.frame.to_dict("records"):
            how = ("estimated" if row["estimated"] else "assumed") + ("" if row["fits"] else "; fits badly")
            lines.append(
                f"  dependence {row['dependence']:+.2g} ({how}): {row['effect']} {row['estimate']:.3g} "
                f"({row['lower']:.3g} to {row['upper']:.3g})"
            )
        return lines

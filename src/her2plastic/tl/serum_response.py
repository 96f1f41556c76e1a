"""How well serum HER2 tells patients who respond from those who do not: ROC at each look, and cut-offs."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.models.roc.cutoffs import ROUNDING, Rule, given_cutoff, optimised_cutoff
from her2plastic.models.roc.looks import RocLook, roc_at_looks
from her2plastic.tl.serum_visits import SerumVisits

#: What is judged: the level before treatment, and the fall at a look.
LEVEL: Final = "level before treatment"
FALL: Final = "fall since before treatment"


def response_scores(visits: SerumVisits) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the scores of patients whose response is known, and whether they responded.

    The score before treatment is the log value (a high one is expected with response), that of a look the fall of the
    log value since: directions are said beforehand, and not chosen by the data.
    """
    donors = visits.donors
    response = donors["response"]
    words = response.astype(object).where(response.notna(), None)
    known = words.isin(_keys.RESPONSES).to_numpy()
    score = -visits.log_value.sub(visits.log_value[0.0], axis=0)
    score[0.0] = visits.log_value[0.0]
    return score[known], (words[known] == _keys.RESPONSES[1]).to_numpy(dtype=bool)


def response_roc(visits: SerumVisits, *, level: float, n_bootstrap: int, seed: int) -> tuple[RocLook, ...]:
    """Return the ROC before treatment, and at the looks; only the latter are corrected for one another."""
    score, responded = response_scores(visits)
    found: tuple[RocLook, ...] = ()
    for looks in ((0.0,), visits.looks):
        names = tuple(f"{look:g}" for look in looks)
        found += roc_at_looks(
            score[list(looks)].to_numpy(), responded, names, level=level, n_bootstrap=n_bootstrap, seed=seed
        )
    return found


def roc_table(roc: tuple[RocLook, ...], visits: SerumVisits) -> pd.DataFrame:
    """Return a row per look: the area with both intervals and p-values, and whom it is about."""
    from her2plastic.models.roc.looks import looks_frame

    score, _ = response_scores(visits)
    with_first = int(score[0.0].notna().sum())
    frame = looks_frame(roc)
    frame["look"] = frame["look"].astype(float)
    frame.insert(1, "marker", [LEVEL, *[FALL] * len(visits.looks)])
    gone = [with_first - int(score[look].notna().sum()) for look in frame["look"]]
    frame["not_seen"] = gone
    frame["conditional"] = [
        "all with a value before treatment" if look == 0 else
        f"those still seen at cycle {look:g}; {number} of {with_first} were not"
        for look, number in zip(frame["look"], gone, strict=True)
    ]  # fmt: skip
    return frame


def cutoff_table(
    visits: SerumVisits, *, cutoff: float, fall: float, level: float, folds: int, repeats: int, seed: int
) -> pd.DataFrame:
    """Return a row per look and kind of cut-off.

    Before treatment cut-offs are in ng/mL and call a patient positive from there on; at a look they are percent of
    change and call a patient positive from there down. Patients whose values below detection leave open on which side
    of a given cut-off they lie are ``not_known`` and not judged by it; for optimised ones they stand at the limit.
    """
    score, responded = response_scores(visits)
    rows = []
    for look in (0.0, *visits.looks):
        seen = score[look].notna().to_numpy()
        values, outcome = score[look].to_numpy()[seen], responded[seen]
        rules: list[Rule] = list(
            optimised_cutoff(values, outcome, level=level, folds=folds, repeats=repeats, seed=seed)
        )
        said = -np.log1p(-fall) if look else np.log(cutoff)
        sure, known = _sure_scores(score, visits, look, float(said))
        rules.insert(0, given_cutoff(sure[known], responded[known], float(said), level=level))
        unknown = int(seen.sum() - known.sum())
        for rule in rules:
            row = {
                "look": look,
                "marker": FALL if look else LEVEL,
                "unit": "% change" if look else "ng/mL",
                **vars(rule),
                "not_known": unknown if rule.kind == "given" else 0,
            }
            bounds = [row["cutoff"], row["cutoff_lower"], row["cutoff_upper"]]
            if look:
                bounds = [100 * np.expm1(-bound) for bound in (bounds[0], bounds[2], bounds[1])]
            else:
                bounds = [np.exp(bound) for bound in bounds]
            row["cutoff"], row["cutoff_lower"], row["cutoff_upper"] = map(float, bounds)
            rows.append(row)
    return pd.DataFrame(rows)


def _sure_scores(score: pd.DataFrame, visits: SerumVisits, look: float, said: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, and of which patients it is known whether theirs reaches what was said.

    A limit in place of the value makes a level too high, and so does one before treatment a fall; one at the look makes
    the fall too small.
    """
    values = score[look].to_numpy(dtype=float).copy()
    first, later = (visits.below.loc[score.index, at].to_numpy(dtype=bool) for at in (0.0, look))
    at_most, at_least = first, later & (look > 0)
    known = np.isfinite(values) & ~(at_most & (values > said + ROUNDING)) & ~(at_least & (values < said - ROUNDING))
    known &= ~(at_most & at_least)
    # what is at most as much as said, and a limit itself, is less
    values[at_most & known] -= 2 * ROUNDING
    return values, known

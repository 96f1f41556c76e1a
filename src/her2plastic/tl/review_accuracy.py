"""How often each reviewer is right, though nobody knows the truth: by hidden repeats, and by all readings together."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic.models.misclassification.hidden_truth import HiddenTruth, ReadSubjects
from her2plastic.models.misclassification.repeats import reader_error_from_repeats
from her2plastic.tl.review_agreement import UNSURE
from her2plastic.tl.review_decisions import Readings

if TYPE_CHECKING:
    import pandas as pd

_N_STATES: Final = len(_keys.STATES)
#: What a cell may be in truth: the first decisions, without "unsure".
TRUTHS: Final = (*_keys.STATES, _keys.NOT_A_CTC)
ERROR_COLUMNS: Final = ("reviewer", "truth", "decision", "value", "lower", "upper")


def reader_tables(
    readings: Readings, *, level: float, error_of_highest: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return the reviewers, their errors, and the posterior of each cell's truth ``(cells, states + 1)``."""
    import pandas as pd

    together = _together(readings, level, seed)
    rows = [
        {"reviewer": name}
        | _counted(readings, place)
        | _by_repeats(readings, place, error_of_highest=error_of_highest, level=level)
        | _by_all(together, place)
        for place, name in enumerate(readings.reviewers)
    ]
    errors = _errors(together, readings.reviewers)
    return pd.DataFrame(rows), pd.DataFrame(errors, columns=list(ERROR_COLUMNS)), together.posterior_


def labels_of(readings: Readings, *, reader_accuracy: float, seed: int) -> np.ndarray:
    """Return how likely each state makes the decisions on a cell ``(cells, states)``; missing for what is no CTC.

    The error of the reviewers is that of their readings; where these do not show it, that of ``reader_accuracy``. Cells
    without a sure reading, and those more likely no CTC, are missing. An adjudication counts as one more reading, by a
    reviewer who is right as often as the best of them.
    """
    together = _together(readings, 0.95, seed)
    if together.status_ == "ok":
        error = together.error_.mean(axis=0)
    else:
        k = len(TRUTHS)
        error = np.full((len(readings.reviewers), k, k + 1), (1 - reader_accuracy) / (k - 1))
        error[:, np.arange(k), np.arange(k)] = reader_accuracy
    error[:, :, UNSURE] = 1.0  # says nothing
    best = error[np.diagonal(error, axis1=1, axis2=2).mean(axis=1).argmax()]
    logs = np.zeros((readings.n_cells, len(TRUTHS)))
    own = readings.number >= 0
    np.add.at(logs, readings.cell[own], np.log(error[readings.reviewer[own], :, readings.word[own]]))
    settled = readings.settled()
    logs[settled >= 0] += np.log(best[:, settled[settled >= 0]].T)
    sure = np.zeros(readings.n_cells, dtype=bool)
    sure[readings.cell[readings.word != UNSURE]] = True
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    taken = sure & (likelihood[:, :_N_STATES].max(axis=1) > likelihood[:, _N_STATES])
    return np.where(taken[:, None], likelihood[:, :_N_STATES], np.nan)


def _together(readings: Readings, level: float, seed: int) -> HiddenTruth:
    own = readings.number >= 0
    model = HiddenTruth(len(TRUTHS), len(_keys.REVIEW_DECISIONS), level=level, seed=seed)
    return model.fit(
        ReadSubjects(readings.cell[own], readings.reviewer[own], readings.word[own], readings.n_cells,
                     len(readings.reviewers))
    )  # fmt: skip


def _counted(readings: Readings, place: int) -> dict[str, Any]:
    own = (readings.reviewer == place) & (readings.number >= 0)
    return {
        "n_cells": int((own & (readings.number == 0)).sum()), "n_repeats": int((own & (readings.number == 1)).sum()),
        "unsure": float((readings.word[own] == UNSURE).mean()) if own.any() else np.nan,
        "unblinded": float((~readings.blinded[own]).mean()) if own.any() else np.nan,
    }  # fmt: skip


def _by_repeats(readings: Readings, place: int, *, error_of_highest: float, level: float) -> dict[str, Any]:
    used = (readings.reviewer == place) & (readings.number >= 0) & (readings.word < _N_STATES)
    counts = np.zeros((readings.n_cells, _N_STATES))
    np.add.at(counts, (readings.cell[used], readings.word[used]), 1)
    found = reader_error_from_repeats(counts, error_of_highest=error_of_highest, level=level)
    status = found.status.replace("subjects", "cells")
    # where any accuracy of a range fits, the range is all that is known, and it is kept
    return {
        "repeat_accuracy": found.accuracy, "repeat_lower": found.lower, "repeat_upper": found.upper,
        "repeat_status": status,
    }  # fmt: skip


def _by_all(together: HiddenTruth, place: int) -> dict[str, Any]:
    """Return the accuracy of the state, and how surely CTCs and what is none are told apart."""
    names = ("accuracy", "ctc_accuracy")
    row: dict[str, Any] = {"status": together.status_.replace("subjects", "cells")}
    for name in names:
        value = lower = upper = np.nan
        if together.status_ == "ok":
            draws = _of_state(together, place) if name == names[0] else _of_identity(together, place)
            value, lower, upper = together.interval(draws)
        prefix = name.removesuffix("accuracy")
        row |= {name: value, f"{prefix}lower": lower, f"{prefix}upper": upper}
    return row | {"alike_p": float(together.alike_p_[place])}


def _of_state(together: HiddenTruth, place: int) -> np.ndarray:
    return together.accuracy(place, slice(0, _N_STATES))


def _of_identity(together: HiddenTruth, place: int) -> np.ndarray:
    """Return, for each draw, how often a sure reading tells a CTC from what is none."""
    error, share = together.error_[:, place, :, : len(TRUTHS)], together.share_
    taken = np.concatenate([error[:, :_N_STATES, :_N_STATES].sum(axis=2), error[:, _N_STATES:, _N_STATES]], axis=1)
    return np.asarray((share * taken).sum(axis=1) / (share * error.sum(axis=2)).sum(axis=1))


def _errors(together: HiddenTruth, reviewers: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Return how often each reviewer takes each truth for each decision, with intervals."""
    if together.status_ != "ok":
        return []
    return [
        (name, TRUTHS[truth], _keys.REVIEW_DECISIONS[word], *together.interval(together.error_[:, place, truth, word]))
        for (place, name), truth, word in product(
            enumerate(reviewers), range(len(TRUTHS)), range(len(_keys.REVIEW_DECISIONS))
        )
    ]

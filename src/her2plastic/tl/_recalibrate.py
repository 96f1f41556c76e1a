"""A HER2 scale refitted to the cells that reviewers decided on, with what that gains on cells held out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, input_hash, obs_column, record_step
from her2plastic._errors import check_probability, check_seed
from her2plastic.models.recalibration import fit_move, log_scores
from her2plastic.models.resample import mean_interval, sign_flip_p
from her2plastic.tl.recalibration_result import Recalibration
from her2plastic.tl.recalibration_scales import Measured, measured_cells
from her2plastic.tl.review_accuracy import labels_of
from her2plastic.tl.review_decisions import collect_readings

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

STEP: Final = "recalibrate"
#: Reviewed CTCs of a state without which nothing places the state, states that need so many, groups for an interval.
LEAST_CELLS: Final = 10
_LEAST_STATES: Final = 2
LEAST_GROUPS: Final = 3
#: Folds at most: with more groups several are held out together.
_MOST_FOLDS: Final = 6
#: Cells without a decision that take part one by one; of more, each counts for several.
_MOST_OTHERS: Final = 2000
#: Each round takes the shares of the patients from the scale of the round before.
_ROUNDS: Final = 2


def recalibrate(
    adata: AnnData,
    *,
    decisions: pd.DataFrame | str | os.PathLike[str],
    model: str = "her2_if",
    by: str = _keys.DONOR_ID,
    reader_accuracy: float = 0.9,
    level: float = 0.95,
    seed: int = 0,
) -> Recalibration:
    """Refit the scale of HER2 fluorescence or expression to reviewed cells, and state the gain on cells held out.

    The scale moves as a whole, each of its parts a little by itself, and all spreads by one factor, to where the
    measurements of all CTCs and the decisions on those reviewed are most likely together. Reviewers err: a decision
    counts as much as their error lets it. As all CTCs take part, those for review may have been chosen by their
    uncertainty. Whether the new scale is worth having is measured on whole groups that it was not fitted to.

    Parameters
    ----------
    adata
        Cells after ``tl.her2_if`` or ``tl.her2_state``.
    decisions
        As of :func:`her2plastic.tl.review`.
    model
        ``"her2_if"`` or ``"her2_state"``.
    by
        Column whose groups are held out: the patient, or the slide. Cells of one patient say less of another.
    reader_accuracy
        Accuracy of the reviewers, taken where their readings do not show it (fewer than three readings of a cell).
    level
        Probability that the interval of the gain holds.
    seed
        Seed of the draws.

    Returns
    -------
    The scale and its gain. ``tl.her2_if(adata, calibration=result.scale)`` calls the cells anew by it; nothing is
    called here. Writes ``uns["her2plastic"]["recalibrate"]``: parameters and the result.

    Raises
    ------
    MissingKeyError
        The model has not run, or there is no column ``by``.
    ParameterError
        A parameter is out of range, or the model called by a published rule.
    ReviewError
        No decision, or none on these cells.
    ConvergenceError
        No best place of the scale was found.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=60, platform="smart-seq2", n_genes=820)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> decisions = hp.datasets.simulate_reviewers(cells[cells.obs["is_ctc"]], accuracy=(0.85, 0.9), repeat_share=0)
    >>> found = hp.tl.recalibrate(cells, decisions=decisions, model="her2_state")
    >>> print(found.n_cells)
    {'HER2-0': 16, 'HER2-low': 27, 'HER2-positive': 15}
    >>> print(found.gain_status)
    insufficient: 1 groups of 'donor_id' with reviewed CTCs, 3 needed
    """
    check_probability("level", level)
    check_probability("reader_accuracy", reader_accuracy, above=1 / len(_keys.STATES))
    check_seed(seed)
    cells = measured_cells(adata, model, seed=seed)
    names = as_names(obs_column(adata, by, remedy="Name the column of patients or slides with by."))
    readings = collect_readings(adata, decisions)
    labels = labels_of(readings, reader_accuracy=reader_accuracy, seed=seed)
    found = _refitted(cells, labels, names, model=model, by=by, level=level)
    record_step(
        adata, STEP, params={
            "model": model, "by": by, "reader_accuracy": reader_accuracy, "level": level, "seed": seed,
        },
        input_hash=input_hash(labels, names), recalibration=found.record(),
    )  # fmt: skip
    return found


def _refitted(
    cells: Measured, labels: np.ndarray, names: np.ndarray, *, model: str, by: str, level: float
) -> Recalibration:
    reviewed = np.flatnonzero(cells.usable & np.isfinite(labels[:, 0]))
    meant = labels[reviewed].argmax(axis=1)
    numbers = {state: int((meant == k).sum()) for k, state in enumerate(_keys.STATES)}
    nothing: dict[str, Any] = {
        "model": model, "before": cells.scale, "by": by, "n_cells": numbers, "level": level, "groups": _no_groups(),
        "gain": np.nan, "gain_lower": np.nan, "gain_upper": np.nan, "p": np.nan, "right": (np.nan, np.nan),
    }  # fmt: skip
    placed = sum(n >= LEAST_CELLS for n in numbers.values())
    if placed < _LEAST_STATES:
        short = f"insufficient: {placed} states with {LEAST_CELLS} reviewed CTCs, {_LEAST_STATES} needed"
        return Recalibration(**nothing, scale=None, status=short, gain_status=short)
    words = f"placed by {len(reviewed)} reviewed CTCs ({', '.join(f'{n} {s}' for s, n in numbers.items())})"
    before = cells.posterior(cells.scale)
    scale, _ = _fit(cells, cells.usable, labels, before, words)
    groups = np.unique(names[reviewed])
    short = f"insufficient: {len(groups)} groups of {by!r} with reviewed CTCs, {LEAST_GROUPS} needed"
    after = np.full_like(before, np.nan)
    for fold in _folds(groups, names[reviewed]) if len(groups) >= LEAST_GROUPS else []:
        out = np.isin(names, fold)
        if len(np.unique(meant[~out[reviewed]])) < _LEAST_STATES:
            short = f"insufficient: 1 state among the reviewed CTCs without {', '.join(map(str, fold))}, 2 needed"
            break
        _, posterior = _fit(cells, cells.usable & ~out, labels, before, words)
        after[out] = posterior[out]
    if not np.isfinite(after[reviewed]).all():
        return Recalibration(**nothing, scale=scale, gain_status=short)
    return _gained(nothing, scale, names[reviewed], labels[reviewed], before[reviewed], after[reviewed], level)


def _fit(
    cells: Measured, used: np.ndarray, labels: np.ndarray, before: np.ndarray, words: str
) -> tuple[Any, np.ndarray]:
    """Return the scale fitted to the cells used, reviewed or not, and the posterior of all cells under it."""
    places, weights = _thinned(np.flatnonzero(used), np.isfinite(labels[:, 0]))
    told = np.nan_to_num(labels[places], nan=1.0)
    posterior, scale = before, cells.scale
    for _ in range(_ROUNDS):
        log_prior = np.log(_shares(posterior, cells.patient))[places]
        move = fit_move(
            lambda tried: cells.log_like(places, tried), log_prior, told, weights, n_own=cells.n_components,
            common_sd=cells.common_sd, own_sd=cells.own_sd, factor_sd=cells.factor_sd,
        )  # fmt: skip
        scale = cells.moved(move, words)
        posterior = cells.posterior(scale)
    return scale, posterior


def _thinned(places: np.ndarray, reviewed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every reviewed cell and some thousand of the others, and how many cells each stands for."""
    others = places[~reviewed[places]]
    kept = others[:: max(1, int(np.ceil(len(others) / _MOST_OTHERS)))]
    worth = len(others) / len(kept) if len(kept) else 1.0
    both = np.concatenate([places[reviewed[places]], kept])
    return both, np.where(reviewed[both], 1.0, worth)


def _shares(posterior: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """Return the share of each state among the cells of each cell's patient ``(cells, states)``."""
    known = np.nan_to_num(posterior, nan=0.0)
    total = np.full((int(patient.max(initial=0)) + 1, known.shape[1]), 0.5)
    np.add.at(total, patient, known)
    return np.asarray((total / total.sum(axis=1, keepdims=True))[patient])


def _folds(groups: np.ndarray, names: np.ndarray) -> list[np.ndarray]:
    """Return the groups in folds of about as many cells each; one group a fold where there are few."""
    n = min(len(groups), _MOST_FOLDS)
    size = np.array([(names == group).sum() for group in groups])
    fold, load = np.zeros(len(groups), dtype=int), np.zeros(n)
    for place in np.argsort(-size, kind="stable"):
        fold[place] = load.argmin()
        load[fold[place]] += size[place]
    return [groups[fold == k] for k in range(n)]


def _gained(
    nothing: dict[str, Any], scale: Any, names: np.ndarray, labels: np.ndarray, before: np.ndarray, after: np.ndarray,
    level: float,
) -> Recalibration:  # fmt: skip
    import pandas as pd

    meant = labels.argmax(axis=1)
    cells = pd.DataFrame(
        {
            "group": names, "n": 1.0, "log_score_before": log_scores(before, labels),
            "log_score_after": log_scores(after, labels), "right_before": before.argmax(axis=1) == meant,
            "right_after": after.argmax(axis=1) == meant,
        }
    )  # fmt: skip
    columns = ["log_score_before", "log_score_after", "right_before", "right_after"]
    groups = cells.groupby("group", sort=True)[columns].mean().astype(float)
    groups.insert(0, "n", cells.groupby("group", sort=True)["n"].sum())
    gains = (groups["log_score_after"] - groups["log_score_before"]).to_numpy()
    gain, lower, upper = mean_interval(gains, level=level)
    return Recalibration(
        **nothing
        | {
            "groups": groups.reset_index(), "gain": gain, "gain_lower": lower, "gain_upper": upper,
            "p": sign_flip_p(gains),
            "right": (float(cells["right_before"].mean()), float(cells["right_after"].mean())),
        },
        scale=scale,
    )  # fmt: skip


def _no_groups() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        columns=["group", "n", "log_score_before", "log_score_after", "right_before", "right_after"], dtype=float
    )

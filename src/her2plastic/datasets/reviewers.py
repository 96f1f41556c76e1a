"""Decisions of simulated reviewers on cells of known truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column
from her2plastic._errors import ParameterError, check_seed
from her2plastic.datasets.argument_checks import in_range, whole
from her2plastic.models.misclassification.reader_error import reader_matrix

if TYPE_CHECKING:
    from anndata import AnnData

#: Seconds that a simulated reviewer looks at a cell, and when the first one begins.
_SECONDS: Final = 4
_BEGIN: Final = "2026-01-05T08:00:00+00:00"
#: A cell is not shown again before so many others.
_APART: Final = 20
COLUMNS: Final = ("event", "session", "reviewer", "at", "cell_id", "round", "decision", "blinded")


def simulate_reviewers(
    adata: AnnData,
    *,
    accuracy: Sequence[float] = (0.7, 0.8, 0.9),
    reviewers: Sequence[str] | None = None,
    truth_key: str = _keys.TRUE_STATE,
    n_cells: int | None = None,
    repeat_share: float = 0.2,
    unsure: float = 0.05,
    identity_error: float = 0.02,
    error_of_highest: float = 1.0,
    shared_error: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate the decisions of reviewers who look at the same cells, one by one, and at some of them twice.

    Parameters
    ----------
    adata
        Cells with their truth.
    accuracy
        Of each reviewer: probability that the state of a CTC, taken for one, is read as what it is. A state is misread
        as one of its neighbours.
    reviewers
        Names; ``R1``, ``R2``, ... by default.
    truth_key
        Column of ``obs`` with the true state, or the true score of fluorescence; a cell without one is no CTC.
    n_cells
        Cells that are reviewed, drawn at random, the same for all reviewers; all by default.
    repeat_share
        Share of these cells that each reviewer is shown once more, later.
    unsure
        Probability that a reading ends as ``unsure``.
    identity_error
        Probability that a CTC is taken for none, or another object for a CTC.
    error_of_highest
        Error of HER2-positive as a share of that of the other states.
    shared_error
        Share of the readings that go wrong by the look of the cell, so that every reviewer errs alike, and again when
        the cell is shown again. With 0 readings are independent given the truth.
    seed
        Same seed, same decisions. A reviewer's are the same whatever the others' accuracy is.

    Returns
    -------
    A row per decision, as of :func:`her2plastic.io.read_decisions`: ``event``, ``session``, ``reviewer``, ``at``,
    ``cell_id``, ``round``, ``decision``, ``blinded``.

    Raises
    ------
    MissingKeyError
        No column ``truth_key``.
    ParameterError
        A parameter is out of range, or the column holds words that are neither states nor scores.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=20, seed=1)
    >>> decisions = hp.datasets.simulate_reviewers(cells, accuracy=(0.8, 0.9), n_cells=20)
    >>> print(decisions.groupby(["reviewer", "round"])["cell_id"].count().unstack().to_string())
    round     repeat  review
    reviewer
    R1             4      20
    R2             4      20
    """
    names = _checked(accuracy, reviewers, adata.n_obs, n_cells)
    for name, value in (("repeat_share", repeat_share), ("unsure", unsure), ("identity_error", identity_error),
                        ("shared_error", shared_error)):  # fmt: skip
        in_range(name, value, 0, 1)
    check_seed(seed)
    truth = _truth(adata, truth_key)
    ids = obs_column(adata, _keys.CELL_ID).astype(str).to_numpy() if _keys.CELL_ID in adata.obs else None
    ids = np.asarray(adata.obs_names, dtype=str) if ids is None else ids
    chosen, look = _cells(len(truth), n_cells, seed)
    frames = []
    for place, (name, right) in enumerate(zip(names, accuracy, strict=True)):
        rng = np.random.default_rng([seed, 1, place])
        order, rounds = _queue(chosen, repeat_share, rng)
        matrix = reading_matrix(float(right), identity_error=identity_error, error_of_highest=error_of_highest)
        own = np.where(rng.random(len(order)) < shared_error, look[order], rng.random(len(order)))
        word = (own[:, None] > matrix.cumsum(axis=1)[truth[order]]).sum(axis=1).clip(0, matrix.shape[1] - 1)
        words = np.array(_keys.REVIEW_DECISIONS, dtype=object)[word]
        words[rng.random(len(order)) < unsure] = _keys.UNSURE
        frames.append(_frame(name, place, seed, ids[order], rounds, words))
    return pd.concat(frames, ignore_index=True)


def reading_matrix(accuracy: float, *, identity_error: float = 0.02, error_of_highest: float = 1.0) -> np.ndarray:
    """Return the probabilities of a sure reading: the states and "not a CTC", true in rows, read in columns."""
    k = len(_keys.STATES)
    matrix = np.full((k + 1, k + 1), identity_error / k)
    matrix[:k, :k] = (1 - identity_error) * reader_matrix(accuracy, n_states=k, error_of_highest=error_of_highest)
    matrix[:k, k], matrix[k, k] = identity_error, 1 - identity_error
    return matrix


def _checked(
    accuracy: Sequence[float], reviewers: Sequence[str] | None, n_obs: int, n_cells: int | None
) -> tuple[str, ...]:
    if isinstance(accuracy, str) or not isinstance(accuracy, Sequence | np.ndarray) or not len(accuracy):
        raise ParameterError(f"accuracy={accuracy!r}: expected a number for each reviewer, at least one")
    for place, value in enumerate(accuracy):
        in_range(f"accuracy[{place}]", value, 0, 1, above=True)
    names = tuple(f"R{place + 1}" for place in range(len(accuracy))) if reviewers is None else tuple(reviewers)
    if len(names) != len(accuracy) or len(set(names)) != len(names):
        raise ParameterError(f"reviewers={names!r}: expected {len(accuracy)} different names")
    if n_cells is not None:
        whole("n_cells", n_cells, 1)
        if n_cells > n_obs:
            raise ParameterError(f"n_cells={n_cells}: there are {n_obs} cells")
    return names


def _truth(adata: AnnData, truth_key: str) -> np.ndarray:
    """Return the place of each cell's truth among the states; one more for what is no CTC."""
    column = obs_column(adata, truth_key, remedy="Name the column of the true states with truth_key.")
    words = column.astype(object)
    states = dict(zip(_keys.IF_SCORES, _keys.STATE_OF_SCORE, strict=True)) | {s: s for s in _keys.STATES}
    none = words.isna() | (words == "")
    odd = sorted({str(word) for word in words[~none]} - set(states))
    if odd:
        raise ParameterError(f"`obs[{truth_key!r}]` holds {odd[0]!r}: expected {', '.join(states)}, or nothing")
    codes = {word: _keys.STATES.index(state) for word, state in states.items()}
    return np.array([len(_keys.STATES) if lacks else codes[str(word)] for word, lacks in zip(words, none, strict=True)])


def _cells(n: int, n_cells: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells that are reviewed, and for every cell the number that a shared error follows."""
    rng = np.random.default_rng([seed, 0])
    look = rng.random(n)
    return np.sort(rng.permutation(n)[: n if n_cells is None else n_cells]), look


def _queue(chosen: np.ndarray, repeat_share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells in the order in which one reviewer sees them, and the round of each."""
    first = rng.permutation(chosen)
    again = first[: round(repeat_share * len(first))]
    # a repeat stands behind its first showing, and some way behind it where there are cells enough
    at = np.arange(len(again)) + rng.integers(_APART, max(len(first), _APART + 1), size=len(again))
    place = np.argsort(np.concatenate([np.arange(len(first)), at + 0.5]), kind="stable")
    order = np.concatenate([first, again])[place]
    rounds = np.where(place < len(first), _keys.REVIEW_ROUNDS[0], _keys.REVIEW_ROUNDS[1])
    return order, rounds


def _frame(name: str, place: int, seed: int, ids: np.ndarray, rounds: np.ndarray, words: Any) -> pd.DataFrame:
    begin = pd.Timestamp(_BEGIN) + pd.Timedelta(hours=2 * place)
    at = begin + pd.to_timedelta(np.arange(len(ids)) * _SECONDS, unit="s")
    return pd.DataFrame(
        {
            "event": [f"simulated-{seed}-{place}-{i}" for i in range(len(ids))],
            "session": f"simulated-{seed}-{place}", "reviewer": str(name), "at": at, "cell_id": ids, "round": rounds,
            "decision": words, "blinded": True,
        },
        columns=list(COLUMNS),
    )  # fmt: skip

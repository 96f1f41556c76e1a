"""Decisions of reviewers, back in the AnnData: consensus, agreement, the reviewers' error, reviewer against model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash, record_step
from her2plastic._errors import check_probability, check_seed, one_of
from her2plastic.tl.review_accuracy import reader_tables
from her2plastic.tl.review_agreement import COLUMNS, agreement_rows
from her2plastic.tl.review_consensus import DIFFER, RULES, STEP, Consensus, consensus_of, write_columns
from her2plastic.tl.review_decisions import Readings, collect_readings
from her2plastic.tl.review_model import (
    CONSENSUS,
    ModelCalls,
    confusion_table,
    held_by_call,
    model_calls,
    model_rows,
)
from her2plastic.tl.review_result import Review

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


def review(
    adata: AnnData,
    *,
    decisions: pd.DataFrame | str | os.PathLike[str],
    model: str | None = None,
    consensus: str = "unanimous",
    error_of_highest: float = 1.0,
    level: float = 0.95,
    seed: int = 0,
) -> Review:
    """Bring the decisions of reviewers back, and say how far they can be trusted.

    Agreement is counted with oneself between a cell's first reading and the next one, hidden from the reviewer, and
    with others between the decisions that stand. Decisions of an adjudication enter the consensus alone. ``unsure`` is
    no reading of a state: such cells are left out of a comparison and counted. The state is compared among cells that
    both readers took for a CTC.

    Parameters
    ----------
    adata
        Cells. Read: ``obs["cell_id"]`` (else the names of the cells), and the calls of ``model``.
    decisions
        What stands in a journal: the table of :func:`her2plastic.io.read_decisions`, or the path of the journal.
    model
        Calls that the reviewers are compared with: ``"her2_if"`` or ``"her2_state"``; by default the first of the two
        that has run.
    consensus
        ``"unanimous"``: what all reviewers who were sure decided; ``"majority"``: what more than half of them decided.
        An adjudication goes before either.
    error_of_highest
        Error of HER2-positive as a share of that of the other states, for the accuracy by repeats alone.
    level
        Probability that an interval holds.
    seed
        Seed of the draws of the reviewers' error.

    Returns
    -------
    The review. Writes

    ``obs["reviewer_<name>"]`` : ordered category
        What each reviewer decided, hidden repeats left out. In the order of the categories the states stand highest, so
        that ``> "HER2-0"`` holds for higher states alone; a ``/`` in a name is written as ``_``.
    ``obs["review_consensus"]``, ``obs["review_state"]`` : ordered category
        What the reviewers agree on, and its state; missing where they differ.
    ``obs["review_status"]`` : category
        ``not reviewed``, ``one reviewer``, ``agreed``, ``differ`` or ``adjudicated``.
    ``obsm["review_posterior"]`` : DataFrame
        Probability of each state and of no CTC by all readings, weighed by the reviewers' error; missing where the
        cell was not reviewed, or the error is ``insufficient``.
    ``uns["her2plastic"]["review"]`` : dict
        Parameters and the review.

    Raises
    ------
    ParameterError
        A parameter is out of range, or the decisions are not what a journal gives.
    ReviewError
        No decision, or none on these cells.
    JournalError
        The journal cannot be read.
    MissingKeyError
        The model was named and has not run.

    Notes
    -----
    The method and how it was checked: docs/review_agreement.md. A reviewer sees staining, not a clinical HER2 status.

    Examples
    --------
    >>> import her2plastic as hp
    >>> clean = hp.datasets.Contamination.none()
    >>> cells = hp.datasets.simulate_cohort(n_donors=4, draws=(0,), n_ctc=40, contamination=clean)
    >>> decisions = hp.datasets.simulate_reviewers(cells, accuracy=(0.8, 0.9))
    >>> found = hp.tl.review(cells, decisions=decisions)
    >>> for line in found.summary().splitlines()[:4]:
    ...     print(line)
    2 reviewers (R1, R2); cells: 8 one reviewer, 104 agreed, 48 differ
    R1 again, state: kappa, linear weights 0.63 (0.33 to 0.81), 26 cells
    R2 again, state: kappa, linear weights 0.60 (0.32 to 0.78), 29 cells
    R1 and R2, state: kappa, linear weights 0.67 (0.57 to 0.75), 146 cells
    """
    import pandas as pd

    check_probability("level", level)
    check_seed(seed)
    one_of("consensus", consensus, RULES)
    readings = collect_readings(adata, decisions)
    calls = model_calls(adata, model)
    together = consensus_of(readings, rule=consensus)
    by_reader = _by_reader(readings, together)
    rows = agreement_rows(readings, level) + (model_rows(calls, by_reader, level) if calls else [])
    readers, errors, posterior = reader_tables(readings, level=level, error_of_highest=error_of_highest, seed=seed)
    found = Review(
        agreement=pd.DataFrame(rows, columns=list(COLUMNS)), readers=readers, errors=errors,
        confusion=confusion_table(calls, by_reader) if calls else pd.DataFrame(),
        held=held_by_call(calls, by_reader, level) if calls else pd.DataFrame(),
        differing=_differing(adata, readings, together, calls),
        statuses={name: int((together.status == k).sum()) for k, name in enumerate(_keys.REVIEW_STATUSES)},
        gone=readings.gone, reviewers=readings.reviewers, model=calls.name if calls else "", consensus=consensus,
        n_unblinded=int((~readings.blinded).sum()), level=level,
    )  # fmt: skip
    write_columns(adata, readings, together)
    names = pd.Index([*_keys.STATES, _keys.NOT_A_CTC])
    adata.obsm[_keys.REVIEW_POSTERIOR] = pd.DataFrame(posterior, index=adata.obs_names, columns=names)
    record_step(
        adata, STEP, params={
            "model": model, "consensus": consensus, "error_of_highest": error_of_highest, "level": level, "seed": seed,
        },
        input_hash=input_hash(readings.cell, readings.reviewer, readings.word, readings.number), review=found.record(),
    )  # fmt: skip
    return found


def _by_reader(readings: Readings, together: Consensus) -> dict[str, np.ndarray]:
    """Return the words of each reviewer, and of the consensus where there are several."""
    first = readings.standing()
    words = {name: first[:, place] for place, name in enumerate(readings.reviewers)}
    if len(words) > 1:
        words[CONSENSUS] = together.word
    return words


def _differing(adata: AnnData, readings: Readings, together: Consensus, calls: ModelCalls | None) -> pd.DataFrame:
    """Return the cells on which reviewers differ, or on which what they agree on is not what the model says."""
    import pandas as pd

    words = np.array([*_keys.REVIEW_DECISIONS, ""], dtype=object)  # -1, no decision, is the last place
    first = readings.standing()
    unsure = len(_keys.REVIEW_DECISIONS) - 1
    sure = np.where((first >= 0) & (first < unsure), first, -1)
    among = np.array([len(set(row[row >= 0])) > 1 for row in sure], dtype=bool) | (together.status == DIFFER)
    against = np.zeros(len(first), dtype=bool)
    if calls is not None:
        decided = (together.word >= 0) & (together.word < unsure) & (calls.word < unsure)
        against = decided & (together.word != calls.word)
    chosen = np.flatnonzero(among | against)
    names = adata.obs[_keys.CELL_ID] if _keys.CELL_ID in adata.obs else adata.obs_names.to_series()
    columns: dict[str, Any] = {_keys.CELL_ID: names.astype(str).to_numpy(dtype=object)[chosen]}
    columns |= {name: words[first[chosen, place]] for place, name in enumerate(readings.reviewers)}
    columns["consensus"] = words[together.word[chosen]]
    columns["model"] = calls.call[chosen] if calls else np.full(len(chosen), "", dtype=object)
    between = np.where(among, np.where(against, "reviewers and model", "reviewers"), "model")
    return pd.DataFrame(columns | {"between": between[chosen].astype(object)})

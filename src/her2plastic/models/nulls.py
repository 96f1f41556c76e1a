"""Data as they would be if nothing moved: shuffled, or simulated without a switch. Arrays in, arrays out.

Every maker keeps what its null says is kept (how many cells a patient and a draw have, when the draws were) and follows
from its seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from her2plastic.models.draws.rows import cells_of_counts
from her2plastic.models.draws.sampling import dirichlet, sample_states

#: What a patient's composition is thought to be before it is seen: Jeffreys' prior.
PRIOR = 0.5
EM_ROUNDS = 200


def shuffled_within(groups: np.ndarray, *, seed: int) -> np.ndarray:
    """Return an order of rows that moves each row only among the rows of its group.

    Parameters
    ----------
    groups
        Group of each row. With rows that are draws and groups that are patients, ``counts[order]`` beside the days as
        they were is the null of the order of draws; with rows that are cells, ``draw[order]`` is the null of labels.
    seed
        Seed of the permutation.

    Returns
    -------
    Places of rows: the row that takes each place.
    """
    codes = np.unique(groups, return_inverse=True)[1].ravel()
    places = np.argsort(codes, kind="stable")
    taken = np.lexsort((np.random.default_rng(seed).random(len(codes)), codes))
    order = np.empty(len(codes), dtype=np.intp)
    order[places] = taken
    return order


def shuffled_labels(counts: np.ndarray, patient: np.ndarray, *, seed: int) -> np.ndarray:
    """Return counts after the states of a patient's cells were dealt anew over the patient's draws.

    Parameters
    ----------
    counts
        Cells by state, draws x states.
    patient
        Patient of each draw.
    seed
        Seed of the deal.

    Returns
    -------
    Counts of the same shape, with the same cells per draw and the same states per patient.
    """
    counts = np.asarray(counts, dtype=np.int64)
    draw, state = cells_of_counts(counts)
    dealt = state[shuffled_within(np.asarray(patient)[draw], seed=seed)]
    return np.bincount(draw * counts.shape[1] + dealt, minlength=counts.size).reshape(counts.shape)


def no_switch_counts(
    counts: np.ndarray,
    patient: np.ndarray,
    *,
    misclassification: np.ndarray | None = None,
    overdispersion: float = 0.0,
    seed: int,
) -> np.ndarray:
    """Return counts of patients whose composition stays what it is, with the same cells per draw and the same error.

    A patient's composition is drawn from its posterior given all its draws together, so that what is not known of it
    is part of the null.

    Parameters
    ----------
    counts
        Cells by the state they were read as, draws x states.
    patient
        Patient of each draw.
    misclassification
        True state x read state, rows sum to 1; None for none.
    overdispersion
        Intra-draw correlation of the states, at least 0 and below 1.
    seed
        Seed of the simulation.

    Returns
    -------
    Counts of the same shape, with the same cells per draw.
    """
    rng = np.random.default_rng(seed)
    counts = np.asarray(counts, dtype=np.int64)
    codes = np.unique(patient, return_inverse=True)[1].ravel()
    error = np.eye(counts.shape[1]) if misclassification is None else np.asarray(misclassification, dtype=float)
    numbers = counts.sum(axis=1)
    # cells of one draw say less than as many cells of several draws
    weight = 1.0 / (1.0 + np.maximum(numbers - 1, 0) * overdispersion)
    pooled = sums_by(counts * weight[:, None], codes)
    shares = _true_shares(dirichlet(rng, pooled + PRIOR), error)[codes]
    states = sample_states(rng, shares, numbers, overdispersion)
    return rng.multinomial(states, error).sum(axis=1)


def single_class_counts(
    counts: np.ndarray, state: int, *, misclassification: np.ndarray | None = None, seed: int
) -> np.ndarray:
    """Return counts of a population whose cells are all in one state.

    Parameters
    ----------
    counts
        Cells by state, draws x states; their numbers per draw are kept.
    state
        The state that all cells are in, counted from 0.
    misclassification
        True state x read state, rows sum to 1; None for none.
    seed
        Seed of the reads.

    Returns
    -------
    Counts of the same shape.
    """
    counts = np.asarray(counts, dtype=np.int64)
    error = np.eye(counts.shape[1]) if misclassification is None else np.asarray(misclassification, dtype=float)
    return np.random.default_rng(seed).multinomial(counts.sum(axis=1), error[state])


def impurity_only_counts(
    start: np.ndarray,
    growth: np.ndarray,
    days: np.ndarray,
    numbers: np.ndarray,
    *,
    overdispersion: float = 0.0,
    seed: int,
) -> np.ndarray:
    """Return counts of sorted populations in which no cell switches and the states grow at their own pace.

    What looks like a return to the old mixture is then the growth of what the sort left in.

    Parameters
    ----------
    start
        Shares of the states right after the sort, wells x states.
    growth
        Net growth per day of each state.
    days
        Day after the sort of each well.
    numbers
        Cells measured in each well.
    overdispersion
        Correlation of the states of cells of one well, at least 0 and below 1.
    seed
        Seed of the simulation.

    Returns
    -------
    Counts, wells x states.
    """
    rng = np.random.default_rng(seed)
    start, growth = np.asarray(start, dtype=float), np.asarray(growth, dtype=float)
    grown = start * np.exp(np.asarray(days, dtype=float)[:, None] * (growth - growth.max()))
    shares = grown / grown.sum(axis=1, keepdims=True)
    return sample_states(rng, shares, np.asarray(numbers), overdispersion)


def shuffled_gene_wise(values: Any, groups: np.ndarray, *, seed: int) -> Any:
    """Return values of which every gene was shuffled over the cells of a group on its own.

    Applied to unspliced counts it breaks their tie to the spliced ones of the same cell and of other genes, and keeps
    every gene's distribution within a patient.

    Parameters
    ----------
    values
        Cells x genes, an array or a sparse matrix or array.
    groups
        Group (patient) of each cell.
    seed
        Seed of the shuffles.

    Returns
    -------
    Values in the format that came.
    """
    rng = np.random.default_rng(seed)
    codes = np.unique(groups, return_inverse=True)[1].ravel()
    members = [np.flatnonzero(codes == code) for code in range(codes.max(initial=-1) + 1)]
    if hasattr(values, "tocsc"):
        return _shuffled_sparse(rng, values, codes, members)
    shuffled = np.array(values)
    for cells in members:
        shuffled[cells] = rng.permuted(shuffled[cells], axis=0)
    return shuffled


def _shuffled_sparse(rng: np.random.Generator, values: Any, codes: np.ndarray, members: list[np.ndarray]) -> Any:
    """Deal the stored values of each gene and group to cells of the group, each cell at most one."""
    columns = values.tocsc(copy=True)
    columns.sum_duplicates()
    gene = np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr))
    rows = columns.indices.copy()
    group = codes[rows]
    for code, cells in enumerate(members):
        here = np.flatnonzero(group == code)
        bounds = np.searchsorted(gene[here], np.arange(columns.shape[1] + 1))
        for low, high in zip(bounds, bounds[1:], strict=False):
            if high > low:
                rows[here[low:high]] = rng.choice(cells, high - low, replace=False)
    columns.indices = rows
    columns.has_sorted_indices = False
    columns.sort_indices()
    return columns.asformat(values.format)


def sums_by(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the sum of the rows of each group."""
    sums = np.zeros((codes.max(initial=-1) + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def _true_shares(read: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return the shares of true states that best explain shares read with an error, row by row."""
    if np.array_equal(error, np.eye(len(error))):
        return read
    shares = np.full(read.shape, 1.0 / len(error))
    for _ in range(EM_ROUNDS):
        expected = shares @ error
        shares *= np.divide(read, expected, out=np.zeros_like(read), where=expected > 0) @ error.T
        shares /= shares.sum(axis=1, keepdims=True)
    return shares

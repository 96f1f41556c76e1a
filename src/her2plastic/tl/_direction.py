"""Direction between states by RNA velocity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash, record_step
from her2plastic._errors import ParameterError, check_probability, check_seed, one_of
from her2plastic.models.null_test import NullTest
from her2plastic.models.velocity.null import follows
from her2plastic.models.velocity.score import NullScores, bootstrap_scores, pooled_score
from her2plastic.tl.direction_fates import write_fates
from her2plastic.tl.direction_input import (
    MIN_GENES,
    MIN_TRANSITIONAL,
    Source,
    cycle_genes,
    memberships,
    missing_layers,
    read_source,
    shortfall,
)
from her2plastic.tl.direction_result import FOUND, INSUFFICIENT, Direction
from her2plastic.tl.direction_scores import (
    Prepared,
    existing_flows,
    existing_graph,
    mode_flows,
    null_scores,
    pairs,
    prepare,
    sensitivity,
    transitional_cells,
)
from her2plastic.tl.direction_velocity import MODES

if TYPE_CHECKING:
    from anndata import AnnData

#: Fewer patients than this are shown one by one, without a pooled interval.
MIN_DONORS: Final = 6
#: Unspliced counts that follow spliced ones by less than this (z) are unrelated to them.
MIN_FOLLOWS: Final = 3.0
#: Standard deviations that a score has to lie from its mean if nothing moved. A cohort of CTCs has little power, and of
#: scores that barely pass a usual threshold in such data a good part has the wrong sign.
MIN_DISTANCE: Final = 4.0
STATISTIC: Final = "largest distance of a score from its mean if nothing moved, in standard deviations"
NOTES: Final[tuple[str, ...]] = (
    "The score is dimensionless: a direction, not a rate, and nothing per day.",
    "Other explanations of a score: bursts of transcription, copy-number clones with other splicing or decay, "
    "and contamination by RNA that is spliced further than the cell's own.",
)


def direction(
    adata: AnnData,
    *,
    posterior_key: str = _keys.HER2_POSTERIOR,
    state_key: str | None = None,
    donor_key: str = _keys.DONOR_ID,
    modes: Sequence[str] = ("steady_state", "stochastic"),
    use_existing: bool = False,
    cycle: bool = False,
    n_neighbors: int = 30,
    min_transitional: float = MIN_TRANSITIONAL,
    n_null: int = 99,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Direction:
    """Say in which direction cells move between states, if spliced and unspliced counts can tell.

    Velocities (La Manno et al. 2018; scVelo, Bergen et al. 2020) of genes that differ between the states are compared
    with the way to each neighbour of the same patient; an exponential kernel makes steps of them, and the steps are
    summed up between the states with the posteriors as memberships. The score of two states is the net share of
    their exchange, less that of the neighbour graph alone, less what the same cells give if each cell's unspliced
    excess is turned round at random. A pair whose score does not lie four standard deviations from that is
    ``insufficient``: a cohort of CTCs rarely passes, and that nothing moves cannot be shown. Never a rate.

    Parameters
    ----------
    adata
        Cells x genes with ``layers["spliced"]`` and ``["unspliced"]`` as counts. Controls, and cells that are no CTCs
        when the states are posteriors, are left out.
    posterior_key
        Table of ``obsm`` with the probability of each state.
    state_key
        Column of ``obs`` with one state a cell, instead of the posteriors: any clusters will do.
    donor_key
        Column of ``obs`` with the patient. Without the default column all cells count as one patient's.
    modes
        Velocity modes whose mean score is reported: ``"steady_state"``, ``"stochastic"``, ``"dynamical"``.
    use_existing
        Use the velocities (``layers["velocity"]``, ``["Ms"]``) and the graph (``obsp["connectivities"]``) that the data
        hold instead of the modes.
    cycle
        Keep the genes of the cell cycle.
    n_neighbors
        Neighbours of a cell, within its patient.
    min_transitional
        Candidate transitional cells that two states need between them at least: cells whose neighbourhood belongs to
        both.
    n_null, n_bootstrap
        Draws of the null within patients, and resamplings of patients.
    level
        Coverage of the intervals; a score is found where its p-value is at most 1 - ``level``.
    seed
        The same seed gives the same result.

    Returns
    -------
    The scores with their intervals, nulls, and what they depend on. Writes ``uns["her2plastic"]["direction"]`` and,
    where the status is ``ok``, ``obsm["her2_fate"]``, ``obs["fate_entropy"]``, ``obsp["direction"]`` and, with a map,
    ``obsm["direction_umap"]``.

    Raises
    ------
    MissingKeyError
        If there are no states, or nothing existing to use.
    ParameterError
        If a parameter is out of range.
    MissingExtraError
        If scVelo is needed and not installed.

    Examples
    --------
    >>> import her2plastic as hp
    >>> moves = hp.datasets.Kinetics(rates=((0, 0.9, 0), (0, 0, 0.9), (0, 0, 0)))  # upwards only
    >>> genes = hp.datasets.Programmes(rtk=(0, 0.6, 1.8, 1.8), notch=(1.8, 1.2, 0, 0), stress=(1.8, 1.2, 0, 0))
    >>> cells = hp.datasets.simulate_cohort(
    ...     n_donors=4, draws=(0,), n_ctc=240, platform="smart-seq2", n_genes=820, amplified=0, kinetics=moves,
    ...     programmes=genes, contamination=hp.datasets.Contamination.none(), seed=2,
    ... )
    >>> found = hp.tl.direction(cells, state_key="true_state", modes=["steady_state"], n_null=19)
    >>> print(found.to_frame()[["from", "to", "verdict"]].to_string())
           from             to          verdict
    0    HER2-0       HER2-low  direction found
    1    HER2-0  HER2-positive     insufficient
    2  HER2-low  HER2-positive  direction found
    """
    _check(modes, n_neighbors, n_null, n_bootstrap, level, seed)
    params = {
        "posterior_key": posterior_key, "state_key": state_key, "donor_key": donor_key, "modes": tuple(modes),
        "use_existing": use_existing, "cycle": cycle, "n_neighbors": n_neighbors,
        "min_transitional": min_transitional, "n_null": n_null,
        "n_bootstrap": n_bootstrap, "seed": seed,
    }  # fmt: skip
    reason = missing_layers(adata)
    if reason:
        states, _ = memberships(adata, posterior_key, state_key)
        found = Direction.lacking(states, reason, level=level, numbers={"cells": float(adata.n_obs)}, notes=NOTES)
        record_step(adata, "direction", params=params, **found.record())
        return found
    source = read_source(adata, posterior_key=posterior_key, state_key=state_key, donor_key=donor_key)
    numbers = source.numbers()
    notes = _notes(source)
    reason = shortfall(source, numbers)
    prepared = None
    if not reason:
        graph = existing_graph(adata, source) if use_existing else None
        without = frozenset() if cycle else cycle_genes()
        prepared = prepare(source, n_neighbors=n_neighbors, without=without, graph=graph)
        reason = _unreadable(prepared, numbers)
    if reason or prepared is None:
        found = Direction.lacking(source.states, reason, level=level, numbers=numbers, notes=notes)
    else:
        flows, motion = _flows(adata, source, prepared, modes, use_existing)
        nulls = null_scores(prepared, n=n_null, seed=seed)
        names = ("existing",) if use_existing else tuple(modes)
        found = _judge(
            source, prepared, flows, nulls, names, numbers, notes, min_transitional, n_bootstrap, level, seed
        )
        if found.status == "ok":
            variants, scores = sensitivity(source, n_neighbors=n_neighbors, cycle=cycle)
            found = found.with_variants(variants, scores - nulls.centre)
            write_fates(adata, source, prepared, motion)
    record_step(adata, "direction", params=params, input_hash=input_hash(source.cells), **found.record())
    return found


def _check(modes: Sequence[str], n_neighbors: int, n_null: int, n_bootstrap: int, level: float, seed: int) -> None:
    if isinstance(modes, str) or not modes:
        raise ParameterError(f"modes={modes!r}: expected one or more of {', '.join(map(repr, MODES))}")
    for mode in modes:
        one_of("modes", mode, MODES)
    smallest = {"n_neighbors": 3, "n_null": 19, "n_bootstrap": 100}
    given = (n_neighbors, n_null, n_bootstrap)
    for (name, least), value in zip(smallest.items(), given, strict=True):
        if value < least:
            raise ParameterError(f"{name}={value!r}: expected at least {least}")
    check_probability("level", level)
    check_seed(seed)


def _notes(source: Source) -> tuple[str, ...]:
    notes = NOTES
    if not source.her2:
        notes += ("The states are not HER2 states: the guard on unspliced ERBB2 is not applied.",)
    elif source.erbb2() is None:
        notes += ("ERBB2 is not among the genes: the guard on unspliced ERBB2 is not applied.",)
    if len(source.donors) < MIN_DONORS:
        notes += (f"{len(source.donors)} patients, {MIN_DONORS} needed for a pooled interval: each is shown alone.",)
    return notes


def _unreadable(prepared: Prepared | None, numbers: dict[str, float]) -> str:
    """Return why the genes cannot be read, or nothing."""
    if prepared is None or prepared.amounts.columns.size < MIN_GENES:
        n = 0 if prepared is None else prepared.amounts.columns.size
        return f"{n} genes have enough spliced and unspliced molecules and differ between states, {MIN_GENES} needed"
    numbers["genes"] = float(prepared.amounts.columns.size)
    found = prepared.amounts
    _, certainty = follows(found.total - found.unspliced, found.unspliced, prepared.flow.groups)
    numbers["z of unspliced following spliced counts"] = certainty
    if certainty < MIN_FOLLOWS:
        return (
            f"unspliced counts do not rise with spliced counts of the same gene (z = {certainty:.1f}, "
            f"{MIN_FOLLOWS:g} needed): the layers do not belong together, or are too thin"
        )
    return ""


def _flows(
    adata: AnnData, source: Source, prepared: Prepared, modes: Sequence[str], use_existing: bool
) -> tuple[np.ndarray, Any]:
    """Return the flows of each mode ``(modes, 2, patients, S, S)``, and position and velocity of the last."""
    made = [existing_flows(adata, source, prepared)] if use_existing else [mode_flows(prepared, mode) for mode in modes]
    return np.stack([flows for flows, _ in made]), made[0][1]


def _judge(
    source: Source, prepared: Prepared, flows: np.ndarray, nulls: NullScores, names: tuple[str, ...],
    numbers: dict[str, float], notes: tuple[str, ...], least: float, n_bootstrap: int, level: float, seed: int,
) -> Direction:  # fmt: skip
    """Return the scores, each pair with its verdict."""
    own = pooled_score(prepared.flow.of_counts(prepared.counts.total, prepared.counts.observed()))
    mode_scores = np.stack([pooled_score(mode) for mode in flows]) - nulls.centre
    scores = mode_scores.mean(axis=0)
    able, reasons = _crossed_pairs(source, prepared, nulls, numbers, least)
    if not able.any():
        return Direction.lacking(source.states, "; ".join(reasons), level=level, numbers=numbers, notes=notes)
    tests, p = _tests(own, nulls, able)
    distance = np.abs(nulls.distance(own))
    agreement = (np.sign(mode_scores) == np.sign(scores)).mean(axis=0)
    same = (np.sign(own - nulls.centre) == np.sign(scores)) & (agreement == 1.0)
    clear = able & same & (p <= 1 - level) & (distance >= MIN_DISTANCE)
    reasons += _unclear_pairs(source, able & ~clear, distance, same)
    if not clear.any():
        found = Direction.lacking(source.states, "; ".join(reasons), level=level, numbers=numbers, notes=notes)
        return replace(found, tests=tests, p=p)
    verdict = np.where(clear, FOUND, INSUFFICIENT).astype(object)
    np.fill_diagonal(verdict, "")
    missing = np.where(clear, 0.0, np.nan)
    lower, upper = _interval(flows.mean(axis=0), nulls, clear, n_bootstrap, level, seed)
    per_donor = np.stack([pooled_score(flows.mean(axis=0)[:, [k]]) for k in range(len(source.donors))])
    return Direction(
        source.states, scores + missing, lower, upper, p, verdict, level, modes=names,
        mode_scores=mode_scores + missing, agreement=agreement + missing, donors=source.donors,
        donor_scores=per_donor - nulls.centre + missing, tests=tests, numbers=numbers, notes=notes + tuple(reasons),
    )  # fmt: skip


def _tests(own: np.ndarray, nulls: NullScores, able: np.ndarray) -> tuple[tuple[NullTest, ...], np.ndarray]:
    """Return the two nulls, and the p-value of each pair, corrected for the number of pairs by the largest."""
    upper = able & np.triu(np.ones_like(able), 1)
    null, distance = nulls.largest(upper), np.abs(nulls.distance(own))
    shuffled = np.abs(nulls.distance(nulls.shuffled))[:, upper].max(axis=1)
    p = np.full(able.shape, np.nan)
    p[able] = [(1 + np.count_nonzero(null >= value - 1e-9)) / (null.size + 1) for value in distance[able]]
    observed = float(distance[upper].max())
    named = {"unspliced excess turned round within patients": null, "shuffled unspliced": shuffled}
    return tuple(NullTest.by_simulation(name, STATISTIC, observed, values) for name, values in named.items()), p


def _interval(
    flows: np.ndarray, nulls: NullScores, shown: np.ndarray, n_bootstrap: int, level: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of each score over patients; missing with too few of them."""
    lower, upper = np.full((2, *shown.shape), np.nan)
    if flows.shape[1] >= MIN_DONORS:
        resampled = bootstrap_scores(flows, n_bootstrap=n_bootstrap, seed=seed) - nulls.centre
        known = shown & np.isfinite(resampled).all(axis=0)
        lower[known], upper[known] = np.quantile(resampled[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def _crossed_pairs(
    source: Source, prepared: Prepared, nulls: NullScores, numbers: dict[str, float], least: float
) -> tuple[np.ndarray, list[str]]:
    """Return the pairs with enough cells between the two states, and why there are none."""
    able = np.zeros(nulls.centre.shape, dtype=bool)
    found = {pair: transitional_cells(prepared, pair) for pair in pairs(len(source.states))}
    for pair, number in found.items():
        able[pair] = able[pair[::-1]] = number >= least and bool(nulls.spread[pair] > 0)
    most = max(found, key=lambda pair: found[pair])
    numbers["candidate transitional cells"] = round(found[most], 1)
    if able.any():
        few = [_named(source, pair) for pair in found if not able[pair]]
        return able, [f"fewer than {least:g} candidate transitional cells: {', '.join(few)}"] if few else []
    return able, [f"{found[most]:.1f} candidate transitional cells ({_named(source, most)}), {least:g} needed"]


def _unclear_pairs(source: Source, unclear: np.ndarray, distance: np.ndarray, same: np.ndarray) -> list[str]:
    reasons = []
    for pair in pairs(len(source.states)):
        if unclear[pair] and distance[pair] < MIN_DISTANCE:
            reasons.append(
                f"{_named(source, pair)}: the score lies {distance[pair]:.1f} standard deviations from what no "
                f"movement gives, {MIN_DISTANCE:g} needed for its sign to be trusted"
            )
        elif unclear[pair]:
            words = "the velocity modes do not agree on the sign" if not same[pair] else "not beyond its null"
            reasons.append(f"{_named(source, pair)}: {words}")
    return reasons


def _named(source: Source, pair: tuple[int, int]) -> str:
    return " and ".join(source.states[k] for k in pair)

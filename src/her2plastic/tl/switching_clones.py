"""Rates from clones: cells of an AnnData, by the clone that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, input_hash, obs_column, record_step
from her2plastic._errors import ParameterError
from her2plastic.models.clones.estimator import Clones
from her2plastic.models.misclassification.reader_error import check_error_matrix
from her2plastic.models.transition_rates import TransitionRates
from her2plastic.tl.soft_counts import SoftStates, numbers_of, read_states

if TYPE_CHECKING:
    from anndata import AnnData

STEP = "switching_clones"
#: States that are confused so much (condition number) are not told apart.
_ALIKE = 1e6
#: Options by name that say where things stand.
_NAMES = ("clone_key", "founder_key", "day_key")


@dataclass(frozen=True)
class _Table:
    """What the cells of an AnnData say of each clone."""

    founder: np.ndarray
    counts: np.ndarray
    day: np.ndarray
    sampled: bool
    lost: int


def fit(
    adata: AnnData,
    *,
    clone_key: str = _keys.CLONE_ID,
    founder_key: str = _keys.FOUNDER_STATE,
    day_key: str = _keys.CLONE_DAY,
    posterior_key: str = _keys.HER2_POSTERIOR,
    prior: np.ndarray | str | None = None,
    merge: str | None = None,
    misclassification: np.ndarray | None = None,
    founder_purity: np.ndarray | None = None,
    whole: bool | None = None,
    n_bootstrap: int = 300,
    n_null: int = 199,
    level: float = 0.9,
    seed: int = 0,
) -> TransitionRates:
    """Estimate switching and growth from clones, with clones as the unit.

    Two designs are read. Clones from single cells: ``obs["founder_state"]`` names the state of each clone's founder.
    Barcodes seen twice: without that column, the cells of each clone on its first day are its founders, and those on
    later days its descendants; growth is then known only against the first state, since a sample was taken each time.

    A cell counts with its posterior, and the posteriors' own doubt is taken out of the counts: a cell that cannot be
    told is no switch. The null draws clones of one state and reads them with the same doubt.

    Parameters
    ----------
    adata
        Cells of all clones.
    clone_key, founder_key, day_key
        Columns with the clone, its founder's state, and the day counted from the founder or from the labelling.
    posterior_key
        Posteriors of the states in ``obsm``.
    prior
        ``(S,)`` prior that stands in the posteriors, where it is not that of the cells themselves (even odds, for
        example). ``"donor"``: the posteriors are those of ``tl.her2_state``, whose donors' shares are divided out;
        ``"even"``: those of even odds.
    merge
        ``"positive"``: HER2-positive against the rest, whose two states ERBB2 counts barely tell apart.
    misclassification
        ``(S, S)`` probability that a cell of a state (row) is counted as another (column); from the posteriors
        themselves if not given.
    founder_purity
        ``(S, S)`` probability of a founder's true state (column) given the state that it was named by (row).
    whole
        Whether all cells of each clone were measured; by default so for named founders.
    n_bootstrap, n_null
        Bootstrap samples of clones; data sets simulated for the null.
    level
        Probability that an interval holds; see :func:`her2plastic.tl.switching`.
    seed
        Seed of both.

    Returns
    -------
    The rates; see :class:`~her2plastic.models.TransitionRates`. Writes ``uns["her2plastic"]["switching_clones"]`` with
    the rates, ``fitted`` (a row per founder state, day and state), ``growth`` with its interval, ``per_birth``,
    ``shared`` and ``probabilities`` of founders' states to cells' states, and ``misclassification``.

    Raises
    ------
    MissingKeyError
        A column is missing, or there are no posteriors.
    ParameterError
        A column holds something else than it should, or a parameter is out of range.
    """
    soft, known = read_states(adata, posterior_key, among=clone_key, prior=prior, merge=merge)
    names = dict(zip(_NAMES, (clone_key, founder_key, day_key), strict=True))
    params: dict[str, Any] = {
        **names, "posterior_key": posterior_key, "prior": prior, "merge": merge,
        "founder_purity": founder_purity, "whole": whole, "n_bootstrap": n_bootstrap, "n_null": n_null,
        "level": level, "seed": seed,
    }  # fmt: skip
    errors = soft.confusion(known)
    if misclassification is not None:
        errors = check_error_matrix("misclassification", misclassification, len(soft.states))
    table = _table(adata, soft, errors, **names)
    if table is None or np.linalg.cond(errors) > _ALIKE:
        reason = "0 clones with founders and descendants"
        if table is not None:
            reason = f"the posteriors tell fewer than {len(soft.states)} states apart; merge states"
        rates = TransitionRates.lacking("clones", soft.states, reason, level=level, numbers={"clones": 0})
        record_step(adata, STEP, params=params, **rates.record())
        return rates
    model = Clones(
        misclassification=errors, founder_purity=founder_purity, whole=not table.sampled if whole is None else whole,
        level=level, n_bootstrap=n_bootstrap, n_null=n_null, seed=seed,
    ).fit(table.founder, table.counts, table.day)  # fmt: skip
    rates = model.transition_rates(soft.states)
    fitted = model.fitted()
    for column in ("group", "state"):
        fitted[column] = np.array(soft.states, dtype=object)[fitted[column]]
    record_step(
        adata, STEP, params=params, input_hash=input_hash(table.counts, table.day), **rates.record(), fitted=fitted,
        growth=model.growth_, growth_lower=model.growth_lower_, growth_upper=model.growth_upper_,
        per_birth=model.per_birth_, shared=model.shared_, probabilities=model.probabilities_,
        misclassification=errors, clones_seen_once=table.lost,
    )  # fmt: skip
    return rates


def statistic(
    adata: AnnData,
    *,
    clone_key: str = _keys.CLONE_ID,
    founder_key: str = _keys.FOUNDER_STATE,
    day_key: str = _keys.CLONE_DAY,
    posterior_key: str = _keys.HER2_POSTERIOR,
    prior: np.ndarray | str | None = None,
    merge: str | None = None,
) -> float:
    """Return the statistic of the first null, without simulation and bootstrap; missing where it cannot be had."""
    from her2plastic.models.clones.null import mixed_clone_test

    soft, known = read_states(adata, posterior_key, among=clone_key, prior=prior, merge=merge)
    errors = soft.confusion(known)
    table = _table(adata, soft, errors, **dict(zip(_NAMES, (clone_key, founder_key, day_key), strict=True)))
    if table is None or np.linalg.cond(errors) > _ALIKE:
        return float("nan")
    return mixed_clone_test(table.counts, errors, n_null=0, seed=0).observed


def _table(
    adata: AnnData, soft: SoftStates, errors: np.ndarray, *, clone_key: str, founder_key: str, day_key: str
) -> _Table | None:
    """Return founders and soft counts of every clone; None if no clone has both."""
    remedy = "Name the column with clone_key, day_key."
    clone = as_names(obs_column(adata, clone_key, remedy=remedy))[soft.kept]
    day = numbers_of(obs_column(adata, day_key, remedy=remedy), day_key)[soft.kept]
    if np.isnan(day).any() or (day < 0).any():
        raise ParameterError(f"`obs[{day_key!r}]`: expected days of at least 0 for every cell")
    named = founder_key in adata.obs
    founder = soft.names(adata.obs[founder_key])[soft.kept] if named else np.full(len(clone), "", dtype=object)
    known = (clone != "nan") & (founder != "nan")
    if not known.any():
        return None
    cells = SoftStates(soft.states, known, soft.posterior[known])
    names, group = np.unique(clone[known], return_inverse=True)
    first, last = np.full(len(names), np.inf), np.zeros(len(names))
    np.minimum.at(first, group, day[known])
    np.maximum.at(last, group, day[known])
    # a clone is one unit: its last look counts
    counts = _counted(cells, group, len(names), day[known] == last[group])
    if named:
        return _Table(_founders(founder[known], group, len(names), soft.states, founder_key), counts, last, False, 0)
    twice = last > first
    if not twice.any():
        return None
    begin = _counted(cells, group, len(names), day[known] == first[group]) @ np.linalg.pinv(errors)
    origin = np.maximum(begin, 0.0)[twice]
    return _Table(origin, counts[twice], (last - first)[twice], True, int((~twice).sum()))


def _counted(cells: SoftStates, group: np.ndarray, n_groups: int, which: np.ndarray) -> np.ndarray:
    return SoftStates(cells.states, which, cells.posterior[which]).counts(group[which], n_groups)


def _founders(
    founder: np.ndarray, group: np.ndarray, n_groups: int, states: tuple[str, ...], key: str
) -> np.ndarray:  # fmt: skip
    """Return the state of each clone's founder by number."""
    unknown = sorted(set(founder) - set(states))
    if unknown:
        raise ParameterError(f"`obs[{key!r}]`: {unknown[0]!r} is no state; expected {', '.join(states)} or missing")
    code = np.array([states.index(name) for name in founder])
    of_clone = np.zeros(n_groups, dtype=np.int64)
    of_clone[group] = code
    if (of_clone[group] != code).any():
        raise ParameterError(f"`obs[{key!r}]`: expected one founder state for all cells of a clone")
    return of_clone

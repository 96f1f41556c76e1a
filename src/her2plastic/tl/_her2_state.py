"""The HER2 state of each cell, from ERBB2 counts and depth."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import control_cells, cpm, input_hash, record_step
from her2plastic._errors import check_probability, check_seed
from her2plastic.models.ordered_counts import OrderedCounts
from her2plastic.tl import her2_calibration as calibrations
from her2plastic.tl.her2_cells import Her2Cells, check_per_million, collect, ctcs, drop_out, erbb2_and_depth
from her2plastic.tl.her2_words import call_codes, code_of

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.models.count_noise import CountNoise
    from her2plastic.models.expression_scale import ExpressionScale

log = logging.getLogger(__name__)

STEP = "her2_state"


def her2_state(
    adata: AnnData,
    *,
    calibration: str | ExpressionScale | calibrations.Her2Rule = "reference",
    level: float = 0.8,
    donor_key: str = _keys.DONOR_ID,
    noise: CountNoise | None = None,
    only_ctcs: bool = True,
    seed: int = 0,
) -> None:
    """Give each CTC its HER2 state, with the probability of each state.

    ERBB2 molecules are modelled as counts: log-normal expression within a state, negative binomial noise given depth,
    shares of the states per donor under a prior common to the cohort, ambient RNA added. A cell in which ERBB2 dropped
    out is therefore not a HER2-0 cell; it is a cell about which little is known. For assays that count reads, the share
    of transcripts that drop out altogether is estimated from the genes that nearly every cell shows.

    Parameters
    ----------
    adata
        Cells by genes with ``layers["counts"]``. Read if there: ``obs["is_ctc"]``, ``obs["donor_id"]``,
        ``obs["assay"]``, ``obs["ambient_share"]``, ``obs["label"]``. A published rule also works on ``layers["cpm"]``.
    calibration
        Where the states lie on the scale of expression: ``"reference"`` (shipped, from breast cancer lines and TCGA),
        ``"controls"`` (control cells in the run, by ``obs["label"]``), ``"jordan2016"`` (rule: ERBB2 above 10 reads per
        million), ``"none"``, or a fitted :class:`~her2plastic.models.ExpressionScale`.
    level
        Probability that the set of states in ``obs["her2_call"]`` must hold. 0.8, where shares and rates have 0.9 and
        other intervals 0.95: one cell tells little, and at 0.95 most calls would hold two states or three.
    donor_key
        Column with the donor. Cells without a donor count as one donor's, and so do all cells without the column of
        the default name.
    noise
        Noise of the assay, in place of the one in ``reference.assays()``.
    only_ctcs
        Call only cells with ``obs["is_ctc"]``; the others get no state. Their posterior is that of a CTC with such
        counts.
    seed
        Seed of the draws over donors' shares, at least 0. A donor's draws follow from the seed and the donor's cells,
        whatever other donors there are.

    Returns
    -------
    None. Writes

    ``adata.obsm["her2_posterior"]`` : DataFrame (cells x 3)
        Probability of each state if the cell is a CTC; rows sum to 1.
    ``adata.obs["her2_state"]`` : ordered category
        Most probable state; missing if the cell is no CTC, has no counts, or the rule cannot tell.
    ``adata.obs["her2_call"]`` : category
        Smallest set of neighbouring states that holds ``level``, ``not callable``, or ``not a CTC``.
    ``adata.obs["her2_confidence"]`` : float
        Posterior of ``her2_state``.
    ``adata.obs["erbb2_count"]``, ``adata.obs["erbb2_cpm"]`` : float
        ERBB2 molecules or reads, and the same per million of the cell's depth.
    ``adata.uns["her2plastic"]["her2_state"]`` : dict
        Parameters, the calibration with its source, the noise, offsets and shares found.

    Raises
    ------
    UnitError
        A model is asked for and there are no counts, or ``layers["counts"]`` holds something else.
    GeneError
        ERBB2 is not among the genes.
    MissingKeyError
        No column ``donor_key``, which is not the default.
    CalibrationError
        Control cells are asked for and do not allow a calibration; or the calibration is on counts per million, and
        the depth is that of a panel of few genes.
    ParameterError
        A parameter is out of range, or a column that is read holds something else.

    Notes
    -----
    From single cells, HER2-0 and HER2-low are barely told apart by ERBB2 alone (AUC 0.53 to 0.64 by assay). Expect
    ``HER2-0/low`` where other tools print HER2-0. The state is one of expression, not a clinical HER2 status.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> cells.obs["her2_call"].value_counts().loc[lambda n: n > 0].to_dict()
    {'not a CTC': 47, 'HER2-0/low': 45, 'not callable': 24, 'HER2-low/positive': 4}
    """
    check_probability("level", level, above=0.5)
    check_seed(seed)
    resolved = calibrations.resolve(calibration, adata)
    params = {"level": level, "donor_key": donor_key, "only_ctcs": only_ctcs, "seed": seed}
    if isinstance(resolved, calibrations.Her2Rule):
        _apply_rule(adata, resolved, params, only_ctcs=only_ctcs)
        return
    cells = collect(adata, donor_key=donor_key, only_ctcs=only_ctcs)
    if calibrations.is_per_million(resolved):
        check_per_million(adata, cells.count, cells.depth, calibration=resolved.name)
    posterior, found = _posterior(adata, cells, resolved, noise, seed)
    shallow = calibrations.never_only_zero(resolved, cells.count, cells.depth)
    calls = call_codes(posterior, level=level, never_only_zero=shallow)
    calls[cells.depth <= 0] = code_of(_keys.NOT_CALLABLE)
    has_state = cells.is_ctc & (cells.depth > 0)
    erbb2 = {_keys.ERBB2_COUNT: cells.count, _keys.ERBB2_CPM: cells.cpm}
    _write(adata, posterior, calls, has_state, cells.is_ctc, erbb2)
    record_step(
        adata, STEP, params=params, input_hash=input_hash(cells.count, cells.depth),
        calibration=calibrations.describe(resolved), assays=found, n_ctc=int((cells.is_ctc & ~cells.is_control).sum()),
    )  # fmt: skip


def _posterior(
    adata: AnnData, cells: Her2Cells, scale: ExpressionScale, noise: CountNoise | None, seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the posterior of every cell, fitted assay by assay, and what was found for each."""
    prior = scale.to_states(np.array(scale.share_prior))
    posterior = np.tile(prior / prior.sum(), (adata.n_obs, 1))
    found: dict[str, Any] = {}
    for assay in cells.assay_names:
        here = cells.of_assay(assay)
        if not here.any():
            continue
        fitted = here & cells.is_ctc & ~cells.is_control
        assay_noise = noise or calibrations.assay_noise(
            assay, pooled_ambient_cpm=cells.ambient_cpm(assay), drop_out=drop_out(adata, assay, here)
        )
        model = OrderedCounts(scale, assay_noise, cohort_sd=calibrations.cohort_sd(scale, assay), seed=seed)
        entry: dict[str, Any] = {
            "n_cells": int(here.sum()), "n_fitted": int(fitted.sum()), "assumed": cells.assay_assumed,
            "dispersion": assay_noise.dispersion, "zero_inflation": assay_noise.zero_inflation,
            "ambient_cpm": assay_noise.ambient_cpm, "cohort_sd": model.cohort_sd,
        }  # fmt: skip
        if fitted.any():
            model.fit(cells.count[fitted], cells.depth[fitted], cells.donor[fitted])
            posterior[fitted] = model.cell_posterior_
            rest = here & ~fitted
            if rest.any():
                posterior[rest] = model.predict_proba(cells.count[rest], cells.depth[rest])
            entry["scale_offset_log2"] = float(model.posterior_.cohort_offset @ model.posterior_.offsets)
            entry["effective_draws"] = min(map(model.posterior_.effective_draws, range(len(model.groups_))))
        else:
            entry["insufficient"] = "no CTC to fit"
        found[assay] = entry
    return posterior, found


def _apply_rule(adata: AnnData, rule: calibrations.Her2Rule, params: dict[str, Any], *, only_ctcs: bool) -> None:
    """Write the calls of a published cut-off. It tells positive from not positive and nothing else."""
    if _keys.COUNTS in adata.layers:
        count, depth = erbb2_and_depth(adata, needed_by=STEP)
        values = np.divide(count * 1e6, depth, out=np.full(adata.n_obs, np.nan), where=depth > 0)
    else:
        count, values = None, cpm(adata, calibrations.GENE, needed_by=STEP)
        depth = np.where(np.isfinite(values), 1e6, 0.0)
    check_per_million(adata, np.nan_to_num(values) * depth / 1e6, depth, calibration=rule.name)
    measured = np.isfinite(values)
    positive = np.where(measured, values > rule.cpm_above, False)
    posterior = np.where(positive[:, None], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0])
    posterior[~measured] = 1 / 3
    is_ctc = ctcs(adata, only_ctcs=only_ctcs)
    calls = np.where(positive, code_of("HER2-positive"), code_of("HER2-0/low"))
    calls[~measured] = code_of(_keys.NOT_CALLABLE)
    erbb2 = {_keys.ERBB2_CPM: values} | ({} if count is None else {_keys.ERBB2_COUNT: count})
    # HER2-0 and HER2-low are equally likely under the rule, so only a positive cell has a most probable state
    _write(adata, posterior, calls, is_ctc & positive, is_ctc, erbb2)
    record_step(
        adata, STEP, params=params, input_hash=input_hash(values), calibration=calibrations.describe(rule),
        n_ctc=int((is_ctc & ~control_cells(adata)).sum()),
    )  # fmt: skip


def _write(
    adata: AnnData,
    posterior: np.ndarray,
    calls: np.ndarray,
    has_state: np.ndarray,
    is_ctc: np.ndarray,
    erbb2: dict[str, np.ndarray],
) -> None:
    """Write posterior, state, call and confidence."""
    import pandas as pd

    states, words = pd.Index(_keys.STATES), pd.Index(_keys.CALLS)
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(posterior, index=adata.obs_names, columns=states)
    best: np.ndarray[Any, np.dtype[np.int64]] = np.where(has_state, posterior.argmax(axis=1), -1)
    adata.obs[_keys.HER2_STATE] = pd.Categorical.from_codes(best, categories=states, ordered=True)
    called: np.ndarray[Any, np.dtype[np.int64]] = np.where(is_ctc, calls, code_of(_keys.NOT_A_CTC))
    adata.obs[_keys.HER2_CALL] = pd.Categorical.from_codes(called, categories=words)
    adata.obs[_keys.HER2_CONFIDENCE] = np.where(has_state, posterior.max(axis=1), np.nan)
    for key, values in erbb2.items():
        adata.obs[key] = values
    log.info("HER2 states: %s", dict(adata.obs[_keys.HER2_CALL].value_counts()))

"""The HER2 state of each cell, from the fluorescence of its picture."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash, record_step, table_of
from her2plastic._errors import ParameterError
from her2plastic.models.intensity_scale import without_drift
from her2plastic.models.ordered_intensities import OrderedIntensities
from her2plastic.tl.her2_words import call_codes, code_of
from her2plastic.tl.if_calibration import describe_scale, resolve_scale
from her2plastic.tl.if_cells import IfCells, collect_if

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.models.intensity_scale import IntensityScale

log = logging.getLogger(__name__)

STEP: Final = "her2_if"


def her2_if(
    adata: AnnData,
    *,
    calibration: str | IntensityScale = "controls",
    control_key: str = _keys.CONTROL_LINE,
    batch_key: str = _keys.SLIDE_ID,
    donor_key: str = _keys.DONOR_ID,
    level: float = 0.8,
    max_saturated: float = 0.01,
    least_leukocytes: int = 20,
    seed: int = 0,
) -> None:
    """Give each CTC on a slide its HER2 score and state by fluorescence, with the probability of each.

    The intensity of a cell is its background-subtracted HER2 mean over the median of the leukocytes on the same slide.
    Control lines of known receptor number place the scores 0, 1+, 2+ and 3+ on that scale and show the drift between
    batches, which is taken off. Without them the shipped reference is used, which may be off by a factor of two; it
    says "uncalibrated", and the posterior is as wide as that. Score 0 is HER2-0, 1+ and 2+ are HER2-low, 3+ is
    HER2-positive. A cell with saturated pixels is brighter than measured, and counts as "at least so bright".

    Parameters
    ----------
    adata
        Objects after :func:`her2plastic.im.ctc_identity`, of one slide or several. Read: ``HER2_cell_mean``,
        ``HER2_cell_saturated``, ``obs["slide_id"]``, ``obs["identity"]``, ``obs["is_ctc"]``.
    calibration
        ``"controls"`` (lines in ``obs[control_key]``), ``"reference"``, or a fitted
        :class:`~her2plastic.models.IntensityScale`.
    control_key
        Column with the control line of a slide (:func:`her2plastic.reference.control_lines`) or its score; empty or
        missing for patients.
    batch_key
        Column of what was stained together, whose drift is common.
    donor_key
        Column with the patient; without it every slide counts as one patient's.
    level
        Probability that the set of states in ``obs["her2_if_call"]`` must hold; 0.8 as in :func:`her2_state`.
    max_saturated
        Share of saturated pixels above which a cell's intensity is only a lower bound.
    least_leukocytes
        Leukocytes of a slide that it takes for a background.
    seed
        Seed of the draws of shares.

    Returns
    -------
    None. Writes

    ``obs["her2_intensity"]`` : float
        In units of the leukocyte background, drift taken off; missing on a slide without one.
    ``obs["her2_if_censored"]`` : bool
        The intensity is a lower bound.
    ``obsm["her2_if_score_posterior"]``, ``obsm["her2_if_posterior"]`` : DataFrame
        Probability of each score, and of each state; rows sum to 1. That of the prior for what is no CTC.
    ``obsm["her2_if_likelihood"]`` : DataFrame
        How likely each state makes the intensity, without any prior of the states; the largest is 1.
    ``obs["her2_if_score"]``, ``obs["her2_if_state"]`` : ordered category
        Most probable; missing if the object is no CTC or has no intensity.
    ``obs["her2_if_call"]`` : category
        Smallest set of neighbouring states that holds ``level``, ``not callable``, or ``not a CTC``.
    ``obs["her2_if_confidence"]`` : float
        Posterior of ``her2_if_state``.
    ``uns["her2plastic"]["her2_if"]`` : dict
        Parameters, the scale and its source, the drift of each batch, the background of each slide with its status.

    Raises
    ------
    MissingKeyError
        A column is missing.
    ParameterError
        A parameter is out of range, or there is no HER2 channel.
    CalibrationError
        Controls are asked for, and there are none, too few, all saturated, of an unknown line, or in the wrong order.

    Notes
    -----
    The state is one of staining by these controls, not a clinical HER2 status. Equations: docs/image_calls.md.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> cells = hp.im.measure(hp.im.segment(made.slide))
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> ctcs = cells.obs[cells.obs["is_ctc"]]
    >>> print(ctcs[["her2_intensity", "her2_if_call"]].round(1).to_string())
              her2_intensity       her2_if_call
    slide:10            20.9      HER2-positive
    slide:14             0.8             HER2-0
    slide:18             2.0         HER2-0/low
    slide:49             1.2             HER2-0
    slide:73             3.6           HER2-low
    slide:92             9.8  HER2-low/positive
    """
    if not 0.5 < level < 1:
        raise ParameterError(f"level={level!r}: expected a probability between 0.5 and 1")
    if not 0 <= max_saturated <= 1:
        raise ParameterError(f"max_saturated={max_saturated!r}: expected a share between 0 and 1")
    cells = collect_if(
        adata, batch_key=batch_key, donor_key=donor_key, control_key=control_key, max_saturated=max_saturated,
        least_leukocytes=least_leukocytes,
    )  # fmt: skip
    scale, drift = resolve_scale(calibration, cells)
    scale = replace(scale, slide_sd=float(np.hypot(scale.slide_sd, cells.background_sd)))
    cells = replace(cells, intensity=without_drift(cells.intensity, drift[cells.batch]))
    scores, likelihood = _posterior(cells, scale, seed)
    _write(adata, cells, scale, scores, likelihood, level)
    patients = cells.control == ""
    record_step(
        adata,
        STEP,
        params={
            "control_key": control_key, "batch_key": batch_key, "donor_key": donor_key, "level": level,
            "max_saturated": max_saturated, "least_leukocytes": least_leukocytes, "seed": seed,
        },
        input_hash=input_hash(cells.intensity, cells.is_ctc),
        calibration=describe_scale(scale),
        batches={"batch": np.array(cells.batch_names, dtype=object), "drift_log2": drift},
        slides=table_of(cells.slides, name="slide"),
        n_ctc=int((cells.is_ctc & patients).sum()),
        n_control=int((cells.is_ctc & ~patients).sum()),
        n_censored=int((cells.usable & cells.censored).sum()),
    )  # fmt: skip


def _posterior(cells: IfCells, scale: IntensityScale, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior of the scores and the likelihood of the states; prior and 1 where nothing is known."""
    prior = np.array(scale.share_prior) / np.sum(scale.share_prior)
    scores = np.tile(prior, (len(cells.intensity), 1))
    likelihood = np.ones((len(scores), len(_keys.STATES)))
    used = cells.usable
    if not used.any():
        return scores, likelihood
    model = OrderedIntensities(scale, seed=seed)
    model.fit(cells.log2_intensity[used], cells.censored[used], cells.patient[used])
    scores[used] = model.score_posterior_
    likelihood[used] = model.state_likelihood_
    return scores, likelihood


def _write(
    adata: AnnData,
    cells: IfCells,
    scale: IntensityScale,
    scores: np.ndarray,
    likelihood: np.ndarray,
    level: float,
) -> None:
    import pandas as pd

    states = scores @ scale.membership
    for key, values, names in (
        (_keys.HER2_IF_SCORE_POSTERIOR, scores, _keys.IF_SCORES),
        (_keys.HER2_IF_POSTERIOR, states, _keys.STATES),
        (_keys.HER2_IF_LIKELIHOOD, likelihood, _keys.STATES),
    ):
        adata.obsm[key] = pd.DataFrame(values, index=adata.obs_names, columns=pd.Index(names))
    adata.obs[_keys.HER2_INTENSITY] = cells.intensity
    adata.obs[_keys.HER2_IF_CENSORED] = cells.censored
    usable = cells.usable
    for key, values, names in (
        (_keys.HER2_IF_SCORE, scores, _keys.IF_SCORES),
        (_keys.HER2_IF_STATE, states, _keys.STATES),
    ):
        best = np.where(usable, values.argmax(axis=1), -1).astype(np.int64)
        adata.obs[key] = pd.Categorical.from_codes(best, categories=pd.Index(names), ordered=True)
    calls = call_codes(states, level=level).astype(np.int64)
    calls[~usable] = code_of(_keys.NOT_CALLABLE)
    calls[~cells.is_ctc] = code_of(_keys.NOT_A_CTC)
    adata.obs[_keys.HER2_IF_CALL] = pd.Categorical.from_codes(calls, categories=pd.Index(_keys.CALLS))
    adata.obs[_keys.HER2_IF_CONFIDENCE] = np.where(usable, states.max(axis=1), np.nan)
    log.info("HER2 fluorescence: %s", dict(adata.obs[_keys.HER2_IF_CALL].value_counts()))

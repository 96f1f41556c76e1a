"""Every event of a simulated cohort, one row each: what it is, what it carries, how deep it is sequenced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.datasets.composition import Donors
from her2plastic.datasets.kinetics import erbb2_fold, in_transit, relax
from her2plastic.datasets.parameters import OTHERS, Contamination, ERBB2Model, Kinetics, Library
from her2plastic.datasets.transcriptome import TUMOUR_KINDS, Transcriptome

#: Column of the effects and medians for an amplified HER2-positive cell; below it a cell's class is its state.
AMPLIFIED = 3
_POSITIVE = _keys.STATES.index("HER2-positive")
_CTC, _COATED, _DOUBLET, _LEUKOCYTE, _OTHER = range(len(_keys.IDENTITIES))


@dataclass(frozen=True)
class Controls:
    """Cell-line spike-ins: cells per state and batch, batches, share of the positive cells that are amplified."""

    cells: int
    batches: int
    amplified: float


def ctc_events(
    rng: np.random.Generator, donors: Donors, kinds: tuple[str, ...], mesenchymal: float, contamination: Contamination
) -> pd.DataFrame:
    """Return one row per CTC of every donor and draw."""
    n_donors, n_draws, n_states = donors.counts.shape
    donor, draw, state = (
        np.repeat(index.ravel(), donors.counts.ravel())
        for index in np.meshgrid(np.arange(n_donors), np.arange(n_draws), np.arange(n_states), indexing="ij")
    )
    n = len(state)
    is_mesenchymal = rng.random(n) < mesenchymal
    company = rng.random(n)
    identity = np.where(company < contamination.doublets, _DOUBLET, _CTC)
    coated = (company >= contamination.doublets) & (company < contamination.doublets + contamination.platelet_cloak)
    identity = np.where(coated, _COATED, identity)
    partner = np.where(identity == _DOUBLET, _leukocyte_kinds(rng, n, kinds, contamination), -1)
    partner_share = 1.0 - rng.uniform(*contamination.doublet_ctc_share, n)
    platelet_share = rng.uniform(*contamination.platelet_share, n)
    return pd.DataFrame(
        {
            "donor": donor,
            "draw": draw,
            "state": state,
            "amplified": donors.amplified[donor] & (state == _POSITIVE),
            "kind": np.where(is_mesenchymal, *(kinds.index(kind) for kind in reversed(TUMOUR_KINDS))),
            "identity": identity,
            "partner": partner,
            "partner_share": np.where(identity == _DOUBLET, partner_share, 0.0),
            "platelet_share": np.where(identity == _COATED, platelet_share, 0.0),
        }
    )


def background_events(
    rng: np.random.Generator, donors: Donors, kinds: tuple[str, ...], contamination: Contamination, median: float
) -> pd.DataFrame:
    """Return one row per leukocyte, platelet, erythroblast and endothelial cell.

    Their number goes with that of the CTCs; a draw without a CTC has as many as one with the median number.
    """
    numbers = donors.counts.sum(axis=2)
    per_ctc = 1.0 / (1.0 - contamination.leukocytes - contamination.others)
    basis = np.where(numbers > 0, numbers, median) * per_ctc
    leukocytes = rng.poisson(basis * contamination.leukocytes)
    if contamination.leukocytes > 0:  # blood was drawn, so a sample without a CTC is not an empty one
        leukocytes = np.where(numbers > 0, leukocytes, np.maximum(leukocytes, 1))
    others = rng.poisson(basis * contamination.others)
    parts = []
    for identity, counts in ((_LEUKOCYTE, leukocytes), (_OTHER, others)):
        donor, draw = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
        n = len(donor)
        kind = (
            _leukocyte_kinds(rng, n, kinds, contamination) if identity == _LEUKOCYTE else _pick(rng, n, kinds, OTHERS)
        )
        parts.append(pd.DataFrame({"donor": donor, "draw": draw, "kind": kind, "identity": identity}))
    return pd.concat(parts, ignore_index=True).assign(
        state=-1, amplified=False, partner=-1, partner_share=0.0, platelet_share=0.0
    )


def control_events(kinds: tuple[str, ...], controls: Controls) -> pd.DataFrame:
    """Return one row per spike-in cell: no donor (-1); ``draw`` counts the batch."""
    n_states = len(_keys.STATES)
    batch, state, cell = (index.ravel() for index in np.indices((controls.batches, n_states, controls.cells)))
    return pd.DataFrame(
        {
            "donor": -1,
            "draw": batch,
            "state": state,
            "amplified": (state == _POSITIVE) & (cell < round(controls.amplified * controls.cells)),
            "kind": kinds.index(TUMOUR_KINDS[0]),
            "identity": _CTC,
            "partner": -1,
            "partner_share": 0.0,
            "platelet_share": 0.0,
        }
    )


def add_quality(rng: np.random.Generator, events: pd.DataFrame, contamination: Contamination, library: Library) -> None:
    """Add quality, ambient and erythroid shares, and expected depth."""
    n = len(events)
    controls = events["donor"].to_numpy() < 0
    poor = (rng.random(n) < contamination.low_quality) & ~controls
    erythroid = rng.uniform(*contamination.erythroid_share, n)
    mean = contamination.ambient
    # a Beta of concentration 40 spreads a mean of 5 % over about 0.5 to 13 %
    ambient = rng.beta(40 * mean, 40 * (1 - mean), n) if mean > 0 else np.zeros(n)
    identity = events["identity"].to_numpy()
    depth = library.median * np.exp(rng.normal(0.0, library.sd_log, n))
    depth = depth * np.where(poor, contamination.low_quality_depth, 1.0)
    depth = depth * np.where(identity == _DOUBLET, library.doublet_depth, 1.0)
    depth = depth * np.where(np.isin(identity, (_LEUKOCYTE, _OTHER)), library.leukocyte_depth, 1.0)
    events["poor"] = poor
    events["erythroid_share"] = np.where(controls, 0.0, erythroid)
    events["ambient_share"] = ambient
    events["depth"] = depth


def add_transit(rng: np.random.Generator, events: pd.DataFrame, donors: Donors, kinetics: Kinetics) -> None:
    """Add the state that a CTC is on its way to and the hours since it set out.

    No cell gains or loses an amplification on the way: in amplified donors the positive state is neither left nor
    reached by transcription alone. Control cells rest.
    """
    state, donor = events["state"].to_numpy(), events["donor"].to_numpy()
    barred = np.zeros((len(events), len(_keys.STATES)), dtype=bool)
    barred[donors.amplified[donor] & (donor >= 0), _POSITIVE] = True
    barred[events["amplified"].to_numpy() | (donor < 0)] = True
    events["next"], events["hours"] = in_transit(rng, state, barred, kinetics)


def add_erbb2(
    rng: np.random.Generator,
    events: pd.DataFrame,
    donors: Donors,
    genome: Transcriptome,
    model: ERBB2Model,
    kinetics: Kinetics,
    gamma: float,
) -> None:
    """Add the class of each event (-1: no tumour cell) and its own ERBB2 expression in counts per million."""
    state, donor = events["state"].to_numpy(), events["donor"].to_numpy()
    tumour = state >= 0
    cell_class = np.where(events["amplified"], AMPLIFIED, state)
    medians = np.asarray(model.medians)
    spread = np.where(cell_class == AMPLIFIED, model.amplified_cell_sd, model.cell_sd)
    deviation = spread * rng.standard_normal(len(events))
    deviation += np.where(tumour & (donor >= 0), donors.erbb2_log2[donor], 0.0)
    level = np.where(tumour, medians[cell_class], genome.erbb2_cpm[events["kind"]]) * np.exp2(deviation)
    moving = events["next"].to_numpy() >= 0
    fold = erbb2_fold(cell_class[moving], events["next"].to_numpy()[moving], medians, kinetics)
    unspliced, spliced = relax(fold, np.asarray(gamma), kinetics.beta, events["hours"].to_numpy()[moving])
    level[moving] *= unspliced + spliced
    events["class"] = cell_class
    # a cell is not all ERBB2, however far out in the tail it was drawn
    events["erbb2"] = np.minimum(level, 5e4)


def _leukocyte_kinds(
    rng: np.random.Generator, n: int, kinds: tuple[str, ...], contamination: Contamination
) -> np.ndarray:
    return _pick(rng, n, kinds, contamination.leukocyte_kinds)


def _pick(rng: np.random.Generator, n: int, kinds: tuple[str, ...], shares: dict[str, float]) -> np.ndarray:
    weights = np.array(list(shares.values()), dtype=float)
    return rng.choice([kinds.index(kind) for kind in shares], size=n, p=weights / weights.sum())

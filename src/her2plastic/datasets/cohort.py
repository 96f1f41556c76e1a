"""Simulated cohorts of CTC samples with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import ParameterError, one_of
from her2plastic.datasets.argument_checks import in_range, rising_days, whole
from her2plastic.datasets.composition import (
    Donors,
    amplified_donors,
    ctc_numbers,
    make_shares,
)
from her2plastic.datasets.events import (
    Controls,
    add_erbb2,
    add_quality,
    add_transit,
    background_events,
    control_events,
    ctc_events,
)
from her2plastic.datasets.expression import Expression, Sampled, sample
from her2plastic.datasets.kinetics import decay_rates
from her2plastic.datasets.labelling import label_events
from her2plastic.datasets.parameters import (
    PLATFORMS,
    Composition,
    Contamination,
    ERBB2Model,
    Kinetics,
    Library,
    Programmes,
)
from her2plastic.datasets.transcriptome import STATE_PROGRAMMES, Transcriptome, make_transcriptome
from her2plastic.models.draws.sampling import sample_states
from her2plastic.reference import assays

if TYPE_CHECKING:
    from anndata import AnnData

_Group = TypeVar("_Group")

# One random stream for each purpose: changing the number of CTCs leaves the donors as they are, and a static twin
# shares everything but the switching with its moving one.
_DONORS, _NUMBERS, _STATES, _CTCS, _BACKGROUND, _ORDER, _QUALITY, _TRANSIT, _ERBB2, _ACTIVITY, _COUNTS = range(11)


def simulate_cohort(
    *,
    n_donors: int = 12,
    draws: Sequence[float] = (0, 21, 42, 63),
    platform: str = "10x",
    seed: int = 0,
    n_ctc: int | Sequence[Sequence[int]] | None = None,
    amplified: float | Sequence[int] = 0.2,
    mesenchymal: float = 0.1,
    controls: int = 0,
    control_batches: int = 1,
    control_amplified: float = 0.5,
    n_genes: int = 2000,
    gene_seed: int = 0,
    composition: Composition | None = None,
    erbb2: ERBB2Model | None = None,
    programmes: Programmes | None = None,
    contamination: Contamination | None = None,
    library: Library | None = None,
    assay: str | None = None,
    kinetics: bool | Kinetics = False,
    switching: bool = True,
    expected: bool = False,
) -> AnnData:
    """Simulate CTC samples of a cohort: every cell's HER2 state, identity and ERBB2 expression are known.

    Parameters
    ----------
    n_donors
        Number of donors.
    draws
        Days of the blood draws, rising; every donor is drawn on each.
    platform
        ``"10x"`` (median 8,000 molecules), ``"10x-degraded"`` (3,000), ``"smart-seq2"`` (molecule equivalents,
        100,000) or ``"smart-seq2-reads"`` (1,000,000 reads with wide dispersion and drop-outs).
    seed
        The same seed and parameters give the same cohort.
    n_ctc
        CTCs per draw: one number, donors x draws of them, or None for log-normal numbers (see :class:`Composition`).
        A draw without a CTC still has leukocytes.
    amplified
        Share of donors with an amplified tumour, or their indices from 0. Their HER2-positive cells are amplified,
        those of the other donors are plastic.
    mesenchymal
        Share of CTCs with low epithelial and high mesenchymal expression.
    controls
        Cell-line cells per state and batch, as spike-ins with a known ``label``: clean cells without a donor effect.
    control_batches, control_amplified
        Number of batches of controls; share of the HER2-positive control cells that are amplified.
    n_genes, gene_seed
        Size of the transcriptome; seed of its synthetic genes (their mean expression and decay rates).
    composition, erbb2, programmes, contamination, library
        Parameter groups; None for the defaults (of the platform, for ``library``). ``Contamination.none()`` gives clean
        CTCs alone.
    assay
        Assay to label the cells with, a name of :func:`her2plastic.reference.assays`; None for the platform's.
    kinetics
        True or a :class:`Kinetics` for spliced and unspliced counts.
    switching
        False gives the static twin: the same cells in the same states, none of them on its way to another.
    expected
        Keep the expected counts per million in ``layers["expected_cpm"]`` (dense).

    Returns
    -------
    Events x genes. ``X`` and ``layers["counts"]`` are the same CSR matrix of counts (float32). With ``kinetics``,
    ``layers["spliced"]``, ``["unspliced"]`` and ``["ambiguous"]`` sum to it. Truth:

    - ``obs``: ``true_state``, ``true_mechanism``, ``true_identity``, ``true_kind``, ``true_erbb2_cpm`` (the cell's own
      expression, before anything is mixed in), ``true_quality``, ``true_depth`` (expected counts), the shares
      ``true_ambient_share``, ``true_platelet_share``, ``true_erythroid_share``; ``true_next`` and
      ``time_since_switch`` for cells on their way, whose ``true_state`` is the one they come from.
    - ``var``: ``gene_id``, ``true_programme`` and, with kinetics, ``true_gamma`` per hour.
    - ``uns["her2plastic"]["simulate_cohort"]``: parameters; ``composition`` (underlying shares, donors x draws x 3),
      ``ctc_counts`` (CTCs by state, of the same shape), ``effective_rates`` per day (donors x 3 x 3), and per donor
      ``donor_amplified``, ``donor_er_positive`` and ``donor_erbb2_log2``.

    Raises
    ------
    ParameterError
        When a parameter is out of range.

    Notes
    -----
    A cell's own expression sums to a million; ERBB2 keeps its value and the other genes share the rest, so that
    ``true_erbb2_cpm`` is the expected value of its ERBB2 counts per million in the absence of contamination.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20, seed=1)
    >>> cells.shape
    (117, 2000)
    >>> cells.obs["true_identity"].value_counts().to_dict()
    {'CTC': 51, 'leukocyte': 37, 'platelet-coated CTC': 19, 'CTC-leukocyte': 10, 'other': 0}
    """
    one_of("platform", platform, PLATFORMS)
    days = _check(n_donors, draws, seed, mesenchymal, controls, control_batches, control_amplified, n_genes, gene_seed)
    assay = PLATFORMS[platform].assay if assay is None else assay
    one_of("assay", assay, assays().index)
    composition = _group("composition", composition, Composition())
    erbb2 = _group("erbb2", erbb2, ERBB2Model())
    programmes = _group("programmes", programmes, Programmes())
    contamination = _group("contamination", contamination, Contamination())
    library = _group("library", library, PLATFORMS[platform].library)
    has_layers = kinetics is not False
    motion = _group("kinetics", None if isinstance(kinetics, bool) else kinetics, Kinetics())
    genome = make_transcriptome(n_genes, gene_seed)
    gamma = decay_rates(np.random.default_rng([gene_seed, 1]), n_genes, motion)

    donors = _make_donors(seed, n_donors, days, composition, erbb2, programmes, n_ctc, amplified)
    events = _make_events(
        seed, donors, genome, mesenchymal, contamination, composition.ctc_median,
        Controls(controls, control_batches, control_amplified),
    )  # fmt: skip
    add_quality(_rng(seed, _QUALITY), events, contamination, library)
    in_motion = motion if has_layers and switching else motion.resting()
    add_transit(_rng(seed, _TRANSIT), events, donors, in_motion)
    add_erbb2(_rng(seed, _ERBB2), events, donors, genome, erbb2, motion, gamma[genome.erbb2])

    expression = Expression(
        genome, events, donors, erbb2=erbb2, programmes=programmes, contamination=contamination, kinetics=motion,
        gamma=gamma, activity=_activity(seed, len(events), programmes),
        donor_genes=_donor_genes(seed, n_donors, genome, programmes),
    )  # fmt: skip
    sampled = sample(expression, library, seed=seed, stream=_COUNTS, layers=has_layers, expected=expected)
    adata = _assemble(genome, label_events(events, donors, genome.kinds, assay), sampled, gamma)
    _record(
        adata,
        donors,
        n_donors=n_donors, draws=tuple(days), platform=platform, seed=seed, n_ctc=n_ctc, amplified=amplified,
        mesenchymal=mesenchymal, controls=controls, control_batches=control_batches,
        control_amplified=control_amplified, n_genes=n_genes, gene_seed=gene_seed, composition=asdict(composition),
        erbb2=asdict(erbb2), programmes=asdict(programmes), contamination=asdict(contamination),
        library=asdict(library), assay=assay, kinetics=asdict(motion) if has_layers else None, switching=switching,
    )  # fmt: skip
    return adata


def _check(
    n_donors: int,
    draws: Sequence[float],
    seed: int,
    mesenchymal: float,
    controls: int,
    control_batches: int,
    control_amplified: float,
    n_genes: int,
    gene_seed: int,
) -> np.ndarray:
    """Check the plain parameters and return the draw days."""
    whole("n_donors", n_donors, 1)
    for name, value in (("seed", seed), ("gene_seed", gene_seed), ("controls", controls), ("n_genes", n_genes)):
        whole(name, value, 0)
    whole("control_batches", control_batches, 1)
    in_range("mesenchymal", mesenchymal, 0, 1)
    in_range("control_amplified", control_amplified, 0, 1)
    return rising_days("draws", draws)


def _group(name: str, given: _Group | None, default: _Group) -> _Group:
    if given is None:
        return default
    if not isinstance(given, type(default)):
        raise ParameterError(f"{name}={given!r}: expected a {type(default).__name__}")
    return given


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


def _make_donors(
    seed: int,
    n_donors: int,
    days: np.ndarray,
    composition: Composition,
    erbb2: ERBB2Model,
    programmes: Programmes,
    n_ctc: int | Sequence[Sequence[int]] | None,
    amplified: float | Sequence[int],
) -> Donors:
    rng = _rng(seed, _DONORS)
    width = max(2, len(str(n_donors)))
    shares, rates = make_shares(rng, n_donors, days, composition)
    numbers = ctc_numbers(_rng(seed, _NUMBERS), (n_donors, len(days)), composition, n_ctc)
    return Donors(
        names=np.array([f"D{number:0{width}d}" for number in range(1, n_donors + 1)]),
        draws=days,
        shares=shares,
        rates=rates,
        counts=sample_states(_rng(seed, _STATES), shares, numbers, composition.overdispersion),
        amplified=amplified_donors(rng, n_donors, amplified),
        er_positive=rng.random(n_donors) < programmes.er_positive,
        erbb2_log2=rng.normal(0.0, erbb2.donor_sd, n_donors),
    )


def _make_events(
    seed: int,
    donors: Donors,
    genome: Transcriptome,
    mesenchymal: float,
    contamination: Contamination,
    ctc_median: float,
    controls: Controls,
) -> pd.DataFrame:
    """Return all events, sorted by sample and in random order within it."""
    parts = [
        ctc_events(_rng(seed, _CTCS), donors, genome.kinds, mesenchymal, contamination),
        background_events(_rng(seed, _BACKGROUND), donors, genome.kinds, contamination, ctc_median),
        control_events(genome.kinds, controls),
    ]
    n_draws, n_states = len(donors.draws), len(_keys.STATES)
    first_control = len(donors.names) * n_draws
    events = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    control = first_control + events["draw"] * n_states + events["state"]
    events["sample"] = np.where(events["donor"] < 0, control, events["donor"] * n_draws + events["draw"])
    order = np.lexsort((_rng(seed, _ORDER).random(len(events)), events["sample"]))
    return events.iloc[order].reset_index(drop=True)


def _activity(seed: int, n: int, programmes: Programmes) -> np.ndarray:
    return _rng(seed, _ACTIVITY).normal(0.0, programmes.cell_sd, (n, len(STATE_PROGRAMMES)))


def _donor_genes(seed: int, n_donors: int, genome: Transcriptome, programmes: Programmes) -> np.ndarray:
    rng = np.random.default_rng([seed, _DONORS, 1])
    effects = rng.normal(0.0, programmes.donor_gene_sd, (n_donors, len(genome.genes)))
    return np.vstack([effects, np.zeros((1, len(genome.genes)))])


def _assemble(genome: Transcriptome, obs: pd.DataFrame, sampled: Sampled, gamma: np.ndarray) -> AnnData:
    from anndata import AnnData

    var = pd.DataFrame(
        {_keys.GENE_ID: genome.gene_ids, _keys.TRUE_PROGRAMME: pd.Categorical(genome.programme)}, index=genome.genes
    )
    adata = AnnData(sampled.counts, obs=obs, var=var)
    adata.layers[_keys.COUNTS] = adata.X
    if sampled.unspliced is not None and sampled.ambiguous is not None:
        adata.layers[_keys.UNSPLICED] = sampled.unspliced
        adata.layers[_keys.AMBIGUOUS] = sampled.ambiguous
        adata.layers[_keys.SPLICED] = sampled.counts - sampled.unspliced - sampled.ambiguous
        adata.var[_keys.TRUE_GAMMA] = gamma
    if sampled.expected is not None:
        adata.layers[_keys.EXPECTED_CPM] = sampled.expected
    return adata


def _record(adata: AnnData, donors: Donors, **params: Any) -> None:
    record_step(
        adata,
        "simulate_cohort",
        params=params,
        donors=list(map(str, donors.names)),
        draws=donors.draws,
        composition=donors.shares,
        ctc_counts=donors.counts,
        effective_rates=donors.rates,
        donor_amplified=donors.amplified,
        donor_er_positive=donors.er_positive,
        donor_erbb2_log2=donors.erbb2_log2,
    )

"""From events to counts: what each event expresses, what is mixed into it, and the molecules that are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from her2plastic.datasets.composition import Donors
from her2plastic.datasets.counting import draw_counts
from her2plastic.datasets.kinetics import erbb2_fold, relax, resting_share
from her2plastic.datasets.parameters import Contamination, ERBB2Model, Kinetics, Library, Programmes
from her2plastic.datasets.transcriptome import STATE_PROGRAMMES, TUMOUR_KINDS, Transcriptome

#: Events worked on at once. Fixed, because each block has its own random stream.
BLOCK = 512


@dataclass(frozen=True)
class Sampled:
    """Counts of all events, and what goes with them when asked for."""

    counts: sparse.csr_matrix
    unspliced: sparse.csr_matrix | None
    ambiguous: sparse.csr_matrix | None
    expected: np.ndarray | None


class Expression:
    """Expected expression of blocks of events.

    Parameters
    ----------
    genome, events, donors
        Genes, events sorted by sample, donors.
    erbb2, programmes, contamination, kinetics
        Parameters of the cohort.
    gamma
        Decay rate of each gene per hour.
    activity
        Deviation of each event's programme activities from its state's, in log2 units.
    donor_genes
        Effect of the donor on every gene, in log2 units; the last row is 0, for control cells.
    """

    def __init__(
        self,
        genome: Transcriptome,
        events: pd.DataFrame,
        donors: Donors,
        *,
        erbb2: ERBB2Model,
        programmes: Programmes,
        contamination: Contamination,
        kinetics: Kinetics,
        gamma: np.ndarray,
        activity: np.ndarray,
        donor_genes: np.ndarray,
    ) -> None:
        self.genome, self.events, self.donors = genome, events, donors
        self.erbb2_model, self.programmes, self.contamination = erbb2, programmes, contamination
        self.kinetics, self.gamma, self.activity, self.donor_genes = kinetics, gamma, activity, donor_genes
        # columns of the state's programmes, and for each the row of `activity` and of `effects` that moves it
        self.moved = np.flatnonzero(np.isin(genome.programme, STATE_PROGRAMMES))
        self.mover = np.array([STATE_PROGRAMMES.index(name) for name in genome.programme[self.moved]], dtype=int)
        self.effects = np.array([programmes.effects()[name] for name in STATE_PROGRAMMES]).T
        self.hormone, self.core = genome.columns("hormone"), genome.amplicon_core()
        self.mitochondrial = genome.columns("mitochondrial")
        self.tumour_kinds = [genome.kinds.index(kind) for kind in TUMOUR_KINDS]
        # mitochondrial genes have no introns
        self.rest_unspliced = resting_share(gamma, kinetics.beta)
        self.rest_unspliced[self.mitochondrial] = 0.0
        self.platelet = genome.marker_profile("platelet", "platelet")
        self.erythroid = genome.marker_profile("erythroblast", "erythroid")

    def own(self, rows: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the events' own counts per million (rows sum to 1e6) and unspliced shares of those in transit."""
        block = self.events.iloc[rows]
        cpm = self.genome.profile[block["kind"]] * np.exp2(self.donor_genes[block["donor"]])
        cell_class = block["class"].to_numpy()
        tumour = cell_class >= 0
        level = self.activity[rows] + np.where(tumour[:, None], self.effects[cell_class], 0.0)
        cpm[:, self.moved] *= np.exp2(level)[:, self.mover]
        er_negative = np.append(~self.donors.er_positive, False)[block["donor"]] & tumour
        cpm[np.ix_(er_negative, self.hormone)] *= self.programmes.er_fold
        cpm[np.ix_(block["amplified"].to_numpy(), self.core)] *= self.erbb2_model.amplicon_fold
        cpm[np.ix_(block["poor"].to_numpy(), self.mitochondrial)] *= self.contamination.low_quality_mito
        unspliced_share = None
        moving = block["next"].to_numpy() >= 0
        if moving.any():
            unspliced, spliced = self._in_transit(block[moving])
            cpm[moving] *= unspliced + spliced
            unspliced_share = np.broadcast_to(self.rest_unspliced, cpm.shape).copy()
            unspliced_share[moving] = unspliced / (unspliced + spliced)
            unspliced_share[:, self.mitochondrial] = 0.0
        return self._with_erbb2(cpm, block["erbb2"].to_numpy()), unspliced_share

    def mixed(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return expected counts per million after contamination and the unspliced share of each gene."""
        block = self.events.iloc[rows]
        own, own_unspliced = self.own(rows)
        ambient, erythroid, platelet, partner = (
            block[f"{name}_share"].to_numpy()[:, None] for name in ("ambient", "erythroid", "platelet", "partner")
        )
        of_the_cell = 1.0 - ambient - erythroid - platelet
        kept = own * (of_the_cell * (1.0 - partner))
        total = kept + 1e6 * (platelet * self.platelet + erythroid * self.erythroid)
        if self.contamination.ambient > 0:
            total += ambient * self._ambient(block)
        doublet = block["partner"].to_numpy() >= 0
        if doublet.any():
            total[doublet] += self._partner(block[doublet]) * (of_the_cell * partner)[doublet]
        if own_unspliced is None:
            return total, np.broadcast_to(self.rest_unspliced, total.shape)
        rest = (total - kept) * self.rest_unspliced
        return total, np.divide(kept * own_unspliced + rest, total, out=np.zeros_like(total), where=total > 0)

    def _in_transit(self, block: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        fold = np.ones((len(block), len(self.genome.genes)))
        change = self.effects[block["next"]] - self.effects[block["class"]]
        fold[:, self.moved] = np.exp2(change)[:, self.mover]
        origin, target = block["class"].to_numpy(), block["next"].to_numpy()
        medians = np.asarray(self.erbb2_model.medians)
        fold[:, self.genome.erbb2] = erbb2_fold(origin, target, medians, self.kinetics)
        return relax(fold, self.gamma, self.kinetics.beta, block["hours"].to_numpy()[:, None])

    def _with_erbb2(self, cpm: np.ndarray, erbb2: np.ndarray) -> np.ndarray:
        # ERBB2 keeps the value that was drawn for the cell; all other genes share what is left of the million
        cpm[:, self.genome.erbb2] = 0.0
        cpm *= ((1e6 - erbb2) / cpm.sum(axis=1))[:, None]
        cpm[:, self.genome.erbb2] = erbb2
        return cpm

    def _partner(self, block: pd.DataFrame) -> np.ndarray:
        kinds = block["partner"].to_numpy()
        cpm = self.genome.profile[kinds] * np.exp2(self.donor_genes[block["donor"]])
        return self._with_erbb2(cpm, self.genome.erbb2_cpm[kinds])

    def _ambient(self, block: pd.DataFrame) -> np.ndarray:
        """Return for each event the depth-weighted mean expression of all events of its sample."""
        samples, which = np.unique(block["sample"].to_numpy(), return_inverse=True)
        soup = np.empty((len(samples), len(self.genome.genes)))
        members = self.events["sample"].to_numpy()
        for position, sample in enumerate(samples):
            first, last = np.searchsorted(members, [sample, sample + 1])
            inside = self.events.iloc[first:last]
            depth = inside["depth"].to_numpy()
            weights = np.bincount(inside["kind"], weights=depth, minlength=len(self.genome.kinds))
            cpm = weights @ self.genome.profile * np.exp2(self.donor_genes[inside["donor"].iloc[0]])
            erbb2 = np.average(inside["erbb2"], weights=depth)
            soup[position] = self._with_erbb2(cpm[None, :], np.array([erbb2]))[0]
        return soup[which]


def sample(
    expression: Expression, library: Library, *, seed: int, stream: int, layers: bool, expected: bool
) -> Sampled:
    """Draw the counts of all events, block by block, each block from its own random stream."""
    n, n_genes = len(expression.events), len(expression.genome.genes)
    depth = expression.events["depth"].to_numpy() / 1e6
    data: list[np.ndarray] = []
    indices: list[np.ndarray] = []
    stored: list[np.ndarray] = []
    unspliced: list[np.ndarray] = []
    ambiguous: list[np.ndarray] = []
    kept = np.empty((n, n_genes), dtype=np.float32) if expected else None
    for number, start in enumerate(range(0, n, BLOCK)):
        rows = slice(start, min(start + BLOCK, n))
        rng = np.random.default_rng([seed, stream, number])
        cpm, share = expression.mixed(rows)
        if kept is not None:
            kept[rows] = cpm
        counts = draw_counts(rng, cpm * depth[rows, None], library)
        seen = counts > 0
        values = counts[seen]
        data.append(values.astype(np.float32))
        indices.append(np.nonzero(seen)[1].astype(np.int32))
        stored.append(seen.sum(axis=1))
        if layers:
            without_splice = rng.binomial(values, share[seen])
            unspliced.append(without_splice.astype(np.float32))
            unclear = rng.binomial(values - without_splice, expression.kinetics.ambiguous)
            ambiguous.append(unclear.astype(np.float32))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(stored) if stored else [])]).astype(np.int64)
    columns = _joined(indices, np.int32)
    shape = (n, n_genes)
    return Sampled(
        counts=sparse.csr_matrix((_joined(data, np.float32), columns, indptr), shape=shape),
        unspliced=_layer(unspliced, columns, indptr, shape) if layers else None,
        ambiguous=_layer(ambiguous, columns, indptr, shape) if layers else None,
        expected=kept,
    )


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    # the parts are freed as soon as they are joined: at a million cells they hold several gigabytes
    whole = np.concatenate(parts) if parts else np.empty(0, dtype=dtype)
    parts.clear()
    return whole


def _layer(
    parts: list[np.ndarray], columns: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    layer = sparse.csr_matrix((_joined(parts, np.float32), columns.copy(), indptr.copy()), shape=shape)
    layer.eliminate_zeros()
    return layer

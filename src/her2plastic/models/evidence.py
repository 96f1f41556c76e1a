"""What a cell is, by the gene panels it expresses: count evidence per panel, and the identities it adds up to.

Every gene of a panel is either silent or log-normally expressed around the panel's typical rate, times the level at
which the cell has that content (a leukocyte's own RNA, half a doublet, ambient RNA). Genes are independent given the
level, so one highly expressed gene cannot stand for a panel. Counts scatter as in
:mod:`her2plastic.models.count_noise`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from her2plastic.models.count_noise import (
    STEPS_PER_DOUBLING,
    CountNoise,
    LikelihoodTable,
    nearest_level,
)

LINEAGES: Final = ("t_cell", "b_cell", "nk", "myeloid")

#: Spread of a gene's expression within a panel and level, in log2 units, within a tumour or a lineage.
GENE_SD_LOG2: Final = 1.5
_NOISE: Final = CountNoise(dispersion=0.2)
_MAX_COUNT: Final = 1e6
_RATE_STEPS: Final = (-24 * STEPS_PER_DOUBLING, 20 * STEPS_PER_DOUBLING)

#: Levels of a content. The cell's own; diluted (in a doublet, or a poor cell); residual (keratins of a mesenchymal
#: CTC, or a small share of a doublet).
OWN, DILUTED, RESIDUAL = 1.0, 0.3, 0.1
#: Levels that ambient RNA gives to all counts, and how often: samples differ, and so does their soup.
AMBIENT: Final = ((0.02, 0.8), (0.06, 0.2))


@dataclass(frozen=True)
class PanelModel:
    """How the genes of a panel behave in cells that have it.

    Parameters
    ----------
    typical_cpm
        Median expression of its genes, per million counts outside platelet and erythroid genes.
    silent
        Share of its genes that are silent in a cell that has the content: other subtype, or dropped out.
    background_cpm
        Expression per gene in cells that have none: stray molecules and mis-assigned reads.
    """

    typical_cpm: float
    silent: float
    background_cpm: float = 1.5


#: Working assumptions of the model, orders of magnitude that the log-normal spread makes forgiving; not fits.
PANEL_MODELS: Final[Mapping[str, PanelModel]] = MappingProxyType(
    {
        "epithelial": PanelModel(typical_cpm=300, silent=0.25),
        "leukocyte": PanelModel(typical_cpm=300, silent=0.2),
        "t_cell": PanelModel(typical_cpm=300, silent=0.25),
        "b_cell": PanelModel(typical_cpm=600, silent=0.25),
        "nk": PanelModel(typical_cpm=800, silent=0.25),
        "myeloid": PanelModel(typical_cpm=1000, silent=0.3),
        "platelet": PanelModel(typical_cpm=4000, silent=0.15, background_cpm=10),
        "endothelial": PanelModel(typical_cpm=200, silent=0.3),
        "mesenchymal": PanelModel(typical_cpm=100, silent=0.4),
    }
)

#: What an event is before anything is seen of it. "other" leads, so that a cell without evidence is no CTC.
PRIOR: Final[Mapping[str, float]] = MappingProxyType(
    {"CTC": 0.20, "platelet-coated CTC": 0.10, "CTC-leukocyte": 0.05, "leukocyte": 0.30, "other": 0.35}
)


@dataclass(frozen=True)
class IdentityModel:
    """Posterior of what a cell is, from the counts of its panels.

    Parameters
    ----------
    prior
        Probability of each identity before the counts.
    mesenchymal_share
        Share of CTCs that are mesenchymal: keratins residual or diluted, mesenchymal genes on.
    mesenchymal_elsewhere
        Share with mesenchymal genes on among epithelial CTCs, leukocytes and other cells that are not endothelial.
    endothelial_share
        Share of the other cells that are endothelial; most of these have mesenchymal genes on.
    panels
        The behaviour of each panel.
    """

    prior: Mapping[str, float] = field(default_factory=lambda: PRIOR)
    mesenchymal_share: float = 0.15
    mesenchymal_elsewhere: float = 0.1
    endothelial_share: float = 0.2
    panels: Mapping[str, PanelModel] = field(default_factory=lambda: PANEL_MODELS)

    def log_joint(
        self, counts: Mapping[str, sparse.csr_matrix], molecules: np.ndarray, foreign: np.ndarray
    ) -> np.ndarray:
        """Return log prior plus log-likelihood of each identity.

        Parameters
        ----------
        counts
            Panel to molecule equivalents, cells x the panel's genes that the table has. All panels of ``panels``.
        molecules
            Shape ``(cells,)``: molecule equivalents of the cell outside platelet and erythroid genes.
        foreign
            Shape ``(cells,)``: share of the cell's counts in platelet and erythroid genes. Ambient RNA is a share of
            all counts, so where these are most, it is much of the rest.

        Returns
        -------
        Shape ``(cells, 5)`` in the order of ``prior``.
        """
        evidence = {name: PanelEvidence(panel, counts[name], molecules, foreign) for name, panel in self.panels.items()}
        epithelial = evidence["epithelial"]
        # one epithelial gene out of place is no CTC, however high it is
        soup = epithelial.ambient()
        no_ctc = _mix((epithelial.background(), 0.6), (soup, 0.36), (epithelial.one_gene(OWN), 0.04))
        ctc, white_rest, other_rest = self._solid_tissue(epithelial, evidence["mesenchymal"], evidence["endothelial"])
        white = _leukocyte(evidence, levels=((OWN, 0.6), (DILUTED, 0.4)))
        half_white = _leukocyte(evidence, levels=((OWN, 0.35), (DILUTED, 0.4), (RESIDUAL, 0.25)))
        not_white = _no_leukocyte(evidence)
        bare = _mix((evidence["platelet"].background(), 0.5), (evidence["platelet"].ambient(), 0.5))
        coated = _mix((evidence["platelet"].at(OWN), 0.5), (evidence["platelet"].at(DILUTED), 0.5))
        # platelets stick to whatever is in the tube, so their RNA speaks for no identity but that of the coat
        coat_share = self.prior["platelet-coated CTC"] / (self.prior["platelet-coated CTC"] + self.prior["CTC"])
        any_coat = _mix((bare, 1 - coat_share), (coated, coat_share))
        log_likelihood = {
            "CTC": ctc + not_white + bare,
            "platelet-coated CTC": ctc + not_white + coated,
            "CTC-leukocyte": ctc + half_white + any_coat,
            "leukocyte": no_ctc + white_rest + white + any_coat,
            "other": no_ctc + other_rest + not_white + any_coat,
        }
        return np.stack([np.log(share) + log_likelihood[name] for name, share in self.prior.items()], axis=1)

    def _solid_tissue(
        self, epithelial: PanelEvidence, mesenchymal: PanelEvidence, endothelial: PanelEvidence
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log-likelihoods of the genes of solid tissue in CTCs, and of the not epithelial ones in other cells.

        The other cells are leukocytes, and whatever is neither CTC nor leukocyte.
        """
        on = _mix((mesenchymal.at(OWN), 0.7), (mesenchymal.at(DILUTED), 0.3))
        off = mesenchymal.background()
        rarely_on = _mix((on, self.mesenchymal_elsewhere), (off, 1 - self.mesenchymal_elsewhere))
        no_vessel = _mix((endothelial.background(), 0.6), (endothelial.ambient(), 0.4))
        full = _mix((epithelial.at(OWN), 0.55), (epithelial.at(DILUTED), 0.35), (epithelial.at(RESIDUAL), 0.1))
        residual = _mix((epithelial.at(RESIDUAL), 0.7), (epithelial.at(DILUTED), 0.3))
        ctc = _mix((full + rarely_on, 1 - self.mesenchymal_share), (residual + on, self.mesenchymal_share))
        vessel = _mix((endothelial.at(OWN), 0.6), (endothelial.at(DILUTED), 0.4)) + _mix((on, 0.7), (off, 0.3))
        other = _mix((vessel, self.endothelial_share), (rarely_on + no_vessel, 1 - self.endothelial_share))
        return ctc + no_vessel, rarely_on + no_vessel, other


class PanelEvidence:
    """Log-likelihood of one panel's counts in each cell, at whatever level the cell has the panel's content.

    Parameters
    ----------
    panel
        How the panel's genes behave.
    counts
        Molecule equivalents, cells x genes.
    molecules
        Molecule equivalents of each cell.
    foreign
        Share of each cell's counts that ``molecules`` leave out.
    """

    def __init__(
        self, panel: PanelModel, counts: sparse.csr_matrix, molecules: np.ndarray, foreign: np.ndarray
    ) -> None:
        self._panel = panel
        self._own_share = np.maximum(1 - np.asarray(foreign, dtype=float), 1e-3)
        self._genes = counts.shape[1]
        self._seen = counts
        self._molecules = np.maximum(np.asarray(molecules, dtype=float), 1e-6)
        table = _table()
        self._count_index = nearest_level(table.count_levels, counts.data)
        self._rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))

    def background(self) -> np.ndarray:
        """Return the log-likelihood of a cell that has none of the content."""
        zero, seen = self._gene_terms(None)
        return self._over_genes(zero, seen)

    def at(self, level: float | np.ndarray) -> np.ndarray:
        """Return the log-likelihood of a cell with the content at a level of the typical rate."""
        zero, seen = self._gene_terms(level)
        return self._over_genes(zero, seen)

    def ambient(self) -> np.ndarray:
        """Return the log-likelihood of a cell that has the content as ambient RNA alone."""
        return _mix(*[(self.at(np.minimum(level / self._own_share, OWN)), share) for level, share in AMBIENT])

    def one_gene(self, level: float) -> np.ndarray:
        """Return the log-likelihood of a cell that has one gene of the panel at a level, and no other."""
        if self._genes == 0:
            return self.background()
        on_zero, on = self._gene_terms(level)
        zero, off = self._gene_terms(None)
        # the mean over the genes that may be the one: the best of those seen stands for them, the rest were not seen
        unseen = on_zero - zero
        best = unseen.copy()
        np.maximum.at(best, self._rows, on - off)
        share = np.array([1.0, self._genes - 1.0]) / self._genes
        return self._over_genes(zero, off) + _mix((best, share[0]), (unseen, share[1]))

    def _gene_terms(self, level: float | np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-likelihood of an unseen gene in each cell, and of each gene that was seen."""
        off = self._rate_steps(self._panel.background_cpm)
        zero, seen = self._look_up(off)
        if level is None:
            return zero, seen
        on_zero, on_seen = self._look_up(self._rate_steps(self._panel.typical_cpm * level))
        silent = np.log(self._panel.silent)
        on = np.log1p(-self._panel.silent)
        return np.logaddexp(on + on_zero, silent + zero), np.logaddexp(on + on_seen, silent + seen)

    def _rate_steps(self, cpm: float | np.ndarray) -> np.ndarray:
        steps = np.rint(np.log2(self._molecules * cpm * 1e-6) * STEPS_PER_DOUBLING).astype(np.int64)
        return np.clip(steps, *_RATE_STEPS)

    def _look_up(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        table = _table()
        zero = table.at(np.zeros(len(steps), dtype=np.int64), steps)[:, 0]
        return zero, table.at(self._count_index, steps[self._rows])[:, 0]

    def _over_genes(self, zero: np.ndarray, seen: np.ndarray) -> np.ndarray:
        excess = np.bincount(self._rows, weights=seen - zero[self._rows], minlength=len(zero))
        return self._genes * zero + excess


def _leukocyte(evidence: Mapping[str, PanelEvidence], *, levels: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return the log-likelihood of the leukocyte genes in a cell with one leukocyte lineage, or none that is known."""
    soup = {name: _mix((evidence[name].background(), 0.5), (evidence[name].ambient(), 0.5)) for name in LINEAGES}
    no_lineage = np.sum(list(soup.values()), axis=0)
    terms = []
    for level, share in levels:
        own = [evidence[name].at(level) - soup[name] for name in LINEAGES]
        lineage = _mix(*[(gain, 0.9 / len(LINEAGES)) for gain in own], (np.zeros_like(own[0]), 0.1))
        terms.append((evidence["leukocyte"].at(level) + lineage + no_lineage, share))
    return _mix(*terms)


def _no_leukocyte(evidence: Mapping[str, PanelEvidence]) -> np.ndarray:
    """Return the log-likelihood of the leukocyte genes in a cell that is no leukocyte."""
    panels = [evidence[name] for name in ("leukocyte", *LINEAGES)]
    clean = np.sum([panel.background() for panel in panels], axis=0)
    # ambient lineages follow the donor's blood, so each has its own share; and a tumour may express one gene of a panel
    shares = [_mix((panel.background(), 0.35), (panel.ambient(), 0.55), (panel.one_gene(OWN), 0.1)) for panel in panels]
    soup = np.sum(shares, axis=0)
    return _mix((clean, 0.5), (soup, 0.5))


def _mix(*parts: tuple[np.ndarray, float]) -> np.ndarray:
    terms, shares = zip(*parts, strict=True)
    return logsumexp(np.stack(terms), axis=0, b=np.asarray(shares)[:, None])


@cache
def _table() -> LikelihoodTable:
    # at 1e6 CPM the expected count is the "depth", so one table of (count, expected count) serves every panel
    return LikelihoodTable.build(
        np.array([np.log2(1e6)]),
        np.array([GENE_SD_LOG2]),
        _NOISE,
        max_count=_MAX_COUNT,
        depth_steps=_RATE_STEPS,
    )

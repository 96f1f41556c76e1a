"""Which events are circulating tumour cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import logsumexp

from her2plastic import _keys
from her2plastic._access import input_hash, record_step
from her2plastic._errors import GeneError, ParameterError
from her2plastic.models.evidence import LINEAGES, PRIOR, IdentityModel
from her2plastic.models.library_complexity import molecules_behind
from her2plastic.pp.cell_values import CellValues, cell_values
from her2plastic.pp.identity_words import identity_words
from her2plastic.pp.panel_sums import CellSums, gene_positions, sums_by_block
from her2plastic.reference import assays, panel

if TYPE_CHECKING:
    from anndata import AnnData

#: Fewer epithelial genes than this in the table, and no cell can be shown to be a CTC.
MIN_EPITHELIAL_GENES: Final = 2
_OTHER: Final = "other"


def ctc_identity(adata: AnnData, *, threshold: float = 0.5, prior: Mapping[str, float] | None = None) -> None:
    """Give every cell a probability of being a CTC, a leukocyte, both, or something else.

    The counts of gene panels (epithelial, leukocyte, four leukocyte lineages, platelet, endothelial, mesenchymal) are
    weighed against what each identity would show at the cell's depth. Genes of a panel count one by one, silent genes
    and drop-outs are expected, and ambient RNA is an explanation that competes with every other.

    - A CTC needs at least two epithelial genes: a single one, however high, is explained as well by a gene out of
      place, and the model says so.
    - Platelet RNA tells a CTC from a platelet-coated CTC and nothing else. It is never a reason to drop a CTC.
    - Epithelial together with leukocyte genes beyond what ambient RNA explains make a CTC-leukocyte: a doublet, a
      cluster, or a CTC with white-cell RNA. It is not taken as a CTC, for its RNA is not one cell's.
    - A mesenchymal CTC has keratins at about a tenth of the usual level, no leukocyte genes, and mesenchymal genes
      (FN1, CDH2, SNAI2, ZEB1, SNAI1, TWIST1). Residual keratin with mesenchymal genes raises the probability of CTC;
      mesenchymal genes without any keratin do not, because endothelial cells and fibroblasts show them too.
      Endothelial genes speak for "other". VIM is left out: leukocytes are full of it. A mesenchymal CTC with no keratin
      molecule left is therefore "other". On simulated cohorts, four fifths of the mesenchymal CTCs are found at 8,000
      molecules, three fifths at 3,000, and more than nine tenths in plate-based libraries; the missed ones are "other".
    - A cell with too little RNA to tell keeps a posterior near the prior, and is called "other". So is a deep cell
      that shows neither epithelial nor leukocyte genes; its posterior says that with confidence.

    Erythroid and platelet counts are taken out of the depth first: in CTC preparations they can be most of the RNA.
    Unseen genes are judged by molecules, not reads: for assays that count reads, and for relative values, the number
    of molecules is estimated from the number of genes seen, and counts are scaled to it.

    Parameters
    ----------
    adata
        Cells x genes with unique gene symbols. Uses the first of ``layers["counts"]``, ``layers["cpm"]``, and ``X``
        (a recorded or recognised logarithm is undone). ``obs["assay"]`` tells molecules from reads, if present.
    threshold
        Probability from which a cell is taken as a CTC, above 0 to 1.
    prior
        Probability of each identity before the counts are seen, for all five of ``IDENTITIES``; sums to 1. By
        default 0.20, 0.10, 0.05, 0.30 and 0.35. It decides only where the counts do not.

    Returns
    -------
    None. Writes

    ``obsm["identity_posterior"]`` : DataFrame
        Probability of "CTC", "platelet-coated CTC", "CTC-leukocyte", "leukocyte", "other"; rows sum to 1.
    ``obs["ctc_probability"]`` : float
        CTC plus platelet-coated CTC.
    ``obs["is_ctc"]`` : bool
        The probability reaches the threshold.
    ``obs["identity"]`` : category
        The likelier of the two kinds of CTC where ``is_ctc``; else "CTC-leukocyte" or "leukocyte" where that has at
        least one half; else "other".
    ``obs["identity_reason"]`` : str
        The evidence in words.
    ``uns["her2plastic"]["ctc_identity"]`` : dict
        Parameters, the values used, panel genes found and missing, ``status`` ("ok", or "insufficient: ..." when the
        table lacks the genes to find a CTC; then no cell is one), and the number of cells of each identity.

    Raises
    ------
    ParameterError
        When the threshold or the prior is not a probability.
    GeneError
        When the table has no gene of any panel, or gene names that occur twice.
    UnitError
        When values are negative or not finite.

    Notes
    -----
    Panels and their sources: :func:`her2plastic.reference.panels`. Expression levels of the panels are working
    assumptions of the model (:data:`her2plastic.models.evidence.PANEL_MODELS`), not fits.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> cells.obs["identity"].value_counts()[["CTC", "platelet-coated CTC", "leukocyte"]].to_dict()
    {'CTC': 52, 'platelet-coated CTC': 21, 'leukocyte': 38}
    >>> wrong = cells.obs["is_ctc"] & (cells.obs["true_identity"] == "leukocyte")
    >>> print(f"{wrong.sum()} leukocytes taken for CTCs")
    0 leukocytes taken for CTCs
    """
    if not 0 < threshold <= 1:
        raise ParameterError(f"threshold={threshold!r}: expected a probability above 0 and up to 1")
    model = IdentityModel(prior=_checked_prior(prior))
    genes = identity_panels()
    positions = {name: gene_positions(adata.var_names, members) for name, members in genes.items()}
    if not any(len(found) for found in positions.values()):
        raise GeneError(
            f"none of the identity genes is in `var_names` (looked for {', '.join(genes['epithelial'][:4])}, PTPRC, "
            f"LYZ, ...; there are {adata.n_vars} genes, e.g. {list(adata.var_names[:3])}). Gene symbols are expected: "
            "her2plastic.io.read_counts turns Ensembl ids into them."
        )
    status = _status(positions)
    values = cell_values(adata, needed_by="pp.ctc_identity")
    seen = {name: [gene for gene in members if gene in adata.var_names] for name, members in genes.items()}
    found = _Found.empty(adata.n_obs)
    is_molecules = _counts_molecules(adata, values)
    for rows, sums in sums_by_block(values, *_sums_asked_for(positions)):
        own, molecules = _own_molecules(sums, values, is_molecules[rows], adata.n_vars)
        counts = _molecule_equivalents(sums, own, molecules, positions)
        foreign = 1 - np.divide(own, sums.depth, out=np.ones_like(own), where=sums.depth > 0)
        found.posterior[rows] = _posterior(model, counts, molecules, foreign)
        found.is_ctc[rows] = (_probability(found.posterior[rows]) >= threshold) & (status == "ok")
        found.reason[rows] = identity_words(counts, seen, molecules, is_ctc=found.is_ctc[rows])
        found.depth[rows], found.n_genes[rows], found.molecules[rows] = sums.depth, sums.n_genes, molecules
    _write(adata, found)
    identity = adata.obs[_keys.IDENTITY]
    record_step(
        adata,
        "ctc_identity",
        params={"threshold": threshold, "prior": dict(model.prior)},
        input_hash=input_hash(found.depth, found.n_genes),
        values=values.kind,
        values_from=values.source,
        status=status,
        genes_found={name: len(found) for name, found in positions.items()},
        genes_missing=_missing(genes, adata.var_names),
        n_cells={name: int((identity == name).sum()) for name in _keys.IDENTITIES},
        median_molecules=float(np.median(found.molecules)) if adata.n_obs else None,
    )


def identity_panels() -> dict[str, tuple[str, ...]]:
    """Return the panels that the identity rests on, with the mesenchymal genes that leukocytes do not share."""
    names = ("epithelial", "leukocyte", *LINEAGES, "platelet", "endothelial", "erythroid")
    # VIM is high in every leukocyte, so it is no sign of a tumour cell
    mesenchymal = tuple(gene for gene in panel("emt_up") if gene != "VIM")
    return {**{name: panel(name) for name in names}, "mesenchymal": mesenchymal}


def _checked_prior(prior: Mapping[str, float] | None) -> Mapping[str, float]:
    if prior is None:
        return PRIOR
    shares = np.array([prior.get(name, np.nan) for name in _keys.IDENTITIES], dtype=float)
    known = set(prior) == set(_keys.IDENTITIES)
    if not (known and np.all(shares > 0) and np.isclose(shares.sum(), 1)):
        raise ParameterError(
            f"prior={dict(prior)!r}: expected a probability above 0 for each of {', '.join(_keys.IDENTITIES)}, "
            "together 1"
        )
    return dict(zip(_keys.IDENTITIES, shares.tolist(), strict=True))


def _status(positions: Mapping[str, np.ndarray]) -> str:
    found = len(positions["epithelial"])
    if found < MIN_EPITHELIAL_GENES:
        return (
            f"insufficient: {found} of {len(panel('epithelial'))} epithelial genes in the table, "
            f"at least {MIN_EPITHELIAL_GENES} needed to show a CTC"
        )
    if not any(len(positions[name]) for name in ("leukocyte", *LINEAGES)):
        return "insufficient: no leukocyte gene in the table, so a CTC cannot be told from a CTC-leukocyte"
    return "ok"


def _missing(genes: Mapping[str, tuple[str, ...]], var_names: pd.Index) -> list[str]:
    wanted = dict.fromkeys(gene for members in genes.values() for gene in members)
    return [gene for gene in wanted if gene not in var_names]


@dataclass(frozen=True)
class _Found:
    """What was found of every cell: vectors that are filled run by run."""

    posterior: np.ndarray
    is_ctc: np.ndarray
    reason: np.ndarray
    depth: np.ndarray
    n_genes: np.ndarray
    molecules: np.ndarray

    @classmethod
    def empty(cls, n_cells: int) -> _Found:
        return cls(
            np.empty((n_cells, len(_keys.IDENTITIES))), np.empty(n_cells, dtype=bool),
            np.empty(n_cells, dtype=object), np.empty(n_cells), np.empty(n_cells, dtype=np.int64), np.empty(n_cells),
        )  # fmt: skip


def _sums_asked_for(positions: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the panels whose RNA is not the cell's own, and the columns of the genes that are weighed."""
    markers = np.concatenate([found for name, found in positions.items() if name != "erythroid"])
    return {name: positions[name] for name in ("platelet", "endothelial", "erythroid")}, markers


def _own_molecules(
    sums: CellSums, values: CellValues, is_molecules: np.ndarray, n_genes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth outside platelet and erythroid genes, and the molecules that this depth stands for."""
    foreign = sum(np.nan_to_num(total) for total in sums.panels.values())
    own = np.maximum(sums.depth - foreign, 0.0)
    # the smallest value of a cell is at least one molecule or read, whatever it was divided by
    units = own if values.are_counts else np.nan_to_num(own / sums.smallest)
    behind = np.minimum(units, molecules_behind(sums.n_genes, n_genes))
    return own, np.where(is_molecules, units, behind)


def _counts_molecules(adata: AnnData, values: CellValues) -> np.ndarray:
    """Tell which cells have values that are molecules."""
    if not values.are_counts or _keys.ASSAY not in adata.obs:
        return np.zeros(adata.n_obs, dtype=bool)
    molecules = assays()["molecules"]
    return adata.obs[_keys.ASSAY].isin(molecules.index[molecules == "umi"]).to_numpy()


def _molecule_equivalents(
    sums: CellSums, own: np.ndarray, molecules: np.ndarray, positions: Mapping[str, np.ndarray]
) -> dict[str, sparse.csr_matrix]:
    scale = np.divide(molecules, own, out=np.zeros_like(own), where=own > 0)
    scaled = sparse.csr_matrix(sums.markers, dtype=float, copy=True)
    scaled.data *= np.repeat(scale, np.diff(scaled.indptr))
    columns, start = {}, 0
    for name, found in positions.items():
        if name != "erythroid":
            columns[name] = scaled[:, start : start + len(found)]
            start += len(found)
    return columns


def _posterior(
    model: IdentityModel, counts: Mapping[str, sparse.csr_matrix], molecules: np.ndarray, foreign: np.ndarray
) -> np.ndarray:
    joint = model.log_joint(counts, molecules, foreign)
    posterior: np.ndarray = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    return posterior


def _probability(posterior: np.ndarray) -> np.ndarray:
    """Return the probability of being a CTC of either kind."""
    return posterior[:, _places(_keys.CTC_IDENTITIES)].sum(axis=1)


def _write(adata: AnnData, found: _Found) -> None:
    """Write posterior, probability, decision, identity and the reason."""
    ctcs = _places(_keys.CTC_IDENTITIES)
    others = _places(name for name in _keys.IDENTITIES if name not in _keys.CTC_IDENTITIES and name != _OTHER)
    rest = found.posterior[:, others]
    # without one half for anything, nothing was shown
    no_ctc = np.where(rest.max(axis=1) >= 0.5, others[rest.argmax(axis=1)], _keys.IDENTITIES.index(_OTHER))
    identity = np.where(found.is_ctc, ctcs[found.posterior[:, ctcs].argmax(axis=1)], no_ctc)
    adata.obsm[_keys.IDENTITY_POSTERIOR] = pd.DataFrame(
        found.posterior, index=adata.obs_names, columns=list(_keys.IDENTITIES)
    )
    adata.obs[_keys.CTC_PROBABILITY] = _probability(found.posterior)
    adata.obs[_keys.IS_CTC] = found.is_ctc
    adata.obs[_keys.IDENTITY] = pd.Categorical.from_codes(identity, categories=pd.Index(_keys.IDENTITIES))
    adata.obs[_keys.IDENTITY_REASON] = found.reason


def _places(names: Iterable[str]) -> np.ndarray:
    """Return the columns of some identities in the posterior."""
    return np.array([_keys.IDENTITIES.index(name) for name in names], dtype=np.int8)

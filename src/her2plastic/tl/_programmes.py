"""Scores of expression programmes that know how deeply each cell was sequenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys, reference
from her2plastic._access import counts, input_hash, record_step
from her2plastic._errors import ParameterError
from her2plastic.models.shrunken_rate import LN2, fit_spread, shrunken_log2_ratio
from her2plastic.tl.panel_counts import PanelCounts, cells_by_assay, ctc_mask, panel_counts, patient_ctc_mask

if TYPE_CHECKING:
    from anndata import AnnData

Signs = tuple[tuple[str, ...], tuple[str, ...]]
#: Programme to the panels that raise it and those that lower it.
PROGRAMME_PANELS: dict[str, Signs] = {
    "proliferation": (("proliferation",), ()),
    "rtk": (("rtk",), ()),
    "notch": (("notch",), ()),
    "dna_damage": (("dna_damage",), ()),
    "emt": (("emt_up",), ("emt_down",)),
    "hormone": (("hormone",), ()),
    "stress": (("stress",), ()),
}
MIN_GENES = 2
#: Counts of a panel over all CTCs that a score needs at least.
MIN_PANEL_COUNTS = 20


def programmes(adata: AnnData, *, programmes: Mapping[str, Sequence[str]] | None = None) -> None:
    """Score expression programmes in each CTC against the mean CTC of the patients, assay by assay.

    The counts of a programme's genes, summed, are compared with what the mean CTC would show at the cell's depth
    (counts without platelet, red-cell and mitochondrial genes). The score is the posterior mean of the log2 ratio to
    the typical CTC; how far cells differ is estimated from the data, and counting noise is that of the assay. A cell
    with few counts is drawn to 0 and carries a large standard error; the expected score does not depend on depth.
    Genes of 17q12 around ERBB2 are left out of every programme, so that neither ERBB2 nor its amplicon scores. Of a
    sum, the gene with most counts says most; it is recorded with its share.

    Parameters
    ----------
    adata
        Cells x genes with ``layers["counts"]``.
    programmes
        Programme name to gene symbols. By default proliferation, rtk, notch, dna_damage, emt (up less down), hormone
        and stress, from the panels of :func:`her2plastic.reference.panels`.

    Returns
    -------
    None. Writes:

    ``obsm["programmes"]``
        DataFrame, a column per programme: log2 of the ratio to the typical CTC. Missing for cells that are no CTC
        (leukocytes would pass for mesenchymal cells) and for programmes that cannot be scored.
    ``obsm["programmes_se"]``
        DataFrame: posterior standard deviation of the same scores.
    ``uns["her2plastic"]["programmes"]``
        the genes used, the spread between cells (log2), the leading gene and its share; ``insufficient`` with the
        reason for programmes that could not be scored.

    Raises
    ------
    UnitError
        If there are no counts.
    ParameterError
        If ``programmes`` is empty.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.programmes(cells)
    >>> ctcs = cells.obs["is_ctc"].to_numpy()
    >>> cells.obsm["programmes"][ctcs].std().round(1).to_dict()
    {'proliferation': 0.3, 'rtk': 0.1, 'notch': 0.2, 'dna_damage': 0.2, 'emt': 1.4, 'hormone': 0.2, 'stress': 0.4}
    """
    definitions, genes = _definitions(programmes)
    found = panel_counts(adata, genes, needed_by="tl.programmes")
    is_ctc = ctc_mask(adata) & (found.depth > 0)
    is_patient = is_ctc & patient_ctc_mask(adata)
    leading = _leading_genes(adata, found.genes, is_patient)
    panels = {name: _score_panel(adata, found, name, is_ctc, leading["evenness"].get(name, 1.0)) for name in genes}
    scores, errors = ({name: np.full(adata.n_obs, np.nan) for name in definitions} for _ in range(2))
    insufficient = []
    for name, (up, down) in definitions.items():
        lacking = [panels[panel].lacking for panel in up + down if panels[panel].lacking]
        if lacking:
            insufficient.append(f"{name}: insufficient: {'; '.join(lacking)}")
            continue
        signs = [(panel, 1.0) for panel in up] + [(panel, -1.0) for panel in down]
        scores[name] = np.sum([sign * panels[panel].mean for panel, sign in signs], axis=0)
        errors[name] = np.sqrt(np.sum([panels[panel].error ** 2 for panel, _ in signs], axis=0))
    adata.obsm[_keys.PROGRAMMES] = pd.DataFrame(scores, index=adata.obs_names)
    adata.obsm[_keys.PROGRAMMES_SE] = pd.DataFrame(errors, index=adata.obs_names)
    record_step(
        adata, "programmes", params={"programmes": "default" if programmes is None else "given"},
        input_hash=input_hash(*found.sums.values(), found.depth), n_ctc=int(is_patient.sum()),
        panels_up={name: up for name, (up, _) in definitions.items()},
        panels_down={name: down for name, (_, down) in definitions.items() if down}, genes=found.genes,
        spread={name: panel.spread for name, panel in panels.items() if not panel.lacking},
        leading_gene=leading["gene"], leading_share=leading["share"],
        insufficient=insufficient or None,
    )  # fmt: skip


@dataclass(frozen=True)
class _PanelScore:
    """Score of one panel over all cells, or why there is none."""

    mean: np.ndarray
    error: np.ndarray
    spread: float = np.nan
    lacking: str = ""


def _definitions(given: Mapping[str, Sequence[str]] | None) -> tuple[dict[str, Signs], dict[str, list[str]]]:
    """Return programme to its panels, and panel to its genes without those of 17q12."""
    if given is not None:
        if not given:
            raise ParameterError("programmes is empty: expected at least one name with its genes")
        if faulty := [name for name in given if "/" in name]:
            raise ParameterError(f"programmes: the name {faulty[0]!r} holds a '/', which h5ad cannot store")
        panels = {name: tuple(genes) for name, genes in given.items()}
        definitions: dict[str, Signs] = {name: ((name,), ()) for name in panels}
    else:
        definitions = PROGRAMME_PANELS
        panels = {name: reference.panel(name) for up, down in definitions.values() for name in up + down}
    near_erbb2 = set(reference.amplicon()["gene"])
    return definitions, {name: [gene for gene in genes if gene not in near_erbb2] for name, genes in panels.items()}


def _score_panel(
    adata: AnnData, found: PanelCounts, name: str, is_ctc: np.ndarray, effective_genes: float
) -> _PanelScore:
    """Score one panel, the cells of each assay against the mean CTC of its patients."""
    mean, error, expected, noise = np.full((4, is_ctc.size), np.nan)
    is_patient, total = is_ctc & patient_ctc_mask(adata), 0.0
    observed, n_genes = found.sums[name], len(found.genes[name])
    if n_genes < MIN_GENES:
        return _PanelScore(mean, error, lacking=f"{n_genes} genes of {name} in the data, {MIN_GENES} needed")
    for assay, rows in cells_by_assay(adata):
        typical = rows[is_patient[rows]]
        noise[rows] = gene_noise(assay) / effective_genes
        if typical.size:
            total += observed[typical].sum()
            expected[rows] = found.depth[rows] * observed[typical].sum() / found.depth[typical].sum()
    if total < MIN_PANEL_COUNTS:
        lacking = f"{total:g} counts of {name} in {is_patient.sum()} CTCs, {MIN_PANEL_COUNTS} needed"
        return _PanelScore(mean, error, lacking=lacking)
    scored, fitted = (np.flatnonzero(mask & (expected > 0)) for mask in (is_ctc, is_patient))
    spread = fit_spread(observed[fitted], expected[fitted], 1.0 / noise[fitted])
    mean[scored], error[scored] = shrunken_log2_ratio(observed[scored], expected[scored], 1.0 / noise[scored], spread)
    return _PanelScore(mean, error, spread.sd / LN2)


def gene_noise(assay: str) -> float:
    """Return the relative variance of one gene's counts by the assay alone: dispersion and drop-out."""
    table = reference.assays()
    noise = table[["dispersion", "zero_inflation"]].loc[assay if assay in table.index else "10x"].to_numpy(dtype=float)
    return float(noise[0] + noise[1] / (1.0 - noise[1]))


def _leading_genes(
    adata: AnnData, genes: Mapping[str, Sequence[str]], is_patient: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Return the gene with most counts of each panel, its share, and how many equal genes the panel is worth."""
    totals = pd.Series(
        np.asarray(is_patient.astype(float) @ counts(adata, needed_by="tl.programmes")).ravel(), index=adata.var_names
    )
    leading: dict[str, dict[str, Any]] = {"gene": {}, "share": {}, "evenness": {}}
    for name, members in genes.items():
        shares = totals[list(members)]
        if shares.sum() > 0:
            shares = shares / shares.sum()
            leading["gene"][name] = str(shares.idxmax())
            leading["share"][name] = float(shares.max())
            leading["evenness"][name] = float(1.0 / (shares**2).sum())
    return leading

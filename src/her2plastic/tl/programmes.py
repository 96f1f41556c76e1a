"""Scores of expression programmes that know how deeply each cell was sequenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys, reference
from her2plastic._access import counts, input_hash, record_step
from her2plastic._errors import ParameterError
from her2plastic.models.shrunken_rate import fit_dispersion, shrunken_log2_ratio
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
    (counts without platelet and red-cell genes). The score is the posterior mean of that log2 ratio, its spread between
    cells estimated from the data: a cell with few counts is drawn to 0 and carries a large standard error, and the
    expected score does not depend on depth. Genes of 17q12 around ERBB2 are left out of every programme, so that
    neither ERBB2 nor its amplicon scores. Of a sum, the gene with most counts says most; its share is recorded.

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
        DataFrame, a column per programme: log2 of the ratio. Missing for cells that are no CTC (leukocytes would pass
        for mesenchymal cells) and for programmes that cannot be scored.
    ``obsm["programmes_se"]``
        DataFrame: posterior standard deviation of the same scores.
    ``uns["her2plastic"]["programmes"]``
        the genes used, the dispersion between cells, the share of the leading gene; ``insufficient`` with the reason
        for programmes that could not be scored.

    Raises
    ------
    UnitError
        If there are no counts.
    ParameterError
        If ``programmes`` is empty.
    """
    definitions, genes = _definitions(programmes)
    found = panel_counts(adata, genes, needed_by="tl.programmes")
    is_ctc = ctc_mask(adata) & (found.depth > 0)
    is_patient = is_ctc & patient_ctc_mask(adata)
    assays = [rows for _, rows in cells_by_assay(adata)]
    panels = {name: _score_panel(found, name, is_ctc, is_patient, assays) for name in genes}
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
        dispersion={name: panel.dispersion for name, panel in panels.items() if not panel.lacking},
        **_leading_genes(adata, found.genes, is_patient),
        insufficient=insufficient or None,
    )  # fmt: skip


@dataclass(frozen=True)
class _PanelScore:
    """Score of one panel over all cells, or why there is none."""

    mean: np.ndarray
    error: np.ndarray
    dispersion: float = np.nan
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
    found: PanelCounts, name: str, is_ctc: np.ndarray, is_patient: np.ndarray, assays: Sequence[np.ndarray]
) -> _PanelScore:
    """Score one panel, each assay against the mean CTC of its own patients."""
    mean, error = np.full((2, is_ctc.size), np.nan)
    observed, n_genes = found.sums[name], len(found.genes[name])
    if n_genes < MIN_GENES:
        return _PanelScore(mean, error, lacking=f"{n_genes} genes of {name} in the data, {MIN_GENES} needed")
    expected, total = np.zeros(is_ctc.size), 0.0
    for rows in assays:
        typical = rows[is_patient[rows]]
        total += observed[typical].sum()
        if typical.size:
            expected[rows] = found.depth[rows] * observed[typical].sum() / found.depth[typical].sum()
    if total < MIN_PANEL_COUNTS:
        lacking = f"{total:g} counts of {name} in {is_patient.sum()} CTCs, {MIN_PANEL_COUNTS} needed"
        return _PanelScore(mean, error, lacking=lacking)
    dispersion = fit_dispersion(observed[is_patient], expected[is_patient])
    scored = is_ctc & (expected > 0)
    mean[scored], error[scored] = shrunken_log2_ratio(observed[scored], expected[scored], shape=1.0 / dispersion)
    return _PanelScore(mean, error, dispersion)


def _leading_genes(
    adata: AnnData, genes: Mapping[str, Sequence[str]], is_ctc: np.ndarray
) -> dict[str, dict[str, object]]:
    """Return the gene with the most counts of each panel, and its share of the panel."""
    totals = pd.Series(
        np.asarray(is_ctc.astype(float) @ counts(adata, needed_by="tl.programmes")).ravel(), index=adata.var_names
    )
    leading: dict[str, dict[str, object]] = {"leading_gene": {}, "leading_share": {}}
    for name, members in genes.items():
        panel = totals[list(members)]
        if panel.sum() > 0:
            leading["leading_gene"][name] = str(panel.idxmax())
            leading["leading_share"][name] = float(panel.max() / panel.sum())
    return leading

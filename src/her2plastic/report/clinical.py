"""The chapter on the patients around the cells: tissue, serum HER2 and ERBB2 alleles beside the CTCs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys, tl
from her2plastic.pl.timeline_data import known_donors
from her2plastic.report.clinical_figures import cohort_figures, timelines
from her2plastic.report.clinical_findings import ClinicalFindings
from her2plastic.report.clinical_tables import alleles_table, evidence_table, patients_table, tissue_table
from her2plastic.report.figures import Drawing
from her2plastic.report.tables import Table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

#: Timelines of more patients than this would make the page too large to open.
MOST_PATIENTS: Final = 12
_ALPHA: Final = 0.05


@dataclass(frozen=True)
class ClinicalChapter:
    """What the chapter shows."""

    #: Title and sentence of each kind of table.
    said: list[tuple[str, str]]
    tables: list[Table]
    figures: list[Drawing]
    #: The patients one by one.
    timelines: list[Drawing]
    #: Why not every patient has a timeline; empty if all have.
    left_out: str
    notes: list[str]

    def files(self) -> dict[str, bytes]:
        """Return the files of the figures by relative name."""
        return {name: file for drawing in (*self.figures, *self.timelines) for name, file in drawing.files.items()}


def chapter_of(
    adata: AnnData, findings: ClinicalFindings, patients: pd.DataFrame, *, figures: Mapping[str, Any], level: float
) -> ClinicalChapter:
    """Return the chapter of what was found."""
    alleles = None if findings.variants is None else findings.variants.to_frame()
    donors = known_donors(adata, findings.tissue, findings.visits, alleles)
    known = {donor: _known_of(donor, findings, alleles, patients) for donor in donors}
    # one kind of table is no timeline, where others have more
    least = min(2, max((kinds for kinds, _ in known.values()), default=0))
    rich = [donor for donor in donors if known[donor][0] >= least]
    shown = sorted(rich, key=lambda donor: known[donor], reverse=True)[:MOST_PATIENTS]
    left_out = ""
    if len(shown) < len(donors):
        drawn = f"{len(shown)} of {len(donors)} patients, those of whom most is known"
        left_out = f"{drawn}; her2plastic.pl.patient_timeline draws any of them."
    tables = [
        patients_table(donors, findings, patients), tissue_table(findings.tissue), alleles_table(findings.variants),
        evidence_table(findings.variants),
    ]  # fmt: skip
    return ClinicalChapter(
        said=list(_sentences(findings)),
        tables=[table for table in tables if table is not None],
        figures=cohort_figures(findings.serum, findings.visits, figures=figures),
        timelines=timelines(adata, sorted(shown), findings, patients, figures=figures, level=level),
        left_out=left_out,
        notes=_notes(findings),
    )


def _known_of(
    donor: str, findings: ClinicalFindings, alleles: pd.DataFrame | None, patients: pd.DataFrame
) -> tuple[int, int]:
    """Return how much is known of a patient: in how many tables, and rows of them."""
    tables = (patients, findings.tissue, findings.visits, alleles)
    rows = [0 if table is None else int((table[_keys.DONOR_ID].astype(str) == donor).sum()) for table in tables]
    return sum(n > 0 for n in rows), sum(rows)


def _sentences(findings: ClinicalFindings) -> list[tuple[str, str]]:
    found = []
    if findings.tissue is not None:
        found.append(("Tissue status", _tissue_sentence(findings.tissue)))
    if findings.concordance is not None:
        found.append(("Tissue and CTCs", _concordance_sentence(findings.concordance)))
    if findings.serum is not None:
        found.append(("Serum HER2", _serum_sentence(findings.serum)))
    if findings.variants is not None:
        found.append(("ERBB2 alleles", _alleles_sentence(findings.variants)))
    return found


def _tissue_sentence(tissue: pd.DataFrame) -> str:
    known = int(tissue["status"].notna().sum())
    steps = tissue.loc[tissue["step"] != "", "step"].str.replace("_", " ").value_counts()
    open_ = "; ".join(f"{number} {step}" for step, number in steps.items())
    rule = f"{tissue['rule'].iloc[0]} {tissue['version'].iloc[0]}"
    said = f"{known} of {len(tissue)} specimens have a HER2 status by {rule}."
    return f"{said} Before a status: {open_}." if open_ else said


def _concordance_sentence(found: tl.Concordance) -> str:
    counts = found.counts()
    compared = sum(counts.values()) - counts["insufficient"]
    if not compared:
        return "No patient has both a tissue status and CTCs with a state."
    told = ", ".join(f"{number} {word}" for word, number in counts.items() if number and word != "insufficient")
    said = f"Of {compared} patients {told}"
    cohort = found.cohort
    if cohort.status != "ok" or not cohort.tests:
        return f"{said}. For the cohort: {cohort.status}."
    test = cohort.tests[0]
    value, low, high = cohort.expected
    alone = f"{value:.0%}" if np.isfinite(value) else f"{low:.0%} to {high:.0%}"
    verdict = "beyond what misreading explains" if test.p <= _ALPHA else "which misreading alone can explain"
    return f"{said}. States differ in {cohort.discordance:.0%}, {verdict} (it gives {alone}; p = {test.p:.2g})."


def _serum_sentence(found: tl.Serum) -> str:
    counted = f"{found.n_patients} patients, {found.n_values} values, {found.n_below} below detection"
    if found.status != "ok":
        return f"{counted}. {found.status[:1].upper()}{found.status[1:]}."
    last = found.changes[found.changes["look"] == found.changes["look"].max()]
    moved = "; ".join(
        f"{row['group'] or 'all'} {row['change']:+.0f}% ({row['lower']:+.0f} to {row['upper']:+.0f})"
        for row in last.to_dict("records")
    )
    look = float(found.changes["look"].max())
    return f"{counted}. Change since before treatment at cycle {look:g}, by the model: {moved}."


def _alleles_sentence(found: tl.Variants) -> str:
    mutated = found.mutated()
    donors = mutated[_keys.DONOR_ID].nunique()
    names = ", ".join(sorted(mutated["variant"].unique()))
    somatic = f"Somatic alleles were called in {donors} patients ({names})." if donors else (
        "No somatic allele was called."
    )  # fmt: skip
    known = found.genotypes[found.genotypes["genotype"] != ""] if len(found.genotypes) else found.genotypes
    germline = known[_keys.DONOR_ID].nunique() if len(known) else 0
    return f"{somatic} Germline genotypes are known of {germline}. A mutation is no HER2 state, and is not made one."


def _notes(findings: ClinicalFindings) -> list[str]:
    """Return what the results themselves say must be known; what could not be asked stands above with the rest."""
    notes: list[str] = []
    for found in (findings.concordance, findings.serum, findings.variants):
        if found is not None:
            notes += [str(note) for note in found.notes]
    if findings.concordance is not None:
        notes += [str(note) for note in findings.concordance.cohort.notes]
    return list(dict.fromkeys(notes))

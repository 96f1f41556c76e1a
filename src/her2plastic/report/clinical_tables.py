"""The tables of the clinical chapter: the patients side by side, their specimens, alleles, and what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys, tl
from her2plastic.report.clinical_findings import ClinicalFindings
from her2plastic.report.tables import MISSING, Cell, Column, Table, number_cell, text_cell

if TYPE_CHECKING:
    from collections.abc import Callable


def patients_table(donors: Sequence[str], findings: ClinicalFindings, patients: pd.DataFrame) -> Table:
    """Return a row per patient: tissue, CTCs, verdict, serum and alleles."""
    columns: tuple[Column, ...]
    parts: list[tuple[tuple[Column, ...], Callable[[str], list[Cell]]]] = [
        ((Column("Patient", "donor_id"),), lambda donor: [text_cell(donor)])
    ]
    if findings.tissue is not None:
        tissue = findings.tissue
        columns = (
            Column("Tissue, first", "tissue.csv: tissue_class"),
            Column("Tissue, last", "tissue.csv: tissue_class"),
        )
        parts.append((columns, lambda donor: _first_and_last(tissue, donor)))
    parts.append(_of_cells(patients))
    if findings.concordance is not None:
        compared = findings.concordance.to_frame().set_index(_keys.DONOR_ID).to_dict("index")
        columns = (Column("Tissue and CTCs", "concordance.csv: verdict, ctc_states"),)
        parts.append((columns, lambda donor: _verdict(compared.get(donor))))
    if findings.visits is not None:
        visits = findings.visits
        columns = (Column("Serum HER2 before", "serum.csv: value", numeric=True),
                   Column("Last, change", "serum.csv: value, response", numeric=True),)  # fmt: skip
        parts.append((columns, lambda donor: _serum(visits, donor)))
    if findings.variants is not None:
        variants = findings.variants
        columns = (Column("Somatic ERBB2", "alleles.csv: call"), Column("Germline ERBB2", "alleles.csv: genotype"))
        parts.append((columns, lambda donor: _alleles(variants, donor)))
    columns = tuple(column for own, _ in parts for column in own)
    listed = _listed(donors, findings, patients)
    rows = [[cell for _, make in parts for cell in make(donor)] for donor in listed]
    caption = (
        "The patients side by side. Tissue is misread and CTCs are few: a patient is discordant beyond misreading only "
        "if both together leave no other explanation."
    )
    if len(listed) < len(donors):
        caption += f" Of {len(donors) - len(listed)} more there is serum HER2 alone (serum.csv)."
    return Table("patients", caption, columns, rows)


def _listed(donors: Sequence[str], findings: ClinicalFindings, patients: pd.DataFrame) -> list[str]:
    """Return the patients of whom more is known than serum HER2; all of them if there is none."""
    alleles = None if findings.variants is None else findings.variants.to_frame()
    tables = [table for table in (patients, findings.tissue, alleles) if table is not None]
    more = {str(name) for table in tables for name in table[_keys.DONOR_ID].unique()}
    return [donor for donor in donors if donor in more] or list(donors)


def _of_cells(patients: pd.DataFrame) -> tuple[tuple[Column, ...], Callable[[str], list[Cell]]]:
    rows = {str(row[_keys.DONOR_ID]): row for row in patients[patients["scope"] == "donor"].to_dict("records")}
    columns = (Column("CTCs", "patients.csv: n_ctc", numeric=True),)
    return columns, lambda donor: [number_cell(rows[donor]["n_ctc"]) if donor in rows else Cell(MISSING, sort=np.nan)]


def _first_and_last(tissue: pd.DataFrame, donor: str) -> list[Cell]:
    own = tissue[tissue[_keys.DONOR_ID].astype(str) == donor].sort_values("day", kind="stable")
    if own.empty:
        return [Cell(MISSING)] * 2
    days = own["day"].unique()
    first, last = (_specimens(own[own["day"] == days[place]].to_dict("records")) for place in (0, -1))
    return [first, last if len(days) > 1 else Cell(MISSING)]


def _specimens(rows: Sequence[Mapping[Any, Any]]) -> Cell:
    """Return what all specimens of one day say."""
    words = dict.fromkeys(_class_of(row) for row in rows)
    sites = dict.fromkeys(str(row["site"]) for row in rows)
    return Cell(" / ".join(words), detail=", ".join(filter(None, (f"day {rows[0]['day']:g}", *sites))))


def _class_of(row: Mapping[Any, Any]) -> str:
    word = row["tissue_class"].partition(" (")[0] if isinstance(row["tissue_class"], str) else ""
    return word or (f"HER2-{row['status']}" if isinstance(row["status"], str) else str(row["step"]).replace("_", " "))


def _verdict(row: Mapping[Any, Any] | None) -> list[Cell]:
    if row is None:
        return [Cell(MISSING)]
    cells = str(row["ctc_states"])
    told = "CTCs of any state" if cells.count(" or ") == len(_keys.STATES) - 1 else f"CTCs {cells}"
    return [Cell(str(row["verdict"]), detail=told if cells else "")]


def _serum(visits: pd.DataFrame, donor: str) -> list[Cell]:
    """Return the value before treatment, and the change until the last visit with the response."""
    own = visits[visits[_keys.DONOR_ID].astype(str) == donor].sort_values("day", kind="stable")
    missing = Cell(MISSING, sort=np.nan)
    if own.empty:
        return [missing, missing]
    response = str(own["response"].iloc[0]) if own["response"].notna().any() else ""
    before, last = own.iloc[0], own.iloc[-1]
    if before["day"] > 0:  # the first value is of a time on treatment
        return [missing, Cell(MISSING, sort=np.nan, detail=response)]
    value = Cell(f"{'<' if before['below_lod'] else ''}{before['value']:.3g}", sort=float(before["value"]))
    if len(own) < 2:
        return [value, Cell(MISSING, sort=np.nan, detail=response)]
    change = 100 * (float(last["value"]) / float(before["value"]) - 1)
    # below detection a change is a bound
    sign = "at most " if last["below_lod"] else "at least " if before["below_lod"] else ""
    both = bool(last["below_lod"] and before["below_lod"])
    words = "below detection" if both else f"{sign}{change:+.0f}%"
    detail = ", ".join(filter(None, (f"day {last['day']:g}", response)))
    return [value, Cell(words, sort=np.nan if both else change, detail=detail)]


def _alleles(variants: tl.Variants, donor: str) -> list[Cell]:
    mutated = variants.mutated()
    own = mutated[mutated[_keys.DONOR_ID].astype(str) == donor].sort_values(_keys.DRAW_DAY)
    last = own.drop_duplicates("variant", keep="last")
    somatic = ", ".join(f"{row['variant']} {row['fraction']:.0%}" for row in last.to_dict("records"))
    known = variants.genotypes
    genotypes = known[(known[_keys.DONOR_ID].astype(str) == donor) & (known["genotype"] != "")] if len(known) else known
    germline = ", ".join(f"{row['variant']} {row['genotype']}" for row in genotypes.to_dict("records"))
    return [text_cell(somatic or MISSING), text_cell(germline or MISSING)]


def tissue_table(tissue: pd.DataFrame | None) -> Table | None:
    """Return a row per specimen: what was read, the status, and the step before one."""
    if tissue is None:
        return None
    columns = (
        Column("Patient", "tissue.csv: donor_id"), Column("Day", "tissue.csv: day", numeric=True),
        Column("Site", "tissue.csv: site"), Column("IHC", "tissue.csv: ihc_score"),
        Column("ISH group", "tissue.csv: ish_group"), Column("Status", "tissue.csv: status"),
        Column("Class", "tissue.csv: tissue_class"), Column("Before a status", "tissue.csv: step"),
        Column("Flags", "tissue.csv: flags"), Column("Comment", "tissue.csv: comment"),
    )  # fmt: skip
    rows = [
        [
            text_cell(row[_keys.DONOR_ID]), number_cell(row["day"]), text_cell(row["site"]),
            text_cell(row["ihc_score"] or MISSING), text_cell(row["ish_group"]), _word(row["status"]),
            _word(row["tissue_class"]), text_cell(str(row["step"]).replace("_", " ")),
            text_cell(str(row["flags"]).replace("_", " ")), text_cell(row["comment"]),
        ]
        for row in tissue.to_dict("records")
    ]  # fmt: skip
    rule = f"{tissue['rule'].iloc[0]} {tissue['version'].iloc[0]}"
    caption = f"Specimens and their HER2 status by {rule}. Nothing is guessed: what has to be done first is said."
    return Table("tissue", caption, columns, rows)


def _word(value: Any) -> Cell:
    return text_cell(value if isinstance(value, str) else MISSING)


def alleles_table(variants: tl.Variants | None) -> Table | None:
    """Return the alleles that were called, and germline genotypes."""
    if variants is None:
        return None
    frame = variants.to_frame()
    told = frame[(frame["call"].fillna("") != "") & ~frame["call"].isin(["not seen"])]
    if told.empty:
        return None
    columns = (
        Column("Patient", "alleles.csv: donor_id"), Column("Day", "alleles.csv: draw_day", numeric=True),
        Column("Material", "alleles.csv: material"), Column("Allele", "alleles.csv: variant"),
        Column("Bases", "alleles.csv: ref, alt"), Column("Call", "alleles.csv: call"),
        Column("Fraction", "alleles.csv: fraction", numeric=True),
        Column("Interval", "alleles.csv: lower, upper", numeric=True),
        Column("Reads", "alleles.csv: n_ref + n_alt", numeric=True),
    )  # fmt: skip
    rows = [
        [
            text_cell(row[_keys.DONOR_ID]), number_cell(row[_keys.DRAW_DAY]), text_cell(row["material"]),
            Cell(str(row["variant"]), detail=str(row["hgvs_c"])), text_cell(f"{row['ref']} > {row['alt']}"),
            text_cell(row["call"]), _share(row["fraction"]), _between(row["lower"], row["upper"]),
            number_cell(np.nansum([row["n_ref"], row["n_alt"]])),
        ]
        for row in told.to_dict("records")
    ]  # fmt: skip
    caption = (
        "ERBB2 alleles that were called. Germline genotypes are of leukocytes or DNA only; a fraction in the tumour is "
        "no genotype."
    )
    return Table("alleles", caption, columns, rows)


def evidence_table(variants: tl.Variants | None) -> Table | None:
    """Return what is published of the alleles that were called; rows that conflict stand side by side."""
    if variants is None or variants.evidence.empty:
        return None
    titles = {
        "Allele": "variant", "Drug": "drug", "Direction": "direction", "Context": "context", "Source": "source",
    }  # fmt: skip
    evidence = variants.evidence
    shown = {title: name for title, name in titles.items() if name in evidence}
    columns = (*(Column(title, f"uns: her2plastic/variants/evidence/{name}") for title, name in shown.items()),
               Column("Contradicted", "uns: her2plastic/variants/evidence/conflicting"))  # fmt: skip
    rows = [
        [*(text_cell(row[name]) for name in shown.values()), text_cell("yes" if row["conflicting"] else "")]
        for row in evidence.to_dict("records")
    ]
    caption = "Published findings on these alleles, a row each. Findings that contradict one another all stand here."
    return Table("evidence", caption, columns, rows)


def _share(value: Any) -> Cell:
    number = float(value)
    return Cell(f"{number:.1%}", sort=number) if np.isfinite(number) else Cell(MISSING, sort=np.nan)


def _between(lower: Any, upper: Any) -> Cell:
    low, high = float(lower), float(upper)
    if not (np.isfinite(low) and np.isfinite(high)):
        return Cell(MISSING, sort=np.nan)
    return Cell(f"{low:.1%} to {high:.1%}", sort=high)

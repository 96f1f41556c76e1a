"""The chapter on the patients around the cells: its tables, its words, and what stays out of the page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2plastic import tl
from her2plastic.report import clinical, draw
from her2plastic.report.clinical import chapter_of
from her2plastic.run.clinical import ClinicalFindings

FIGURES = {"formats": ["png"], "dpi": 50}


def findings(donors: tuple[str, ...], **more: Any) -> ClinicalFindings:
    """Tissue, serum and alleles of donors, whatever they are called."""
    table = pd.DataFrame({"donor_id": donors, "day": 0.0, "site": "primary", "ihc": "2+"})
    table = pd.concat([table.assign(day=-9.0, ihc="1+"), table], ignore_index=True)
    visits = pd.DataFrame({
        "donor_id": np.repeat(donors, 2), "day": [0.0, 42.0] * len(donors), "value": [10.0, 4.0] * len(donors),
        "below_lod": [False, True] * len(donors), "response": "response", "progression_day": np.nan,
    })  # fmt: skip
    alleles = pd.DataFrame({
        "donor_id": np.repeat(donors, 2), "sample_id": "s", "draw_day": [0.0, 42.0] * len(donors),
        "material": "cell-free DNA", "variant": "L755S", "hgvs_c": "c.2264T>C", "origin": "somatic", "ref": "T",
        "alt": "C", "n_ref": 900.0, "n_alt": 100.0, "fraction": 0.1, "lower": 0.08, "upper": 0.12, "genotype": "",
        "call": "mutated",
    })  # fmt: skip
    empty = pd.DataFrame(columns=["variant", "drug", "direction", "context", "source", "conflicting"])
    variants = tl.Variants(alleles, pd.DataFrame(columns=["donor_id", "genotype"]), empty, pd.DataFrame(), 0.95)
    tissue = table.join(tl.tissue_status(table)[[c for c in tl.tissue_status(table) if c not in table]])
    return ClinicalFindings(**({"tissue": tissue, "visits": visits, "variants": variants} | more))


@pytest.fixture
def cohort(annotated: Any) -> Any:
    return annotated(("P01", "P02", "P03"), 15, True, 0)


def chapter(cohort: Any, found: ClinicalFindings) -> Any:
    adata, patients = cohort
    return chapter_of(adata, found, patients, figures=FIGURES, level=0.9)


def rows(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_patients_stand_side_by_side(cohort: Any) -> None:
    made = chapter(cohort, findings(("P01", "P02")))
    table = {table.name: table for table in made.tables}["patients"]
    titles = [column.title for column in table.columns]
    first = dict(zip(titles, rows(table)[0], strict=True))
    assert first["Patient"] == "P01"
    assert (first["Tissue, first"], first["Tissue, last"]) == ("HER2-low", "reflex required")
    assert (first["Serum HER2 before"], first["Last, change"]) == ("10", "at most -60%")
    assert first["Somatic ERBB2"] == "L755S 10%"
    assert [row[0] for row in rows(table)] == ["P01", "P02", "P03"]  # P03 has cells alone
    assert [drawing.spec.title for drawing in made.timelines] == ["P01 over time", "P02 over time"]
    assert "2 of 4" in dict(made.said)["Tissue status"]


def test_specimens_of_one_day_stand_side_by_side(cohort: Any) -> None:
    table = pd.DataFrame({"donor_id": "P01", "day": 0.0, "site": ["primary", "liver"], "ihc": ["1+", "3+"]})
    made = chapter(cohort, findings(("P01",), tissue=table.join(tl.tissue_status(table))))
    patients = {table.name: table for table in made.tables}["patients"]
    first, last = patients.rows[0][1:3]
    assert (first.text, first.detail) == ("HER2-low / HER2-positive", "day 0, primary, liver")
    assert last.text == "–"


def test_sentences_say_how_tissue_and_cells_agree(cohort: Any) -> None:
    adata = cohort[0].copy()
    found = findings(("P01", "P02", "P03"))
    compared = tl.concordance(adata, tissue=found.tissue, which="first", n_null=19)
    said = dict(chapter((adata, cohort[1]), findings(("P01", "P02", "P03"), concordance=compared)).said)
    assert said["Tissue and CTCs"].startswith("Of 3 patients")
    assert "insufficient: 3 patients" in said["Tissue and CTCs"]


def test_patients_known_by_serum_alone_are_counted_not_listed(cohort: Any) -> None:
    found = findings(("P01", "X1", "X2"))
    assert found.tissue is not None
    found = findings(("P01", "X1", "X2"), tissue=found.tissue[found.tissue["donor_id"] == "P01"], variants=None)
    table = chapter(cohort, found).tables[0]
    assert [row[0] for row in rows(table)] == ["P01", "P02", "P03"]
    assert "Of 2 more there is serum HER2 alone" in table.caption


def test_large_cohorts_have_a_limited_number_of_timelines(cohort: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clinical, "MOST_PATIENTS", 2)
    made = chapter(cohort, findings(tuple(f"X{k:02d}" for k in range(5))))
    assert [drawing.spec.name for drawing in made.timelines] == ["timeline_01", "timeline_02"]
    assert made.left_out.startswith("2 of 8 patients")
    assert set(made.files()) == {"figures/timeline_01.png", "figures/timeline_02.png"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_page_holds_the_chapter_and_no_name_of_the_tables_becomes_markup(
    cohort: Any, hostile_names: tuple[str, ...], origin: Any, tmp_path: Path
) -> None:
    adata, patients = cohort
    found = findings(hostile_names)
    assert found.tissue is not None
    files = draw(adata, patients=patients, comparison=None, origin=origin([]), clinical=found)
    page = files["report.html"].decode()
    assert 'id="clinical"' in page
    assert "figures/timeline_01.png" in files
    tags = _Tags()
    tags.feed(page)
    assert sum(tag == "script" and attrs.get("type") is None for tag, attrs in tags.found) == 1
    assert not any("onerror" in attrs for _, attrs in tags.found)
    assert not any(str(attrs.get("src", "data:")).startswith(("http", "x")) for _, attrs in tags.found)

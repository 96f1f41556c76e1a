from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from her2plastic import reference

Draw = Callable[..., dict[str, bytes]]
VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """Every tag with its attributes, and whether the tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def files(draw_report: Draw) -> dict[str, bytes]:
    return draw_report()


@pytest.fixture(scope="module")
def page(files: dict[str, bytes]) -> str:
    return files["report.html"].decode()


def test_page_is_well_formed(page: str) -> None:
    assert Page(page).open == []


def test_page_loads_nothing(page: str) -> None:
    for tag, attributes in Page(page).tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name) or ""
            assert value == "" or value.startswith(("data:", "#")), (tag, name, value)
    assert "url(" not in page.replace("url(#", "")
    assert "@import" not in page


def test_policy_allows_this_style_and_this_script_only(page: str) -> None:
    policy = next(a["content"] or "" for t, a in Page(page).tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert text is not None
        digest = base64.b64encode(hashlib.sha256(text[1].encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert not any(name.startswith("on") or name == "style" for _, a in Page(page).tags for name in a)


def test_names_are_text_everywhere(draw_report: Draw, hostile_names: tuple[str, ...]) -> None:
    page = draw_report(hostile_names, notes=hostile_names)["report.html"].decode()
    parsed = Page(page)
    assert parsed.open == []
    assert [a.get("type") for t, a in parsed.tags if t == "script"] == ["application/json", None]
    assert len([t for t, _ in parsed.tags if t == "img"]) == page.count("data:image/png;base64,")
    data = re.search(r'<script type="application/json" id="cells-data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert "<" not in data[1]
    assert hostile_names[0] in {row[1] for row in json.loads(data[1])["rows"]}, "the name itself is kept"


def test_same_results_give_the_same_page_and_figures(draw_report: Draw, files: dict[str, bytes]) -> None:
    assert draw_report() == files


def test_every_column_names_its_source(page: str) -> None:
    heads = [attributes for tag, attributes in Page(page).tags if tag == "th" and attributes.get("scope") == "col"]
    assert len(heads) > 30
    sources = r"(obs|obsm|uns|patients\.csv|programmes\.csv|provenance\.json|reference/her2_scales\.tsv): "
    assert all(re.match(sources, a["title"] or "") for a in heads)
    assert page.count('<code class="key">') >= len(heads)


def test_research_use_is_said_once(page: str) -> None:
    assert page.lower().count("research use only") == 1


def test_figures_are_in_the_page_and_beside_it(files: dict[str, bytes], page: str) -> None:
    figures = [name for name in files if name.startswith("figures/")]
    assert figures
    assert all(files[name].startswith(b"\x89PNG") for name in figures)
    assert page.count('<img src="data:image/png;base64,') == len(figures)
    assert all(a.get("alt") for t, a in Page(page).tags if t == "img")


def test_cohort_without_a_ctc_is_a_result(draw_report: Draw) -> None:
    page = draw_report(any_ctc=False)["report.html"].decode()
    assert "None of them is a circulating tumour cell, so no HER2 state was called." in page
    assert "There is no CTC to show." in page
    assert "insufficient: no CTC" in page


def test_large_cohort_keeps_every_donor(draw_report: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("her2plastic.report.cells.MOST_CELLS", 50)
    page = draw_report()["report.html"].decode()
    found = re.search(r'id="cells-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert data["shown"] == len(data["rows"]) == 50 < data["total"]
    assert {row[1] for row in data["rows"]} == {"P01", "P02", "P03"}
    assert "evenly drawn; all of them are in cells.h5ad" in page


def table(page: str, name: str) -> list[list[str]]:
    """The rows of a table as text."""
    found = re.search(rf'data-table="{name}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert found is not None
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", found[1], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_control_cells_are_counted_apart_everywhere(draw_report: Draw) -> None:
    with_controls = draw_report(controls=5)["report.html"].decode()
    assert "Beside them, 15 control cells of known state were read." in with_controls
    found = re.search(r"The calls of all (\d+) CTCs", with_controls)
    assert found is not None
    n_ctc = int(found[1])
    assert sum(int(row[2]) for row in table(with_controls, "cohort")) == 2 * n_ctc, "per donor and per draw"
    amplicon = table(with_controls, "amplicon")
    assert sum(int(row[2]) for row in amplicon) == n_ctc
    assert {row[0] for row in amplicon} <= {"P01", "P02", "P03"}
    data = re.search(r'id="cells-data">(.*?)</script>', with_controls, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["total"] == n_ctc
    events = re.search(r'data-table="events">.*?</table>', with_controls, re.DOTALL)
    assert events is not None
    assert events[0].count('<tr data-group="controls">') == 1
    assert events[0].count('<tr data-group="patients">') == 6


def test_scale_says_where_each_row_comes_from(page: str) -> None:
    basis = table(page, "basis")
    shipped = reference.her2_scale()
    assert [row[0] for row in basis] == list(shipped["state"])
    assert [row[3] for row in basis] == [str(n) if n else "–" for n in shipped["n"]]
    assert [row[4] for row in basis] == list(shipped["source"])
    assert basis[1][2] == "29 13 to 64"
    assert "a typical HER2-0 cell has 29 ERBB2 per million and a typical HER2-low cell 41" in page


def test_figures_have_the_size_of_what_they_show(draw_report: Draw, page: str) -> None:
    sizes = {a["alt"]: a["width"] for t, a in Page(page).tags if t == "img"}
    composition = next(width for alt, width in sizes.items() if (alt or "").startswith("Composition"))
    assert composition == "640", "six draws take half a page"
    many = draw_report([f"P{k:02d}" for k in range(8)], n_ctc=4)["report.html"].decode()
    assert 'class="plate wide" id="figure-composition"' in many
    assert 'class="plate wide"' not in page


def test_map_is_coloured_by_the_calls(draw_report: Draw) -> None:
    assert "obsm: X_umap, obs: her2_call" in draw_report()["report.html"].decode()

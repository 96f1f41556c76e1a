"""The chapter on transitions: a sentence a design, a picture of each result, a line for what was not asked."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anndata import AnnData
from selenium.webdriver import Chrome
from tests.pl.transition_records import (
    STATES,
    a_direction,
    some_rates,
    with_direction,
    with_draws,
    with_sorted,
)
from tests.report.conftest import annotated_cells, origin_of, patients_of

from her2plastic import _keys, tl
from her2plastic._access import record_step
from her2plastic.models import NullTest, TransitionRates
from her2plastic.report import draw, transition_sentences
from her2plastic.report.transition_results import not_asked_of

WHICH = (("P01", "P02"), 8, True, 0)
#: Patients of two tissues, most of whom read alike.
TISSUES = np.array([[40, 9, 1], [8, 50, 4], [0, 5, 30]])


def everything(cells: AnnData) -> AnnData:
    """The records of every design that rooms below make, and the reasons of those that were not asked."""
    adata = with_draws(7, cells.copy())
    root = adata.uns[_keys.ROOT]
    for step, other in (("switching_sorted", with_sorted()), ("direction", with_direction())):
        root[step] = other.uns[_keys.ROOT][step]
    conversion = tl.conversion(TISSUES, states=STATES, error=0.85, n_null=99)
    record_step(adata, "conversion", params={}, **conversion.record())
    few = TransitionRates.lacking("panel", STATES, "2 patients, 6 needed", level=0.9, numbers={"patients": 2})
    record_step(adata, "switching_panel", params={}, **few.record())
    record_step(adata, "transitions", params={}, not_asked={"clones": "no clones: <b>no</b> clone_id"})
    return adata


def page_of(adata: AnnData) -> dict[str, bytes]:
    return draw(adata, patients=patients_of(*WHICH), comparison=None, origin=origin_of([]))


@pytest.fixture(scope="module")
def adata() -> AnnData:
    return everything(annotated_cells(*WHICH))


@pytest.fixture(scope="module")
def files(adata: AnnData) -> dict[str, bytes]:
    return page_of(adata)


def test_each_design_has_its_sentence(adata: AnnData) -> None:
    said = dict(sentence.split(": ", 1) for sentence in transition_sentences(adata))
    assert list(said) == [
        "Blood draws", "Tissue over time", "Sorted cultures", "RNA velocity", "First and last tissue",
    ]  # fmt: skip
    assert said["Blood draws"].startswith(
        "The composition of the draws moved beyond what reading error and chance explain (shuffled draw order, p = 0.0"
    )
    assert said["Blood draws"].endswith(
        "the largest effective rate is HER2-low to HER2-0, 0.02 per day (0.01 to 0.04)."
    )
    assert said["Tissue over time"] == "Insufficient: 2 patients, 6 needed."
    assert "A direction was found: HER2-0 to HER2-low (shuffled unspliced, p = 0.005)" in said["RNA velocity"]
    assert said["RNA velocity"].endswith("it is no rate per day.")
    assert "reader error alone gives" in said["First and last tissue"]


def test_of_nulls_that_decide_together_the_sentence_holds_the_largest_p() -> None:
    tests = tuple(NullTest(name, "gain", 4.0, p) for name, p in (("order", 0.01), ("labels", 0.3), ("third", 0.9)))
    adata = AnnData(np.zeros((3, 2), dtype=np.float32))
    record_step(adata, "switching_draws", params={}, **replace(some_rates(), tests=tests, deciding=2).record())
    (draws,) = transition_sentences(adata)
    assert draws.endswith("No transition was found beyond what reading error and chance explain (labels, p = 0.3, the "
                          "larger of those of 2 nulls that decide together).")  # fmt: skip


def test_what_was_not_found_is_said_as_plainly() -> None:
    adata = AnnData(np.zeros((3, 2), dtype=np.float32))
    record_step(adata, "switching_draws", params={}, **some_rates(p=0.6).record())
    nothing: dict[str, Any] = a_direction().record()
    nothing["tests"]["0"]["p"] = 0.4
    record_step(adata, "direction", params={}, **nothing)
    draws, velocity = transition_sentences(adata)
    assert re.fullmatch(
        r"Blood draws: No transition was found beyond what reading error and chance explain \(shuffled draw order, "
        r"p = 0\.\d+\)\.",
        draws,
    )
    assert velocity.startswith("RNA velocity: No direction was found (shuffled unspliced, p = 0.4)")


def test_page_has_pictures_tables_and_what_was_not_asked(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    chapter = page[page.index('<section id="transitions"') : page.index('<section id="methods"')]
    drawn = {
        "draws_state_diagram", "draws_composition_over_time", "draws_null", "sorted_state_diagram",
        "sorted_re_equilibration", "sorted_null", "direction", "direction_null", "conversion", "conversion_null",
    }  # fmt: skip
    assert {name.removeprefix("figures/").removesuffix(".png") for name in files} >= drawn
    assert set(re.findall(r'id="figure-(\w+)"', chapter)) == drawn, "a design without a result has no empty picture"
    assert re.findall(r'data-table="(\w+)"', chapter) == ["transitions", "direction", "conversion", "nulls"]
    assert "no clones: &lt;b&gt;no&lt;/b&gt; clone_id" in chapter
    assert "not identified" in chapter
    assert chapter.count("Rate per day") == 1
    for source in re.findall(r'<code class="key">([^<]*)</code>', chapter):
        assert re.match(r"(uns|(transitions|direction|conversion|nulls)\.csv): ", source), source


def test_designs_of_one_reason_are_said_in_one_line() -> None:
    adata = AnnData(np.zeros((3, 2), dtype=np.float32))
    designs = ("draws", "panel", "sorted", "clones", "trajectory", "direction", "conversion")
    record_step(adata, "transitions", params={}, not_asked=dict.fromkeys(designs, "switched off"))
    assert not_asked_of(adata) == [("All of them", "switched off")]
    lacking = dict.fromkeys(("panel", "conversion"), "no tissue") | {"clones": "no clones"}
    record_step(adata, "transitions", params={}, not_asked=lacking)
    assert not_asked_of(adata) == [("Tissue over time, First and last tissue", "no tissue"), ("Clones", "no clones")]


def test_nothing_asked_and_no_reason_is_no_chapter(files: dict[str, bytes]) -> None:
    assert 'href="#transitions"' in files["report.html"].decode()
    assert 'id="transitions"' not in page_of(annotated_cells(*WHICH))["report.html"].decode()


def test_same_results_give_the_same_page(adata: AnnData, files: dict[str, bytes]) -> None:
    assert page_of(adata) == files


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1366, 768), (390, 844), (320, 640)])
def test_chapter_in_a_browser(browser: Chrome, files: dict[str, bytes], tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "report.html").write_bytes(files["report.html"])
    view = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
    browser.get_log("browser")
    browser.get((tmp_path / "report.html").as_uri() + "#transitions")
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    shown = "return [...document.querySelectorAll('#transitions img')].every((i) => i.complete && i.naturalWidth > 0)"
    assert browser.execute_script(shown)

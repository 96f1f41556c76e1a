"""The page of a run over slides: whole, closed to the network, no wider than a phone, names as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from selenium.webdriver import Chrome

from her2plastic import _keys

SIZES = ((1366, 768), (390, 844), (320, 640))
DrawSlides = Callable[..., dict[str, bytes]]


def origin_of(notes: list[str]) -> dict[str, Any]:
    return {
        "versions": {"python": "3.13", "her2plastic": "0.1.0"},
        "seed": 0,
        "config": {
            "title": "HER2 by fluorescence",
            "her2": {"interval": 0.9},
            "figures": {"formats": ["png"], "dpi": 50},
        },
        "inputs": [{"role": "slide", "name": "a.ome.tif", "bytes": 12345, "sha256": "0" * 64}],
        "steps": [{"step": "her2_if", "parameters": {"level": 0.9}}],
        "notes": notes,
    }


@pytest.fixture(scope="session")
def draw_slides() -> DrawSlides:
    """What draws the report of one slide of a donor of any name, with another slide that failed."""
    pytest.importorskip("dask", reason="the imaging extra is not installed")
    from her2plastic import im, tl
    from her2plastic.datasets import simulate_slide
    from her2plastic.report import draw_slides
    from her2plastic.run.patients import patient_table
    from her2plastic.run.slide_tables import slide_table

    def drawn(name: str = "P01-d0", notes: tuple[str, ...] = ()) -> dict[str, bytes]:
        slide = simulate_slide(shape=(400, 400), n_leukocytes=30, n_ctcs=6, seed=2, slide_id=name).slide
        segmentation = im.segment(slide)
        adata = im.measure(segmentation)
        for key, value in ((_keys.DONOR_ID, name), (_keys.SAMPLE_ID, name), (_keys.DRAW_DAY, 0.0)):
            adata.obs[key] = value
        im.ctc_identity(adata)
        tl.her2_if(adata, calibration="reference")
        rows = [{_keys.SAMPLE_ID: each, _keys.DONOR_ID: each, _keys.DRAW_DAY: 0.0} for each in (name, "lost")]
        sheet = pd.DataFrame(rows)
        ctcs = adata.obs_names[adata.obs[_keys.IS_CTC].to_numpy()]
        found = SimpleNamespace(
            adata=adata,
            slides=slide_table(sheet, {name: (adata, adata.uns[_keys.ROOT]["slide"])}, {"lost": "it is cut short"}, {}),
            patients=patient_table(adata, sheet, level=0.9, shares=tl.her2_if_shares),
            rules=tl.her2_patient_rules(adata),
            joined=None,
            reviewed=None,
            notes=list(notes),
            segmentations={name: segmentation},
            crops={name: im.crops(segmentation, cells=list(ctcs))},
        )
        return draw_slides(found, origin=origin_of(list(notes)))

    return drawn


@pytest.fixture(scope="module")
def files(draw_slides: DrawSlides) -> dict[str, bytes]:
    return draw_slides()


def test_page_holds_pictures_cards_rules_and_what_failed(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    assert len(files["report.html"]) < 2_000_000
    assert page.count("data:image/jpeg;base64,") == 2, "what the objects are, and HER2"
    assert len(re.findall(r'<p class="who">P01-d0:\d+</p>', page)) == page.count('class="score"') >= 5
    assert "failed: it is cut short" in page
    assert "lost could not be measured" in page
    assert page.count("low resolution") == 1
    assert "No control line was measured with these slides" in page
    assert "were a tenth of the CTCs positive, it would be met with" in page
    assert page.lower().count("research use only") == 1
    for source in re.findall(r'<code class="key">([^<]*)</code>', page):
        assert re.match(r"(obs|uns|slides\.csv|patients\.csv|rules\.csv|provenance\.json): ", source), source
    assert {"figures/her2_if.png", "figures/slide_1_identity.png", "figures/slide_1_her2.png"} <= set(files)


def test_same_results_give_the_same_page(draw_slides: DrawSlides, files: dict[str, bytes]) -> None:
    assert draw_slides() == files


@pytest.mark.browser
def test_page_in_a_browser(browser: Chrome, files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "report.html").write_bytes(files["report.html"])
    for width, height in SIZES:
        view = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
        browser.get_log("browser")
        browser.get((tmp_path / "report.html").as_uri())
        assert browser.get_log("browser") == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    shown = "return [...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    assert browser.execute_script(shown)


@pytest.mark.browser
def test_hostile_names_stay_text(
    browser: Chrome, draw_slides: DrawSlides, hostile_names: tuple[str, ...], tmp_path: Path
) -> None:
    name = hostile_names[1]
    page = draw_slides(name, notes=hostile_names)["report.html"]
    (tmp_path / "report.html").write_bytes(page)
    browser.get((tmp_path / "report.html").as_uri())
    assert browser.execute_script("return window.hacked") is None
    first = "return document.querySelector('[data-table=\"slides\"] tbody th').textContent"
    assert browser.execute_script(first) == name

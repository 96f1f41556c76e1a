"""The site is built with every warning an error, and what is built opens from a folder without any network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("sphinx", reason="sphinx is not installed")
pytest.importorskip("myst_nb", reason="myst-nb is not installed")

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tests.browsing import LAPTOP, PHONE, browser, opened, schemes_asked

__all__ = ["browser"]

PROJECT = Path(__file__).parents[2]
#: Opened at both widths.
LOOKED_AT = ("index", "tour", "guides", "draws", "generated/keys", "generated/api/tl.her2_state")


def build(folder: Path) -> Path:
    """Build a copy of the pages with nothing executed: figures are missing, everything else is there."""
    copied = shutil.ignore_patterns("generated", "__pycache__", "*.pyc")
    shutil.copytree(PROJECT / "docs", folder / "docs", ignore=copied)
    shutil.copytree(PROJECT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(PROJECT / name, folder)
    settings = ["-D", "nb_execution_mode=off", "-D", "suppress_warnings=mystnb.glue"]
    line = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", *settings, "-d", "trees", "docs", "site"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, env=os.environ | threads)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def complaints(browser: Chrome) -> list[str]:
    """Return what the console says of the page; the theme tells there which of its looks it takes."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] != "INFO"]


def broken_links(site: Path) -> list[str]:
    """Return every link, script, style and picture of the site that leads nowhere, or is fetched from elsewhere."""
    anchors, found = {}, []
    for page in (path for path in site.rglob("*.html") if "_static" not in path.parts):
        text = page.read_text(encoding="utf-8")
        anchors[page.resolve()] = set(re.findall(r'\bid="([^"]+)"', text)) | {""}
    for page in anchors:
        text = page.read_text(encoding="utf-8")
        for tag, target in re.findall(r'<(a|img|script|link|source|iframe)\b[^>]*?\s(?:href|src)="([^"]*)"', text):
            parts = urlsplit(unescape(target))
            if parts.scheme in ("http", "https") or parts.netloc:
                found += [] if tag == "a" else [f"{page.name}: {tag} {target}"]
            elif parts.scheme == "":
                file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
                whole = file.is_file() and (
                    file.suffix != ".html" or unquote(parts.fragment) in anchors.get(file, {""})
                )
                found += [] if whole else [f"{page.relative_to(site)}: {target}"]
    return found


@pytest.mark.browser
def test_site_is_built_whole_and_opens_offline(tmp_path: Path, browser: Chrome) -> None:
    site = build(tmp_path)
    assert broken_links(site) == []
    serum = (site / "serum.html").read_text(encoding="utf-8")
    assert re.search(r'Laird and\s+Ware 1982 .*?href="bibliography.html#', serum)
    assert re.search(r">Sources</p>.*<li><p>Laird, Ware \(1982\)", serum, re.S), "a page lists its sources"
    tables = (site / "generated" / "reference_tables.html").read_text(encoding="utf-8")
    assert "Working assumptions, not fits" in " ".join(tables.split()), "a table says what its numbers rest on"
    for name in LOOKED_AT:
        for size in (LAPTOP, PHONE):
            opened(browser, (site / f"{name}.html").as_uri(), size)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0], (name, size)
            assert schemes_asked(browser) <= {"file", "data"}, name
            assert complaints(browser) == [], name

    opened(browser, (site / "search.html").as_uri() + "?q=misclassification")
    results = WebDriverWait(browser, 20).until(lambda found: found.find_elements(By.CSS_SELECTOR, "ul.search > li a"))
    assert any("Glossary" in result.text for result in results)
    assert schemes_asked(browser) <= {"file", "data"}
    assert complaints(browser) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html">1</a><a href="b.html#there">2</a><a href="#here">3</a><p id="top"><a href="#top">4</a>'
        '<img alt="" src="none.png"><script defer src="https://example.org/x.js"></script><a href="https://x.org">5</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<p id="there">', encoding="utf-8")
    assert len(broken_links(tmp_path)) == 3

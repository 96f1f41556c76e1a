"""What the pages of the documentation say of the package is true of it, and each says what its kind has to say."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md")) if "generated" not in path.parts
}
#: Pages on a model.
SCIENCE = (
    "conversion.md", "direction.md", "draws.md", "her2_states.md", "identity.md", "image_calls.md",
    "panel_models.md", "review_agreement.md", "serum.md", "sorted_assays.md", "tissue_status.md",
    "trajectory.md", "variants.md",
)  # fmt: skip
ROOMS = ("datasets", "im", "io", "models", "pl", "pp", "reference", "tl")
_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)$", re.M | re.S)


def code_of(text: str) -> list[str]:
    """Return the Python of a page, cells that the build executes included."""
    return [
        re.sub(r"^:\w+:.*\n", "", found["text"], flags=re.M)
        for found in _FENCE.finditer(text)
        if found["kind"].startswith(("python", "{code-cell}"))
    ]


def names_in(text: str) -> set[tuple[str, str]]:
    """Return the names of the package that a text uses, as room and name."""
    found = re.findall(rf"\b(?:hp|her2plastic)\.({'|'.join(ROOMS)})\.(\w+)", text)
    found += re.findall(rf"`({'|'.join(ROOMS)})\.(\w+)[`(]", text)
    return set(found)


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_is_python(page: str) -> None:
    for code in code_of(PAGES[page].read_text(encoding="utf-8")):
        ast.parse(code)


@pytest.mark.parametrize("page", PAGES)
def test_names_of_a_page_are_there(page: str) -> None:
    for room, name in names_in(PAGES[page].read_text(encoding="utf-8")):
        module = importlib.import_module(f"her2plastic.{room}")
        if not hasattr(module, name):
            importlib.import_module(f"her2plastic.{room}.{name}")


def test_search_for_code_and_names_finds_them() -> None:
    text = "`tl.one` and `pl.two(x)`\n```python\nhp.io.three()\n```\n```{code-cell} ipython3\n:tags: [a]\n1 + 1;\n```\n"
    assert names_in(text) == {("tl", "one"), ("pl", "two"), ("io", "three")}
    assert code_of(text) == ["hp.io.three()\n", "1 + 1;\n"]


@pytest.mark.parametrize("page", SCIENCE)
def test_page_on_a_model_says_what_it_must(page: str) -> None:
    """An equation or its parts, what is assumed, when there is no answer, and sources."""
    text = PAGES[page].read_text(encoding="utf-8")
    headings = re.findall(r"^##+ (.+)$", text, re.M)
    assert any(re.match(r"Assum|What is assumed", heading) for heading in headings)
    assert any("insufficient" in heading or "does not answer" in heading for heading in headings)
    assert "$" in text, "an equation"
    assert re.search(r"[A-Z][a-z]+(?: et al\.| and [A-Z][a-z]+)? (?:19|20)\d\d|^## Sources", text, re.M), "a source"

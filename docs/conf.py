"""How the documentation is built; its generated pages are made by the modules in ``pages/``."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = HERE.parent
sys.path.insert(0, str(HERE))

from pages import (  # noqa: E402
    api,
    citations,
    commands,
    figures,
    formats,
    kernels,
    keys,
    links,
    mathml,
    notebooks,
    project_files,
    reference_tables,
)

project = "her2plastic"
author = "The her2plastic developers"
copyright = f"2026, {author}"
release = version = version_of("her2plastic")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["pages", "reference", "**/.ipynb_checkpoints"]
nitpicky = False

# --- pages ------------------------------------------------------------------------------------------------------------
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# --- notebooks: executed by the build, so that what is shown is what the code gives -----------------------------------
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_merge_streams = True


def code_digest() -> str:
    """Return what tells the code of the package: notebooks that were run with other code are run again."""
    digest = hashlib.sha256()
    for path in sorted((PROJECT / "src").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


CODE = code_digest()
nb_execution_cache_path = str(PROJECT / "build" / "executed" / CODE)
# The published cells of a notebook are shown where their data lie, as the tests find them; elsewhere a stand-in is.
DATA = Path(os.environ.get("HER2PLASTIC_TEST_DATA", PROJECT.parent / "shared" / "data"))
if (DATA / "gse75367").is_dir():
    os.environ.setdefault("HER2PLASTIC_GSE75367", str(DATA / "gse75367"))

# --- the API from docstrings ------------------------------------------------------------------------------------------
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
napoleon_google_docstring = False
# A docstring tells what comes back in prose; napoleon would take its first line for a type.
napoleon_custom_sections = ["Returns"]

# --- looks: everything that a page needs lies beside it ---------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "her2plastic"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["offline.js"]
html_favicon = "_static/mark.svg"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {"index": []}
html_context = {"default_mode": "auto"}
html_theme_options: dict[str, Any] = {
    "logo": {"text": "her2plastic", "image_light": "_static/mark.svg", "image_dark": "_static/mark.svg"},
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}


def write_pages(app: Any, config: Any) -> None:
    """Write the generated pages before any page is read."""
    generated = HERE / "generated"
    if config.nb_execution_mode != "off":
        kernels.write_profile(PROJECT / "build" / "ipython")
        figures.draw(generated / "figures", digest=CODE)
    figures.write(generated / "figures.md", generated / "figures")
    api.write(generated / "api", generated / "figures")
    commands.write(generated)
    formats.write(generated / "formats.md")
    keys.write(generated / "keys.md")
    notebooks.write(PROJECT / "notebooks", generated / "notebooks")
    project_files.write(PROJECT, generated)
    reference_tables.write(generated / "reference_tables.md")


def setup(app: Any) -> None:
    """Number sources and link names as pages are read."""
    mathml.add(app)
    app.connect("config-inited", write_pages)
    app.connect("autodoc-process-docstring", citations.in_docstring)
    app.connect("source-read", citations.in_page)
    app.connect("doctree-resolved", links.link_code)
    app.connect("missing-reference", links.find_class)

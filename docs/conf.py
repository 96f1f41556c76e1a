"""How the documentation is built; its generated pages are made by the modules in ``pages/``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from pages import api, citations, formats, keys  # noqa: E402

project = "her2plastic"
author = "The her2plastic developers"
copyright = f"2026, {author}"
release = version = version_of("her2plastic")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "pages", "reference", "**/.ipynb_checkpoints"]
nitpicky = False

# --- pages --------------------------------------------------------------------------------------------------------
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
bibtex_reference_style = "author_year"

# --- notebooks: executed by the build, so that what is shown is what the code gives -----------------------------------
nb_execution_mode = "cache"
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_merge_streams = True

# --- the API from docstrings -----------------------------------------------------------------------------------------
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_rtype = False
# A docstring tells what comes back in prose; napoleon would take its first line for a type.
napoleon_custom_sections = ["Returns"]

# --- looks: everything that a page needs lies beside it ---------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "her2plastic"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options: dict[str, Any] = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sphinx = False


def setup(app: Any) -> None:
    """Write the generated pages before any page is read, and link the sources that docstrings name."""
    generated = HERE / "generated"
    api.write(generated / "api")
    keys.write(generated / "keys.md")
    formats.write(generated / "formats.md")
    app.connect("autodoc-process-docstring", citations.link)

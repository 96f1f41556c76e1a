"""What a page names in code leads to where it is explained: public functions, keys of an AnnData, other pages."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

from her2plastic._keys import REGISTRY
from pages.api import homes

PUBLIC = homes()
#: Classes are named alone in signatures.
BY_LAST_NAME = {name.split(".")[1]: name for name in reversed(list(PUBLIC))}
KEYS = {(key.slot, key.name) for key in REGISTRY}

_NAME = re.compile(r"(?:hp\.|her2plastic\.)?(?P<name>[a-z]+\.\w+)(?:\.\w+)*(?:\(.*\))?")
_FILE = re.compile(r"(?:docs/)?(?P<page>[\w/]+)\.md|notebooks/(?P<notebook>\w+)\.ipynb")
_KEY = re.compile(r"(?:adata\.|cells\.)?(?P<slot>obs|var|obsm|obsp|layers|uns)\[\"(?P<key>\w+)\"\]")


def link_code(app: Any, doctree: nodes.document, docname: str) -> None:
    """Wrap what is a public name, a key or a page in a link, but in headings and links."""
    if app.builder.format != "html":
        return
    for code in list(doctree.findall(nodes.literal)):
        target = _target(code.astext(), app.env.found_docs)
        if target is None or target[0] == docname or _stands_in(code, (nodes.reference, nodes.title, nodes.term)):
            continue
        page, anchor = target
        uri = app.builder.get_relative_uri(docname, page) + anchor
        link = nodes.reference("", "", internal=True, refuri=uri)
        code.replace_self(link)
        link += code


def find_class(app: Any, env: Any, node: Any, content: nodes.Element) -> nodes.Element | None:
    """Lead a type of a signature to its public place, wherever its module is."""
    name = BY_LAST_NAME.get(node.get("reftarget", "").rpartition(".")[2])
    if name is None or node.get("refdomain") != "py":
        return None
    uri = app.builder.get_relative_uri(node["refdoc"], f"generated/api/{PUBLIC[name]}")
    link = nodes.reference("", "", internal=True, refuri=uri)
    link += content
    return link


def _target(text: str, pages: set[str]) -> tuple[str, str] | None:
    """Return the page and the place in it that a piece of code names."""
    if found := _FILE.fullmatch(text):
        page = found["page"] or f"generated/notebooks/{found['notebook']}"
        return (page, "") if page in pages else None
    if (found := _KEY.fullmatch(text)) and (found["slot"], found["key"]) in KEYS:
        return "generated/keys", f"#{found['slot']}-{found['key'].lower().replace('_', '-')}"
    if (found := _NAME.fullmatch(text)) and found["name"] in PUBLIC:
        home = PUBLIC[found["name"]]
        return f"generated/api/{home}", "" if home == found["name"] else f"#her2plastic.{found['name']}"
    return None


def _stands_in(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while (node := node.parent) is not None:
        if isinstance(node, kinds):
            return True
    return False

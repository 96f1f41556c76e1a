"""From what a page shows to its HTML, which holds everything and may load nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from her2plastic import _keys
from her2plastic.report.colours import CALL_CLASSES, HATCHED, STATE_CLASSES, css_colours


def render(template: str, **context: Any) -> str:
    """Return a page of ``assets`` with what it shows; every text of the data is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("her2plastic.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = f":root {{ {css_colours()} }}\n{_asset('report.css')}"
    script = _asset("report.js")
    return environment.get_template(template).render(
        policy=_policy(style, script), style=style, script=script, looks=STATE_CLASSES, states=_keys.STATES, **context
    )


def _policy(style: str, script: str) -> str:
    """Return a content security policy: this style and this script, embedded images, and nothing else."""
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"
        for text in (style, script)
    ]
    return (
        f"default-src 'none'; img-src data:; style-src {digests[0]}; script-src {digests[1]}; "
        "base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return (files("her2plastic.report") / "assets" / name).read_text(encoding="utf-8")


def call_pieces(calls: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the pieces of the bar of all calls: where each begins, how long it is, and what it says."""
    total = sum(calls.values())
    pieces, start = [], 0.0
    for call, count in calls.items():
        share = count / total if total else 0.0
        pieces.append({"call": call, "count": count, "share": share, "start": start, "look": CALL_CLASSES[call],
                       "hatched": call in HATCHED})  # fmt: skip
        start += share
    return pieces

"""The report: one HTML page that holds everything it shows and may load nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from her2plastic import _keys
from her2plastic.report import calibration, methods
from her2plastic.report.cells import ctc_data
from her2plastic.report.colours import CALL_CLASSES, HATCHED, STATE_CLASSES, css_colours
from her2plastic.report.figures import draw_figures
from her2plastic.report.summary import Headline, headline
from her2plastic.report.tables import Table, cohort_table, events_table

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.tl import ProgrammeComparison

PAGE: Final = "report.html"


def draw(
    adata: AnnData, *, patients: pd.DataFrame, comparison: ProgrammeComparison | None, origin: Mapping[str, Any]
) -> dict[str, bytes]:
    """Draw the figures and the report of a run.

    Parameters
    ----------
    adata
        Cells after the last step.
    patients
        The patient table: a row per donor and per draw.
    comparison
        The programmes compared between HER2 states; None where that was not done.
    origin
        What the results were made from: ``config``, ``versions``, ``inputs``, ``steps``, ``notes``. Times are not
        shown, so that the same results give the same page.

    Returns
    -------
    The files by relative name: ``report.html`` and ``figures/*``.
    """
    config = origin["config"]
    wanted = config["figures"]
    level = config["her2"]["interval"]
    drawings = draw_figures(adata, patients, formats=wanted["formats"], dpi=wanted["dpi"], level=level)
    head = headline(adata, patients)
    page = _render(
        title=config["title"],
        seed=origin["seed"],
        version=origin["versions"]["her2plastic"],
        head=head,
        sentences=head.sentences(),
        calls=_call_pieces(head),
        insufficient=_insufficient(patients),
        notes=origin["notes"],
        method=methods.method_sentences(adata),
        calibration=calibration.sentences(adata),
        overlap=calibration.overlap_sentence(adata),
        figures=drawings,
        cells=ctc_data(adata),
        slides=None,
        **_tables(adata, patients, comparison, origin),
    )
    written = {PAGE: page.encode("utf-8")}
    for drawing in drawings:
        written |= drawing.files
    return written


def _tables(
    adata: AnnData, patients: pd.DataFrame, comparison: ProgrammeComparison | None, origin: Mapping[str, Any]
) -> dict[str, Table | None]:
    level = float(origin["config"]["her2"]["interval"])
    return {
        "cohort": cohort_table(patients, level),
        "events": events_table(adata),
        "amplicon": methods.mechanisms_table(adata),
        "programmes": None if comparison is None else methods.comparison_table(comparison),
        "basis": calibration.basis_table(adata),
        "scale": calibration.scale_table(adata),
        "reading": methods.reading_table(adata),
        "inputs": methods.inputs_table(origin["inputs"]),
        "parameters": methods.parameters_table(origin["steps"]),
        "versions": methods.versions_table(origin["versions"]),
    }


def _call_pieces(head: Headline) -> list[dict[str, Any]]:
    """Return the pieces of the bar of all calls: where each begins, how long it is, and what it says."""
    pieces, start = [], 0.0
    for call, count in head.calls.items():
        share = count / head.n_ctc if head.n_ctc else 0.0
        pieces.append({"call": call, "count": count, "share": share, "start": start, "look": CALL_CLASSES[call],
                       "hatched": call in HATCHED})  # fmt: skip
        start += share
    return pieces


def _insufficient(patients: pd.DataFrame) -> list[dict[str, str]]:
    """Return the donors and draws about which nothing, or little, can be said, with the reason."""
    named = patients[patients["note"].astype(str) != ""]
    return [
        {
            "who": str(row["donor_id"]) + ("" if row["scope"] == "donor" else f", day {row['draw_day']:g}"),
            "note": str(row["note"]),
        }
        for row in named.to_dict("records")
    ]


def _render(**context: Any) -> str:
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
    return environment.get_template("page.html").render(
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

"""The figures of the clinical chapter: a timeline per patient, and serum HER2 over the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from her2plastic import _keys, pl, tl
from her2plastic.pl._patient_timeline import draw_timeline, size_of
from her2plastic.report.clinical_findings import ClinicalFindings
from her2plastic.report.figures import Drawing, FigureSpec, drawn

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes

_WIDE: Final = (10.2, 4.8)
_TIMELINE: Final = (
    "Specimens of tissue with their status, treatments, the HER2 states of the CTCs at each draw (bar: HER2-positive "
    "share with its interval), serum HER2 and the somatic ERBB2 alleles that were called, on one axis of days. Each "
    "draw is of other cells."
)
_AS_ABOVE: Final = "Read as the first."
_TRAJECTORIES: Final = (
    "Serum HER2 of each patient over treatment by response. Response is known only later: the lines describe, they do "
    "not predict."
)
_ROC: Final = (
    "How well serum HER2 at each look tells patients with response from those without, with intervals that hold for "
    "all looks together. A look on treatment is of those still on it."
)
_EFFECTS: Final = "Fixed effects of the mixed model of log serum HER2, as factors with their intervals."


def timelines(
    adata: AnnData,
    donors: Sequence[str],
    findings: ClinicalFindings,
    patients: pd.DataFrame,
    *,
    figures: Mapping[str, Any],
    level: float,
) -> list[Drawing]:
    """Draw the timeline of each patient; the shares are those of the patient table."""
    draws = patients[patients["scope"] == "draw"]
    shares = tl.HER2Shares(draws, (_keys.DONOR_ID, _keys.DRAW_DAY), level)
    alleles = None if findings.variants is None else findings.variants.to_frame()
    made = []
    for place, donor in enumerate(donors, start=1):
        data = pl.prepare_patient_timeline(
            adata, donor=donor, tissue=findings.tissue, serum=findings.visits, alleles=alleles, shares=shares
        )
        # donors may have names that no file can have
        caption = _TIMELINE if place == 1 else _AS_ABOVE
        spec = FigureSpec(f"timeline_{place:02d}", f"{donor} over time", caption, _keys_of(data))
        made.append(drawn(spec, size_of(data), partial(_draw, data, findings.cutoff), figures))
    return made


def _draw(data: pl.PatientTimelineData, cutoff: float, ax: Axes) -> Axes:
    return draw_timeline(data, cutoff=cutoff, ax=ax)


def _keys_of(data: pl.PatientTimelineData) -> tuple[tuple[str, str], ...]:
    shown = {
        "tissue.csv": data.tissue,
        "patients.csv": data.draws,
        "serum.csv": data.serum,
        "alleles.csv": data.alleles,
    }
    return tuple((name, _keys.DONOR_ID) for name, table in shown.items() if len(table))


def cohort_figures(serum: tl.Serum | None, visits: pd.DataFrame | None, *, figures: Mapping[str, Any]) -> list[Drawing]:
    """Draw what serum HER2 says of the cohort, as far as the data suffice."""
    if serum is None or serum.status != "ok":
        return []
    where = (("serum.csv", "value"),)
    made = [
        drawn(FigureSpec("serum_trajectories", "Serum HER2 over treatment", _TRAJECTORIES, where), _WIDE,
              lambda ax: pl.serum_trajectories(serum, ax=ax), figures),
        drawn(FigureSpec("serum_effects", "What moves serum HER2", _EFFECTS, (("serum_effects.csv", "factor"),)), _WIDE,
              lambda ax: pl.effects(serum, ax=ax), figures),
    ]  # fmt: skip
    if (serum.roc["status"] == "ok").any():
        made.append(drawn(FigureSpec("serum_roc", "Serum HER2 and response", _ROC, where), _WIDE,
                          lambda ax: pl.serum_roc(serum, ax=ax), figures))  # fmt: skip
    return made

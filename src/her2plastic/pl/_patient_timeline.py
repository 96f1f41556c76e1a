"""One patient over time: tissue status, treatments, draws, serum HER2 and ERBB2 alleles on one axis of days."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import ParameterError
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, headed, say
from her2plastic.pl.timeline_data import PatientTimelineData, gather
from her2plastic.pl.timeline_tracks import DayAxis, Track, tracks_of
from her2plastic.reference.serum import CUTOFF_NG_ML

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes

    from her2plastic.tl import HER2Shares

_WIDTH: Final = 9.8
#: Inches between tracks, above them for the title, and below for the legend; of the names at the left.
_GAP, _ABOVE, _BELOW = 0.13, 0.62, 0.78
_LEFT: Final = 0.085
_RIGHT: Final = 0.04


def prepare_patient_timeline(
    adata: AnnData | None,
    *,
    donor: str,
    tissue: pd.DataFrame | None = None,
    serum: pd.DataFrame | None = None,
    alleles: pd.DataFrame | None = None,
    treatments: pd.DataFrame | None = None,
    shares: HER2Shares | None = None,
) -> PatientTimelineData:
    """Return what :func:`patient_timeline` draws.

    Parameters
    ----------
    adata
        Cells with HER2 states; None for a patient of whom there is none.
    donor
        The patient.
    tissue
        Specimens, as :func:`her2plastic.io.read_tissue` gives them; by default what stands beside the draws in ``obs``.
    serum
        Visits, as :func:`her2plastic.io.read_serum` gives them.
    alleles
        ``to_frame()`` of :func:`her2plastic.tl.variants`.
    treatments
        Columns ``donor``, ``start_day``, ``end_day``, ``treatment``; by default what stands beside the draws in
        ``obs``, each from the draw before.
    shares
        Shares by donor and draw day; computed by :func:`her2plastic.tl.her2_shares` if they are not given.

    Returns
    -------
    Everything known of the patient.

    Raises
    ------
    MissingKeyError
        A table lacks a column, or the cells have no HER2 states.
    ParameterError
        Nobody knows the donor, or a field cannot be read.

    Examples
    --------
    >>> import her2plastic as hp
    >>> files = hp.datasets.demo_patients(".")
    >>> tissue = hp.io.read_tissue(files["tissue"])
    >>> serum = hp.io.read_serum(files["serum"])
    >>> data = hp.pl.prepare_patient_timeline(None, donor="D02", tissue=tissue, serum=serum)
    >>> print(data.tissue[["day", "site", "ihc_score", "status", "tissue_class"]].to_string(index=False))
       day             site ihc_score   status  tissue_class
    -410.0          primary  ultralow negative HER2-ultralow
      45.0 pleural effusion        2+ negative      HER2-low
    """
    return gather(
        adata, donor, tissue=tissue, serum=serum, alleles=alleles, treatments=treatments, shares=shares
    )  # fmt: skip


def patient_timeline(
    adata: AnnData | None,
    *,
    donor: str,
    tissue: pd.DataFrame | None = None,
    serum: pd.DataFrame | None = None,
    alleles: pd.DataFrame | None = None,
    treatments: pd.DataFrame | None = None,
    shares: HER2Shares | None = None,
    cutoff: float | None = CUTOFF_NG_ML,
    ax: Axes | None = None,
) -> Axes:
    """Draw one patient over time: tissue status, treatments, draws with their states, serum HER2, alleles.

    Parameters
    ----------
    adata, donor, tissue, serum, alleles, treatments, shares
        As for :func:`prepare_patient_timeline`.
    cutoff
        Line across serum HER2, ng/mL; None for none. Cut-offs hold for the assay they were found with.
    ax
        Axes to draw on, which the tracks share; new ones by default.

    Returns
    -------
    The axes that hold the tracks. Tracks without data are left out; tissue from long before the rest stands left of a
    dashed line, with its day.

    Raises
    ------
    MissingKeyError
        A table lacks a column, or the cells have no HER2 states.
    ParameterError
        Nobody knows the donor, a field cannot be read, or the cut-off is not above 0.

    Examples
    --------
    >>> import her2plastic as hp
    >>> files = hp.datasets.demo_patients(".")
    >>> tissue = hp.io.read_tissue(files["tissue"])
    >>> serum = hp.io.read_serum(files["serum"])
    >>> ax = hp.pl.patient_timeline(None, donor="D02", tissue=tissue, serum=serum)
    >>> ax.get_title(loc="left")
    'D02'
    """
    if cutoff is not None and (isinstance(cutoff, bool) or not np.isfinite(cutoff) or cutoff <= 0):
        raise ParameterError(f"cutoff={cutoff!r}: expected ng/mL above 0, or None")
    data = prepare_patient_timeline(
        adata, donor=donor, tissue=tissue, serum=serum, alleles=alleles, treatments=treatments, shares=shares
    )
    return draw_timeline(data, cutoff=cutoff, ax=ax)


def draw_timeline(data: PatientTimelineData, *, cutoff: float | None, ax: Axes | None) -> Axes:
    """Draw what was gathered of a patient."""
    tracks = tracks_of(data, cutoff)
    with drawing(ax, size_of(data)) as ax:
        headed(ax, data.donor, _line(data))
        if not tracks:
            say(ax, "nothing with a day is known of this patient")
            return ax
        axis = DayAxis.of(data)
        height = sum(track.height for track in tracks) + _GAP * (len(tracks) - 1)
        top = 1.0
        for place, track in enumerate(tracks):
            part = track.height / height
            panel = ax.inset_axes((_LEFT, top - part, 1 - _LEFT - _RIGHT, part))
            top -= part + _GAP / height
            _frame(panel, track, data, axis, last=place == len(tracks) - 1)
            track.draw(panel, data, axis)
            panel.set_xlim(*axis.limits)
        _legend(ax, data, tracks)
        return ax


def size_of(data: PatientTimelineData) -> tuple[float, float]:
    """Return width and height in inches at which the tracks can be read."""
    tracks = tracks_of(data, None)
    height = sum(track.height for track in tracks) + _GAP * max(len(tracks) - 1, 0)
    return _WIDTH, max(height, 1.2) + _ABOVE + _BELOW


def _frame(panel: Axes, track: Track, data: PatientTimelineData, axis: DayAxis, *, last: bool) -> None:
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=8.8, length=2.5)
    panel.annotate(track.name, (0, 0.5), xycoords="axes fraction", xytext=(-44, 0), textcoords="offset points",
                   ha="right", va="center", fontsize=9.5, multialignment="right")  # fmt: skip
    if track.name in ("tissue", "treatment"):
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
    for day in data.draws["day"].astype(float):
        panel.axvline(day, color="#EEF0F3", linewidth=1.0, zorder=0)
    if np.isfinite(data.progression_day):
        panel.axvline(data.progression_day, color="#333333", linewidth=1.1, linestyle=(0, (1, 1.5)), zorder=1)
    axis.mark_break(panel)
    if last:
        panel.set_xlabel("day", fontsize=9.5, labelpad=1)
        ticks = panel.xaxis.get_major_locator().tick_values(axis.low, axis.high)
        panel.set_xticks([tick for tick in ticks if axis.low - 0.02 * axis.span <= tick <= axis.limits[1]])
    else:
        panel.tick_params(labelbottom=False, bottom=False)
        panel.spines["bottom"].set_color("#D5DAE0")


def _line(data: PatientTimelineData) -> str:
    """Return what the last draw says, the response, and the germline."""
    parts = []
    called = data.draws[data.draws[f"share_{_keys.STATES[-1]}"].notna()] if len(data.draws) else data.draws
    if len(called):
        row = called.iloc[-1]
        share, lower, upper = (float(row[f"{part}_{_keys.STATES[-1]}"]) for part in ("share", "lower", "upper"))
        parts.append(
            f"last draw: {share:.0%} of {int(row['n_ctc']):,} CTCs {_keys.STATES[-1]} ({lower:.0%} to {upper:.0%})"
        )
    if data.response:
        parts.append(data.response)
    if data.genotypes:
        parts.append(f"germline: {', '.join(data.genotypes)}")
    return shorten("; ".join(parts), 130, placeholder=" ...")


def _legend(ax: Axes, data: PatientTimelineData, tracks: list[Track]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    told = []
    names = {track.name for track in tracks}
    if "tissue" in names or len(data.draws):
        handles += [
            Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", label=state)
            for state, look in palette.STATES.items()
        ]
    if data.tissue[_keys.TISSUE_STATE].isna().any():
        handles.append(Line2D([], [], linestyle="", marker="D", markerfacecolor="white", markeredgecolor="#8A8A8A",
                              markersize=7, label="no status"))  # fmt: skip
    if len(data.draws):
        told.append(f"numbers: CTCs; dot and bar: HER2-positive share and its {data.level:.0%} interval")
    if len(data.serum) and data.serum["below_lod"].any():
        told.append("open triangle: below detection")
    if len(data.alleles) and (data.alleles["call"] != "mutated").any():
        told.append("open: allele not called")
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(_LEFT, 0.0), ncols=4, frameon=False,
              bbox_transform=ax.transAxes, borderaxespad=2.6, handletextpad=0.5, columnspacing=1.5)  # fmt: skip
    ax.annotate("; ".join(told), (_LEFT, 0), xycoords="axes fraction", xytext=(4, -54), textcoords="offset points",
                va="top", fontsize=9, color=palette.NOTE)  # fmt: skip

"""Somatic ERBB2 alleles along the protein, and the fraction of each in the tumours that have it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import reference
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from her2plastic import tl

#: Parts of the protein, in greys that are told apart; the kinase stands out.
_DOMAINS: Final = {
    "extracellular": "#D9DEE4", "transmembrane": "#8E9AAB", "juxtamembrane": "#C7CDD5", "kinase": "#5F7F9E",
    "C-terminal tail": "#E3E6EA",
}  # fmt: skip
_AGREED, _DISPUTED = palette.STATES["HER2-positive"].colour, "#D0603A"
_BAR: Final = 0.10
#: Share of the width that a letter and the gap between labels need.
_LETTER, _GAP = 0.0098, 0.018
#: Residues between donors with the same allele, so that none hides another.
_BESIDE: Final = 11.0


@dataclass(frozen=True)
class VariantMapData:
    """What :func:`variant_map` draws.

    Attributes
    ----------
    called
        A row per sample and allele that was called: ``variant, residue, x`` (the residue, moved a little per donor),
        ``fraction, lower, upper, donor_id, disputed``.
    looked_for
        Residues of the somatic alleles that were looked for.
    domains
        Parts of the protein.
    headline
        What it rests on.
    """

    called: pd.DataFrame
    looked_for: np.ndarray
    domains: pd.DataFrame
    headline: str


def prepare_variant_map(result: tl.Variants) -> VariantMapData:
    """Return what :func:`variant_map` draws.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.variants` returned.

    Returns
    -------
    The called alleles with their residues, and the domains.

    Examples
    --------
    >>> import her2plastic as hp
    >>> files = hp.datasets.demo_patients(".")
    >>> found = hp.tl.variants(hp.io.read_alleles(files["alleles"]))
    >>> data = hp.pl.prepare_variant_map(found)
    >>> print(data.called[["donor_id", "variant", "residue", "fraction"]].round(3).to_string(index=False))
    donor_id variant  residue  fraction
         D02   L755S      755     0.043
         D02   L755S      755     0.154
         D05   V777L      777     0.096
         D05   V777L      777     0.031
    """
    frame = result.frame
    somatic = frame[frame["origin"].ne("germline")]
    disputed = set(result.evidence.loc[result.evidence["conflicting"], "variant"]) if len(result.evidence) else set()
    called = somatic[somatic["call"] == "mutated"].copy()
    called["residue"] = [_residue(name) for name in called["hgvs_p"]]
    called["disputed"] = called["variant"].isin(disputed)
    columns = ["variant", "residue", "fraction", "lower", "upper", "donor_id", "disputed"]
    looked_for = np.unique([_residue(name) for name in somatic["hgvs_p"].unique()])
    donors = int(frame["donor_id"].nunique())
    headline = (
        f"{called['donor_id'].nunique()} of {donors} donors with a somatic allele, {len(looked_for)} places looked at"
    )
    ordered = called.sort_values(["residue", "variant", "donor_id"])[columns].reset_index(drop=True)
    place = ordered.groupby("residue").cumcount()
    size = ordered.groupby("residue")["residue"].transform("size")
    ordered.insert(2, "x", ordered["residue"] + _BESIDE * (place - (size - 1) / 2))
    return VariantMapData(ordered, looked_for, reference.erbb2_domains(), headline)


def variant_map(result: tl.Variants, *, ax: Axes | None = None) -> Axes:
    """Draw the somatic ERBB2 alleles that were called along the protein, each with its fraction and interval.

    Ticks below the protein are the places that were looked at. Alleles on whose drugs publications disagree are marked.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.variants` returned.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Examples
    --------
    >>> import her2plastic as hp
    >>> files = hp.datasets.demo_patients(".")
    >>> found = hp.tl.variants(hp.io.read_alleles(files["alleles"]))
    >>> ax = hp.pl.variant_map(found)
    >>> ax.get_title(loc="left")
    '2 of 6 donors with a somatic allele, 2 places looked at'
    """
    data = prepare_variant_map(result)
    with drawing(ax, (9.2, 4.0)) as ax:
        ax.set_title(data.headline, loc="left", pad=34)
        last = int(data.domains["last"].max())
        _protein(ax, data)
        if data.called.empty:
            ax.spines[:].set_visible(False)
            say(ax, "no somatic allele was called")
            return ax
        for row in data.called.to_dict("records"):
            colour = _DISPUTED if row["disputed"] else _AGREED
            marker = "D" if row["disputed"] else "o"
            ax.vlines(row["x"], 0, row["fraction"], color=palette.NOTE, linewidth=0.8, zorder=1)
            ax.vlines(row["x"], row["lower"], row["upper"], color=colour, linewidth=2.2, alpha=0.35, zorder=2)
            ax.plot(row["x"], row["fraction"], marker, color=colour, markersize=7, markeredgecolor="white", zorder=3)
        _labels(ax, data.called, last)
        ax.set(xlim=(0, last + 10), ylim=(-0.3, 1.0), xlabel="residue", ylabel="fraction of molecules")
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25 %", "50 %", "75 %", "100 %"])
        ax.spines["left"].set_bounds(0, 1)
        _legend(ax, data.called)
    return ax


def _residue(name: str) -> int:
    found = re.search(r"\d+", name)
    return int(found.group()) if found else 0


def _protein(ax: Axes, data: VariantMapData) -> None:
    from matplotlib.patches import Rectangle

    for part in data.domains.to_dict("records"):
        size = part["last"] - part["first"] + 1
        colour = _DOMAINS.get(part["domain"], "#DDDDDD")
        ax.add_patch(Rectangle((part["first"], -_BAR), size, _BAR, facecolor=colour, edgecolor="white", linewidth=0.8))
        if size > 100:
            ink = "white" if part["domain"] == "kinase" else "#333333"
            ax.text(
                part["first"] + size / 2, -_BAR / 2, part["domain"], ha="center", va="center", fontsize=9, color=ink
            )
    small = data.domains[data.domains["last"] - data.domains["first"] <= 100]
    if len(small):
        middle = (small["first"].min() + small["last"].max()) / 2
        ax.annotate(" and ".join(small["domain"]), (middle, -_BAR), xytext=(0, -13), textcoords="offset points",
                    ha="center", va="top", fontsize=8, color=palette.NOTE)  # fmt: skip
    ax.vlines(data.looked_for, -_BAR - 0.03, -_BAR, color="#333333", linewidth=0.8)


def _labels(ax: Axes, called: pd.DataFrame, last: int) -> None:
    """Name each allele once above the axes, moved apart where they stand close together."""
    names = called.groupby("variant").agg(residue=("residue", "first"), top=("upper", "max"), n=("donor_id", "nunique"))
    names = names.sort_values("residue")
    wanted = names["residue"].to_numpy(dtype=float) / last
    placed = wanted.copy()
    texts = [f"{name}" + (f" ({n})" if n > 1 else "") for name, n in zip(names.index, names["n"], strict=True)]
    width = np.array([_LETTER * len(text) + _GAP for text in texts])
    for _ in range(200):  # push neighbours apart until they fit
        gap = np.diff(placed) - (width[1:] + width[:-1]) / 2
        if (gap >= -1e-9).all():
            break
        short = np.minimum(gap, 0) / 2
        placed[:-1] += short
        placed[1:] -= short
    placed = np.clip(placed, 0.02, 0.98)
    for text, (_, row), at in zip(texts, names.iterrows(), placed, strict=True):
        ax.annotate(
            text, (row["residue"], min(row["top"], 1.0)), xytext=(at * last, 1.06), textcoords="data", ha="center",
            va="bottom", fontsize=9, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "#BBBBBB", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip


def _legend(ax: Axes, called: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    if not called["disputed"].any():
        return
    handle = Line2D([], [], linestyle="", marker="D", color=_DISPUTED, markeredgecolor="white", markersize=7,
                    label="publications disagree on a drug")  # fmt: skip
    ax.legend(handles=[handle], loc="lower right", frameon=False, bbox_to_anchor=(1.0, 1.12), borderaxespad=0.0)

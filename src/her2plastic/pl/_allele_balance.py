"""Fraction of each base in the tumours of donors, beside their germline genotype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from her2plastic.io.alleles.columns import MATERIAL, MATERIALS
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from her2plastic import tl

_EXCESS: Final = "one base in excess"
_HOMOZYGOUS: Final = "homozygous"
_LOOKS: Final = {
    _EXCESS: (palette.STATES["HER2-positive"].colour, "s"),
    "balanced": (palette.STATES["HER2-0"].colour, "o"),
    "nothing can be said": ("#C4C4C4", "X"),
    "does not fit the germline": ("#D0603A", "^"),
}


@dataclass(frozen=True)
class AlleleBalanceData:
    """What :func:`allele_balance` draws.

    Attributes
    ----------
    rows
        A row per sample and germline allele: ``label, variant, genotype, ref, alt, fraction, lower, upper, look,
        reads``. Homozygotes that fit are left out: their share tells nothing.
    homozygous
        How many were left out.
    headline
        What it rests on.
    """

    rows: pd.DataFrame
    homozygous: int
    headline: str


def prepare_allele_balance(result: tl.Variants) -> AlleleBalanceData:
    """Return what :func:`allele_balance` draws.

    Parameters
    ----------
    result
        What :func:`her2plastic.tl.variants` returned.

    Returns
    -------
    A row per tumour sample and germline allele with reads.

    Examples
    --------
    >>> import her2plastic as hp
    >>> files = hp.datasets.demo_patients(".")
    >>> found = hp.tl.variants(hp.io.read_alleles(files["alleles"]))
    >>> data = hp.pl.prepare_allele_balance(found)
    >>> print(data.rows[["label", "genotype", "reads", "fraction", "look"]].round(2).to_string(index=False))
         label genotype  reads  fraction               look
    D01-CTC-d0      C/G  184.0      0.52           balanced
    D03-CTC-d0      C/G  305.0      0.90 one base in excess
    """
    frame = result.frame
    tumour = ~frame[MATERIAL].isin([material for material, of_germline in MATERIALS.items() if of_germline])
    rows = frame[tumour & frame["origin"].eq("germline") & frame["fraction"].notna()].copy()
    rows["look"] = [_look(call, status) for call, status in zip(rows["call"], rows["status"], strict=True)]
    rows["reads"] = rows["n_ref"] + rows["n_alt"]
    rows["label"] = [f"{sample or donor}" for donor, sample in zip(rows["donor_id"], rows["sample_id"], strict=True)]
    told = rows["look"].isin([_EXCESS, "balanced"])
    headline = f"{int((rows['look'] == _EXCESS).sum())} of {int(told.sum())} heterozygous sites with one base in excess"
    columns = ["label", "variant", "genotype", "ref", "alt", "fraction", "lower", "upper", "look", "reads"]
    homozygous = rows["look"].eq(_HOMOZYGOUS)
    kept = rows[~homozygous].sort_values(["variant", "label"])[columns].reset_index(drop=True)
    return AlleleBalanceData(kept, int(homozygous.sum()), headline)


def allele_balance(result: tl.Variants, *, ax: Axes | None = None) -> Axes:
    """Draw the share of a base in the tumour where the germline has two: away from a half, one copy is in excess.

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
    >>> ax = hp.pl.allele_balance(found)
    >>> ax.get_title(loc="left")
    '1 of 2 heterozygous sites with one base in excess'
    """
    data = prepare_allele_balance(result)
    n = len(data.rows)
    with drawing(ax, (8.6, 1.6 + 0.36 * max(n, 3))) as ax:
        ax.set_title(data.headline, loc="left", pad=24)
        if data.homozygous:
            note = f"{data.homozygous} homozygous ones do not tell and are not drawn"
            ax.annotate(note, (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points",
                        fontsize=9.5, color=palette.NOTE)  # fmt: skip
        if data.rows.empty:
            ax.spines[:].set_visible(False)
            say(ax, "no reads of the tumour where the germline is heterozygous or not known")
            return ax
        ax.axvline(0.5, color="#AAAAAA", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        for place, row in enumerate(data.rows.to_dict("records")):
            colour, marker = _LOOKS[row["look"]]
            ax.hlines(place, row["lower"], row["upper"], color=colour, linewidth=2.4, alpha=0.45)
            ax.plot(row["fraction"], place, marker, color=colour, markersize=7.5, markeredgecolor="white", zorder=3,
                    clip_on=False)  # fmt: skip
            ax.annotate(f"{row['reads']:,.0f}", (1.02, place), xycoords=("axes fraction", "data"), va="center",
                        fontsize=9.5, color=palette.NOTE)  # fmt: skip
        ax.annotate("reads", (1.02, -0.75), xycoords=("axes fraction", "data"), va="center", fontsize=9.5,
                    color=palette.NOTE)  # fmt: skip
        ax.set_yticks(range(n), [_name(row) for row in data.rows.to_dict("records")])
        bases = data.rows[["variant", "alt"]].drop_duplicates()
        told = ", ".join(f"{alt} at {variant}" for variant, alt in zip(bases["variant"], bases["alt"], strict=True))
        told = str(bases["alt"].iloc[0]) if bases["alt"].nunique() == 1 else told
        ax.set(xlim=(0, 1), ylim=(n - 0.5, -0.9), xlabel=f"share of {told}")
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        ax.tick_params(axis="y", length=0)
        _legend(ax, data.rows)
    return ax


def _look(call: str, status: str) -> str:
    if call.endswith("in excess"):
        return _EXCESS
    if call == "balanced":
        return "balanced"
    if call == "doubtful":
        return "does not fit the germline"
    return _HOMOZYGOUS if status == "ok" else "nothing can be said"


def _name(row: dict[object, object]) -> str:
    genotype = row["genotype"] or "not known"
    return f"{row['label']}  {row['variant']}  germline {genotype}"


def _legend(ax: Axes, rows: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor="white", markersize=7.5,
               label=f"{name} ({int((rows['look'] == name).sum())})")
        for name, (colour, marker) in _LOOKS.items()
        if (rows["look"] == name).any()
    ]  # fmt: skip
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.12, 1.0), frameon=False, handletextpad=0.3)

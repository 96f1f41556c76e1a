"""The figures of the report: which there are, what to read in them, and their files."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from her2plastic import _keys, pl, tl
from her2plastic.pl._composition import MOST_DRAWS

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Width and height of a figure in inches: two stand side by side on the page.
SIZE: Final = (6.4, 4.4)
_FEW_DRAWS: Final = 8


@dataclass(frozen=True)
class FigureSpec:
    """A figure: the function of ``pl`` that draws it, what to read in it, and the keys that it shows."""

    name: str
    title: str
    caption: str
    #: Keys of the AnnData, as (slot, key); a figure whose keys are not all there is left out.
    needs: tuple[tuple[str, str], ...]


SPECS: Final = (
    FigureSpec(
        "composition",
        "Composition per donor and draw",
        "The share of each HER2 state among the CTCs, a band per state. Look at the bar before the dot: the share may "
        "well lie anywhere on it. Over a handful of CTCs, or where HER2-0 and HER2-low cannot be told apart, it is "
        "long. Two draws are different cells, so a change between them can be switching, growth, shedding or "
        "clearance.",
        (("obs", _keys.HER2_CALL), ("obsm", _keys.HER2_POSTERIOR)),
    ),
    FigureSpec(
        "erbb2_depth",
        "ERBB2 against depth",
        "Each point is a CTC: how deeply it was sequenced, and how many ERBB2 molecules were seen. The shading is the "
        "call that count and depth alone would give. A cell's own call also rests on the other CTCs of its donor; "
        "where they change it, the marker is open: a single molecule counts for more in a donor whose other cells are "
        "rich in ERBB2. No ERBB2 does not mean HER2-0.",
        (("obs", _keys.ERBB2_COUNT), ("obs", _keys.DEPTH), ("obs", _keys.HER2_CALL)),
    ),
    FigureSpec(
        "calls_by_depth",
        "How deep is deep enough",
        "Each bar holds the CTCs of one range of depth: the part that was called one state, the part narrowed to two, "
        "and the part that stays open. Depth is not all: a donor whose own CTCs differ leaves more of them open, and "
        "states whose ERBB2 overlaps stay together at any depth.",
        (("obs", _keys.DEPTH), ("obs", _keys.HER2_CALL)),
    ),
    FigureSpec(
        "amplicon",
        "The 17q12 amplicon against ERBB2",
        "ERBB2 across, its neighbours on 17q12 upwards (ERBB2 left out). An amplified cell is high in both. High in "
        "ERBB2 alone is expression without amplification: a plastic positive, which is a different biology.",
        (("obs", _keys.AMPLICON_SCORE), ("obs", _keys.ERBB2_CPM), ("obs", _keys.ERBB2_MECHANISM)),
    ),
    FigureSpec(
        "identity",
        "What the events are",
        "Each point is an event, placed by its epithelial and its leukocyte genes. CTCs lie along the first, "
        "leukocytes along the second; an event high in both is a doublet or a cluster and is not called.",
        (("obs", _keys.IDENTITY), ("obsm", _keys.IDENTITY_POSTERIOR)),
    ),
    FigureSpec(
        "embedding",
        "Map of the cells",
        "The events coloured by HER2 call. Neighbours on the map have similar expression; distances between far groups "
        "mean nothing. If calls mix within the groups, the HER2 state is not a separate cell type.",
        (("obsm", _keys.UMAP), ("obs", _keys.HER2_CALL)),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A drawn figure: its spec, its size in inches, the PNG that stands in the report, and its files."""

    spec: FigureSpec
    size: tuple[float, float]
    png: bytes
    files: dict[str, bytes]
    #: What ``png`` is, where it is a photograph that compresses better as another kind.
    mime: str = "image/png"

    @property
    def data(self) -> str:
        """The picture in base64, as a page holds it."""
        return base64.b64encode(self.png).decode()

    @property
    def keys(self) -> str:
        """The keys that the figure shows, as words."""
        return ", ".join(f"{slot}: {key}" for slot, key in self.spec.needs)


def draw_figures(
    adata: AnnData, patients: pd.DataFrame, *, formats: Sequence[str] = ("png",), dpi: int = 150, level: float = 0.9
) -> list[Drawing]:
    """Draw every figure whose keys are there.

    Parameters
    ----------
    adata
        Cells after the last step.
    patients
        The patient table, whose shares are drawn.
    formats
        File formats, ``png`` and ``svg``.
    dpi
        Dots per inch of PNG files.
    level
        Probability that the intervals of shares hold.

    Returns
    -------
    The figures in the order of the report. Their bytes hold no date: the same data give the same files.
    """
    from matplotlib.figure import Figure

    shares = _shares(patients, level)
    drawings = []
    for spec in SPECS:
        if any(key not in getattr(adata, slot) for slot, key in spec.needs):
            continue
        composed = spec.name == "composition"
        size = _composition_size(len(shares.frame)) if composed else SIZE
        figure = Figure(figsize=size, layout="constrained")
        getattr(pl, spec.name)(adata, ax=figure.subplots(), **({"shares": shares} if composed else {}))
        files = {kind: figure_file(figure, kind, dpi) for kind in formats}
        png = files["png"] if "png" in files else figure_file(figure, "png", dpi)
        drawings.append(Drawing(spec, size, png, {f"figures/{spec.name}.{kind}": file for kind, file in files.items()}))
    return drawings


def _shares(patients: pd.DataFrame, level: float) -> tl.HER2Shares:
    """Return the shares of the patient table, per draw where there are several and they fit a figure."""
    draws = patients[patients["scope"] == "draw"]
    if draws[_keys.DRAW_DAY].nunique() > 1 and len(draws) <= MOST_DRAWS:
        return tl.HER2Shares(draws, (_keys.DONOR_ID, _keys.DRAW_DAY), level)
    return tl.HER2Shares(patients[patients["scope"] == "donor"], (_keys.DONOR_ID,), level)


def _composition_size(n_draws: int) -> tuple[float, float]:
    """Return the size of the figure: half a page wide for a few draws, and wider than a page's inches for many."""
    return SIZE if n_draws <= _FEW_DRAWS else (min(max(9.6, 3.0 + 0.2 * n_draws), 13.0), 5.8)


def drawn(
    spec: FigureSpec, size: tuple[float, float], draw: Callable[[Axes], object], figures: Mapping[str, Any]
) -> Drawing:
    """Draw a figure on one axes and return it with its files, in the formats and dots per inch of the configuration."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(figure.subplots())
    files = {kind: figure_file(figure, kind, figures["dpi"]) for kind in figures["formats"]}
    png = files["png"] if "png" in files else figure_file(figure, "png", figures["dpi"])
    return Drawing(spec, size, png, {f"figures/{spec.name}.{kind}": file for kind, file in files.items()})


def figure_file(figure: Figure, kind: str, dpi: int) -> bytes:
    """Return a figure as a file of a kind; the same figure gives the same bytes."""
    from matplotlib import rc_context

    buffer = BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    # Without a fixed salt the ids in an SVG are random.
    with rc_context({"svg.hashsalt": "her2plastic"}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()

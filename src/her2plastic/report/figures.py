"""The figures of the report: which there are, what to read in them, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from her2plastic import _keys, pl

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class FigureSpec:
    """A figure: the function of ``pl`` that draws it, what to read in it, and the keys that it shows."""

    name: str
    title: str
    caption: str
    #: Keys of the AnnData, as (slot, key); a figure whose keys are not all there is left out.
    needs: tuple[tuple[str, str], ...]
    size: tuple[float, float] = (6.4, 4.4)


SPECS: Final = (
    FigureSpec(
        "composition",
        "Composition per donor and draw",
        "Each bar is one draw, and its colours are the estimated shares of the HER2 states among the CTCs, with the "
        "number of CTCs above it. Read the number first: a bar over a handful of cells says little. Two draws are "
        "different cells, so a change between them can be switching, growth, shedding or clearance.",
        (("obs", _keys.HER2_CALL), ("obsm", _keys.HER2_POSTERIOR)),
        (9.6, 4.6),
    ),
    FigureSpec(
        "erbb2_depth",
        "ERBB2 against depth",
        "Each point is a CTC: how deeply it was sequenced, and how many ERBB2 molecules were seen. The shading is the "
        "call that count and depth alone would give; a cell's own call also knows the other cells of its donor. At the "
        "left edge the same count fits several states: there calls stay open, and no ERBB2 does not mean HER2-0.",
        (("obs", _keys.ERBB2_COUNT), ("obs", _keys.DEPTH), ("obs", _keys.HER2_CALL)),
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
        "Neighbours on the map have similar expression; distances between far groups mean nothing. If HER2 states mix "
        "within the groups, the state is not a separate cell type.",
        (("obsm", _keys.UMAP), ("obs", _keys.HER2_STATE)),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A drawn figure: its spec, the PNG that stands in the report, and its files."""

    spec: FigureSpec
    png: bytes
    files: dict[str, bytes]

    @property
    def keys(self) -> str:
        """The keys that the figure shows, as words."""
        return ", ".join(f"{slot}: {key}" for slot, key in self.spec.needs)


def draw_figures(
    adata: AnnData, *, formats: Sequence[str] = ("png",), dpi: int = 150, level: float = 0.9
) -> list[Drawing]:
    """Draw every figure whose keys are there.

    Parameters
    ----------
    adata
        Cells after the last step.
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
    drawings = []
    for spec in SPECS:
        if any(key not in getattr(adata, slot) for slot, key in spec.needs):
            continue
        figure = _draw(adata, spec, level)
        files = {kind: _file(figure, kind, dpi) for kind in formats}
        png = files["png"] if "png" in files else _file(figure, "png", dpi)
        drawings.append(Drawing(spec, png, {f"figures/{spec.name}.{kind}": file for kind, file in files.items()}))
    return drawings


def _draw(adata: AnnData, spec: FigureSpec, level: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=spec.size, layout="constrained")
    options = {"level": level} if spec.name == "composition" else {}
    getattr(pl, spec.name)(adata, ax=figure.subplots(), **options)
    return figure


def _file(figure: Figure, kind: str, dpi: int) -> bytes:
    from matplotlib import rc_context

    buffer = BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    # Without a fixed salt the ids in an SVG are random.
    with rc_context({"svg.hashsalt": "her2plastic"}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()

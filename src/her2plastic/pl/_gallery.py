"""Candidates in rows: their channels one by one and together, all with one contrast, and what they were called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column
from her2plastic._errors import ParameterError
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing, say
from her2plastic.pl._composite import (
    UNREAD,
    Limits,
    composite,
    limits_between,
    limits_text,
    scale_bar,
    shade,
    shown_channels,
)

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

    from her2plastic.im import Crops

#: Pictures in a row stand this far apart, rows too, and blocks of rows by so many sides of a picture.
_GAP_PX = 2
_LABEL_SIDES = 1.75
_BLOCK_GAP_SIDES = 0.4
#: Rows to a block, before a second and a third stand beside it.
_ROWS = (8, 20)
_WHITE = 1.0
#: Percent of the cells' pixels that are not above full light.
_BRIGHTEST = 99.5


@dataclass(frozen=True)
class GalleryData:
    """What :func:`gallery` draws.

    Parameters
    ----------
    pictures
        RGB from 0 to 1, shape ``(cells, channels + 1, y, x, 3)``: the channels in grey, and their composite.
    masks
        Shape ``(cells, y, x)``: the cell itself.
    cells
        A row per picture, named as in ``obs``: ``call``, ``confidence`` (missing where there is none), ``identity``.
    limits
        For each channel the value shown as black and the value shown as full light, in every picture.
    pixel_size_um
        Side of a pixel.
    """

    pictures: np.ndarray
    masks: np.ndarray
    cells: pd.DataFrame
    limits: Limits
    pixel_size_um: float


def prepare_gallery(
    adata: AnnData,
    *,
    crops: Crops,
    cells: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    limits: Limits | None = None,
) -> GalleryData:
    """Return what :func:`gallery` draws.

    Parameters
    ----------
    adata
        Objects after :func:`her2plastic.tl.her2_if`.
    crops
        Their pictures.
    cells, channels, limits
        As for :func:`gallery`.

    Returns
    -------
    The pictures and what the cells were called.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> found = hp.im.segment(made.slide)
    >>> cells = hp.im.measure(found)
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> ctcs = cells.obs_names[cells.obs["is_ctc"]]
    >>> data = hp.pl.prepare_gallery(cells, crops=hp.im.crops(found, cells=ctcs))
    >>> print(data.cells[["call", "confidence"]].head(3).round(2).to_string())
                       call  confidence
    slide:10  HER2-positive        0.93
    slide:14         HER2-0        0.93
    slide:18     HER2-0/low        0.58
    """
    names = list(crops.cell_id) if cells is None else list(cells)
    missing = [name for name in names if name not in crops.cell_id or name not in adata.obs_names]
    if missing:
        raise ParameterError(f"cells: {len(missing)} have no picture or no row in adata, e.g. {missing[0]!r}")
    rows = [crops.cell_id.index(name) for name in names]
    known = [name for name in crops.channels if name in palette.CHANNELS] or None
    shown = shown_channels(crops.channels, known if channels is None else channels)
    pixels = crops.pixels[rows][:, [crops.channels.index(name) for name in shown]]
    masks, inside = crops.cell[rows], crops.inside[rows]
    used = dict(limits) if limits is not None else _limits(pixels, shown, masks, inside)
    if lacking := [name for name in shown if name not in used]:
        raise ParameterError(f"limits: expected a pair of values for {', '.join(lacking)}")
    pictures = np.full((len(names), len(shown) + 1, *pixels.shape[2:], 3), UNREAD)
    for place, (image, there) in enumerate(zip(pixels, inside, strict=True)):
        for number, name in enumerate(shown):
            pictures[place, number][there] = shade(image[number], used[name])[there, None]
        pictures[place, -1][there] = composite(image, shown, used)[there]
    return GalleryData(pictures, masks, _calls(adata, names), {name: used[name] for name in shown}, crops.pixel_size_um)


def gallery(
    adata: AnnData,
    *,
    crops: Crops,
    cells: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    limits: Limits | None = None,
    blocks: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw candidates in rows: each channel in grey, then the composite with the cell's outline.

    The contrast is the same for all cells and stated below, so that a bright cell is a bright cell.

    Parameters
    ----------
    adata
        Objects after :func:`her2plastic.tl.her2_if`.
    crops
        Their pictures, from :func:`her2plastic.im.crops`.
    cells
        Names of the cells in the order to be drawn; all crops by default.
    channels
        Channels to show; all of DAPI, CK, CD45 and HER2 that there are, by default.
    limits
        For each channel the value shown as black and the value shown as full light; by default from background and
        cells of all crops together.
    blocks
        Blocks of rows side by side; by default as many as keep the figure upright.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If there are no HER2 calls.
    ParameterError
        If a cell has no picture, or a channel no limits.
    ChannelError
        If there is no such channel.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> found = hp.im.segment(made.slide)
    >>> cells = hp.im.measure(found)
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> ctcs = cells.obs_names[cells.obs["is_ctc"]]
    >>> ax = hp.pl.gallery(cells, crops=hp.im.crops(found, cells=ctcs))
    >>> ax.get_title(loc="left")
    '6 cells'
    """
    data = prepare_gallery(adata, crops=crops, cells=cells, channels=channels, limits=limits)
    n, shown = len(data.cells), len(data.limits) + 1
    blocks = (1 + sum(n > rows for rows in _ROWS)) if blocks is None else blocks
    if blocks < 1:
        raise ParameterError(f"blocks={blocks!r}: expected a whole number of at least 1")
    rows = max(1, -(-n // blocks))
    width = blocks * (shown + _LABEL_SIDES) + (blocks - 1) * _BLOCK_GAP_SIDES
    with drawing(ax, (width, rows + 1.3)) as ax:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(f"{n:,} cells", loc="left", pad=22)
        if not n:
            say(ax, "no cell to show")
            return ax
        _draw(ax, data, rows, blocks)
        ax.set_xlabel(_in_lines(limits_text(data.limits), width), fontsize=8.5, color="#555555", loc="left")
        return ax


def _limits(
    pixels: np.ndarray, channels: Sequence[str], masks: np.ndarray, inside: np.ndarray
) -> dict[str, tuple[float, float]]:
    """Return background and bright values of all crops together."""
    limits = {}
    for number, name in enumerate(channels):
        values = pixels[:, number]
        around, own = values[inside & ~masks], values[inside & masks]
        side, middle = np.percentile(around, [16.0, 50.0]) if around.size else (0.0, 0.0)
        bright = float(np.percentile(own, _BRIGHTEST)) if own.size else float(middle)
        limits[name] = limits_between(float(middle), float(middle - side), bright)
    return limits


def _calls(adata: AnnData, names: list[str]) -> pd.DataFrame:
    remedy = "Run tl.her2_if first."
    columns = {
        "call": obs_column(adata, _keys.HER2_IF_CALL, remedy=remedy).astype(str),
        "confidence": obs_column(adata, _keys.HER2_IF_CONFIDENCE, remedy=remedy).astype(float),
        "identity": obs_column(adata, _keys.IDENTITY, remedy="Run im.ctc_identity first.").astype(str),
    }
    return pd.DataFrame({name: column.loc[names] for name, column in columns.items()}, index=pd.Index(names))


def _draw(ax: Axes, data: GalleryData, rows: int, blocks: int) -> None:
    n, shown, side = data.pictures.shape[0], data.pictures.shape[1], data.pictures.shape[2]
    pitch = side + _GAP_PX
    label, gap = round(_LABEL_SIDES * side), round(_BLOCK_GAP_SIDES * side)
    block = label + shown * pitch
    page = np.full((rows * pitch, blocks * block + (blocks - 1) * gap, 3), _WHITE)
    for place in range(n):
        row, left = place % rows, place // rows * (block + gap)
        for number in range(shown):
            start = left + label + number * pitch
            page[row * pitch : row * pitch + side, start : start + side] = data.pictures[place, number]
        _label(ax, data, place, x=left + label - 3, y=row * pitch + side / 2)
        _outline(ax, data, place, y=row * pitch, x=left + label + (shown - 1) * pitch)
    for left in range(0, page.shape[1], block + gap):
        for number, name in enumerate([*data.limits, "all"]):
            ax.text(left + label + number * pitch + side / 2, -3, name, ha="center", va="bottom", fontsize=10)
    ax.imshow(page, interpolation="nearest")
    ax.set_xlim(-0.5, page.shape[1] - 0.5)
    ax.set_ylim(page.shape[0] - 0.5, -0.5)
    scale_bar(ax, (label + shown * pitch - _GAP_PX, side), side, data.pixel_size_um, share=0.4, fontsize=7.5)


def _label(ax: Axes, data: GalleryData, place: int, *, x: float, y: float) -> None:
    """Write name, call and posterior of a cell to the left of its row."""
    cell = data.cells.iloc[place]
    is_ctc = cell["call"] != _keys.NOT_A_CTC
    what = cell["call"] if is_ctc else cell["identity"]
    sure = f"  {cell['confidence']:.2f}" if is_ctc and np.isfinite(cell["confidence"]) else ""
    look = palette.CALLS[cell["call"]]
    ax.annotate(str(data.cells.index[place]), (x, y), (0, 7), textcoords="offset points", ha="right", va="center",
                fontsize=8, color="#555555", annotation_clip=False)  # fmt: skip
    ax.annotate(what + sure, (x, y), (0, -7), textcoords="offset points", ha="right", va="center", fontsize=9.5,
                color=look.colour if is_ctc else "#777777", annotation_clip=False)  # fmt: skip


def _outline(ax: Axes, data: GalleryData, place: int, *, x: float, y: float) -> None:
    from skimage.measure import find_contours

    mask = data.masks[place]
    looks: Mapping[str, palette.Look] = palette.ON_BLACK
    last = mask.shape[0] - 0.6
    for line in find_contours(np.pad(mask, 1).astype(float), 0.5):
        # an object that the crop cuts keeps its outline within the picture
        across, down = np.clip(line[:, 1] - 1, -0.4, last), np.clip(line[:, 0] - 1, -0.4, last)
        ax.plot(x + across, y + down, color=looks[str(data.cells["call"].iloc[place])].colour, linewidth=1.1)


def _in_lines(text: str, sides: float) -> str:
    from textwrap import fill

    return fill(text, max(40, int(14 * sides)))

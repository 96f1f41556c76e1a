"""A slide with the outlines of its cells, coloured by what they were called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column
from her2plastic._errors import ParameterError, one_of
from her2plastic.pl import palette
from her2plastic.pl._axes import drawing
from her2plastic.pl._composite import (
    channel_colours,
    composite,
    limits_text,
    read_smaller,
    scale_bar,
    shown_channels,
    slide_limits,
)
from her2plastic.pl._outlines import check_places, grown, outlines_of, rows_of

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

    from her2plastic.im import Segmentation

#: Larger pictures are shown at half, a third, ... of their resolution.
_LARGEST_PX = 1600
#: Outlines of CTCs are at least this share of the picture's longer side.
_SMALLEST_RING = 0.028
#: Groups that are drawn thin, below the others.
_ASIDE = (_keys.NOT_A_CTC, "leukocyte", "debris", "other", "bare nucleus", "bright blob")
_LOOKS: Mapping[str, Mapping[str, palette.Look]] = {
    _keys.HER2_IF_CALL: palette.ON_BLACK,
    _keys.HER2_IF_STATE: {name: palette.ON_BLACK[name] for name in (*_keys.STATES, _keys.NOT_A_CTC)},
    _keys.IDENTITY: palette.IMAGE_IDENTITIES,
}


@dataclass(frozen=True)
class SegmentationData:
    """What :func:`segmentation` draws.

    Parameters
    ----------
    picture
        RGB from 0 to 1, shape ``(y, x, 3)``.
    um_per_pixel
        Side of a pixel of the picture.
    limits
        For each channel the value shown as black and the value shown as full light; the same all over the field.
    outlines
        A row per object in view: ``name`` (of the cell in ``obs``, empty where it is not there), ``group``, and
        ``outline`` (y and x in pixels of the picture).
    slide_id
        Of the slide.
    """

    picture: np.ndarray
    um_per_pixel: float
    limits: dict[str, tuple[float, float]]
    outlines: pd.DataFrame
    slide_id: str


def prepare_segmentation(
    adata: AnnData,
    *,
    segmentation: Segmentation,
    field: int = 0,
    region: tuple[float, float, float, float] | None = None,
    color: str = _keys.HER2_IF_CALL,
    channels: Sequence[str] | None = None,
) -> SegmentationData:
    """Return what :func:`segmentation` draws.

    Parameters
    ----------
    adata
        Objects of the slide, after :func:`her2plastic.im.measure`.
    segmentation
        Their outlines.
    field, region, color, channels
        As for :func:`segmentation`.

    Returns
    -------
    The picture and the outlines.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> found = hp.im.segment(made.slide)
    >>> cells = hp.im.measure(found)
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> data = hp.pl.prepare_segmentation(cells, segmentation=found)
    >>> data.picture.shape
    (320, 320, 3)
    >>> data.outlines["group"].value_counts()[["not a CTC", "HER2-0"]].to_dict()
    {'not a CTC': 93, 'HER2-0': 2}
    """
    one_of("color", color, _LOOKS)
    slide = segmentation.slide
    if not 0 <= field < len(slide.fields):
        raise ParameterError(f"field={field}: slide {slide.slide_id!r} has {len(slide.fields)} fields, from 0 on")
    missing = "other" if color == _keys.IDENTITY else _keys.NOT_A_CTC
    groups = obs_column(adata, color).astype(object).fillna(missing).astype(str)
    known = [name for name in slide.channels if name in palette.CHANNELS] or None
    shown = shown_channels(slide.channels, known if channels is None else channels)
    rows, columns = _window(segmentation, field, region)
    step = max(1, int(np.ceil(max(rows.stop - rows.start, columns.stop - columns.start) / _LARGEST_PX)))
    limits = slide_limits(slide, shown, field=field)
    pixels = read_smaller(slide, field, (rows, columns), shown, step)
    outlines = outlines_of(segmentation, field, rows, columns, step)
    found = rows_of(adata, slide.slide_id, slide.fields[field].name, outlines["label"].to_numpy())
    check_places(adata, segmentation, field, found, outlines["label"].to_numpy())
    names = adata.obs_names.to_numpy()
    outlines["name"] = np.where(found >= 0, names[found], "") if len(names) else ""
    outlines["group"] = np.where(found >= 0, groups.to_numpy()[found], missing) if len(names) else missing
    return SegmentationData(
        composite(pixels, shown, limits), slide.pixel_size_um * step, limits, outlines, slide.slide_id
    )


def segmentation(
    adata: AnnData,
    *,
    segmentation: Segmentation,
    field: int = 0,
    region: tuple[float, float, float, float] | None = None,
    color: str = _keys.HER2_IF_CALL,
    channels: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a slide as the added light of its channels, with the outlines of the cells in the colour of their call.

    In the picture of a large field, where the outline of a CTC would hide it, it is drawn as a larger ring. What could
    not be read is grey.

    Parameters
    ----------
    adata
        Objects of the slide, after :func:`her2plastic.im.measure` and whatever wrote ``obs[color]``. Objects of other
        slides are passed over.
    segmentation
        Their outlines, and the slide itself.
    field
        Number of the field.
    region
        Part of the slide: lowest y and x, highest y and x, micrometres; the whole field by default.
    color
        ``"her2_if_call"``, ``"her2_if_state"`` or ``"identity"``.
    channels
        Channels to show; all of DAPI, CK, CD45 and HER2 that there are, by default.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If a column is missing.
    ParameterError
        If there is no such field, or the region lies outside of it.
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
    >>> ax = hp.pl.segmentation(cells, segmentation=found)
    >>> ax.get_title(loc="left")
    'slide: 99 objects'
    """
    data = prepare_segmentation(
        adata, segmentation=segmentation, field=field, region=region, color=color, channels=channels
    )
    looks = _LOOKS[color]
    with drawing(ax, (8.6, 6.4)) as ax:
        ax.imshow(data.picture, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        height, width = data.picture.shape[:2]
        _draw_outlines(ax, data.outlines, looks, smallest=_SMALLEST_RING * max(height, width))
        ax.set_xlim(-0.5, width - 0.5)
        ax.set_ylim(height - 0.5, -0.5)
        scale_bar(ax, (width - 0.5, height - 0.5), width, data.um_per_pixel)
        ax.set_xlabel(_in_lines(limits_text(data.limits)), fontsize=8.5, color="#555555", loc="left")
        ax.set_title(f"{data.slide_id}: {len(data.outlines):,} objects", loc="left")
        _legend(ax, data, looks)
        return ax


def _window(
    segmentation: Segmentation, field: int, region: tuple[float, float, float, float] | None
) -> tuple[slice, slice]:
    """Return rows and columns of a region."""
    slide = segmentation.slide
    height, width = slide.fields[field].image.shape[1:]
    if region is None:
        return slice(0, height), slice(0, width)
    origin = slide.fields[field].origin_um
    edges = [
        round((value - origin[place % 2]) / slide.pixel_size_um) for place, value in enumerate(region)
    ]  # fmt: skip
    top, left, bottom, right = max(edges[0], 0), max(edges[1], 0), min(edges[2], height), min(edges[3], width)
    if top >= bottom or left >= right:
        high = [side * slide.pixel_size_um + start for side, start in zip((height, width), origin, strict=True)]
        raise ParameterError(
            f"region={region!r}: expected (lowest y, lowest x, highest y, highest x) in micrometres; the field reaches "
            f"from ({origin[0]:g}, {origin[1]:g}) to ({high[0]:g}, {high[1]:g})"
        )
    return slice(top, bottom), slice(left, right)


def _draw_outlines(ax: Axes, outlines: pd.DataFrame, looks: Mapping[str, palette.Look], *, smallest: float) -> None:
    """Draw the outlines, each on a dark rim that parts it from the light beneath; two-state calls are dashed.

    Outlines of CTCs below the ``smallest`` size are drawn as larger rings around them, which leave the cell in sight.
    """
    from matplotlib.collections import LineCollection

    for order, (name, look) in enumerate(looks.items()):
        lines = [line[:, ::-1] for line in outlines.loc[outlines["group"] == name, "outline"]]
        if not lines:
            continue
        aside = name in _ASIDE
        if not aside:
            lines = [grown(line, smallest) for line in lines]
            ax.add_collection(LineCollection(lines, colors="black", linewidths=3.6, alpha=0.8, zorder=3))
        ax.add_collection(
            LineCollection(
                lines, colors=look.colour, linewidths=0.8 if aside else 1.9, alpha=0.75 if aside else 1.0,
                linestyles=(0, (3, 1.2)) if "/" in name else "solid", zorder=2 if aside else 4 + 0.01 * order,
            )
        )  # fmt: skip


def _legend(ax: Axes, data: SegmentationData, looks: Mapping[str, palette.Look]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    numbers = data.outlines["group"].value_counts()
    lines: list[Any] = [
        Line2D([], [], color=look.colour, linewidth=1.2 if name in _ASIDE else 2.6,
               linestyle=(0, (3, 1.2)) if "/" in name else "solid", label=f"{name} ({numbers[name]:,})")
        for name, look in looks.items() if name in numbers
    ]  # fmt: skip
    light: list[Any] = [
        Patch(facecolor=colour, label=name) for name, colour in channel_colours(list(data.limits)).items()
    ]
    ax.legend(handles=[*lines, Line2D([], [], linestyle="", label=""), *light], loc="upper left",
              bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0.0)  # fmt: skip


def _in_lines(text: str) -> str:
    from textwrap import fill

    return fill(text, 92)

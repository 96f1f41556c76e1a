"""Pictures of several channels: the contrast of a whole slide, and the light of the channels added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic._errors import ChannelError
from her2plastic.pl import palette

if TYPE_CHECKING:
    from her2plastic.io import Slide

#: A pixel in so many is looked at for the contrast, so that a slide of any size is done with some millions.
_LOOKED_AT = 4_000_000
#: Share of the pixels (in percent) that is brighter than full light: cells are a small part of a slide.
_BRIGHTEST = 99.97
#: Full light is at least so many times the background's spread above it, so that an empty channel stays dark.
_LEAST_SPREAD = 12.0
#: Black lies so many times the background's spread above it.
_BLACK_SPREAD = 1.5
#: Grey of what is beyond the edge or could not be read.
UNREAD = 0.25
#: Side of what is read at once, pixels.
_BLOCK = 2048
#: Exponent that lifts what is dim; stated beside the limits.
GAMMA = 0.75

Limits = Mapping[str, tuple[float, float]]


def shown_channels(slide_channels: Sequence[str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the channels to be shown, all by default."""
    if wanted is None:
        return tuple(slide_channels)
    missing = [name for name in wanted if name not in slide_channels]
    if missing:
        raise ChannelError(f"channels: no {', '.join(missing)} here; there are {', '.join(slide_channels)}")
    return tuple(wanted)


def slide_limits(slide: Slide, channels: Sequence[str], *, field: int = 0) -> dict[str, tuple[float, float]]:
    """Return the values shown as black and as full light in each channel, one pair for the whole field."""
    height, width = slide.fields[field].image.shape[1:]
    step = max(1, int(np.ceil(np.sqrt(height * width / _LOOKED_AT))))
    looked_at = read_smaller(slide, field, (slice(0, height), slice(0, width)), channels, step, mean=False)
    return {name: limits_of(values) for name, values in zip(channels, looked_at, strict=True)}


def limits_of(values: np.ndarray) -> tuple[float, float]:
    """Return the top of the background and a bright value of the pixels of one channel; NaN is passed over."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0, 1.0
    side, middle, bright = (float(value) for value in np.percentile(known, [16.0, 50.0, _BRIGHTEST]))
    return limits_between(middle, middle - side, bright)


def limits_between(background: float, spread: float, bright: float) -> tuple[float, float]:
    """Return black and full light: black lies above most of the background, so that its noise is not seen."""
    low = background + _BLACK_SPREAD * spread
    return low, max(bright, background + _LEAST_SPREAD * spread, low + 1.0)


def read_smaller(
    slide: Slide, field: int, window: tuple[slice, slice], channels: Sequence[str], step: int, *, mean: bool = True
) -> np.ndarray:
    """Read a window at a step-th of its resolution, block by block.

    Parameters
    ----------
    slide, field
        What to read.
    window
        Rows and columns.
    channels
        Names.
    step
        Pixels to a side of each pixel that comes back; rows and columns that are left over are left out.
    mean
        Their mean; else the first of them.

    Returns
    -------
    Shape ``(channels, y, x)``, NaN where nothing could be read.
    """
    from her2plastic.im.windows import read_window

    indices = [slide.channel(name) for name in channels]
    sides = [(part.stop - part.start) // step for part in window]
    smaller = np.full((len(channels), *sides), np.nan, dtype=np.float32)
    block = max(1, _BLOCK // step)
    for top in range(0, sides[0], block):
        for left in range(0, sides[1], block):
            rows, columns = min(block, sides[0] - top), min(block, sides[1] - left)
            y, x = window[0].start + top * step, window[1].start + left * step
            pixels, _ = read_window(slide, field, (slice(y, y + rows * step), slice(x, x + columns * step)))
            squares = pixels[indices].reshape(len(channels), rows, step, columns, step)
            part = squares.mean(axis=(2, 4)) if mean else squares[:, :, 0, :, 0]
            smaller[:, top : top + rows, left : left + columns] = part
    return smaller


def composite(image: np.ndarray, channels: Sequence[str], limits: Limits) -> np.ndarray:
    """Add up the light of the channels.

    Parameters
    ----------
    image
        Shape ``(channels, y, x)``.
    channels
        Their names.
    limits
        Value shown as black and value shown as full light of each.

    Returns
    -------
    RGB, shape ``(y, x, 3)``, from 0 to 1; grey where a channel is NaN.
    """
    from matplotlib.colors import to_rgb

    light = np.zeros((*image.shape[1:], 3))
    unread = ~np.isfinite(image).all(axis=0)
    colours = channel_colours(channels)
    for values, name in zip(image, channels, strict=True):
        light += shade(values, limits[name])[..., None] * np.array(to_rgb(colours[name]))
    # where light adds up to more than the screen has, its hue is kept
    light /= np.maximum(light.max(axis=2, keepdims=True), 1.0)
    light[unread] = UNREAD
    return light


def shade(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return the brightness of one channel's pixels, from 0 to 1."""
    low, high = limits
    return np.clip((np.nan_to_num(values.astype(float), nan=low) - low) / (high - low), 0.0, 1.0) ** GAMMA


def channel_colours(channels: Sequence[str]) -> dict[str, str]:
    """Return the colour of each channel's light."""
    unknown = [name for name in channels if name not in palette.CHANNELS]
    others = {name: palette.OTHER_CHANNELS[i % len(palette.OTHER_CHANNELS)] for i, name in enumerate(unknown)}
    return {name: palette.CHANNELS.get(name) or others[name] for name in channels}


def limits_text(limits: Limits) -> str:
    """State the contrast in words."""
    ranges = ", ".join(f"{name} {low:,.0f} to {high:,.0f}" for name, (low, high) in limits.items())
    return f"black to full light: {ranges}; exponent {GAMMA:g}"


def scale_bar(
    ax: Any,
    corner: tuple[float, float],
    width: float,
    um_per_pixel: float,
    *,
    share: float = 0.25,
    fontsize: float = 10,
) -> None:
    """Draw a bar of a round length into the lower right corner (x, y) of a picture of ``width`` pixels."""
    from matplotlib.patheffects import withStroke

    longest = width * um_per_pixel * share
    decade = 10.0 ** np.floor(np.log10(longest))
    length = next(step * decade for step in (5.0, 2.0, 1.0) if step * decade <= longest)
    right, bottom = corner[0] - 0.04 * width, corner[1] - 0.05 * width
    left = right - length / um_per_pixel
    edge = [withStroke(linewidth=0.3 * fontsize, foreground="black", alpha=0.6)]
    ax.plot([left, right], [bottom, bottom], color="white", linewidth=0.28 * fontsize, solid_capstyle="butt",
            path_effects=edge)  # fmt: skip
    ax.text((left + right) / 2, bottom - 0.015 * width, f"{length:g} µm", color="white", ha="center", va="bottom",
            fontsize=fontsize, path_effects=edge)  # fmt: skip

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
    image = slide.fields[field].image
    step = max(1, int(np.ceil(np.sqrt(image.shape[1] * image.shape[2] / _LOOKED_AT))))
    indices = [slide.channel(name) for name in channels]
    looked_at = np.asarray(image[indices, ::step, ::step])
    return {name: limits_of(values) for name, values in zip(channels, looked_at, strict=True)}


def limits_of(values: np.ndarray) -> tuple[float, float]:
    """Return background and a bright value of the pixels of one channel."""
    low, low_side = np.percentile(values, [50.0, 16.0])
    high = max(float(np.percentile(values, _BRIGHTEST)), float(low + _LEAST_SPREAD * (low - low_side)), float(low) + 1)
    return float(low), high


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
    RGB, shape ``(y, x, 3)``, from 0 to 1.
    """
    from matplotlib.colors import to_rgb

    light = np.zeros((*image.shape[1:], 3))
    colours = channel_colours(channels)
    for values, name in zip(image, channels, strict=True):
        light += shade(values, limits[name])[..., None] * np.array(to_rgb(colours[name]))
    # where light adds up to more than the screen has, its hue is kept
    return light / np.maximum(light.max(axis=2, keepdims=True), 1.0)


def shade(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return the brightness of one channel's pixels, from 0 to 1."""
    low, high = limits
    return np.clip((values.astype(float) - low) / (high - low), 0.0, 1.0) ** GAMMA


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

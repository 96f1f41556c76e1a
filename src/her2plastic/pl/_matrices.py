"""A small matrix between states: a number, its shade and its words in each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from her2plastic.pl import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The strongest shade stays this far from the ends of the colours, so that text on it can be read.
_PALE = 2.2


@dataclass(frozen=True)
class Score:
    """What stands in one field.

    Parameters
    ----------
    shade
        Colour of the field relative to the others, 0 neutral; missing for a field that says nothing.
    text
        The number, or the word that there is none.
    detail
        Small lines below it.
    bold
        Whether it is a finding.
    """

    shade: float
    text: str
    detail: str = ""
    bold: bool = False


def draw_scores(panel: Axes, states: Sequence[str], scores: Mapping[tuple[int, int], Score], *, title: str) -> None:
    """Draw the fields, rows and columns named by the states; the diagonal stays empty."""
    n = len(states)
    shades = np.full((n, n), np.nan)
    for place, score in scores.items():
        shades[place] = score.shade
    largest = float(np.nanmax(np.abs(shades))) if np.isfinite(shades).any() else 0.0
    panel.imshow(np.full((n, n), 0.5), cmap="Greys", vmin=0, vmax=6)
    panel.imshow(shades / max(largest, 1e-9), cmap="PuOr_r", vmin=-_PALE, vmax=_PALE)
    for (i, j), score in scores.items():
        if not np.isfinite(score.shade):
            panel.text(j, i, score.text, ha="center", va="center", fontsize=8.5, color=palette.NOTE, style="italic")
            continue
        panel.text(j, i - 0.14 if score.detail else i, score.text, ha="center", va="center", fontsize=10.5,
                   fontweight="bold" if score.bold else "normal")  # fmt: skip
        panel.text(j, i + 0.2, score.detail, ha="center", va="center", fontsize=7.5, linespacing=1.1)
    panel.set_xticks(range(n), states, fontsize=9.5, rotation=20, ha="right", rotation_mode="anchor")
    panel.set_yticks(range(n), states, fontsize=9.5)
    panel.tick_params(length=0)
    panel.set_title(title, fontsize=10, loc="left")
    for spine in panel.spines.values():
        spine.set_visible(False)

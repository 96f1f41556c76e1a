"""The figures of the chapter on transitions: which there are for each design, and what to read in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import pl
from her2plastic.pl import _composition_over_time, _re_equilibration, _state_diagram
from her2plastic.report.figures import SIZE, Drawing, FigureSpec, drawn
from her2plastic.report.transition_results import Result

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

    from her2plastic.models import NullTest

_WIDE: Final = (10.2, 4.6)
#: Wider figures than this take the width of the page.
_HALF: Final = 8.0
_CONVERSION: Final = (8.8, 5.1)
_DIAGRAM: Final = (
    "Each box is a state, filled as far as its share goes; each arrow a rate and its interval. A grey, dashed arrow"
    " is one that these data do not identify: there is no number to show, at most a bound."
)
_EFFECTIVE: Final = (
    " The rates are effective ones: cells that switch, grow, are shed or are cleared faster look alike here."
)
_OVER_TIME: Final = (
    "A panel per patient: shares of the states at each draw with their intervals, the curve that the rates give, "
    "and the treatments above. Other cells are seen at each draw, so that the intervals, not the dots, carry the "
    "doubt."
)
_NULL: Final = (
    "What the statistic comes to where nothing moves, with the same cells and the same reading error, and what it "
    "came to in these data. Only what lies beyond the grey hill speaks for a transition."
)


def transition_figures(adata: AnnData, results: list[Result], *, figures: Mapping[str, Any]) -> list[Drawing]:
    """Draw every result that has something to show, and the null that decides about it; small figures come first."""
    drawings = []
    for result in results:
        drawings += [drawn(spec, size, draw, figures) for spec, size, draw in _of_result(adata, result)]
        test = result.decisive
        if test is not None and test.status == "ok" and test.simulated.size:
            drawings.append(_null(result, test, figures))
    return sorted(drawings, key=lambda drawing: drawing.size[0] > _HALF)


Plan = tuple[FigureSpec, tuple[float, float], "Callable[[Axes], object]"]


def _of_result(adata: AnnData, result: Result) -> list[Plan]:
    """Return the figures of one design; one without a result has only what was observed."""
    plans: list[Plan] = []
    ok = result.status == "ok"
    if result.has_rates and ok:
        caption = _DIAGRAM + (_EFFECTIVE if bool(result.record["effective"]) else "")
        spec = _spec(result, "state_diagram", "rates between states", caption)
        size = _state_diagram.size_of(pl.prepare_state_diagram(adata, design=result.design))
        plans.append((spec, size, lambda ax: pl.state_diagram(adata, design=result.design, ax=ax)))
    observed = np.asarray(result.record.get("fitted", {}).get("observed", []), dtype=float)
    if result.step in ("switching_draws", "switching_panel") and np.isfinite(observed).any():
        shown = pl.prepare_composition_over_time(adata, design=result.design)
        spec = _spec(result, "composition_over_time", "shares over time", _OVER_TIME)
        width, height = _composition_over_time.size_of(shown.fitted["group"].nunique())
        size = (max(width, _WIDE[0]), height)
        plans.append((spec, size, lambda ax: pl.composition_over_time(adata, design=result.design, ax=ax)))
    if result.step == "switching_sorted" and np.isfinite(observed).any():
        starts = pl.prepare_re_equilibration(adata).observed["group"].nunique()
        caption = "What each sorted population became, and what each model makes of it, with the weights of the models."
        spec = _spec(result, "re_equilibration", "after the sort", caption)
        width, height = _re_equilibration.size_of(starts)
        plans.append((spec, (max(width, _WIDE[0]), height), lambda ax: pl.re_equilibration(adata, ax=ax)))
    if ok and result.step in _OTHERS:
        title, caption, size, draw = _OTHERS[result.step]
        plans.append((_spec(result, result.step, title, caption), size, lambda ax: draw(adata, ax=ax)))
    return plans


_OTHERS: Final[Mapping[str, tuple[str, str, tuple[float, float], Callable[..., object]]]] = {
    "trajectory": (
        "likeness",
        "The cells by likeness of their programmes, and how often cells of two states are neighbours, beside the "
        "same with shuffled states. States that lie in order need not turn into one another.",
        _WIDE,
        lambda adata, ax: pl.trajectory(adata, ax=ax),
    ),
    "direction": (
        "direction",
        "Where unspliced against spliced RNA points on the map, and the scores between states. The line above says "
        "on how much it rests and whether as much is seen where nothing moves. A score says which way, never how "
        "fast.",
        _WIDE,
        lambda adata, ax: pl.direction(adata, ax=ax),
    ),
    "conversion": (
        "changed states",
        "Patients by first (rows) and last state (columns). Grey is what two readings of an unchanged tissue give "
        "by reader error alone, the coloured part is beyond it.",
        _CONVERSION,
        lambda adata, ax: pl.conversion(adata, ax=ax),
    ),
}  # fmt: skip


def _null(result: Result, test: NullTest, figures: Mapping[str, Any]) -> Drawing:
    spec = _spec(result, "null", "what chance and error give", _NULL)
    return drawn(spec, SIZE, lambda ax: pl.null_distribution(test, ax=ax), figures)


def _spec(result: Result, name: str, title: str, caption: str) -> FigureSpec:
    own = name if name == result.step else f"{result.design}_{name}"
    return FigureSpec(own, f"{result.title}: {title}", caption, (("uns", f"her2plastic/{result.step}"),))

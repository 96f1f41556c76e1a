"""How well draws are explained if compositions rest, and if they move."""

from __future__ import annotations

import numpy as np

from her2plastic.models.draws.objective import DrawsObjective, Layout
from her2plastic.models.draws.rows import DrawRows
from her2plastic.models.quasi_newton import Maximum, maximise

#: Rates are looked for between a thousandth of a move in the longest follow-up and twenty in the shortest interval.
_SLOWEST, _FASTEST = 1e-3, 20.0
#: Speeds, in moves per follow-up, of which the best is where the climb starts.
_START_SPEEDS = (0.1, 0.5, 2.0, 8.0)


def climb(
    rows: DrawRows,
    tables: np.ndarray,
    layout: Layout,
    extra: np.ndarray | None = None,
    *,
    static: Maximum | None = None,
    tolerance: float = 1e-4,
) -> tuple[Maximum, Maximum]:
    """Return the maxima without moves and with them; ``static`` spares the first where it is known."""
    still = Layout(np.empty((0, 2), dtype=np.int64), layout.n_states, 0, 0.0, layout.overdispersion)
    box = rate_limits(rows)
    if static is None:
        objective = DrawsObjective(rows, tables, still, extra)
        static = maximise(objective, objective.start(0.0), np.diag(np.full(still.size, 0.2)), *still.bounds(box))
    objective = DrawsObjective(rows, tables, layout, extra)
    follow_up = _longest(rows)
    starts = [objective.start(np.log(speed / follow_up)) for speed in _START_SPEEDS]
    for start in starts:
        start[layout.rho_at :] = static.place
    best = max(starts, key=lambda start: objective(start)[0])
    guess = np.diag(np.full(layout.size, 0.25))
    moving = maximise(objective, best, guess, *layout.bounds(box), tolerance=tolerance)
    return static, moving


def rate_limits(rows: DrawRows) -> tuple[float, float]:
    """Return the smallest and the largest log rate that draws on these days could tell from none and from any."""
    shortest = float(rows.length.min()) if len(rows.length) else 1.0
    return float(np.log(_SLOWEST / _longest(rows))), float(np.log(_FASTEST / shortest))


def _longest(rows: DrawRows) -> float:
    return max((float(rows.day[b - 1] - rows.day[a]) for a, b in spans(rows)), default=1.0) or 1.0


def spans(rows: DrawRows) -> list[tuple[int, int]]:
    """Return where each patient's rows begin and end."""
    return list(zip(rows.starts[:-1].tolist(), rows.starts[1:].tolist(), strict=True))

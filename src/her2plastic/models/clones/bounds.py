"""What clones without a switched cell exclude, and how likely a colony holds one.

A clone that grew from one cell to N without deaths went through N - 1 divisions and 2 (N - 1) births of a daughter. If
each daughter switches with probability s, it holds no switched cell with probability ``(1 - s)^(2 (N - 1))``; four
doublings make 30 daughters.
"""

from __future__ import annotations

import numpy as np

from her2plastic._errors import ParameterError, check_probability


def daughters_of(sizes: np.ndarray) -> np.ndarray:
    """Return the daughters born on the way from one cell to each size, without deaths."""
    cells = np.asarray(sizes, dtype=float)
    if not (np.isfinite(cells).all() and (cells >= 0).all()):
        raise ParameterError("sizes: expected cell numbers of at least 0")
    return 2 * np.maximum(cells - 1, 0)


def colony_switches(switching: float, *, daughters: float = 30) -> float:
    """Return the probability that a colony holds a switched cell.

    Parameters
    ----------
    switching
        Probability that a daughter switches.
    daughters
        Daughters born in the colony: 30 in four doublings.

    Returns
    -------
    ``1 - (1 - s)^daughters``.

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> round(hp.models.colony_switches(0.05, daughters=30), 2)  # colonies with a switched cell
    0.79
    """
    if not (0 <= switching <= 1 and daughters >= 0):
        raise ParameterError(f"switching={switching!r}, daughters={daughters!r}: expected 0 to 1, and at least 0")
    return float(-np.expm1(daughters * np.log1p(-switching))) if switching < 1 else float(daughters > 0)


def switching_for_colonies(share: float, *, daughters: float = 30) -> float:
    """Return the least switching per daughter for which this share of colonies holds a switched cell.

    Parameters
    ----------
    share
        Share of colonies with a switched cell.
    daughters
        Daughters born in a colony: 30 in four doublings.

    Returns
    -------
    Probability per daughter: a bound, not a rate, where the share is all that was said.

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> round(hp.models.switching_for_colonies(0.8, daughters=30), 3)  # per daughter, at least
    0.052
    """
    check_probability("share", share)
    if not daughters > 0:
        raise ParameterError(f"daughters={daughters!r}: expected a number above 0")
    return float(-np.expm1(np.log1p(-share) / daughters))


def no_switch_bounds(
    sizes: np.ndarray, *, days: np.ndarray | float | None = None, level: float = 0.9
) -> tuple[float, float]:
    """Return the exact upper bounds of switching per daughter and per day from clones of which none switched.

    Parameters
    ----------
    sizes
        ``(clones,)`` cells of each clone, all in the state of its founder.
    days
        Days that each clone grew; None if not known.
    level
        Probability that a bound holds (one-sided).

    Returns
    -------
    per_daughter
        ``1 - (1 - level)^(1 / all daughters)``; missing if no clone divided.
    per_day
        ``-log(1 - level) / all cell-days``, with exponential growth between founder and measurement; missing without
        days.

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = [12, 40, 25, 33, 18]  # five clones in which nobody had switched after 14 days
    >>> per_daughter, per_day = hp.models.no_switch_bounds(cells, days=14)
    >>> round(per_daughter, 3), round(per_day, 4)
    (0.009, 0.0044)
    """
    check_probability("level", level)
    cells = np.asarray(sizes, dtype=float)
    born = float(daughters_of(cells).sum())
    bound = float(-np.expm1(np.log1p(-level) / born)) if born > 0 else float("nan")
    if days is None:
        return bound, float("nan")
    times = np.broadcast_to(np.asarray(days, dtype=float), cells.shape)
    if not (np.isfinite(times).all() and (times >= 0).all()):
        raise ParameterError("days: expected days of at least 0")
    seen = cells >= 1
    growth = np.log(np.maximum(cells[seen], 1.0))
    # the mean of exp(growth x) over 0 to 1 is expm1(growth) / growth, 1 where the clone did not grow
    mean = np.divide(np.expm1(growth), growth, out=np.ones_like(growth), where=growth > 1e-9)
    cell_days = float((times[seen] * mean).sum())
    return bound, float(-np.log1p(-level) / cell_days) if cell_days > 0 else float("nan")

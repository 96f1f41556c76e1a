"""Shares of the HER2 states per donor and draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from her2plastic import _keys, tl
from her2plastic._access import patient_cells
from her2plastic._errors import ParameterError, one_of
from her2plastic.pl._axes import drawing, say

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

Kind = Literal["intervals", "stacked"]
KINDS: Final = ("intervals", "stacked")
#: More draws than this cannot be told apart in one figure: they are then shown together, donor by donor.
MOST_DRAWS: Final = 200
#: Space between donors, in draws.
_GAP = 0.8
_INCHES_PER_DRAW = {"intervals": 0.36, "stacked": 0.24}


@dataclass(frozen=True)
class CompositionData:
    """What :func:`composition` draws.

    Parameters
    ----------
    draws
        A row per donor, or per donor and draw: the grouping columns, ``donor``, ``draw`` (text), ``position``,
        ``n_ctc``, per state ``share_``, ``lower_`` and ``upper_``, and ``note``.
    by
        The grouping columns.
    level
        Coverage of the intervals.
    """

    draws: pd.DataFrame
    by: tuple[str, ...]
    level: float


def prepare_composition(
    adata: AnnData, *, by: Sequence[str] | None = None, level: float = 0.9, shares: tl.HER2Shares | None = None
) -> CompositionData:
    """Return what :func:`composition` draws.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state`.
    by
        One or two columns of ``obs``: the donor, or the donor and the draw. By default both where there are several
        draws and at most 200 of them, else the donor.
    level
        Coverage of the intervals.
    shares
        Shares that were computed before; then ``by`` and ``level`` are theirs.

    Returns
    -------
    Draws in order of donor and draw, with their places. Control cells are left out.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> data = hp.pl.prepare_composition(cells)
    >>> print(data.draws[["donor", "draw", "n_ctc", "share_HER2-positive"]].round(2).to_string(index=False))
    donor draw  n_ctc  share_HER2-positive
      D01    0     18                 0.24
      D01   21     19                 0.23
      D02    0     18                 0.18
      D02   21     18                 0.18
    """
    if shares is None:
        shares = tl.her2_shares(adata, by=_default_by(adata) if by is None else tuple(by), level=level)
    columns = tuple(shares.by)
    if len(columns) not in (1, 2):
        raise ParameterError(f"by={columns!r}: expected one or two columns, the donor and the draw")
    draws = shares.to_frame().sort_values(list(columns), kind="stable").reset_index(drop=True)
    draws["donor"] = draws[columns[0]].astype(object).map(str)
    draws["note"] = draws["note"].fillna("").astype(str) if "note" in draws else ""
    draws["draw"] = [_short(value) for value in draws[columns[1]]] if len(columns) == 2 else ""
    new_donor = draws["donor"].ne(draws["donor"].shift()).to_numpy()
    gap = _GAP if len(columns) == 2 else 0.0
    draws["position"] = np.arange(len(draws)) + gap * (np.cumsum(new_donor) - 1.0)
    return CompositionData(draws, columns, shares.level)


def composition(
    adata: AnnData,
    *,
    by: Sequence[str] | None = None,
    level: float = 0.9,
    shares: tl.HER2Shares | None = None,
    kind: Kind = "intervals",
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of each HER2 state per donor and draw, with intervals and the number of CTCs.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.her2_state`.
    by
        One or two columns of ``obs``: the donor, or the donor and the draw. By default both where there are several
        draws and at most 200 of them, else the donor.
    level
        Coverage of the intervals.
    shares
        Shares that were computed before by :func:`her2plastic.tl.her2_shares`; then ``by`` and ``level`` are theirs.
    kind
        ``intervals``: a band per state, in it a dot with its interval per draw; a thin line joins the draws of one
        donor. ``stacked``: a bar per draw, HER2-positive at its foot and HER2-0 at its top, with the intervals of these
        two.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    The axes.

    Raises
    ------
    MissingKeyError
        If the HER2 states or a column of ``by`` are not there.
    ParameterError
        If ``by`` holds more than two columns, or ``kind`` is not known.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> ax = hp.pl.composition(cells)
    >>> ax.get_title(loc="left")
    '73 CTCs, 2 donors, 4 draws'
    """
    from her2plastic.pl._composition_intervals import draw_intervals
    from her2plastic.pl._composition_stacked import draw_stacked

    one_of("kind", kind, KINDS)
    data = prepare_composition(adata, by=by, level=level, shares=shares)
    width = float(np.clip(3.0 + _INCHES_PER_DRAW[kind] * len(data.draws), 6.0, 15.0))
    with drawing(ax, (width, 5.6 if kind == "intervals" else 4.6)) as ax:
        ax.set(ylabel="share of CTCs")
        if data.draws.empty or not (data.draws["n_ctc"] > 0).any():
            say(ax, f"no CTC among {adata.n_obs:,} cells")
            return ax
        (draw_intervals if kind == "intervals" else draw_stacked)(ax, data)
        return ax


def _default_by(adata: AnnData) -> tuple[str, ...]:
    donor = (_keys.DONOR_ID,)
    if _keys.DRAW_DAY not in adata.obs or _keys.DONOR_ID not in adata.obs:
        return donor
    pairs = pd.DataFrame({key: adata.obs[key] for key in (_keys.DONOR_ID, _keys.DRAW_DAY)})
    pairs = pairs[patient_cells(adata)].drop_duplicates()
    several = pairs[_keys.DRAW_DAY].notna().all() and pairs[_keys.DRAW_DAY].nunique() > 1
    return (*donor, _keys.DRAW_DAY) if several and len(pairs) <= MOST_DRAWS else donor


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)

"""The chain that sorted fractions imply under equal growth, held against the culture they were sorted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2

from her2plastic._errors import ParameterError, as_numbers
from her2plastic.models.null_test import NullTest
from her2plastic.models.sorted_assay.data import AssayData
from her2plastic.models.sorted_assay.explanations import IMPURE_MARKOV, MARKOV, Explanation, Layout
from her2plastic.models.sorted_assay.fit import fit_layout, share_deviance
from her2plastic.models.sorted_assay.fractions_chain import FractionsChain, chain_of_fractions

_NAME = "one chain for sorts and parental culture"
_STATISTIC = "deviance of the parental composition from the chain's equilibrium"
#: Where nobody says how many cells were measured, a sorted culture is taken to have been measured on so many.
_MANY_CELLS = 1000
#: Explanations other than the chain, and what is allowed in each.
_OTHERS = {
    "different growth": Explanation("growth and switching from pure sorts", True, True, False),
    "sort impurity (up to a quarter)": IMPURE_MARKOV,
}


@dataclass(frozen=True)
class ChainCheck:
    """The chain of a sorted assay and, where the parental culture is known, whether the two agree.

    Attributes
    ----------
    chain
        The chain under equal growth and pure sorts.
    parental
        ``(S,)`` composition of the parental culture; empty if not known.
    tests
        The test of one chain for both; empty without a parental culture.
    cells_to_contradict
        Cells per measured composition from which on the two disagree at 5 %; missing without a parental culture.
    others
        What else may explain the numbers, with the deviance per cell that it leaves.
    cells
        Cells behind each composition, where they are known.
    """

    chain: FractionsChain
    parental: np.ndarray
    tests: tuple[NullTest, ...]
    cells_to_contradict: float
    others: tuple[tuple[str, float], ...]
    cells: float | None = None

    @property
    def contradicted(self) -> bool:
        """Whether the parental composition speaks against a homogeneous chain."""
        if not self.tests:
            return False
        test = self.tests[0]
        return bool(test.p <= 0.05) if np.isfinite(test.p) else bool(self.cells_to_contradict <= _MANY_CELLS)

    def notes(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what the chain says and whether the parental culture agrees, a sentence each."""
        rest = _shares(self.chain.stationary, names)
        notes = [f"under equal growth and pure sorts, which is not tested here, the cultures would move to {rest}"]
        if not self.chain.embeddable:
            notes.append("that chain belongs to no process in continuous time")
        if not self.tests:
            return tuple(notes)
        there = _shares(self.parental, names)
        if not self.contradicted:
            return (*notes, f"the parental culture ({there}) agrees with this")
        number = f" if {np.ceil(self.cells_to_contradict):.0f} or more cells were measured"
        cells = "" if np.isfinite(self.tests[0].p) else number
        notes.append(f"a homogeneous chain is contradicted by the parental culture ({there}){cells}")
        freedom = len(self.parental) - 1
        spoken = [f"{what} ({_verdict(left, self.cells, freedom)})" for what, left in self.others]
        notes.append(
            f"other explanations: {', '.join(spoken)}, or a delay (a marker that lags behind the state, a sort that "
            "changes the cells), which needs further days to be seen"
        )
        return tuple(notes)


def _shares(shares: np.ndarray, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {share:.2f}" for name, share in zip(names, shares, strict=True))


def _verdict(left: float, cells: float | None, freedom: int) -> str:
    """Return in words whether an explanation that leaves a deviance per cell is contradicted."""
    needed = cells_needed(left, freedom)
    if (needed <= cells) if cells is not None else (needed <= _MANY_CELLS):
        return f"contradicted too, from {np.ceil(needed):.0f} cells on"
    return "can reconcile the numbers"


def cells_needed(left: float, freedom: int) -> float:
    """Return the cells per composition from which on a deviance per cell is significant at 5 %."""
    return float(chi2.isf(0.05, freedom) / left) if left > 1e-12 else float("inf")


def check_chain(
    data: AssayData, errors: np.ndarray, parental: np.ndarray | None, parental_cells: float | None
) -> ChainCheck | None:
    """Return the chain where every state was sorted for once and measured on the same days, else None.

    Parameters
    ----------
    data
        The assay.
    errors
        Misclassification matrix; its inverse is applied to the fractions of the chain.
    parental
        ``(S,)`` composition of the culture that the sorts came from.
    parental_cells
        Cells behind it and behind each well, if known.

    Raises
    ------
    ParameterError
        The parental composition is none.
    """
    size = data.n_states
    chain = _chain(data, errors)
    if parental is None:
        return ChainCheck(chain, np.empty(0), (), float("nan"), ()) if chain else None
    mixture = as_numbers("parental", parental)
    if mixture.shape != (size,) or not np.isfinite(mixture).all() or (mixture < 0).any() or mixture.sum() <= 0:
        raise ParameterError(f"parental={parental!r}: expected {size} shares or counts of at least 0")
    mixture = mixture / mixture.sum()
    if parental_cells is not None and not 1 <= float(as_numbers("parental_cells", parental_cells)) < np.inf:
        raise ParameterError(f"parental_cells={parental_cells!r}: expected a number of cells of at least 1, or None")
    if chain is None:
        return None
    left = _deviance(MARKOV, data, errors, mixture) - _deviance(MARKOV, data, errors, None)
    left, freedom = max(left, 0.0), size - 1
    needed = cells_needed(left, freedom)
    if parental_cells is None:
        reason = f"cells behind the fractions not given, {np.ceil(needed):.0f} needed for p 0.05"
        test = NullTest.lacking(_NAME, _STATISTIC, reason)
    else:
        test = NullTest(_NAME, _STATISTIC, parental_cells * left, float(chi2.sf(parental_cells * left, freedom)))
    others = tuple((what, _deviance(other, data, errors, mixture)) for what, other in _OTHERS.items())
    return ChainCheck(chain, mixture, (test,), needed, others, parental_cells)


def _chain(data: AssayData, errors: np.ndarray) -> FractionsChain | None:
    days = np.unique(data.day[np.isfinite(data.day) & (data.day > 0)])
    tables = np.full((len(days), data.n_states, data.n_states), np.nan)
    for k, day in enumerate(days):
        for state in range(data.n_states):
            wells = (data.day == day) & (data.sorted_to[data.start] == state)
            if wells.any():
                tables[k, state] = np.average(data.shares[wells], axis=0, weights=data.cells[wells])
    complete = np.isfinite(tables).all(axis=(1, 2))
    if not complete.any() or np.linalg.cond(errors) > 1e6:
        return None
    corrected = np.clip(tables[complete] @ np.linalg.inv(errors), 0.0, None)
    return chain_of_fractions(corrected, days=days[complete])


def _deviance(explanation: Explanation, data: AssayData, errors: np.ndarray, parental: np.ndarray | None) -> float:
    """Return the deviance per cell that the best fit leaves, every composition counting alike."""
    moving = np.isfinite(data.day) & (data.day > 0) & (data.sorted_to[data.start] >= 0)
    kept = [group for group in range(data.n_starts) if (moving & (data.start == group)).any()]
    start = np.searchsorted(kept, data.start[moving])
    day, shares, sorted_to = data.day[moving], data.shares[moving], data.sorted_to[kept]
    if parental is not None:
        start, day = np.append(start, len(kept)), np.append(day, np.inf)
        shares, sorted_to = np.vstack([shares, parental @ errors]), np.append(sorted_to, -1)
    alike = np.full(len(day), 1000.0)
    bare = replace(
        data, start=start, day=day, shares=shares, cells=alike, totals=np.full(len(day), np.nan), sorted_to=sorted_to
    )
    layout = Layout(explanation, bare, known=None, largest_impurity=0.25, misclassification=errors)
    scale = 1.0 / float(np.median(day[np.isfinite(day)]))
    moving_parts = [np.zeros(layout.n_growth), np.full(len(layout.amounts), 0.02)]
    starts = [np.concatenate([np.full(layout.n_rates, speed * scale), *moving_parts]) for speed in (0.1, 1.0)]
    return float(share_deviance(bare.shares, fit_layout(layout, starts).expected.shares).sum())

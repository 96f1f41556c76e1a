"""Where pseudotime begins. A root is remembered by its cell's name: a position goes stale when cells are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.spatial.distance import cdist

from her2plastic import _keys
from her2plastic._errors import ParameterError, one_of
from her2plastic.models.shrunken_rate import evenly_spaced

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.tl.trajectory_path import DiffusionMap

#: Cells among which a root is looked for, and to which its distance is taken.
MOST: Final = 2000
GIVEN_CELL, GIVEN_STATE, AUTOMATIC = "given cell", "given state", "automatic"


@dataclass(frozen=True)
class Root:
    """A root: a cell, or a state at whose end it lies.

    Parameters
    ----------
    chosen
        How it was chosen.
    states, state
        Names of the states, and the place of the root's.
    membership
        ``(cells, states)`` of the cells that are laid out.
    cell
        Place of the cell among them, where one was given.
    """

    chosen: str
    states: tuple[str, ...]
    state: int
    membership: np.ndarray
    cell: int | None = None

    def place(self, laid: DiffusionMap, values: np.ndarray) -> int:
        """Return the root's place among the cells that are laid out."""
        if self.cell is not None:
            return self.cell
        return _end_of_state(values, laid.part, self.membership[:, self.state])

    def record(self, adata: AnnData, row: int) -> dict[str, str]:
        """Return the root by its name, which stays true when cells are left out."""
        return {"cell_id": str(_cell_names(adata)[row]), "state": self.states[self.state], "chosen": self.chosen}


def find_root(
    adata: AnnData, used: np.ndarray, membership: np.ndarray, states: tuple[str, ...],
    *, state: str | None, cell: str | None, enough: int,
) -> Root:  # fmt: skip
    """Return the root that was asked for, or the automatic one: the first state with enough cells."""
    number = (membership > 0.5).sum(axis=0)
    if cell is not None:
        rows = np.flatnonzero(_cell_names(adata) == str(cell))
        if rows.size != 1:
            raise ParameterError(f"root_cell={cell!r}: {rows.size} cells have this name, expected one")
        place = np.flatnonzero(used == rows[0])
        if place.size == 0:
            raise ParameterError(
                f"root_cell={cell!r} is left out of the path: no CTC, a control, without features or state, or of a "
                "donor with too few cells. Name another cell."
            )
        return Root(GIVEN_CELL, states, int(np.argmax(membership[place[0]])), membership, int(place[0]))
    if state is None:
        return Root(AUTOMATIC, states, int(np.flatnonzero(number >= enough)[0]), membership)
    one_of("root_state", state, states)
    wanted = states.index(state)
    if number[wanted] == 0:
        raise ParameterError(f"root_state={state!r}: 0 cells are more likely of it than not. Name another state.")
    return Root(GIVEN_STATE, states, wanted, membership)


def _cell_names(adata: AnnData) -> np.ndarray:
    names = adata.obs[_keys.CELL_ID] if _keys.CELL_ID in adata.obs else adata.obs_names
    return np.asarray(names).astype(str)


def _end_of_state(values: np.ndarray, part: np.ndarray, probability: np.ndarray) -> int:
    """Return the cell of a state that is by most nearer to its own state than to the others, in the mean distance.

    Only the connected part of the graph that holds most of the state counts. Not the farthest cell from the others:
    that is an outlier, which is far from its own state too.
    """
    of_state = np.flatnonzero(probability > 0.5)
    parts, number = np.unique(part[of_state], return_counts=True)
    here = np.flatnonzero(part == parts[np.argmax(number)])
    candidates = evenly_spaced(np.intersect1d(of_state, here), MOST)
    others = evenly_spaced(here, MOST)
    distance = cdist(values[candidates], values[others])
    own, other = probability[others], 1.0 - probability[others]
    nearer = distance @ other / max(other.sum(), 1e-12) - distance @ own / own.sum()
    return int(candidates[np.argmax(nearer)])

"""An order of cells by likeness, and how the HER2 states lie along it."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash, record_step
from her2plastic._errors import ParameterError, check_probability, check_seed
from her2plastic.models.null_test import NullTest
from her2plastic.models.state_graph import NULL, STATISTIC, moran
from her2plastic.tl.trajectory_cells import MIN_CELLS, MIN_STATE_CELLS, LaidCells, lacking_of, laid_cells
from her2plastic.tl.trajectory_features import ERBB2, Features
from her2plastic.tl.trajectory_genes import genes_along
from her2plastic.tl.trajectory_links import lay, links_of, links_without, positions_of
from her2plastic.tl.trajectory_path import DiffusionMap
from her2plastic.tl.trajectory_result import StateLinks, Trajectory
from her2plastic.tl.trajectory_root import find_root

if TYPE_CHECKING:
    from anndata import AnnData

#: Fewer donors are shown, without saying anything of donors in general.
MIN_DONORS: Final = 6


def trajectory(
    adata: AnnData,
    *,
    features: str | None = None,
    leave_out: Sequence[str] | None = None,
    state_key: str | None = None,
    posterior_key: str = _keys.HER2_POSTERIOR,
    donor_key: str = _keys.DONOR_ID,
    centre_donors: bool = True,
    scale: bool | None = None,
    root_state: str | None = None,
    root_cell: str | None = None,
    n_neighbors: int = 30,
    n_components: int = 10,
    n_null: int = 999,
    min_cells: int = MIN_CELLS,
    level: float = 0.95,
    seed: int = 0,
) -> Trajectory:
    """Order CTCs by likeness of their programmes, and say how the HER2 states lie along that order.

    Neighbours and diffusion map are scanpy's, on a copy; pseudotime is the diffusion distance from the root. It is an
    order of likeness: it knows neither time nor direction, and the root is a choice. How the states are joined in the
    neighbour graph is PAGA's connectivity (Wolf et al. 2019) with each cell counting for every state by its
    probability. It stands beside the same number with states shuffled among cells of like depth within each donor (and
    assay): what donors, their prior shares in the posterior, and depth explain is no finding.

    ERBB2 defines the HER2 states, so that states lie apart in any graph that holds ERBB2. The test that decides is made
    on the graph without it (``leave_out``); the other is reported beside it and called circular.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.programmes` and :func:`her2plastic.tl.her2_state`, or of any kind with
        ``features`` and ``state_key``. Cells that are no CTC and controls with a ``label`` are left out.
    features
        What cells are alike in: None for the programme scores and ERBB2 (log2 units), ``"X"``, or a key of ``obsm``.
    leave_out
        Features that define the states; None for ERBB2 where it is among the features, empty for none.
    state_key
        Column of ``obs`` with the states; None for the probabilities of ``posterior_key``.
    posterior_key
        Key of ``obsm`` with a column per state, rows that sum to 1.
    donor_key
        Column of ``obs`` with the patient.
    centre_donors
        Take the mean of each donor (and assay) off every feature. Donors with fewer than five cells are then left out.
        A donor whose cells are all of one state says nothing of how states lie.
    scale
        Bring every feature to the same standard deviation; None for programmes and ERBB2 only.
    root_state, root_cell
        Where pseudotime begins: at the cell of that state that is nearer to its own state than to the others by most,
        or at the cell of that ``cell_id``. Without either it is the first state that has enough cells.
    n_neighbors, n_components
        Neighbours of a cell, counted with itself; components of the diffusion map.
    n_null
        Shufflings of the states.
    min_cells
        Cells needed at least.
    level
        Probability that an interval over donors holds.
    seed
        Seed of neighbours, shufflings and sign flips.

    Returns
    -------
    How the states lie, with and without what defines them; positions of the states and genes along the path by tests
    over donors. Writes:

    ``obs["her2_pseudotime"]``
        0 at the root to 1; missing for cells left out and for those that no chain of neighbours joins to the root.
    ``obsm["X_diffmap"]``
        Diffusion components, cells x components, the first one stationary (as scanpy has them).
    ``uns["her2plastic"]["trajectory"]``
        The whole result; the root by its ``cell_id``, which stays true when cells are left out later. With too few
        cells or cells of one state, ``status`` says ``insufficient`` and the number, and both keys above are missing
        throughout.

    Raises
    ------
    MissingKeyError
        If features, states or donors are not there.
    ParameterError
        If a parameter cannot be used, or the root is not among the cells that are laid out.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=3, draws=(0,), n_ctc=60, n_genes=900)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.her2_state(cells)
    >>> hp.tl.programmes(cells)
    >>> found = hp.tl.trajectory(cells, n_null=19)
    >>> found.status, found.root["state"], found.left_out
    ('ok', 'HER2-0', ('ERBB2',))
    """
    _check(n_neighbors, n_components, n_null, min_cells, root_state, root_cell)
    check_probability("level", level)
    check_seed(seed)
    cells = laid_cells(adata, features, state_key, posterior_key, donor_key, centre_donors=centre_donors,
                   scale=features is None if scale is None else scale)  # fmt: skip
    left_out = _left_out(leave_out, cells.features)
    laid, found = None, None
    if lacking := lacking_of(cells, min_cells):
        found = Trajectory.lacking(
            cells.states, lacking, test=NullTest.lacking(NULL, STATISTIC, lacking), level=level, numbers=cells.numbers,
            features=cells.features.names, left_out=left_out,
        )  # fmt: skip
        pseudotime = np.full(cells.used.size, np.nan)
    else:
        root = find_root(adata, cells.used, cells.membership, cells.states, state=root_state, cell=root_cell,
                         enough=MIN_STATE_CELLS)  # fmt: skip
        laid = lay(cells.features, n_neighbors, n_components, seed)
        place = root.place(laid, cells.features.values)
        pseudotime = laid.pseudotime(place)
        links = links_of(laid, cells, cells.features, n_null, seed)
        without, agreement = links_without(
            cells, left_out, place, pseudotime, (n_neighbors, n_components, n_null, seed)
        )
        genes, gene_note = genes_along(adata, cells.used, pseudotime, cells.donor, cells.features.names, level, seed)
        unreached = int(np.isnan(pseudotime).sum())
        found = Trajectory(
            cells.states, links, without, left_out, positions_of(cells, pseudotime, level), genes,
            root.record(adata, cells.used[place]), agreement, level,
            numbers=cells.numbers | ({"cells that nothing joins to the root": unreached} if unreached else {}),
            notes=_notes(cells, links, without, left_out, agreement, gene_note, state_key),
        )  # fmt: skip
    _write(adata, cells.used, pseudotime, laid)
    record_step(
        adata, "trajectory", input_hash=input_hash(cells.features.values, cells.membership, cells.donor),
        params={"features": features, "leave_out": leave_out, "state_key": state_key, "posterior_key": posterior_key,
                "donor_key": donor_key, "centre_donors": centre_donors, "scale": scale, "root_state": root_state,
                "root_cell": root_cell, "n_neighbors": n_neighbors, "n_components": n_components,
                "n_null": n_null, "min_cells": min_cells, "level": level, "seed": seed},
        **found.record(),
    )  # fmt: skip
    return found


def statistic(
    adata: AnnData, *, state_key: str | None = None, posterior_key: str = _keys.HER2_POSTERIOR,
    donor_key: str = _keys.DONOR_ID, n_neighbors: int = 30, min_cells: int = MIN_CELLS, seed: int = 0,
) -> float:  # fmt: skip
    """Return the value of the test that decides over programmes without ERBB2; missing where it is insufficient."""
    cells = laid_cells(adata, None, state_key, posterior_key, donor_key, centre_donors=True, scale=True)
    rest = cells.features.without((ERBB2,))
    if lacking_of(cells, min_cells) or len(rest.names) < 2:
        return float("nan")
    laid = lay(rest, n_neighbors, 3, seed)
    return moran(laid.neighbours, cells.membership, cells.group, depth=cells.depth)


def _check(
    n_neighbors: int, n_components: int, n_null: int, min_cells: int, state: str | None, cell: str | None
) -> None:
    smallest = {"n_neighbors": 3, "n_components": 3, "n_null": 19, "min_cells": 10}
    given = {"n_neighbors": n_neighbors, "n_components": n_components, "n_null": n_null,
             "min_cells": min_cells}  # fmt: skip
    for name, value in given.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < smallest[name]:
            raise ParameterError(f"{name}={value!r}: expected a whole number of at least {smallest[name]}")
    if state is not None and cell is not None:
        raise ParameterError(f"root_state={state!r} and root_cell={cell!r}: give one of them")


def _left_out(leave_out: Sequence[str] | None, features: Features) -> tuple[str, ...]:
    if leave_out is None:
        return (ERBB2,) if ERBB2 in features.names else ()
    if isinstance(leave_out, str):
        raise ParameterError(f"leave_out={leave_out!r}: expected a list of features")
    if unknown := [name for name in leave_out if name not in features.names]:
        raise ParameterError(f"leave_out names {unknown[0]!r}, which is none of the features: {features.names[:10]}")
    return tuple(leave_out)


def _notes(
    cells: LaidCells, links: StateLinks, without: StateLinks | None, left_out: tuple[str, ...], agreement: float,
    gene_note: str, state_key: str | None,
) -> tuple[str, ...]:  # fmt: skip
    """Return what a reader must know."""
    notes = ["Pseudotime is an order of likeness: it tells neither time nor direction, and its root is a choice."]
    name = ", ".join(left_out)
    if without is not None:
        notes.append(
            f"{name} defines the states: that they lie apart in a graph with {name} is circular, and only the graph "
            f"without it decides. The order of cells without it agrees by a rank correlation of {agreement:.2f}."
        )
    elif state_key is not None:
        notes.append("If the states were made from the features of the path, that they lie apart in it is circular.")
    if state_key is None:
        notes.append(
            "States that a posterior can hardly tell apart lie together because of that: by this, two of them that are "
            "joined are not shown to turn into one another."
        )
    decisive = links if without is None else without
    if not decisive.test.p <= 0.05:
        notes.append("The states lie along this path no more than shuffled states do: it is no path between them.")
    if cells.numbers["donors"] < MIN_DONORS:
        notes.append(f"{cells.numbers['donors']} donors: what is found holds for their cells, not for patients.")
    return (*notes, gene_note) if gene_note else tuple(notes)


def _write(adata: AnnData, used: np.ndarray, pseudotime: np.ndarray, laid: DiffusionMap | None) -> None:
    full = np.full(adata.n_obs, np.nan)
    full[used] = pseudotime
    adata.obs[_keys.HER2_PSEUDOTIME] = full
    components = np.full((adata.n_obs, 1 if laid is None else laid.components.shape[1]), np.nan, dtype=np.float32)
    if laid is not None:
        components[used] = laid.components
    adata.obsm[_keys.DIFFMAP] = components

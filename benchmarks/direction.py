"""From velocities to the score between three states, against scVelo's velocity graph on the same neighbours."""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from measuring import MB, in_turn, measure, median, paired_ratio, say, table, verdict

N_CELLS, N_GENES, N_NEIGHBORS, N_STATES = 100_000, 2000, 30, 3
FEW = 2000
ROUNDS = 1
SCALE = 10.0
#: Theirs over ours has to be above 10; states' scores equal to 1e-3; memory under twice the two layers.
TIME_LIMIT, SCORE_LIMIT, MEMORY_LIMIT = 0.1, 1e-3, 2.0


def make(folder: Path, n_cells: int) -> None:
    """Write positions and velocities (float32), neighbours and memberships of cells along a path of three states."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    time = np.sort(rng.random(n_cells)).astype(np.float32)
    start, end = rng.gamma(1.0, 1.0, (2, N_GENES)).astype(np.float32)
    position = np.empty((n_cells, N_GENES), dtype=np.float32)
    velocity = np.empty_like(position)
    for rows in np.array_split(np.arange(n_cells), max(n_cells // 10_000, 1)):
        noise = rng.standard_normal((2, rows.size, N_GENES), dtype=np.float32)
        position[rows] = start + time[rows, None] * (end - start) + 0.1 * noise[0]
        velocity[rows] = 0.3 * (end - start) + noise[1]
    steps = np.cumsum(rng.integers(1, 14, (n_cells, N_NEIGHBORS)), axis=1) - 200
    steps[steps == 0] = 300
    near = (np.arange(n_cells)[:, None] + steps) % n_cells
    centres = np.linspace(0.15, 0.85, N_STATES)
    membership = np.exp(-0.5 * ((time[:, None] - centres) / 0.15) ** 2)
    # rows in random order, as cells come in a table
    order = rng.permutation(n_cells)
    place = np.argsort(order)
    for name, values in (("position", position), ("velocity", velocity), ("membership", membership)):
        np.save(folder / f"{name}.npy", values[order])
    np.save(folder / "near.npy", np.sort(place[near[order]], axis=1).astype(np.int32))


def load(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays, the neighbours as compressed rows."""
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    membership = arrays["membership"]
    arrays["membership"] = membership / membership.sum(axis=1, keepdims=True)
    near = arrays.pop("near")
    arrays["indices"], arrays["indptr"] = near.ravel(), np.arange(0, near.size + 1, N_NEIGHBORS)
    return arrays


def ours(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Return the score of our kernel."""
    from her2plastic.models.velocity.kernel import direction_score, group_flows, stepped

    moved, alone = stepped(
        arrays["position"], arrays["velocity"], arrays["indptr"], arrays["indices"], arrays["membership"], scale=SCALE
    )
    groups = np.zeros(len(moved), dtype=np.int64)
    flows = [group_flows(arrays["membership"], step, groups, 1)[0] for step in (moved, alone)]
    return direction_score(*flows)


def theirs(adata: Any) -> None:
    """Let scVelo make its graph over the same neighbours, one job."""
    import scvelo

    scvelo.tl.velocity_graph(adata, n_recurse_neighbors=1, n_jobs=1, sqrt_transform=False, show_progress_bar=False)


def as_anndata(arrays: dict[str, np.ndarray]) -> Any:
    """Return the same data as scVelo takes them."""
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    n_cells = len(arrays["membership"])
    graph = csr_matrix(
        (np.ones(len(arrays["indices"]), dtype=np.float32), arrays["indices"], arrays["indptr"]),
        shape=(n_cells, n_cells),
    )
    adata = AnnData(csr_matrix((n_cells, N_GENES), dtype=np.float32))
    adata.layers["Ms"], adata.layers["velocity"] = arrays["position"], arrays["velocity"]
    adata.obsp["distances"], adata.obsp["connectivities"] = graph, graph
    adata.uns["neighbors"] = {
        "distances_key": "distances", "connectivities_key": "connectivities", "params": {"n_neighbors": N_NEIGHBORS},
    }  # fmt: skip
    return adata


def their_score(adata: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Return the score of scVelo's correlations, coarse-grained in the same way."""
    from scipy.sparse import csr_matrix

    from her2plastic.models.velocity.kernel import arrivals, direction_score, group_flows, step_probabilities

    indptr, indices = arrays["indptr"], arrays["indices"]
    correlations = csr_matrix(adata.uns["velocity_graph"] + adata.uns["velocity_graph_neg"])
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    agreement = np.asarray(correlations[rows, indices]).ravel()
    groups = np.zeros(len(indptr) - 1, dtype=np.int64)
    flows = []
    for scale in (SCALE, 0.0):
        arrived = arrivals(step_probabilities(agreement, indptr, scale=scale), indptr, indices, arrays["membership"])
        flows.append(group_flows(arrays["membership"], arrived, groups, 1)[0])
    return direction_score(*flows)


def work(what: str, folder: Path) -> None:
    """Measure one of the two, after the same call on few cells has loaded and compiled."""
    warnings.simplefilter("ignore", Warning)
    few, arrays = load(folder / "few"), load(folder)
    layers = arrays["position"].nbytes + arrays["velocity"].nbytes
    if what == "ours":
        ours(few)
        score, figures = measure(lambda: ours(arrays))
    else:
        theirs(as_anndata(few))
        adata = as_anndata(arrays)
        _, figures = measure(lambda: theirs(adata))
        score = their_score(adata, arrays)
    say(score=np.nan_to_num(score).tolist(), layers=layers, **figures)


def section(n_cells: int, rounds: int) -> str:
    """Measure, and return a section of the results."""
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), n_cells)
        make(Path(name) / "few", FEW)
        worker = [sys.executable, __file__, "--folder", name, "--work"]
        runs = in_turn({"ours": [*worker, "ours"], "theirs": [*worker, "theirs"]}, rounds=rounds)
    mine, other = runs["ours"], runs["theirs"]
    layers = mine[0]["layers"]
    apart = float(np.abs(np.array(mine[0]["score"]) - np.array(other[0]["score"])).max())
    names = {"ours": "velocities to scores, her2plastic", "theirs": "`scvelo.tl.velocity_graph`, one job"}
    rows = [
        (
            names[who],
            f"{median(found):.2f}",
            f"{median(found, 'increase') / MB:.0f}",
            f"{median(found, 'peak') / layers:.2f}",
        )
        for who, found in runs.items()
    ]
    words = [
        f"{n_cells:,} cells x {N_GENES:,} genes, {N_NEIGHBORS} neighbours (the same for both: scVelo is told not to",
        f"add theirs), {N_STATES} states with soft memberships; two layers of {layers / MB:,.0f} MB.",
        f"{rounds} round(s), each call in a fresh process, in turn, after a call on {FEW:,} cells. Ours goes on to the",
        "score between states; scVelo's stops at its graph, whose correlations are coarse-grained alike afterwards.",
    ]  # fmt: skip
    return "\n".join(
        [
            "## Direction: from velocities to the score between states",
            "",
            *words,
            "",
            table(("call", "s", "memory above the loaded state, MB", "whole process / two layers"), rows),
            "",
            verdict("time over scVelo's", paired_ratio(mine, other), TIME_LIMIT),
            verdict("largest difference of a score", apart, SCORE_LIMIT),
            verdict("peak memory of the whole process / two layers", median(mine, "peak") / layers, MEMORY_LIMIT),
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=N_CELLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", choices=("ours", "theirs"))
    given = parser.parse_args()
    if given.work:
        work(given.work, given.folder)
    else:
        print(section(given.cells, given.rounds))

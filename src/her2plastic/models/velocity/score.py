"""The direction score of one set of counts, and its null."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from her2plastic.models.velocity.kernel import direction_score, group_flows, stepped
from her2plastic.models.velocity.null import StaticCounts
from her2plastic.models.velocity.steady import smoother, steady_ratio


class StateFlow:
    """Flow between states over a neighbour graph, for any unspliced amounts of the same cells.

    Parameters
    ----------
    graph
        Cells x cells: neighbours, nothing on the diagonal.
    membership
        ``(cells, states)``.
    groups
        Whole number of each cell's patient, from 0.
    scale
        How strongly the agreement of a step with the velocity is rewarded.
    """

    def __init__(
        self, graph: sparse.csr_matrix, membership: np.ndarray, groups: np.ndarray, *, scale: float = 10.0
    ) -> None:
        self.graph, self.membership, self.groups, self.scale = graph, membership, groups, scale
        self.n_groups = int(groups.max()) + 1
        self.smoother = smoother(graph)

    def of_velocity(self, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return the flows of each patient with the velocities and by the graph alone ``(2, patients, S, S)``."""
        steps = stepped(
            position, velocity, self.graph.indptr, self.graph.indices, self.membership, scale=self.scale
        )  # fmt: skip
        return np.stack([group_flows(self.membership, step, self.groups, self.n_groups) for step in steps])

    def of_counts(self, total: np.ndarray, unspliced: np.ndarray) -> np.ndarray:
        """Return these flows for steady-state velocities of smoothed amounts, each gene in units of its noise."""
        smooth_unspliced = self.smoother @ unspliced
        spliced = self.smoother @ total - smooth_unspliced
        ratio = steady_ratio(spliced, smooth_unspliced)
        unit = noise_unit(spliced)
        return self.of_velocity(spliced * unit, (smooth_unspliced - ratio * spliced) * unit)


def noise_unit(spliced: np.ndarray) -> np.ndarray:
    """Return one over the root of each gene's mean: counts then scatter alike in all genes."""
    mean = np.maximum(spliced.mean(axis=0), 0.0)
    return np.divide(1.0, np.sqrt(mean), out=np.zeros_like(mean), where=mean > 0)


def pooled_score(flows: np.ndarray) -> np.ndarray:
    """Return the score of the flows ``(2, patients, S, S)`` of all patients together."""
    sums = flows.sum(axis=1)
    return direction_score(sums[0], sums[1])


@dataclass(frozen=True)
class NullScores:
    """Scores of the same cells if nothing moved.

    Attributes
    ----------
    turned
        ``(draws, S, S)``: each cell's unspliced excess turned round at random within its patient.
    shuffled
        ``(draws, S, S)``: unspliced amounts dealt out anew, gene by gene, within patients.
    centre, spread
        ``(S, S)``: mean and standard deviation of ``turned``.
    """

    turned: np.ndarray
    shuffled: np.ndarray
    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def draw(cls, flow: StateFlow, counts: StaticCounts, *, n: int, n_shuffled: int, seed: int) -> NullScores:
        """Return ``n`` and ``n_shuffled`` draws of the two nulls."""
        rng = np.random.default_rng([seed, 1])
        turned = np.stack([pooled_score(flow.of_counts(counts.total, counts.turned(rng))) for _ in range(n)])
        shuffled = np.stack(
            [pooled_score(flow.of_counts(counts.total, counts.shuffled(rng, flow.groups))) for _ in range(n_shuffled)]
        )
        return cls(turned, shuffled, turned.mean(axis=0), turned.std(axis=0, ddof=1))

    def distance(self, score: np.ndarray) -> np.ndarray:
        """Return how many standard deviations scores lie from the null's mean; 0 where nothing is exchanged."""
        away = score - self.centre
        return np.divide(away, self.spread, out=np.zeros_like(away), where=self.spread > 0)

    def largest(self, which: np.ndarray) -> np.ndarray:
        """Return the largest distance over the pairs ``which`` in each draw of the first null."""
        return np.abs(self.distance(self.turned))[:, which].max(axis=1)


def bootstrap_scores(flows: np.ndarray, *, n_bootstrap: int, seed: int) -> np.ndarray:
    """Return ``(n_bootstrap, S, S)`` pooled scores of patients drawn with replacement."""
    rng = np.random.default_rng([seed, 3])
    n_groups = flows.shape[1]
    times = rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=n_bootstrap).astype(float)
    sums = np.einsum("np,kpij->knij", times, flows)
    return direction_score(sums[0], sums[1])

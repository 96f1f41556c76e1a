"""What a trajectory says of the states, with and without the genes that define them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic.models.null_test import NullTest

#: What is said of two states in the graph of like cells.
LESS_JOINED: Final = "less joined than by chance"
AS_BY_CHANCE: Final = "joined as by chance"
MORE_JOINED: Final = "more joined than by chance"
NOT_TOLD_APART: Final = "not told apart"
INSUFFICIENT: Final = "insufficient"
#: Below this p a pair, or the whole graph, is said to differ from chance.
ALPHA: Final = 0.05
GENE_COLUMNS: Final = ("gene", "n_donors", "correlation", "lower", "upper", "p_value", "p_adjusted", "note")


@dataclass(frozen=True)
class StateLinks:
    """How the states lie in one graph of like cells.

    Attributes
    ----------
    features
        What the graph is laid over.
    connectivity, expected
        ``(states, states)``: edges between two states over those of randomly drawn edges (1: as if joined at random),
        and the mean of the same where states are shuffled within patients.
    likeness
        ``(states, states)``: the pair's part in Moran's I within patients; above 0 where the two are joined more than
        cells of the same patients are at random.
    p, p_adjusted
        Of the likeness, two-sided, by shuffling within patients; adjusted over the pairs (Benjamini-Hochberg).
    relation
        ``(states, states)``: a word per pair; empty text on the diagonal.
    test
        Whether states lie in the graph at all.
    """

    features: tuple[str, ...]
    connectivity: np.ndarray
    expected: np.ndarray
    likeness: np.ndarray
    p: np.ndarray
    p_adjusted: np.ndarray
    relation: np.ndarray
    test: NullTest

    @classmethod
    def lacking(cls, features: tuple[str, ...], n_states: int, test: NullTest) -> StateLinks:
        """Return that nothing can be said."""
        missing = np.full((n_states, n_states), np.nan)
        words = _words(missing, missing, test)
        return cls(features, missing, missing, missing, missing, missing, words, test)

    @classmethod
    def of(cls, features: tuple[str, ...], graph: Any) -> StateLinks:
        """Return what a fitted :class:`her2plastic.models.state_graph.StateGraph` found."""
        return cls(
            features, graph.connectivity_, graph.expected_, graph.likeness_, graph.p_, graph.p_adjusted_,
            _words(graph.likeness_, graph.p_adjusted_, graph.test_), graph.test_,
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays, for ``uns``."""
        return {
            "features": np.array(self.features, dtype=object), "connectivity": self.connectivity,
            "expected": self.expected, "likeness": self.likeness, "p": self.p, "p_adjusted": self.p_adjusted,
            "relation": self.relation.astype(object), "test": self.test.record(),
        }  # fmt: skip


def _words(likeness: np.ndarray, p_adjusted: np.ndarray, test: NullTest) -> np.ndarray:
    """Say of every pair how it lies; nothing of pairs where states do not lie in the graph at all."""
    words = np.full(likeness.shape, INSUFFICIENT, dtype=object)
    known = np.isfinite(likeness)
    words[known] = NOT_TOLD_APART
    if test.p <= ALPHA:
        words[known] = AS_BY_CHANCE
        sure = known & (p_adjusted <= ALPHA)
        words[sure & (likeness < 0)] = LESS_JOINED
        words[sure & (likeness > 0)] = MORE_JOINED
    np.fill_diagonal(words, "")
    return words


@dataclass(frozen=True)
class Trajectory:
    """An order of cells by likeness, how the states lie along it, and what is left without the genes that define them.

    Attributes
    ----------
    states
        Names of the states.
    links
        How the states lie in the graph over all features.
    links_without
        The same without ``left_out``; None where nothing was left out.
    left_out
        Features that define the states: what lies in the graph because of them is circular.
    positions
        A row per state: ``state``, ``cells`` (sum of probabilities), ``n_donors``, ``pseudotime`` (mean of the donors'
        means), ``lower``, ``upper``.
    genes
        A row per gene: ``gene``, ``n_donors``, ``correlation`` (mean over donors of the partial rank correlation with
        pseudotime at equal depth), ``lower``, ``upper``, ``p_value`` (sign flips over donors), ``p_adjusted``,
        ``note`` (``builds the path``: no test is fair of what the path is made of).
    root
        ``cell_id``, ``state`` and ``chosen`` (``"given cell"``, ``"given state"`` or ``"automatic"``).
    agreement
        Rank correlation of pseudotime with and without ``left_out`` from the same root.
    level
        Probability that an interval holds.
    status
        ``"ok"``, or ``"insufficient: "`` with the number that fell short.
    numbers
        What it rests on: cells, donors, cells of other parts of the graph.
    notes
        What a reader must know, a sentence each.
    """

    states: tuple[str, ...]
    links: StateLinks
    links_without: StateLinks | None
    left_out: tuple[str, ...]
    positions: pd.DataFrame
    genes: pd.DataFrame
    root: Mapping[str, str]
    agreement: float
    level: float
    status: str = "ok"
    numbers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def lacking(
        cls, states: tuple[str, ...], reason: str, *, test: NullTest, level: float, numbers: Mapping[str, int],
        features: tuple[str, ...], left_out: tuple[str, ...],
    ) -> Trajectory:  # fmt: skip
        """Return that nothing can be said, with the reason and the number that fell short."""
        links = StateLinks.lacking(features, len(states), test)
        positions = pd.DataFrame({"state": states, "cells": np.nan, "n_donors": 0, "pseudotime": np.nan,
                                  "lower": np.nan, "upper": np.nan})  # fmt: skip
        return cls(
            states, links, None, left_out, positions, pd.DataFrame(columns=list(GENE_COLUMNS)), {}, float("nan"), level,
            f"insufficient: {reason}", numbers,
        )  # fmt: skip

    @property
    def decisive(self) -> StateLinks:
        """How the states lie in the graph that decides: without the features that define them, where there is one."""
        return self.links if self.links_without is None else self.links_without

    @property
    def tests(self) -> tuple[NullTest, ...]:
        """The nulls; the first decides."""
        circular = () if self.links_without is None else (self.links.test,)
        return (self.decisive.test, *circular)

    def found(self, alpha: float = ALPHA) -> bool:
        """Return whether the states lie in the deciding graph more than chance has it."""
        return self.status == "ok" and bool(self.tests[0].p <= alpha)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per pair of states: the two, connectivity, p and relation, and the same without ``left_out``."""
        rows = []
        for i in range(len(self.states)):
            for j in range(i + 1, len(self.states)):
                row: dict[str, Any] = {"first": self.states[i], "second": self.states[j]}
                for ending, links in (("", self.links), ("_without", self.links_without)):
                    if links is not None:
                        row |= {
                            f"connectivity{ending}": links.connectivity[i, j],
                            f"expected{ending}": links.expected[i, j], f"likeness{ending}": links.likeness[i, j],
                            f"p_value{ending}": links.p[i, j], f"p_adjusted{ending}": links.p_adjusted[i, j],
                            f"relation{ending}": str(links.relation[i, j]),
                        }  # fmt: skip
                rows.append(row)
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return what was found, a line each."""
        counted = ", ".join(f"{number} {what}" for what, number in self.numbers.items())
        lines = [f"trajectory over {len(self.links.features)} features: {counted}"]
        if self.status != "ok":
            return "\n".join([*lines, self.status])
        without = f"without {', '.join(self.left_out)}"
        lines.append(f"root: {self.root['cell_id']} ({self.root['state']}, {self.root['chosen']})")
        if self.links_without is not None:
            lines += [f"{without}: {self.links_without.test.summary()}"]
            lines += [f"with {', '.join(self.left_out)} (circular): {self.links.test.summary()}"]
        else:
            lines += [self.links.test.summary()]
        decisive = self.decisive
        for i, j in zip(*np.triu_indices(len(self.states), 1), strict=True):
            pair = f"{self.states[i]} and {self.states[j]}"
            if np.isfinite(decisive.connectivity[i, j]):
                found = (
                    f"likeness {decisive.likeness[i, j]:+.3f}, p {decisive.p[i, j]:.2g}; connectivity "
                    f"{decisive.connectivity[i, j]:.2f} (shuffled {decisive.expected[i, j]:.2f})"
                )
                lines.append(f"{pair}: {decisive.relation[i, j]}, {found}")
            else:
                lines.append(f"{pair}: {INSUFFICIENT}")
        return "\n".join([*lines, *self.notes])

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays, for ``uns``."""
        return {
            "states": np.array(self.states, dtype=object), "links": self.links.record(),
            "links_without": None if self.links_without is None else self.links_without.record(),
            "left_out": np.array(self.left_out, dtype=object), "positions": _columns(self.positions),
            "genes": _columns(self.genes), "root": dict(self.root), "agreement": self.agreement, "level": self.level,
            "status": self.status, "found": self.found(), "numbers": dict(self.numbers),
            "tests": {str(place): test.record() for place, test in enumerate(self.tests)},
            "notes": np.array(self.notes, dtype=object),
        }  # fmt: skip


def _columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    words = ("state", "gene", "note")
    return {str(name): frame[name].to_numpy(dtype=object if name in words else float) for name in frame}

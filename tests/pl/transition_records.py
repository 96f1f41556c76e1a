"""Hand-made records of switching and direction, for the figures and the report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from her2plastic import _keys, tl
from her2plastic._access import record_step
from her2plastic.models import NullTest, TransitionRates
from her2plastic.models.transition_rates import IDENTIFIED, NOT_ALLOWED, NOT_IDENTIFIED, WEAK
from her2plastic.tl.direction_result import FOUND, INSUFFICIENT, Direction

STATES = _keys.STATES
MODELS = {"switching and growth": 0.81, "growth and impurity": 0.17, "equal-growth Markov": 0.02}


def some_rates(design: str = "draws", *, p: float = 0.02) -> TransitionRates:
    """Rates of which one is weak, one not identified, and one not allowed."""
    nan = np.nan
    rates = np.array([[nan, 0.012, nan], [0.02, nan, 0.0034], [nan, 0.0081, nan]])
    upper = 2 * rates
    upper[0, 2] = 0.0031
    words = np.array(
        [["", IDENTIFIED, NOT_IDENTIFIED], [IDENTIFIED, "", WEAK], [NOT_ALLOWED, IDENTIFIED, ""]], dtype=object
    )
    null = np.random.default_rng(0).chisquare(3, 99)
    observed = float(np.quantile(null, 1 - p))
    return TransitionRates(
        design, STATES, rates, rates / 2, upper, words, 0.9, effective=True,
        tests=(NullTest.by_simulation("shuffled draw order", "likelihood ratio", observed, null),),
        numbers={"donors": 12, "draws": 40, "cells": 3100}, notes=("other cells are seen at each draw",),
    )  # fmt: skip


def columns_of(rows: list[tuple[Any, ...]], names: str) -> dict[str, np.ndarray]:
    frame = pd.DataFrame(rows, columns=names.split())
    return {
        str(name): column.to_numpy(dtype=float if column.dtype.kind in "if" else object)
        for name, column in frame.items()
    }


def with_draws(n: int, adata: AnnData | None = None) -> AnnData:
    """Cells with the record of ``n`` patients of two to four draws, every other one treated."""
    rng = np.random.default_rng(n)
    shares: list[tuple[Any, ...]] = []
    treatments: list[tuple[Any, ...]] = []
    for patient in (f"P{k + 1:02d}" for k in range(n)):
        days = np.unique(np.r_[0.0, 7.0 * rng.integers(1, 40, rng.integers(1, 4))])
        for day in np.unique(np.r_[days, np.linspace(0, days[-1], 12)]):
            seen = day in days
            share = np.array([0.5, 0.3, 0.2]) + 0.2 * np.exp(-day / 60) * np.array([-1, 1, 0])
            for state, value in zip(STATES, share, strict=True):
                observed = value + rng.normal(0, 0.04) if seen else np.nan
                shares.append((patient, day, state, observed, observed - 0.1, observed + 0.1, value, value - 0.05,
                               value + 0.05, 12.0 if seen else 0.0))  # fmt: skip
        treatments += [(patient, 0.0, np.inf, "trastuzumab")] if len(treatments) % 2 == 0 else []
    adata = AnnData(np.zeros((3, 2), dtype=np.float32)) if adata is None else adata
    names = "group day state observed lower upper fitted fitted_lower fitted_upper n"
    record_step(
        adata, "switching_draws", params={}, **some_rates().record(), fitted=columns_of(shares, names),
        treatments=columns_of(treatments, "group start_day end_day treatment"),
    )  # fmt: skip
    return adata


def with_sorted() -> AnnData:
    """Cells with the record of three sorted starts and three models."""
    rows = []
    for model, weight in MODELS.items():
        for k, start in enumerate(STATES):
            for day in (0.0, 3.0, 6.0, 12.0):
                seen, fitted = (1 / 3 + (np.eye(3)[k] - 1 / 3) * np.exp(-day / pace) for pace in (3, 3 + weight))
                rows += [
                    (model, start, day, state, share, share - 0.1, share + 0.1, value, 200.0)
                    for state, share, value in zip(STATES, seen, fitted, strict=True)
                ]
    adata = AnnData(np.zeros((3, 2), dtype=np.float32))
    weights = {"model": np.array(list(MODELS), dtype=object), "weight": np.array(list(MODELS.values()))}
    record_step(
        adata, "switching_sorted", params={}, **some_rates("sorted").record(), models=weights,
        fitted=columns_of(rows, "model group day state observed lower upper fitted n"),
    )  # fmt: skip
    return adata


def a_direction() -> Direction:
    """A direction that was found between two of the states."""
    scores = np.full((3, 3), np.nan)
    scores[0, 1], scores[1, 0], scores[1, 2], scores[2, 1] = 0.21, -0.21, 0.08, -0.08
    p = np.where(np.abs(scores) > 0.1, 0.005, np.where(np.isfinite(scores), 0.12, np.nan))
    verdict = np.array(
        [["", FOUND, INSUFFICIENT], [FOUND, "", "no direction found"], [INSUFFICIENT, "no direction found", ""]],
        dtype=object,
    )
    null = np.random.default_rng(0).normal(0, 0.06, 199)
    return Direction(
        STATES, scores, scores - 0.07, scores + 0.07, p, verdict, 0.95,
        tests=(NullTest.by_simulation("shuffled unspliced", "largest score", 0.21, null),),
        numbers={"cells": 900, "patients": 12, "genes": 640},
    )  # fmt: skip


def with_direction(n: int = 300) -> AnnData:
    """Cells on a map with arrows, and the record of a direction."""
    rng = np.random.default_rng(0)
    adata = AnnData(np.zeros((n, 2), dtype=np.float32))
    state = np.arange(n) % 3
    adata.obs[_keys.HER2_STATE] = pd.Categorical(np.array(STATES)[state], categories=list(STATES))
    adata.obsm[_keys.UMAP] = np.c_[state, state] + rng.normal(0, 0.4, (n, 2))
    adata.obsm[_keys.DIRECTION_UMAP] = np.full((n, 2), 0.2)
    record_step(adata, "direction", params={}, **a_direction().record())
    return adata


def with_trajectory(n: int = 240) -> AnnData:
    """Cells along a line of programmes, with the trajectory that :func:`her2plastic.tl.trajectory` finds."""
    rng = np.random.default_rng(1)
    adata = AnnData(np.zeros((n, 2), dtype=np.float32))
    state = np.arange(n) % 3
    adata.obs[_keys.HER2_STATE] = pd.Categorical(np.array(STATES)[state], categories=list(STATES))
    adata.obs[_keys.DONOR_ID] = pd.Categorical([f"P{k}" for k in rng.integers(0, 6, n)])
    adata.obsm["line"] = pd.DataFrame(
        state[:, None] + rng.normal(0, 0.6, (n, 3)), columns=["a", "b", "c"], index=adata.obs_names
    )
    tl.trajectory(adata, features="line", state_key=_keys.HER2_STATE, n_null=99)
    return adata

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from tests.pl.transition_records import (
    MODELS,
    STATES,
    a_direction,
    some_rates,
    with_direction,
    with_draws,
    with_sorted,
    with_trajectory,
)

from her2plastic import pl, tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.models import NullTest, TransitionRates
from her2plastic.tl.direction_result import Direction

LACKING = TransitionRates.lacking("draws", STATES, "1 draws of P01, 2 needed", level=0.9, numbers={"donors": 1})
FIGURES: dict[str, Any] = {
    "state_diagram": lambda: with_draws(3),
    "null_distribution": some_rates,
    "composition_over_time": lambda: with_draws(3),
    "re_equilibration": with_sorted,
    "direction": with_direction,
    "trajectory": with_trajectory,
}


def written(ax: Axes) -> list[Text]:
    """Every text that is drawn with the figure of the axes, in its place on paper."""
    texts: dict[int, Text] = {}
    with pytest.MonkeyPatch.context() as patch:
        draw = Text.draw

        def noted(self: Text, renderer: Any) -> None:
            texts[id(self)] = self
            draw(self, renderer)

        patch.setattr(Text, "draw", noted)
        ax.figure.savefig(BytesIO(), format="png", dpi=100)
    return [text for text in texts.values() if text.get_visible() and text.get_text().strip()]


def shown(ax: Axes) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in written(ax))


def overlapping(ax: Axes) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other on paper."""
    boxes = [(text.get_text(), text.get_window_extent().padded(-1.5)) for text in written(ax)]
    return [(one, two) for (one, a), (two, b) in combinations(boxes, 2) if a.overlaps(b)]


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_given_back_and_the_picture_is_the_same_twice(name: str) -> None:
    pictures = []
    for _ in range(2):
        figure, buffer = Figure(figsize=(6.4, 4.4), layout="constrained"), BytesIO()
        given = figure.subplots()
        assert getattr(pl, name)(FIGURES[name](), ax=given) is given
        assert given.get_title(loc="left")
        figure.savefig(buffer, format="png", dpi=50, metadata={"Software": None})
        pictures.append(buffer.getvalue())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_covers_another(name: str) -> None:
    assert overlapping(getattr(pl, name)(FIGURES[name]())) == []


@pytest.mark.parametrize("n", [1, 12, 16])
def test_many_patients_stay_readable(n: int) -> None:
    ax = pl.composition_over_time(with_draws(n))
    assert len(ax.child_axes) == n
    assert overlapping(ax) == []
    assert min(panel.get_window_extent().width / ax.figure.dpi for panel in ax.child_axes) > 1.5


# --- states and rates ---------------------------------------------------------------------------------------------
def test_diagram_has_a_number_only_where_there_is_one() -> None:
    data = pl.prepare_state_diagram(some_rates(), shares={"HER2-0": 0.31})
    said = dict(zip(zip(data.edges["from"], data.edges["to"], strict=True), data.edges["label"], strict=True))
    assert said == {
        (0, 1): "0.012\n0.006 to 0.024", (1, 0): "0.02\n0.01 to 0.04", (2, 1): "0.0081\n0.004 to 0.016",
        (1, 2): "0.0034\n0.0017 to 0.0068\nweakly identified", (0, 2): "not identified\nbelow 0.0031",
    }  # fmt: skip
    width = data.edges.set_index(["from", "to"])["width"]
    assert width[(1, 0)] > width[(0, 1)] > width[(2, 1)] > width[(1, 2)] > width[(0, 2)]
    assert data.states["share"].notna().tolist() == [True, False, False]


def test_diagram_says_effective_and_whether_anything_was_found() -> None:
    words = shown(pl.state_diagram(some_rates()))
    assert "Effective rates between states, per day (draws)" in words
    assert "12 donors, 40 draws, 3,100 cells" in words
    assert "arrows: rate and its 90% interval" in words
    assert re.search(r"shuffled draw order: likelihood ratio [\d.]+, p = 0\.0\d", words)
    assert "growth, shedding and clearance cannot be told apart" in words


def test_unidentified_arrow_is_dashed_and_grey() -> None:
    ax = pl.state_diagram(some_rates())
    styles = [patch.get_linestyle() for patch in ax.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(styles) == 5
    assert styles.count("--") + sum(style not in ("-", "solid", "--") for style in styles) == 1


def test_shares_are_those_of_the_recorded_cells() -> None:
    shares = pl.prepare_state_diagram(with_draws(4)).states["share"]
    assert shares.sum() == pytest.approx(1.0)
    assert shares.tolist() == sorted(shares, reverse=True)


def test_rates_of_no_transition_at_all() -> None:
    none = np.where(np.isfinite(some_rates().rates), 0.0, np.nan)
    rates = TransitionRates("draws", STATES, none, none, none + 0.001, some_rates().identifiability, 0.9)
    assert "0\n0 to 0.001" in pl.prepare_state_diagram(rates).edges["label"].tolist()
    assert "Rates between states" in shown(pl.state_diagram(rates))


@pytest.mark.parametrize("n", [2, 4, 5])
def test_other_numbers_of_states(n: int) -> None:
    rates = np.full((n, n), 0.01)
    words = np.full((n, n), "weakly identified", dtype=object)
    other = TransitionRates("panel", tuple(f"state {k}" for k in range(n)), rates, rates / 2, rates * 2, words, 0.9,
                            numbers={"patients with two or more draws": 20, "draws of all of them together": 80,
                                     "cells that could be called in these draws": 4000})  # fmt: skip
    ax = pl.state_diagram(other)
    assert len(pl.prepare_state_diagram(other).edges) == n * (n - 1)
    assert overlapping(ax) == []


# --- insufficient is said -----------------------------------------------------------------------------------------
def test_insufficient_is_a_panel_with_the_number() -> None:
    assert "insufficient: 1 draws of P01, 2 needed" in shown(pl.state_diagram(LACKING))
    test = NullTest.lacking("no switching", "likelihood ratio", "3 draws, 4 needed")
    assert "insufficient: 3 draws, 4 needed" in shown(pl.null_distribution(test))
    few = Direction.lacking(STATES, "41 cells used, 300 needed", level=0.9, numbers={"cells": 41})
    assert "insufficient: 41 cells used, 300 needed" in shown(pl.direction(few))
    adata = with_draws(1)
    adata.uns["her2plastic"]["switching_draws"] |= {"status": LACKING.status, "fitted": {}}
    assert LACKING.status in shown(pl.composition_over_time(adata))
    adata.uns["her2plastic"]["switching_sorted"] = adata.uns["her2plastic"]["switching_draws"]
    assert LACKING.status in shown(pl.re_equilibration(adata))


def test_shares_without_a_fit_are_still_shown() -> None:
    adata = with_draws(2)
    record = adata.uns["her2plastic"]["switching_draws"]
    record["status"] = LACKING.status
    record["fitted"]["fitted"] = np.full(len(record["fitted"]["fitted"]), np.nan)
    words = shown(pl.composition_over_time(adata))
    assert f"no fit ({LACKING.status})" in words
    assert "P02" in words


@pytest.mark.parametrize("name", [*FIGURES])
def test_step_that_was_not_run_is_named(name: str) -> None:
    with pytest.raises(MissingKeyError, match=r"her2plastic\.tl"):
        getattr(pl, name)(AnnData(np.zeros((3, 2), dtype=np.float32)))


# --- time ---------------------------------------------------------------------------------------------------------
def test_patients_with_the_most_cells_are_shown_where_there_are_too_many() -> None:
    adata = with_draws(30)
    fitted = adata.uns["her2plastic"]["switching_draws"]["fitted"]
    fitted["n"] = np.where(np.isin(fitted["group"], ["P29", "P30"]), 500.0, fitted["n"])
    data = pl.prepare_composition_over_time(adata)
    assert data.n_groups == 30
    assert data.fitted["group"].nunique() == 24
    assert {"P29", "P30"} <= set(data.fitted["group"])
    few = pl.prepare_composition_over_time(adata, groups=["P04", "P02"])
    assert few.chosen > data.chosen
    assert "those with the most cells" not in shown(pl.composition_over_time(adata, groups=["P04", "P02"]))
    assert list(dict.fromkeys(few.fitted["group"])) == ["P04", "P02"]
    with pytest.raises(ParameterError, match="'P99' is not among those fitted"):
        pl.prepare_composition_over_time(adata, groups=["P99"])


def test_treatments_are_bars_and_stand_in_the_legend() -> None:
    ax = pl.composition_over_time(with_draws(3))
    legends = ax.findobj(Legend)
    assert [{text.get_text() for text in legend.get_texts()} for legend in legends] == [{*STATES, "trastuzumab"}]
    assert {"P01", "P02", "P03"} <= set(shown(ax).split())


# --- nulls --------------------------------------------------------------------------------------------------------
def test_null_holds_every_simulated_value_and_p() -> None:
    rates = some_rates()
    data = pl.prepare_null_distribution(rates)
    assert data.counts.sum() == rates.tests[0].simulated.size
    assert data.edges[0] == rates.tests[0].simulated.min()
    assert f"p = {rates.tests[0].p:.2g} by 99 simulated data sets" in shown(pl.null_distribution(rates))
    lost = NullTest.by_simulation("no switching", "likelihood ratio", 3.0, np.r_[np.arange(8.0), np.nan])
    assert "1 without a value count against" in shown(pl.null_distribution(lost))
    empty = NullTest.by_simulation("single class", "likelihood ratio", 3.0, np.r_[np.arange(8.0), -np.inf, -np.inf])
    text = shown(pl.null_distribution(empty))
    assert "in 2 there was nothing to find" in text
    assert "count against" not in text
    with pytest.raises(ParameterError, match="there are 1 tests"):
        pl.null_distribution(rates, place=1)


def test_of_nulls_that_decide_together_the_largest_p_is_shown() -> None:
    tests = tuple(NullTest(name, "gain", 4.0, p, np.arange(5.0)) for name, p in (("order", 0.01), ("labels", 0.3)))
    rates = replace(some_rates(), tests=tests, deciding=2)
    assert pl.prepare_null_distribution(rates).test.name == "labels"
    assert pl.prepare_null_distribution(rates, place=0).test.name == "order"
    assert pl.prepare_null_distribution(replace(rates, deciding=1)).test.name == "order"


def test_any_result_with_tests_shows_its_null() -> None:
    test = some_rates().tests[0]
    direction = replace(Direction.lacking(STATES, "none", level=0.9, numbers={}), tests=(test,))
    assert pl.prepare_null_distribution(direction).test is test
    assert f"p = {test.p:.2g}" in shown(pl.null_distribution(direction))


def test_null_of_cells_is_that_of_the_step() -> None:
    test = pl.prepare_null_distribution(with_direction(), step="direction").test
    assert test.name == "shuffled unspliced"
    known = NullTest("no switching", "likelihood ratio", 4.0, 0.04)
    assert "a known distribution, nothing was simulated" in shown(pl.null_distribution(known))


# --- sorted, direction --------------------------------------------------------------------------------------------
def test_models_stand_with_their_weights_the_heaviest_first() -> None:
    ax = pl.re_equilibration(with_sorted())
    data = pl.prepare_re_equilibration(with_sorted())
    assert data.models == MODELS
    assert len(data.observed) == 3 * 4 * 3, "what was observed stands once, not once per model"
    assert "switching and growth (weight 0.81)" in shown(ax)
    assert len(ax.child_axes) == 3


def test_direction_has_its_honesty_line() -> None:
    assert "900 cells, 12 patients; p = 0.005: direction found; no rate per day" in shown(pl.direction(a_direction()))
    data = pl.prepare_direction(with_direction())
    assert len(data.cells) == 300
    assert np.allclose(data.arrows[["dx", "dy"]], 0.2)
    assert pl.prepare_direction(a_direction()).cells.empty


# --- trajectory ---------------------------------------------------------------------------------------------------
def test_trajectory_shows_the_graph_that_decides() -> None:
    adata = with_trajectory()
    data = pl.prepare_trajectory(adata)
    assert len(data.cells) == 240
    assert data.states == STATES
    words = shown(pl.trajectory(adata))
    assert "240 cells, 6 donors; p = 0.01: cells of one state lie together; likeness, not time" in words
    assert f"{data.connectivity[0, 2]:.2f} ({data.expected[0, 2]:.2f})" in words
    assert overlapping(pl.trajectory(adata, color="pseudotime")) == []
    with pytest.raises(ParameterError, match="color='depth'"):
        pl.trajectory(adata, color="depth")


def test_trajectory_of_few_cells_says_so() -> None:
    few = with_trajectory()[:12].copy()
    found = tl.trajectory(few, features="line", state_key="her2_state", n_null=99)
    for source in (few, found):
        assert found.status in shown(pl.trajectory(source))

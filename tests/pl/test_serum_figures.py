from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2plastic import datasets, pl, tl
from her2plastic._errors import ParameterError

pytest.importorskip("lifelines", reason="lifelines (extra clinical) is not installed")


@pytest.fixture(scope="module")
def result():
    return tl.serum(datasets.simulate_serum(seed=1, lod=5.0).visits, n_bootstrap=199, dependence=(1.0,))


@pytest.fixture(scope="module")
def empty():
    return tl.serum(datasets.simulate_serum(seed=1, n_patients=4).visits, n_bootstrap=99, dependence=None)


def drawn(function, result) -> Axes:
    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = function(result, ax=figure.subplots())
    figure.savefig(BytesIO(), format="png", dpi=60)
    return ax


def panels(ax: Axes) -> list[Axes]:
    return [panel for panel in ax.child_axes if isinstance(panel, Axes)]


def words(ax: Axes) -> str:
    every = (ax, *panels(ax))
    found = [text.get_text() for axes in every for text in axes.texts]
    found += [axes.get_title(loc="left") for axes in every]
    found += [label.get_text() for axes in every for label in axes.get_yticklabels()]
    legend = ax.get_legend()
    found += [] if legend is None else [text.get_text() for text in legend.get_texts()]
    return " ".join(found)


def test_every_value_is_in_the_panel_of_its_group(result):
    data = pl.prepare_serum_trajectories(result)
    assert data.groups == ("no response", "response")
    assert len(data.visits) == result.n_values
    ax = drawn(pl.serum_trajectories, result)
    assert [panel.get_title(loc="left") for panel in panels(ax)] == [
        "no response (25 patients)", "response (25 patients)",
    ]  # fmt: skip
    for panel, name in zip(panels(ax), data.groups, strict=True):
        rows = data.visits[data.visits["group"] == name]
        triangles = [line for line in panel.lines if line.get_marker() == "v"]
        assert sum(np.size(line.get_xdata()) for line in triangles) == rows["below_lod"].sum()
    assert len({panel.get_ylim() for panel in panels(ax)}) == 1


def test_roc_tells_whom_it_is_about(result):
    data = pl.prepare_serum_roc(result)
    assert data.curves.groupby("look")["sensitivity"].max().tolist() == [1.0] * 4
    ax = drawn(pl.serum_roc, result)
    text = words(ax)
    assert "fall until cycle 6" in text
    assert "33 no longer seen" in text
    assert "said beforehand: 15 ng/mL, -20 % change" in text
    assert "optimised, as found" not in set(data.rules["kind"])


def test_forest_holds_every_effect_once(result):
    data = pl.prepare_effects(result)
    assert data.rows["part"].value_counts().to_dict() == {"serum": 3, "drop-out": 3, "progression": 2}
    assert data.rows.iloc[2]["ratio"] == pytest.approx(np.exp(result.fit.effects[3]))
    ax = drawn(pl.effects, result)
    assert len(ax.child_axes) == 3
    assert "per cycle, response against no response" in words(ax)


@pytest.mark.parametrize("function", [pl.serum_trajectories, pl.serum_roc, pl.effects])
def test_nothing_to_show_says_why(function, empty, result):
    ax = drawn(function, empty)
    if function is not pl.serum_trajectories:
        assert "insufficient" in words(ax).replace("\n", " ")
    assert function(result).figure is not None
    with pytest.raises(ParameterError, match=r"tl\.serum"):
        function(result.roc)


def test_one_group_and_visits_with_means_of_their_own():
    visits = datasets.simulate_serum(seed=2, n_patients=30).visits
    found = tl.serum(visits, group=None, time="visits", n_bootstrap=99, dependence=None)
    assert pl.prepare_serum_trajectories(found).groups == ("all",)
    drawn(pl.serum_trajectories, found)
    assert "cycle 2, all" in words(drawn(pl.effects, found))

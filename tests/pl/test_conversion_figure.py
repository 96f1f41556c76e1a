from __future__ import annotations

from io import BytesIO

import anndata
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from her2plastic import _keys, pl, tl
from her2plastic._errors import MissingKeyError
from her2plastic.models import Conversion
from her2plastic.pl import palette

MOVED = np.array([[130, 90, 4], [50, 140, 20], [3, 15, 70]])
STILL = np.array([[59, 20, 1], [21, 43, 6], [1, 6, 43]])
QUICK = {"n_null": 99, "accuracies": ()}


def drawn(found: Conversion) -> Axes:
    figure = Figure(figsize=(8.8, 5.1), layout="constrained")
    ax = pl.conversion(found, ax=figure.subplots())
    figure.savefig(BytesIO(), format="png", dpi=80)
    return ax


def has_colour(ax: Axes, part: str) -> bool:
    shown = [
        patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_width() * patch.get_height() != 0
    ]
    return to_rgb(palette.CONVERSION_PARTS[part].colour) in {patch.get_facecolor()[:3] for patch in shown}


def words(ax: Axes) -> str:
    legend = ax.get_legend()
    told = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    return " ".join([ax.get_title(loc="left"), *(text.get_text() for text in ax.texts), *told]).replace("\n", " ")


def test_split_adds_up():
    data = pl.prepare_conversion(tl.conversion(MOVED, error=0.9, **QUICK))
    cells = data.cells
    of_row = MOVED.sum(axis=1)[cells["row"]]
    assert (cells["share_error"] + cells["share_beyond"]).to_numpy() * of_row == pytest.approx(MOVED.ravel())
    assert (cells.loc[cells["row"] == cells["column"], "share_beyond"] == 0).all()
    assert sum(data.bar.values()) == pytest.approx(data.result.discordance)


def test_change_beyond_error_has_its_colour():
    ax = drawn(tl.conversion(MOVED, error=0.9, **QUICK))
    assert has_colour(ax, "beyond error")
    assert "change beyond error, p =" in words(ax)


def test_what_may_be_chance_is_not_drawn_as_change():
    found = tl.conversion(STILL, error=0.85, **QUICK)
    assert not found.found()
    ax = drawn(found)
    assert not has_colour(ax, "beyond error")
    assert "no change beyond error shown" in words(ax)


def test_unknown_accuracy_is_drawn_as_unknown():
    ax = drawn(tl.conversion(STILL, **QUICK))
    assert has_colour(ax, "may be error")
    assert "by the readers' accuracy" in words(ax)
    assert "chance, or less accurate readers" in words(ax)


def test_numbers_and_states_can_be_read():
    ax = drawn(tl.conversion(MOVED, error=0.9, **QUICK))
    told = words(ax)
    assert "522 patients: the two readings differ in 35%" in told
    for number in (*MOVED.ravel(), *_keys.STATES, "second reading"):
        assert str(number) in told
    assert ax.get_ylabel() == "first reading"


@pytest.mark.parametrize("k", [2, 5])
def test_other_numbers_of_states(k):
    ax = drawn(tl.conversion(np.full((k, k), 3) + 20 * np.eye(k, dtype=int), error=0.9, **QUICK))
    assert ax.get_xlim() == (0, k + 1.55)


def test_too_few_patients_are_said():
    assert "insufficient: 3 patients" in words(drawn(tl.conversion(np.eye(3, dtype=int), error=0.9)))


def test_cells_with_a_record_are_drawn_alike():
    first, second = (np.repeat(places.ravel(), STILL.ravel()) for places in np.indices((3, 3)))
    states = np.array(_keys.STATES, dtype=object)
    obs = pd.DataFrame({"a": states[first], "b": states[second]}, index=[f"c{i}" for i in range(len(first))])
    obs[_keys.DONOR_ID] = obs.index
    adata = anndata.AnnData(np.ones((len(obs), 1), dtype=np.float32), obs=obs)
    with pytest.raises(MissingKeyError, match=r"tl\.conversion"):
        pl.conversion(adata)
    found = tl.conversion(adata, first="a", second="b", error=0.85, **QUICK)
    pd.testing.assert_frame_equal(pl.prepare_conversion(adata).cells, pl.prepare_conversion(found).cells)
    assert isinstance(pl.conversion(adata), Axes)

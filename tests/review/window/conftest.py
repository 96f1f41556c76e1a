"""A napari window with a review of simulated slides in it, and fingers on its keys."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, datasets, im, io

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from her2plastic.review.window.dock import ReviewDock

Begin = Callable[..., "ReviewDock"]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two simulated slides with 64 CTCs."""
    folder = tmp_path_factory.mktemp("window") / "results"
    parts = []
    for seed, name in enumerate(("S1", "S2")):
        made = datasets.simulate_slide(
            shape=(512, 512), n_leukocytes=14, n_ctcs=32, seed=seed, slide_id=name, lazy=False
        )
        segmentation = im.Segmentation.from_labels(made.slide, [np.asarray(made.nuclei)], [np.asarray(made.cells)])
        cells = im.measure(segmentation)
        is_ctc = cells.obs[_keys.INSTANCE_ID].isin(made.truth.loc[made.truth["ctc"] >= 0, "number"]).to_numpy()
        cells.obs[_keys.IS_CTC] = is_ctc
        cells.obs[_keys.IDENTITY] = pd.Categorical(np.where(is_ctc, "CTC", "leukocyte"))
        cells.obs[_keys.HER2_IF_CALL] = pd.Categorical(np.where(is_ctc, "HER2-low", "not a CTC"))
        io.write_slide_cells(cells, folder / "slides" / f"{name}.zarr", segmentation=segmentation)
        parts.append(cells)
    io.write_h5ad(anndata.concat(parts, join="outer", merge="first"), folder / "cells.h5ad")
    return folder


@pytest.fixture(scope="session")
def viewer(qapp: Any) -> Iterator[Any]:
    """The napari window, one for all tests of a process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # napari's own, at its import
        import napari

        made = napari.Viewer(show=False)
        made.show()
        # once it is there: a window that was not shown yet takes a size of its own
        made.window.resize(1500, 940)
        qapp.processEvents()
    yield made
    made.close()


@pytest.fixture
def begin(viewer: Any, qtbot: QtBot, results: Path, tmp_path: Path) -> Iterator[Begin]:
    """Begin a review in the window, as the command line does."""
    from her2plastic.review.window.launch import put_into
    from her2plastic.review.window.wish import Wish

    docks = []

    def start(
        reviewer: str = "AB",
        *,
        path: Path = results,
        journal: Path | None = None,
        refused: bool = False,
        **settings: Any,
    ) -> ReviewDock:
        dock = put_into(viewer)
        docks.append(dock)
        viewer.window.activate()
        qtbot.waitUntil(viewer.window._qt_window.isActiveWindow)
        defaults = {"filters": ("is_ctc=True",), "repeat_share": 0.0, "order": "random"}
        kept = None if settings.get("resume") else {**defaults, **settings}
        dock.start(Wish(str(path), str(journal or tmp_path / "review.journal"), reviewer, kept))
        qtbot.wait(40)  # the docks find their places
        assert (dock.opened is None) == refused, dock.message.text()
        return dock

    yield start
    for dock in docks:
        if dock.parent() is not None:
            viewer.window.remove_dock_widget(dock)


@pytest.fixture
def press(qtbot: QtBot, qapp: Any) -> Callable[..., None]:
    """Press keys, one after the other, on whatever has the focus: text for letters, or keys of Qt."""

    def press_keys(*keys: Any) -> None:
        for key in keys:
            for one in key if isinstance(key, str) else (key,):
                focus = qapp.focusWidget()
                assert focus is not None, "nothing has the focus"
                qtbot.keyClick(focus, one)
        qapp.processEvents()

    return press_keys


@pytest.fixture
def Qt(qapp: Any) -> Any:
    """The names of keys."""
    from qtpy.QtCore import Qt

    return Qt

"""Slides over a Dask cluster: workers may die in the middle, and the slide is the same."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from her2plastic import im
from her2plastic._errors import WorkersLostError
from her2plastic.datasets import simulate_slide
from her2plastic.im import _segment
from her2plastic.im.tiles import map_tiles


@pytest.fixture(scope="module")
def slide() -> Any:
    return simulate_slide(shape=(384, 512), n_leukocytes=60, n_ctcs=6, seed=5).slide


@pytest.fixture(scope="module")
def cluster() -> Any:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=60
    ) as cluster:
        yield cluster


@pytest.mark.parametrize("n_killed", [1, 2])
def test_workers_killed_in_the_middle_do_not_show(
    slide: Any, cluster: Any, n_killed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both, what they all share is lost as well."""
    doomed = [worker.pid for worker in cluster.workers.values()][:n_killed]
    painted: list[int] = []
    paint = _segment._paint

    def paint_and_kill(canvas: Any, tile: Any, labels: Any, n_objects: int) -> int:
        painted.append(tile.index)
        if len(painted) == 3:
            for pid in doomed:
                os.kill(pid, signal.SIGKILL)
        return paint(canvas, tile, labels, n_objects)

    monkeypatch.setattr(_segment, "_paint", paint_and_kill)
    work = {"tile_size": 128, "scheduler": cluster.scheduler_address}
    found = im.segment(slide, store=tmp_path / "labels.zarr", **work)
    assert painted == list(range(12))
    measured = im.measure(found, **work)
    assert not set(doomed) & {worker.pid for worker in cluster.workers.values()}
    monkeypatch.undo()
    here = im.segment(slide, tile_size=4096)
    for name in ("nuclei", "cells"):
        np.testing.assert_array_equal(np.asarray(getattr(found, name)[0]), getattr(here, name)[0])
    assert found.objects.equals(here.objects)
    assert len(here.objects) > 30
    np.testing.assert_array_equal(measured.X, im.measure(here).X)


def test_large_things_are_shared_without_a_warning(cluster: Any) -> None:
    """Dask warns from 10 MB on; warnings are errors here."""
    image = np.ones((1500, 1500))
    work = map_tiles(partial(_total, image), (20, 20), tile_size=10, halo=0, scheduler=cluster.scheduler_address)
    assert [total for _, total in work] == [100.0] * 4


def _total(image: np.ndarray, tile: Any) -> float:
    return float(image[tile.core].sum())


def test_a_tile_that_kills_its_workers_is_told(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    work = map_tiles(_die, (20, 20), tile_size=20, halo=0, scheduler=cluster.scheduler_address)
    with pytest.raises(WorkersLostError, match="KilledWorker.*tile_size"):
        list(work)


def test_processes_that_die_are_told() -> None:
    with pytest.raises(WorkersLostError, match="BrokenProcessPool.*tile_size"):
        list(map_tiles(_die, (20, 20), tile_size=10, halo=0, workers=2))


def _die(tile: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

"""The tile engine: every pixel once, the same order whoever works, and what happens when work fails."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2plastic._errors import ParameterError
from her2plastic.im.tiles import Tile, TilePool, map_tiles, tiles_of


@given(shape=st.tuples(st.integers(1, 90), st.integers(1, 90)), tile_size=st.integers(1, 40), halo=st.integers(0, 20))
def test_cores_cover_a_field_once_and_windows_hold_them(shape: tuple[int, int], tile_size: int, halo: int) -> None:
    seen = np.zeros(shape, int)
    for place, tile in enumerate(tiles_of(shape, tile_size=tile_size, halo=halo)):
        assert tile.index == place
        seen[tile.core] += 1
        for core, window, size in zip(tile.core, tile.window, shape, strict=True):
            assert (window.start, window.stop) == (max(core.start - halo, 0), min(core.stop + halo, size))
    assert (seen == 1).all()


def total(image: np.ndarray, tile: Tile) -> float:
    return float(image[tile.window].sum())


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    told: list[tuple[int, int]] = []
    work = map_tiles(
        attrgetter("core"), (60, 70), tile_size=20, halo=3, workers=workers,
        progress=lambda done, n: told.append((done, n)),
    )  # fmt: skip
    found = list(work)
    assert [tile.index for tile, _ in found] == list(range(12))
    assert [core for _, core in found] == [tile.core for tile, _ in found]
    assert told == [(done, 12) for done in range(1, 13)]


def test_dask_gives_the_same() -> None:
    distributed = pytest.importorskip("distributed")
    image = np.arange(60.0 * 70).reshape(60, 70)
    here = list(map_tiles(partial(total, image), image.shape, tile_size=30, halo=3))
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        there = list(map_tiles(
            partial(total, image), image.shape, tile_size=30, halo=3, scheduler=cluster.scheduler_address
        ))  # fmt: skip
    assert there == here


def test_only_so_many_tiles_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import Future

    handed_out: list[int] = []

    def submit(task: object, tile: Tile) -> Future[int]:
        handed_out.append(tile.index)
        future: Future[int] = Future()
        future.set_result(tile.index)
        return future

    pool = TilePool(None, workers=2)
    monkeypatch.setattr(pool, "_start", lambda: submit)
    for tile, _ in pool.run(lambda shared, tile: 0, tiles_of((100, 10), tile_size=10, halo=0)):
        assert handed_out[-1] <= tile.index + 4
    assert handed_out == list(range(10))


def fails(tile: Tile) -> None:
    raise ValueError(f"tile {tile.index}")


def test_a_fault_in_the_work_is_raised() -> None:
    with pytest.raises(ValueError, match="tile 0"):
        list(map_tiles(fails, (20, 20), tile_size=10, halo=0))


@pytest.mark.parametrize("arguments", [{"tile_size": 0}, {"halo": -1}, {"workers": 0}])
def test_impossible_arguments(arguments: dict[str, int]) -> None:
    with pytest.raises(ParameterError):
        list(map_tiles(fails, (20, 20), **{"tile_size": 10, "halo": 0, **arguments}))

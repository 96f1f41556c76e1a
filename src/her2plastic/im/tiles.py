"""The tile engine: cores that cover a field once, windows with a margin, work handed to processes or to Dask."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from her2plastic._errors import ParameterError

Result = TypeVar("Result")
Window = tuple[slice, slice]

#: Tiles handed out per worker before the first of them is asked for: enough to keep all busy, few enough for memory.
IN_FLIGHT = 2


@dataclass(frozen=True)
class Tile:
    """One tile of a field.

    Attributes
    ----------
    index
        Its place in the order of work: row by row from the upper left corner.
    core
        Rows and columns that this tile alone answers for; the cores cover the field once.
    window
        Rows and columns to read: the core and a margin, cut at the edge of the field.
    """

    index: int
    core: Window
    window: Window


def tiles_of(field_shape: tuple[int, int], *, tile_size: int, halo: int) -> list[Tile]:
    """Return the tiles of a field of ``field_shape`` (y, x); sizes in pixels."""
    if tile_size < 1 or halo < 0:
        raise ParameterError(f"tile_size={tile_size}, halo={halo}: expected at least 1 and 0 pixels")
    height, width = field_shape
    tiles: list[Tile] = []
    for top in range(0, height, tile_size):
        for left in range(0, width, tile_size):
            bottom, right = min(top + tile_size, height), min(left + tile_size, width)
            window = (
                slice(max(top - halo, 0), min(bottom + halo, height)),
                slice(max(left - halo, 0), min(right + halo, width)),
            )
            tiles.append(Tile(len(tiles), (slice(top, bottom), slice(left, right)), window))
    return tiles


def map_tiles(
    function: Callable[[Tile], Result],
    field_shape: tuple[int, int],
    *,
    tile_size: int,
    halo: int,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Tile, Result]]:
    """Yield every tile with ``function(tile)``, in the order of the tiles whoever does the work.

    ``function`` must be picklable (a dataclass with ``__call__``, or a partial of a module's function) where
    ``workers`` is above 1 or a ``scheduler`` (address of a Dask scheduler) is given; it opens what it needs itself.
    At most a few tiles per worker are under way or waiting, so that memory does not grow with the field.
    ``progress`` is told how many tiles are done and how many there are.
    """
    if workers < 1:
        raise ParameterError(f"workers={workers}: expected at least 1")
    tiles = tiles_of(field_shape, tile_size=tile_size, halo=halo)
    if scheduler is not None:
        results = _by_dask(function, tiles, scheduler)
    elif workers > 1 and len(tiles) > 1:
        results = _by_processes(function, tiles, min(workers, len(tiles)))
    else:
        results = ((tile, function(tile)) for tile in tiles)
    for tile, result in results:
        if progress is not None:
            progress(tile.index + 1, len(tiles))
        yield tile, result


def _by_processes(function: Callable[[Tile], Any], tiles: list[Tile], workers: int) -> Iterator[tuple[Tile, Any]]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # "fork" would copy the locks of running threads (numba, dask, BLAS) in whatever state they are
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_install, initargs=(function,)
    ) as pool:
        yield from _in_order(lambda tile: pool.submit(_installed, tile), tiles, IN_FLIGHT * workers)


def _by_dask(function: Callable[[Tile], Any], tiles: list[Tile], scheduler: str) -> Iterator[tuple[Tile, Any]]:
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        workers = max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
        shared = client.scatter(function, broadcast=True, hash=False)
        yield from _in_order(lambda tile: client.submit(_call, shared, tile, pure=False), tiles, IN_FLIGHT * workers)


def _in_order(submit: Callable[[Tile], Any], tiles: list[Tile], in_flight: int) -> Iterator[tuple[Tile, Any]]:
    waiting: deque[tuple[Tile, Any]] = deque()
    try:
        for tile in tiles:
            if len(waiting) >= in_flight:
                first, future = waiting.popleft()
                yield first, future.result()
            waiting.append((tile, submit(tile)))
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


_work: list[Callable[[Tile], Any]] = []  # what this process does with a tile; set once, as it starts


def _install(function: Callable[[Tile], Any]) -> None:
    _work[:] = [function]


def _installed(tile: Tile) -> Any:
    return _work[0](tile)


def _call(function: Callable[[Tile], Any], tile: Tile) -> Any:
    return function(tile)

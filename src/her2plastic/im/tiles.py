"""The tile engine: cores that cover a field once, windows with a margin, work handed to processes or to Dask."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

from her2plastic._errors import WorkersLostError, check_whole, from_extra

Result = TypeVar("Result")
Task = Callable[[Any, "Tile"], Any]
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
    check_whole("tile_size", tile_size, least=1)
    check_whole("halo", halo, least=0)
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
    with TilePool(function, workers=workers, scheduler=scheduler) as pool:
        tiles = tiles_of(field_shape, tile_size=tile_size, halo=halo)
        yield from pool.run(_call, tiles, progress=progress)


class TilePool:
    """Workers that share one thing, sent to each of them once, and work through the tiles of several fields.

    Parameters
    ----------
    shared
        What every task needs; picklable unless everything happens in this process.
    workers
        Number of processes.
    scheduler
        Address of a Dask scheduler that does the work instead.
    """

    def __init__(self, shared: Any, *, workers: int = 1, scheduler: str | None = None) -> None:
        check_whole("workers", workers, least=1)
        self.shared, self.workers, self.scheduler = shared, workers, scheduler
        self._submit: Callable[[Task, Tile], Any] | None = None
        #: What tells that whoever works has died.
        self._lost: tuple[type[Exception], ...] = (BrokenExecutor, CancelledError)
        self._open = ExitStack()

    def __enter__(self) -> TilePool:
        return self

    def __exit__(self, *fault: Any) -> None:
        self._open.__exit__(*fault)

    def run(
        self, task: Task, tiles: list[Tile], *, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[Tile, Any]]:
        """Yield every tile with ``task(shared, tile)``, in the order of the tiles."""
        if self.scheduler is None and (self.workers == 1 or len(tiles) == 1):
            results: Iterator[tuple[Tile, Any]] = ((tile, task(self.shared, tile)) for tile in tiles)
        else:
            submit = self._submit or self._start()
            self._submit = submit
            results = _in_order(partial(submit, task), tiles, IN_FLIGHT * self.workers)
        try:
            for tile, result in results:
                if progress is not None:
                    progress(tile.index + 1, len(tiles))
                yield tile, result
        except self._lost as fault:
            raise WorkersLostError(
                f"the processes that work on the tiles have died ({type(fault).__name__}: {fault}). Most often there "
                "is too little memory: take smaller tiles (tile_size) or fewer workers."
            ) from fault

    def _start(self) -> Callable[[Task, Tile], Any]:
        if self.scheduler is None:
            # "fork" would copy the locks of running threads (numba, dask, BLAS) in whatever state they are
            processes = self._open.enter_context(
                ProcessPoolExecutor(
                    self.workers, mp_context=get_context("spawn"), initializer=_share, initargs=(self.shared,)
                )
            )
            return lambda task, tile: processes.submit(_with_shared, task, tile)
        distributed = from_extra("distributed", extra="imaging")
        self._lost += (distributed.KilledWorker,)
        client = self._open.enter_context(distributed.Client(self.scheduler, set_as_default=False))
        self.workers = max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
        # The result of a task, not scattered data: that is lost with the workers that hold it, and the slide with it.
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            shared = client.submit(_Shared, self.shared, pure=False)
        return lambda task, tile: client.submit(_with, shared, task, tile, pure=False)


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


@dataclass(frozen=True)
class _Shared:
    """Keeps Dask from looking into what is shared."""

    thing: Any


def _with(shared: _Shared, task: Task, tile: Tile) -> Any:
    return task(shared.thing, tile)


_here: list[Any] = []  # what the tasks of this process share; set once, as it starts


def _share(thing: Any) -> None:
    _here[:] = [thing]


def _with_shared(task: Task, tile: Tile) -> Any:
    return task(_here[0], tile)


def _call(function: Callable[[Tile], Any], tile: Tile) -> Any:
    return function(tile)

"""Which cells a session shows, in which order, and which of them twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, obs_column
from her2plastic._errors import ReviewError
from her2plastic.io.journal.events import Item
from her2plastic.review.session.filters import matching_cells
from her2plastic.review.session.model_calls import model_calls
from her2plastic.review.session.settings import ReviewSettings

if TYPE_CHECKING:
    from anndata import AnnData

#: Steps between a cell and its repeat, where the queue is long enough.
REPEAT_DISTANCE: Final = 20
#: A blinded reviewer sees the most uncertain cells in shuffled blocks: their rank would tell something of each.
BLOCK: Final = 25
_REVIEW, _REPEAT, _ADJUDICATION = _keys.REVIEW_ROUNDS


def cell_ids(adata: AnnData) -> np.ndarray:
    """Return the names of the cells, each once, or raise ReviewError."""
    given = adata.obs[_keys.CELL_ID] if _keys.CELL_ID in adata.obs else adata.obs_names
    names = np.asarray(given, dtype=object).astype(str).astype(object)
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise ReviewError(f"the cell {twice!r} stands more than once in `obs[{_keys.CELL_ID!r}]`: expected each once")
    return names


def make_queue(adata: AnnData, settings: ReviewSettings, *, without: Collection[str] = ()) -> tuple[Item, ...]:
    """Return the cells of a session in order, with their repeats; the same settings give the same queue.

    Cells ``without`` pictures are left out.

    Raises
    ------
    ReviewError
        No cell is left, or what the order goes by is not in the data.
    """
    names = cell_ids(adata)
    kept = np.flatnonzero(matching_cells(adata, settings.filters))
    if not len(names):
        raise ReviewError("the data hold no cells: there is nothing to review")
    if not len(kept):
        raise ReviewError(
            f"none of the {len(names)} cells fulfils {' and '.join(map(repr, settings.filters))}: there is nothing to "
            "review. Loosen the filter"
        )
    if without:
        has_picture = np.array([name not in without for name in names[kept]])
        if not has_picture.any():
            raise ReviewError(
                f"none of the {len(kept)} cells to review has a picture: check that the images lie where they lay when "
                "the cells were measured"
            )
        kept = kept[has_picture]
    random = np.random.default_rng(settings.seed)
    # The order of rows in a file tells something too, and must not decide between equals.
    kept = random.permutation(kept)
    ordered = _ORDERINGS[settings.order](adata, kept, settings, random)
    if settings.target is not None:
        ordered = ordered[: settings.target]
    if settings.blinded and settings.order == "stratified":
        ordered = random.permutation(ordered)
    return with_repeats([str(name) for name in names[ordered]], settings.repeat_share, random)


def _random(adata: AnnData, kept: np.ndarray, settings: ReviewSettings, random: np.random.Generator) -> np.ndarray:
    return kept


def _uncertain(adata: AnnData, kept: np.ndarray, settings: ReviewSettings, random: np.random.Generator) -> np.ndarray:
    entropy = model_calls(adata, model=settings.model, needed_by="order='uncertain'").entropy
    ranked = kept[np.argsort(-entropy[kept], kind="stable")]
    if settings.target is not None:
        ranked = ranked[: settings.target]
    if not settings.blinded:
        return ranked
    return np.concatenate([random.permutation(ranked[at : at + BLOCK]) for at in range(0, len(ranked), BLOCK)])


def _by_slide(adata: AnnData, kept: np.ndarray, settings: ReviewSettings, random: np.random.Generator) -> np.ndarray:
    """Return the cells slide by slide; the slides in order of their names, or shuffled where they are hidden."""
    slides = as_names(obs_column(adata, _keys.SLIDE_ID, remedy="order='slide' needs cells of slides."))[kept]
    of_slide = sorted(set(slides))
    if settings.blinded:
        of_slide = [of_slide[place] for place in random.permutation(len(of_slide))]
    return np.concatenate([kept[slides == slide] for slide in of_slide])


def _stratified(adata: AnnData, kept: np.ndarray, settings: ReviewSettings, random: np.random.Generator) -> np.ndarray:
    """Return one cell of each call in turn, so that any target number holds as many of each as there are."""
    calls = model_calls(adata, model=settings.model, needed_by="order='stratified'").call[kept]
    turn = np.zeros(len(kept), dtype=int)
    for call in set(calls):
        of_call = calls == call
        turn[of_call] = np.arange(of_call.sum())
    return kept[np.lexsort((random.random(len(kept)), turn))]


_ORDERINGS: Final = {"random": _random, "uncertain": _uncertain, "slide": _by_slide, "stratified": _stratified}


def with_repeats(names: list[str], share: float, random: np.random.Generator) -> tuple[Item, ...]:
    """Return the queue of the cells with a share of them shown again, each well after the first time."""
    distance = min(REPEAT_DISTANCE, len(names) // 2)
    possible = len(names) - distance if distance else 0
    wanted = min(round(share * len(names)), possible)
    chosen = random.choice(possible, size=wanted, replace=False) if wanted else np.empty(0, dtype=int)
    # A repeat stands anywhere between its distance and the end: not all of them at the end, where it would be noticed.
    where = np.concatenate([np.arange(len(names)), random.uniform(chosen + distance, len(names))])
    items = [(name, _REVIEW) for name in names] + [(names[place], _REPEAT) for place in chosen]
    return tuple(items[place] for place in np.argsort(where, kind="stable"))

"""One cell, one row: the image of a picked cell and its transcriptome, joined by their common name."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash, obs_column, record_step
from her2plastic._errors import DataWarning, ParameterError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

log = logging.getLogger(__name__)

STEP = "join_cells"
#: Beginnings of names that only images have: these are kept as they are.
_OF_IMAGES = ("her2_if", "her2_intensity", "image_")


def join_cells(images: AnnData, expression: AnnData, *, on: str = _keys.CELL_ID) -> AnnData:
    """Join the images of picked cells to their expression.

    Parameters
    ----------
    images
        Objects of slides, after :func:`her2plastic.im.measure` and what follows.
    expression
        Cells by genes.
    on
        Column of ``obs`` in both that names the cell.

    Returns
    -------
    A copy of ``expression`` with, for each cell found among the images,

    ``obs["has_image"]`` : bool
        Whether the cell was found among the images.
    ``obs["image_..."]``, ``obsm["image_..."]``
        What the images have, under their own name with ``image_`` before it; names that begin with ``her2_if`` or
        ``her2_intensity`` are kept. Missing for cells without an image.
    ``obsm["image_features"]`` : DataFrame
        The measured features.
    ``uns["her2plastic"]``
        The records of the images' steps beside those of the expression (``image_`` before the name where both have
        one), and ``join_cells``: numbers of cells, and the names that were not found or stood more than once.

    Raises
    ------
    MissingKeyError
        No column ``on``.
    ParameterError
        No name is in both.

    Notes
    -----
    A name that stands more than once on one side says not which cell is meant: it is left unjoined, and a DataWarning
    tells.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cohort = hp.datasets.simulate_slide_cohort(
    ...     "slides", n_donors=1, n_ctc=4, control_lines=(), picked=1.0, shape=(320, 320), n_leukocytes=10
    ... )
    >>> objects = hp.im.measure(hp.im.segment(hp.io.read_slides(cohort.sheet)[0].slide))
    >>> expression = hp.datasets.name_picked_cells(cohort.expression, images=objects)
    >>> cells = hp.io.join_cells(objects, expression)
    >>> cells.obs["has_image"].tolist(), "HER2_cell_mean" in cells.obsm["image_features"]
    ([True, True, True, True], True)
    """
    names = {side: _names(table, on, side) for side, table in (("images", images), ("expression", expression))}
    repeated = {side: _repeated(values) for side, values in names.items()}
    ambiguous = repeated["images"] | repeated["expression"]
    place_of = {name: place for place, name in enumerate(names["images"]) if name is not None and name not in ambiguous}
    place = np.array([-1 if name is None else place_of.get(name, -1) for name in names["expression"]], dtype=np.int64)
    if not (place >= 0).any():
        raise ParameterError(
            f"no cell has the same `obs[{on!r}]` in images ({_some(names['images'])}) and expression "
            f"({_some(names['expression'])}). Give both tables a column with the name of the picked cell, and name it "
            "with on=..."
        )
    if ambiguous:
        warnings.warn(
            f"{len(ambiguous)} names stand more than once and were not joined: {_some(sorted(ambiguous))}",
            DataWarning,
            stacklevel=2,
        )
    joined = expression.copy()
    joined.obs[_keys.HAS_IMAGE] = place >= 0
    for key, column in images.obs.items():
        if key != on:
            joined.obs[_image_name(str(key))] = _taken(column, place, joined.obs_names)
    _join_tables(joined, images, place)
    _join_records(joined, images)
    found = {names["images"][i] for i in place[place >= 0]}
    record_step(
        joined,
        STEP,
        params={"on": on},
        input_hash=input_hash(place),
        n_joined=int((place >= 0).sum()),
        n_images=images.n_obs,
        n_expression=expression.n_obs,
        not_in_images=_as_array(n for n in names["expression"] if n is not None and n not in found | ambiguous),
        n_not_in_expression=sum(n is not None and n not in found | ambiguous for n in names["images"]),
        repeated_in_images=_as_array(sorted(repeated["images"])),
        repeated_in_expression=_as_array(sorted(repeated["expression"])),
        n_unnamed=sum(n is None for n in names["expression"]),
    )
    log.info("joined %d of %d cells to images", int((place >= 0).sum()), expression.n_obs)
    return joined


def _names(table: AnnData, on: str, side: str) -> list[str | None]:
    column = obs_column(table, on, remedy=f"The {side} need a column with the name of the picked cell.")
    missing = column.isna()
    return [None if m or not str(name).strip() else str(name) for name, m in zip(column, missing, strict=True)]


def _repeated(names: list[str | None]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for name in names:
        if name is not None:
            (twice if name in seen else seen).add(name)
    return twice


def _some(names: Any) -> str:
    there = [str(name) for name in names if name is not None]
    return ", ".join(map(repr, there[:3])) + (", ..." if len(there) > 3 else "") if there else "no name at all"


def _as_array(names: Any) -> np.ndarray:
    return np.array(list(names), dtype=object)


def _image_name(name: str) -> str:
    return name if name.startswith(_OF_IMAGES) else _keys.IMAGE_PREFIX + name


def _taken(column: pd.Series, place: np.ndarray, index: pd.Index) -> pd.Series:
    """Return a column at these places, missing at -1, in a dtype that can be missing and written."""
    import pandas as pd

    if column.dtype == bool:
        column = column.astype("boolean")
    elif pd.api.types.is_integer_dtype(column.dtype):
        column = column.astype(float)
    elif column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
        column = column.astype("category")
    taken = column.reset_index(drop=True).reindex(place)
    taken.index = index
    return taken


def _join_tables(joined: AnnData, images: AnnData, place: np.ndarray) -> None:
    import pandas as pd

    values: Any = images.X
    features = pd.DataFrame(
        values.toarray() if hasattr(values, "toarray") else np.asarray(values), columns=images.var_names
    )
    tables: dict[str, Any] = {_keys.IMAGE_FEATURES: features}
    tables |= {_image_name(str(key)): table for key, table in images.obsm.items()}
    for key, table in tables.items():
        if isinstance(table, pd.DataFrame):
            taken = table.reset_index(drop=True).astype(float).reindex(place)
            taken.index = joined.obs_names
            joined.obsm[key] = taken
        else:
            array = np.asarray(table, dtype=float)
            joined.obsm[key] = np.where((place >= 0)[:, None], array[place], np.nan)


def _join_records(joined: AnnData, images: AnnData) -> None:
    records = dict(joined.uns.get(_keys.ROOT, {}))
    for step, record in images.uns.get(_keys.ROOT, {}).items():
        records[step if step not in records else f"{_keys.IMAGE_PREFIX}{step}"] = record
    joined.uns[_keys.ROOT] = records

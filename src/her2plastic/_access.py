"""Checked reading from an AnnData and the record of what was done to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._count_values import check_counts
from her2plastic._errors import GeneError, MissingKeyError, ParameterError, UnitError
from her2plastic._row_blocks import column, in_memory, row_sums

if TYPE_CHECKING:
    from anndata import AnnData


def obs_column(adata: AnnData, key: str, *, remedy: str = "") -> Any:
    """Return ``adata.obs[key]`` or raise an error that lists the columns there are."""
    if key not in adata.obs:
        raise MissingKeyError("obs", key, adata.obs.columns, remedy)
    return adata.obs[key]


def control_cells(adata: AnnData) -> np.ndarray:
    """Return which cells are controls of known state (``obs["label"]``): they are no patient's cells."""
    if _keys.LABEL not in adata.obs:
        return np.zeros(adata.n_obs, dtype=bool)
    return adata.obs[_keys.LABEL].isin(_keys.STATES).to_numpy()


#: What the note says of a group whose files could not be read: of its cells nothing is known.
NOT_READ: Final = "not read and left out: "

#: Columns, of ``obs`` and of a sample sheet, that mark what was grown outside a patient.
_CULTURED: Final = (_keys.SORTED_FROM, _keys.CLONE_ID)


def cultured_rows(table: Any) -> np.ndarray:
    """Return which cells of ``obs``, or files of a sample sheet, are of sorted cultures or clones: of no blood draw."""
    found = np.zeros(len(table), dtype=bool)
    for key in _CULTURED:
        if key in table:
            found |= (table[key].notna() & (table[key].astype(str) != "")).to_numpy(dtype=bool)
    return found


def patient_cells(adata: AnnData) -> np.ndarray:
    """Return which cells count as those of a patient: neither controls nor cells of cultures and clones."""
    return ~control_cells(adata) & ~cultured_rows(adata.obs)


def as_names(column: Any) -> np.ndarray:
    """Return a column of obs as names. Missing values of any kind are named ``nan``; 1 and ``"1"`` are one name."""
    codes, names = name_codes(column)
    return np.array(names, dtype=object)[codes]


def name_codes(column: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the place of each cell's name (as of :func:`as_names`) among the names, and the names, sorted."""
    import pandas as pd

    codes, values = pd.factorize(column, use_na_sentinel=True)
    unnamed = codes < 0
    codes[unnamed] = len(values)
    given = np.array([*map(str, values.astype(object)), "nan"][: len(values) + int(unnamed.any())], dtype=object)
    names, place = np.unique(given, return_inverse=True)
    return place.astype(np.int64)[codes], tuple(names)


def donor_codes(adata: AnnData, donor_key: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the donor of each cell as a whole number, and the donors' names, sorted.

    Names are compared as text, so that 1 and ``"1"`` are one donor. Cells without a donor count as one donor's, named
    ``nan``. Without the column of the default name all cells count as one donor's; another column must be there.
    """
    if donor_key not in adata.obs and donor_key == _keys.DONOR_ID:
        return np.zeros(adata.n_obs, dtype=np.int64), ("all cells",)
    return name_codes(obs_column(adata, donor_key, remedy="Name the column of donors with donor_key."))


def check_plain_numbers(column: Any, key: str) -> None:
    """Raise ParameterError for dates, spans of time and yes-or-no: as numbers they would be nanoseconds, 0 and 1."""
    if getattr(column.dtype, "kind", "O") in ("m", "M", "b"):
        raise ParameterError(f"`obs[{key!r}]` holds {column.dtype}: expected numbers, such as days since the first one")


def true_or_false(adata: AnnData, key: str) -> np.ndarray:
    """Return a column of obs that says yes or no.

    Raises
    ------
    MissingKeyError
        No such column.
    ParameterError
        The column holds other values than true and false: the text "False" and a missing value would count as true.
    """
    values = obs_column(adata, key)
    odd = [value for value in values.unique() if not isinstance(value, (bool, np.bool_))]
    if odd:
        raise ParameterError(f"`obs[{key!r}]` must be true or false, holds {odd[0]!r}")
    return values.to_numpy(dtype=bool)


def counts(adata: AnnData, *, needed_by: str, remedy: str = "", by_blocks: bool = False) -> Any:
    """Return the counts layer (cells x genes, in memory or not), or say in which unit the values are instead.

    A layer of that name that holds something else, such as logarithms, is refused. So are counts that are not in
    memory, unless ``by_blocks`` says that they will be read as :mod:`her2plastic._row_blocks` does.
    """
    check_obs_in_memory(adata, needed_by=needed_by)
    if _keys.COUNTS in adata.layers:
        matrix = adata.layers[_keys.COUNTS]
        if not (by_blocks or in_memory(matrix)):
            raise ParameterError(
                f"{needed_by} needs the counts in memory, and these are in a file: give it the cells that it is about, "
                "e.g. `cohort[cohort.obs['is_ctc']].to_memory()`"
            )
        check_counts(matrix, needed_by=needed_by)
        return matrix
    unit = step_record(adata, "read").get("unit")
    if unit is None:
        raise MissingKeyError(
            "layers", _keys.COUNTS, adata.layers.keys(),
            f"{needed_by} models counts: read the data with her2plastic.io.read_counts, "
            "or set the layer yourself if X holds raw counts.",
        )  # fmt: skip
    raise UnitError(
        f"{needed_by} models counts, but these values were read as {unit!r} and counts could not be recovered from "
        f"them. Give it the raw counts{remedy}."
    )


def check_obs_in_memory(adata: AnnData, *, needed_by: str) -> None:
    """Raise ParameterError where the table of the cells is itself lazy: results could not be written to it."""
    import pandas as pd

    obs: Any = adata.obs
    if not isinstance(obs, pd.DataFrame):
        raise ParameterError(
            f"{needed_by} writes to obs, which is a {type(obs).__name__} here: matrices may be lazy, the table of "
            "cells not. Open the file with her2plastic.io.open_cohort, or set `adata.obs = adata.obs.to_memory()`."
        )


def gene_column(adata: AnnData, matrix: Any, gene: str) -> np.ndarray:
    """Return one gene's values over all cells as a dense float vector."""
    if gene not in adata.var_names:
        raise GeneError(
            f"gene {gene!r} not found in `var_names` ({adata.n_vars} genes, e.g. {list(adata.var_names[:3])})"
        )
    place = adata.var_names.get_loc(gene)
    if not isinstance(place, int):
        times = int((adata.var_names == gene).sum())
        raise GeneError(
            f"gene {gene!r} stands {times} times in `var_names`: expected once. Sum these columns, as "
            "her2plastic.io.from_anndata does."
        )
    return column(matrix, place)


def image_feature(adata: AnnData, channel: str, compartment: str, statistic: str = "mean") -> np.ndarray | None:
    """Return one measured feature of every object as floats; None where it was not measured."""
    return named_feature(adata, f"{channel}_{compartment}_{statistic}")


def named_feature(adata: AnnData, name: str) -> np.ndarray | None:
    """Return one column of X by its name as floats; None where there is none."""
    if name not in adata.var_names:
        return None
    place: Any = adata.var_names.get_loc(name)
    return column(adata.X, place)


def cpm(adata: AnnData, gene: str, *, needed_by: str) -> np.ndarray:
    """Return one gene's counts per million, from counts or from recovered relative values; missing at depth 0."""
    if _keys.COUNTS not in adata.layers and _keys.CPM in adata.layers:
        return gene_column(adata, adata.layers[_keys.CPM], gene)
    matrix = counts(adata, needed_by=needed_by, by_blocks=True)
    values, depth = gene_column(adata, matrix, gene), row_sums(matrix)
    return np.divide(values * 1e6, depth, out=np.full(len(depth), np.nan), where=depth > 0)


def input_hash(*arrays: Any) -> str:
    """Return a short digest of what a step was given, so that two runs can be compared."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        values = np.ascontiguousarray(np.asarray(array))
        if values.dtype.kind in "biuf":
            digest.update(values.data)  # where they are: a column of millions of cells is not copied
        else:
            digest.update(values.astype("U").tobytes() if values.dtype == object else values.tobytes())
    return digest.hexdigest()


def record_step(adata: AnnData, step: str, *, params: Mapping[str, Any], **results: Any) -> None:
    """Write ``uns["her2plastic"][step]``: parameters, package version and results as plain scalars and arrays.

    None is left out (h5ad cannot hold it): a parameter that is absent was not given.
    """
    root = dict(adata.uns.get(_keys.ROOT, {}))
    entry: dict[str, Any] = {"params": _without_none(params), "version": version("her2plastic")}
    entry.update(_without_none(results))
    root[step] = entry
    adata.uns[_keys.ROOT] = root


def table_of(rows: Mapping[str, Mapping[str, Any]], *, name: str) -> dict[str, np.ndarray]:
    """Return named rows as columns that any file can hold: names of slides may have characters that keys may not."""
    columns = dict.fromkeys(key for row in rows.values() for key in row)
    table = {name: np.array([str(row) for row in rows], dtype=object)}
    for key in columns:
        values = [row.get(key, np.nan) for row in rows.values()]
        words = any(isinstance(value, str) for value in values)
        table[key] = np.array(values, dtype=object if words else float)
    return table


def step_record(adata: AnnData, step: str) -> Mapping[str, Any]:
    """Return what a step recorded, or an empty mapping when it has not run."""
    return adata.uns.get(_keys.ROOT, {}).get(step, {})


def _without_none(mapping: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in mapping.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            value = _without_none(value)
        elif isinstance(value, (list, tuple)):
            value = np.asarray(value, dtype=object if any(isinstance(item, str) for item in value) else None)
        plain[str(key)] = value
    return plain

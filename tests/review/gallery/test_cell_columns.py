from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from her2plastic import _keys
from her2plastic._errors import ReviewError
from her2plastic.review.gallery.cell_columns import MOST_WORDS, NO_WORD, CellColumns


def test_numbers_and_words_are_told_apart_and_names_are_neither(cells: AnnData) -> None:
    columns = CellColumns(cells)
    assert columns.of_words == (
        _keys.SLIDE_ID, _keys.DONOR_ID, _keys.KIND, _keys.TOUCHES_EDGE, _keys.HER2_IF_CALL,
    )  # fmt: skip
    assert columns.of_numbers[0] == _keys.HER2_INTENSITY
    assert {"spatial: x", "spatial: y", "her2_if_posterior: HER2-low", "CK_cell_mean"} <= set(columns.of_numbers)
    assert "note" not in columns.of_numbers + columns.of_words
    assert columns.column("HER2_cell_mean").unit == "intensity"
    assert columns.cell_ids == tuple(cells.obs[_keys.CELL_ID])


def test_values_come_from_where_they_stand(cells: AnnData) -> None:
    columns = CellColumns(cells)
    assert np.array_equal(columns.numbers("HER2_cell_mean"), cells[:, "HER2_cell_mean"].X.ravel())
    assert np.array_equal(columns.numbers("spatial: y"), cells.obsm["spatial"][:, 1])
    low = cells.obsm[_keys.HER2_IF_POSTERIOR]["HER2-low"]
    assert np.array_equal(columns.numbers("her2_if_posterior: HER2-low"), low)
    codes, words = columns.words(_keys.HER2_IF_CALL)
    assert [words[code] for code in codes] == list(cells.obs[_keys.HER2_IF_CALL].astype(str))
    assert list(words) == [call for call in _keys.CALLS if call in words]
    assert columns.text(_keys.KIND, 0) == str(cells.obs[_keys.KIND].iloc[0])
    assert columns.text("cell_area_um2", 0) == f"{columns.numbers('cell_area_um2')[0]:,.4g}"


def test_sparse_values_masked_integers_and_missing_words_are_read(cells: AnnData) -> None:
    cells.X = sparse.csr_matrix(cells.X)
    cells.obs["count"] = pd.array([None, *range(1, cells.n_obs)], dtype="Int64")
    cells.obs["arm"] = pd.Series([None, "b", "a", "", *["b"] * (cells.n_obs - 4)], index=cells.obs_names, dtype=object)
    columns = CellColumns(cells)
    assert columns.numbers("CK_cell_mean").shape == (cells.n_obs,)
    assert np.isnan(columns.numbers("count")[0])
    assert columns.text("count", 0) == "no value"
    codes, words = columns.words("arm")
    assert words == ("a", "b", NO_WORD)
    assert [words[code] for code in codes[:4]] == [NO_WORD, "b", "a", NO_WORD]


def test_what_is_hidden_is_not_there(cells: AnnData) -> None:
    columns = CellColumns(cells, hidden={_keys.HER2_IF_CALL, _keys.HER2_IF_POSTERIOR, _keys.DONOR_ID})
    assert _keys.HER2_IF_CALL not in columns.of_words
    assert not any(name.startswith(_keys.HER2_IF_POSTERIOR) for name in columns.of_numbers)
    with pytest.raises(ReviewError, match="hidden in a blinded review"):
        columns.words(_keys.HER2_IF_CALL)


def test_a_column_that_is_not_there_or_of_the_other_kind_is_refused(cells: AnnData) -> None:
    columns = CellColumns(cells)
    with pytest.raises(ReviewError, match="'nothing': there is no such column"):
        columns.numbers("nothing")
    with pytest.raises(ReviewError, match="words, not numbers"):
        columns.numbers(_keys.KIND)
    with pytest.raises(ReviewError, match="numbers, not words"):
        columns.words(_keys.HER2_INTENSITY)


def test_columns_that_cannot_be_shown_are_left_out(cells: AnnData) -> None:
    cells.obs["day"] = pd.Timestamp("2026-01-01")
    cells.obs["none"] = pd.Series([None] * cells.n_obs, index=cells.obs_names, dtype=object)
    cells.obs["wave"] = np.exp(1j * np.arange(cells.n_obs))
    cells.obs["many"] = pd.Categorical([f"w{n % (MOST_WORDS + 1)}" for n in range(cells.n_obs)])
    cells.obsm["words"] = np.full((cells.n_obs, 2), "a")
    named = CellColumns(cells)
    assert not {"day", "none", "wave", "many", "words: 1"} & {*named.of_numbers, *named.of_words}


def test_a_table_without_cell_ids_goes_by_its_rows(cells: AnnData) -> None:
    del cells.obs[_keys.CELL_ID]
    assert CellColumns(cells).cell_ids[:2] == ("row 0", "row 1")

"""Tables of cells with something else where numbers are expected are refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys
from her2plastic._errors import InputFileError, ReviewError
from her2plastic.review.pictures import open_review_data

Change = Callable[[AnnData], None]


def _places(values: Any) -> Change:
    return lambda adata: adata.obsm.__setitem__(_keys.SPATIAL, values(adata))


def _column(key: str, value: Any) -> Change:
    return lambda adata: adata.obs.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_places(lambda adata: np.zeros((adata.n_obs, 1))), "is of shape .* expected x and y"),
        (_places(lambda adata: pd.DataFrame({"x": "a", "y": "b"}, index=adata.obs_names)), "holds no numbers"),
        (_column(_keys.INSTANCE_ID, "o1"), "holds 'o1': expected the whole number"),
        (_column(_keys.INSTANCE_ID, 1e30), "expected the whole number"),
    ],
)
def test_what_is_no_number_is_refused(
    small: Any, rewritten: Callable[[AnnData], Path], change: Change, message: str
) -> None:
    change(small.adata)
    with pytest.raises(ReviewError, match=message):
        open_review_data(rewritten(small.adata))


def test_a_cell_that_may_have_an_image_or_not_has_none(small: Any, rewritten: Callable[[AnnData], Path]) -> None:
    has_image = pd.array([None] + [True] * (small.adata.n_obs - 1), dtype="boolean")
    small.adata.obs[_keys.HAS_IMAGE] = has_image
    assert list(open_review_data(rewritten(small.adata)).pictures.missing) == [small.adata.obs_names[0]]


def test_records_that_cannot_be_read(small: Any, rewritten: Callable[[AnnData], Path]) -> None:
    small.adata.uns[_keys.ROOT] = {"records": json.dumps({"a": 1})[:-1]}
    with pytest.raises(InputFileError, match=r"cells.h5ad: cannot be read"):
        open_review_data(rewritten(small.adata))
    small.adata.uns[_keys.ROOT] = "not ours"
    assert open_review_data(rewritten(small.adata)).adata.n_obs == small.adata.n_obs


def test_a_page_is_no_sample_sheet(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text('<html>"' + "x" * 200_000 + '"</html>', encoding="utf-8")
    with pytest.raises(InputFileError, match="report.html: cannot be read as a sample sheet"):
        open_review_data(page)

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from her2plastic import _errors, pl


def test_a_figure_of_another_design_names_the_one_that_was_recorded() -> None:
    cells = ad.AnnData(np.zeros((2, 1), dtype=np.float32))
    cells.uns["her2plastic"] = {"switching_sorted": {"design": "sorted"}}
    with pytest.raises(_errors.MissingKeyError, match="Recorded here: design='sorted'"):
        pl.state_diagram(cells)

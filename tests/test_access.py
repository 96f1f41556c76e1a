"""What every function asks of an AnnData."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from her2plastic._access import gene_column
from her2plastic._errors import GeneError


def test_a_gene_that_stands_twice_is_named() -> None:
    adata = AnnData(csr_matrix(np.eye(3, dtype="f4")), var=pd.DataFrame(index=["ERBB2", "A", "B"]))
    np.testing.assert_array_equal(gene_column(adata, adata.X, "ERBB2"), [1, 0, 0])
    adata.var_names = pd.Index(["ERBB2", "A", "ERBB2"])
    with pytest.raises(GeneError, match=r"'ERBB2' stands 2 times"):
        gene_column(adata, adata.X, "ERBB2")

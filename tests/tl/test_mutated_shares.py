from __future__ import annotations

import pandas as pd
import pytest

from her2plastic import io, tl
from her2plastic._errors import ParameterError


@pytest.fixture(scope="module")
def found() -> tl.Variants:
    return tl.variants(io.read_alleles(pd.DataFrame({
        "donor_id": ["1", "2", "3"], "sample_id": ["t1", "t2", "t3"], "material": "tumour tissue", "variant": "L755S",
        "n_ref": [30, 40, 20], "n_alt": [12, 0, 20],
    })))  # fmt: skip


def test_donors_without_a_group_are_counted(found: tl.Variants) -> None:
    donors = pd.DataFrame({"donor_id": [1, 2, 9], "histology": ["lobular", "ductal", "ductal"]})
    result = tl.mutated_shares(found, donors=donors)
    assert result.numbers == {"donors": 2, "not known": 1, "without a group, left out": 1}
    assert "1 donors without a group are left out" in result.summary()


def test_names_that_none_of_the_donors_has_are_told(found: tl.Variants) -> None:
    """Numbers that a gap in a table made fractional match nobody: that is no group of unknown donors."""
    donors = pd.DataFrame({"donor_id": [1.0, 2.0, 3.0], "histology": ["lobular", "ductal", "ductal"]})
    with pytest.raises(ParameterError, match=r"none of 1, 2, 3, ... has a 'histology'; the table names 1.0, 2.0, 3.0"):
        tl.mutated_shares(found, donors=donors)

from __future__ import annotations

import pytest

from her2plastic import datasets
from her2plastic.datasets import SimulatedAlleles


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> SimulatedAlleles:
    """Three donors with leukocytes and six CTCs each; two have a somatic allele."""
    return datasets.simulate_alleles(
        tmp_path_factory.mktemp("alleles"), n_donors=3, n_cells=6, molecules_per_cell=60, leukocyte_fragments=500,
        mutated_share=0.67, mutated_cells=0.8, seed=4,
    )  # fmt: skip

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA_VARIABLE = "HER2PLASTIC_TEST_DATA"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data that are not part of the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get(DATA_VARIABLE, Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real test data not found at {folder}; set {DATA_VARIABLE} to their folder")
    return folder

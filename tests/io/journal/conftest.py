from __future__ import annotations

from pathlib import Path

import pytest
from tests.io.journal.pen import Pen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "review.journal"


@pytest.fixture
def pen(path: Path) -> Pen:
    return Pen(path)

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from anndata import AnnData
from tests.review.session.reviewed_cells import cells_of_slides

from her2plastic.review.session import ReviewSession

#: Opens a session, which is left at the end of the test.
Opening = Callable[..., ReviewSession]


@pytest.fixture
def adata() -> AnnData:
    return cells_of_slides()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "review.journal"


@pytest.fixture
def begin(adata: AnnData, journal: Path) -> Iterator[Opening]:
    """Open a session on the cells, or on others, in the journal."""
    with ExitStack() as at_end:

        def opened(reviewer: str = "AB", *settings: Any, cells: AnnData | None = None, **more: Any) -> ReviewSession:
            session = ReviewSession(adata if cells is None else cells, journal, reviewer, *settings, **more)
            return at_end.enter_context(session)

        yield opened

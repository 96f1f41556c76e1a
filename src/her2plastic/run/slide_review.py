"""The decisions of reviewers in a run over slides: journals read beforehand, brought back after HER2 was called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from her2plastic import _keys, io, tl
from her2plastic._errors import CalibrationError, ConvergenceError, JournalError, ReviewError
from her2plastic.run.slide_config import SlideReview

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from her2plastic.tl import Recalibration, Review


@dataclass(frozen=True)
class Reviewed:
    """What reviewers decided on the cells of a run, and what their decisions make of the scale of HER2."""

    review: Review
    #: None where it could not be fitted; a note says why.
    recalibration: Recalibration | None
    notes: tuple[str, ...] = ()

    @property
    def differing(self) -> frozenset[str]:
        """The ``cell_id`` of the cells on which anybody differs."""
        return frozenset(map(str, self.review.differing[_keys.CELL_ID]))


def journal_paths(config: SlideReview, folder: Path) -> tuple[Path, ...]:
    """Return the journals that a configuration in this folder names."""
    return tuple(folder / name for name in config.journals)


def journal_problems(paths: Sequence[Path], *, name: str) -> list[str]:
    """Return what is wrong with the journals that a configuration names."""
    problems = []
    for path in paths:
        try:
            found = io.read_decisions(path)
        except JournalError as error:
            problems.append(f"{name}: review.journals: {error}")
            continue
        if found.empty:
            problems.append(f"{name}: review.journals: {path.name} holds no decision yet")
    return problems


def decisions_of(paths: Sequence[Path]) -> pd.DataFrame | None:
    """Return what stands in all journals together; None for none. A decision that two of them hold counts once."""
    import pandas as pd

    if not paths:
        return None
    return pd.concat([io.read_decisions(path) for path in paths], ignore_index=True).drop_duplicates("event")


def reviewed_cells(adata: AnnData, decisions: pd.DataFrame, *, config: SlideReview, seed: int) -> Reviewed | None:
    """Bring decisions back, and ask what they make of the scale; None where they are of other cells.

    Raises
    ------
    ReviewError
        None of the decisions is on these cells.
    """
    found = tl.review(adata, decisions=decisions, consensus=config.consensus, level=config.level, seed=seed)
    try:
        fitted = tl.recalibrate(adata, decisions=decisions, by=_groups(adata), level=config.level, seed=seed)
    except (CalibrationError, ConvergenceError, ReviewError) as error:
        return Reviewed(found, None, (f"tl.recalibrate was not done: {error}",))
    return Reviewed(found, fitted)


def _groups(adata: AnnData) -> str:
    """Return the column of what is held out: the patient, or the slide of a patient who is alone or unnamed."""
    donors = adata.obs[_keys.DONOR_ID].nunique() if _keys.DONOR_ID in adata.obs else 0
    return _keys.DONOR_ID if donors > 1 else _keys.SLIDE_ID

"""What a run over slides found, in numbers and plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic.report.summary import listed, number, share_of

if TYPE_CHECKING:
    from anndata import AnnData

_CK_NEGATIVE = "CK- HER2+"


@dataclass(frozen=True)
class SlideHeadline:
    """The numbers of the first screen. Cells of control lines are counted in ``n_control_cells`` alone."""

    n_donors: int
    #: Slides of patients, and slides of control lines, that are whole.
    n_slides: int
    n_control_slides: int
    n_events: int
    n_ctc: int
    #: Events with HER2 and without cytokeratin, which are not among the CTCs.
    n_ck_negative: int
    n_control_cells: int
    #: Number of CTCs with each call, in the order of ``_keys.CALLS``.
    calls: dict[str, int]
    #: Number of CTCs with each score; those without one are left out.
    scores: dict[str, int]
    level: float
    #: Slides that failed, and patients' slides without a CTC.
    failed: tuple[str, ...]
    without_ctc: tuple[str, ...]

    @property
    def n_one_state(self) -> int:
        """CTCs called one state."""
        return sum(self.calls[state] for state in _keys.STATES)

    @property
    def n_not_callable(self) -> int:
        """CTCs about which nothing can be said."""
        return self.calls[_keys.NOT_CALLABLE]

    def sentences(self) -> list[str]:
        """Return the result in plain words."""
        slides = number(self.n_slides, "slide")
        said = [f"{slides} of {number(self.n_donors, 'donor')} gave {number(self.n_events, 'event')}{self._of_which()}"]
        if self.n_ctc:
            said.append(self._calls())
        if self.n_ck_negative:
            have = "event has" if self.n_ck_negative == 1 else "events have"
            said.append(
                f"{self.n_ck_negative:,} more {have} HER2 without cytokeratin ({_CK_NEGATIVE}) and "
                f"{'is' if self.n_ck_negative == 1 else 'are'} counted apart."
            )
        if self.n_control_slides:
            said.append(
                f"Beside them, {number(self.n_control_slides, 'slide')} of control lines with "
                f"{number(self.n_control_cells, 'cell')} {'was' if self.n_control_slides == 1 else 'were'} measured."
            )
        if self.without_ctc:
            said.append(f"No CTC was found on {listed(self.without_ctc)}.")
        if self.failed:
            said.append(f"{listed(self.failed)} could not be measured; the reason stands below, and the others stand.")
        return said

    def _of_which(self) -> str:
        if self.n_ctc == 0:
            return ". None of them is a circulating tumour cell."
        are = "is a circulating tumour cell (CTC)" if self.n_ctc == 1 else "are circulating tumour cells (CTCs)"
        return f", of which {self.n_ctc:,} {are}."

    def _calls(self) -> str:
        narrowed = self.n_ctc - self.n_one_state - self.n_not_callable
        one, two, none = (share_of(n, self.n_ctc) for n in (self.n_one_state, narrowed, self.n_not_callable))
        return (
            f"At {self.level:.0%} certainty HER2 fluorescence gives {one} of the CTCs one HER2 state and narrows {two} "
            f"to two neighbouring states; {none} could not be called."
        )


def slide_headline(adata: AnnData, slides: pd.DataFrame) -> SlideHeadline:
    """Count what a run over slides found.

    Parameters
    ----------
    adata
        The objects of all slides after the last step.
    slides
        The table of the slides.

    Returns
    -------
    The numbers of the first screen.
    """
    whole = slides[slides["status"] == "whole"]
    is_control = control_slides(whole)
    on_control = _on_control(adata, slides)
    is_ctc = adata.obs[_keys.IS_CTC].to_numpy(dtype=bool)
    identity = adata.obs[_keys.IDENTITY].astype(str).to_numpy()
    patients = whole[~is_control]
    call, score = (_words(adata, key) for key in (_keys.HER2_IF_CALL, _keys.HER2_IF_SCORE))
    ctc = is_ctc & ~on_control
    if _keys.HER2_IF_CALL not in adata.obs:  # slides without a HER2 channel
        call = np.full(adata.n_obs, _keys.NOT_CALLABLE, dtype=object)
    return SlideHeadline(
        n_donors=patients[_keys.DONOR_ID].nunique() if _keys.DONOR_ID in patients else len(patients),
        n_slides=len(patients),
        n_control_slides=int(is_control.sum()),
        n_events=int((~on_control).sum()),
        n_ctc=int(ctc.sum()),
        n_ck_negative=int(((identity == _CK_NEGATIVE) & ~on_control & ~is_ctc).sum()),
        n_control_cells=int((is_ctc & on_control).sum()),
        calls={name: int((ctc & (call == name)).sum()) for name in _keys.CALLS if name != _keys.NOT_A_CTC},
        scores={name: int((ctc & (score == name)).sum()) for name in _keys.IF_SCORES},
        level=float(step_record(adata, "her2_if").get("params", {}).get("level", np.nan)),
        failed=tuple(slides.loc[slides["status"] == "failed", _keys.SLIDE_ID].astype(str)),
        without_ctc=tuple(patients.loc[patients["n_ctc"] == 0, _keys.SLIDE_ID].astype(str)),
    )


def patient_ctcs(adata: AnnData, slides: pd.DataFrame) -> np.ndarray:
    """Return which objects are CTCs of a patient, not cells of a control line."""
    return adata.obs[_keys.IS_CTC].to_numpy(dtype=bool) & ~_on_control(adata, slides)


def _on_control(adata: AnnData, slides: pd.DataFrame) -> np.ndarray:
    names = slides.loc[control_slides(slides), _keys.SLIDE_ID]
    return adata.obs[_keys.SLIDE_ID].astype(str).isin(names).to_numpy()


def control_slides(slides: pd.DataFrame) -> np.ndarray:
    """Return which slides hold a control line."""
    if _keys.CONTROL_LINE not in slides:
        return np.zeros(len(slides), dtype=bool)
    return slides[_keys.CONTROL_LINE].fillna("").astype(str).ne("").to_numpy(dtype=bool)


def _words(adata: AnnData, key: str) -> np.ndarray:
    return adata.obs[key].astype(str).to_numpy() if key in adata.obs else np.full(adata.n_obs, "", dtype=object)

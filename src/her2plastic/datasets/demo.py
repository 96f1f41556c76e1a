"""The small example cohort of the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic.datasets.cohort import simulate_cohort
from her2plastic.datasets.parameters import Contamination
from her2plastic.datasets.slide_cohort import SlideCohort, simulate_slide_cohort
from her2plastic.datasets.slide_parameters import SlideCells

if TYPE_CHECKING:
    from anndata import AnnData

_DRAWS = (0, 21, 42)
#: CTCs of each donor and draw. The fourth donor had none at its second draw.
_CTCS = ((150, 120, 90), (60, 45, 80), (200, 160, 110), (35, 0, 25), (90, 140, 0), (12, 30, 0))
#: The last two donors were drawn twice.
_NOT_DRAWN = ("D05-d42", "D06-d42")
_AMPLIFIED = (2,)
_SEED = 20160901
#: CTCs of the two patients with slides.
_SLIDE_CTCS = ((14,), (10,))


def demo_cohort() -> AnnData:
    """Return the example cohort of ``her2plastic demo``: simulated, small, always the same.

    Six donors with two or three draws of 10x data, leukocytes and other blood cells among the CTCs, one donor (D03)
    with an amplified tumour, one draw (D04, day 21) without a CTC, and control cells of known HER2 state.

    Returns
    -------
    A cohort as :func:`simulate_cohort` returns it, with its truth.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.demo_cohort()
    >>> cells.obs.groupby("donor_id", observed=True)["sample_id"].nunique().to_dict()
    {'D01': 3, 'D02': 3, 'D03': 3, 'D04': 3, 'D05': 2, 'D06': 2, 'control': 3}
    """
    adata = simulate_cohort(
        n_donors=len(_CTCS),
        draws=_DRAWS,
        n_ctc=_CTCS,
        amplified=_AMPLIFIED,
        controls=50,
        contamination=Contamination(others=0.02),
        seed=_SEED,
    )
    drawn = ~np.isin(adata.obs[_keys.SAMPLE_ID].astype(str), _NOT_DRAWN)
    demo = adata[drawn].copy()
    demo.layers[_keys.COUNTS] = demo.X
    return demo


def demo_slides(folder: str | Path) -> SlideCohort:
    """Write the example slides of ``her2plastic demo``: simulated, small, always the same.

    Two patients and four control lines, a slide of 0.4 x 0.4 mm each with about a hundred objects. Every CTC of the
    patients is also picked and sequenced.

    Parameters
    ----------
    folder
        Where to write; made if it is not there. Nothing that is there is overwritten.

    Returns
    -------
    The cohort as :func:`simulate_slide_cohort` returns it.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cohort = hp.datasets.demo_slides("slides")
    >>> hp.io.read_sheet(cohort.sheet)["sample_id"].tolist()
    ['D01-d0', 'D02-d0', 'control-1-MDA-MB-231', 'control-1-T47D', 'control-1-MDA-MB-453', 'control-1-SKBR3']
    """
    return simulate_slide_cohort(
        folder,
        n_donors=len(_SLIDE_CTCS),
        n_ctc=_SLIDE_CTCS,
        picked=1.0,
        control_cells=25,
        shape=(640, 640),
        n_leukocytes=50,
        cells=SlideCells(debris_per_ctc=(1, 3)),
        seed=_SEED,
    )

"""The small example cohort of the demonstration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic.datasets.cohort import simulate_cohort
from her2plastic.datasets.parameters import Contamination

if TYPE_CHECKING:
    from anndata import AnnData

_DRAWS = (0, 21, 42)
#: CTCs of each donor and draw. The fourth donor had none at its second draw.
_CTCS = ((150, 120, 90), (60, 45, 80), (200, 160, 110), (35, 0, 25), (90, 140, 0), (12, 30, 0))
#: The last two donors were drawn twice.
_NOT_DRAWN = ("D05-d42", "D06-d42")
_AMPLIFIED = (2,)
_SEED = 20160901


def demo_cohort() -> AnnData:
    """Return the example cohort of ``her2plastic demo``: simulated, small, always the same.

    Six donors with two or three draws of 10x data, leukocytes and other blood cells among the CTCs, one donor (D03)
    with an amplified tumour, one draw (D04, day 21) without a CTC, and control cells of known HER2 state.

    Returns
    -------
    A cohort as :func:`simulate_cohort` returns it, with its truth.
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

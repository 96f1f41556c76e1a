"""HER2 states of circulating tumour cells and the transitions between them.

Research use only.

Examples
--------
>>> import her2plastic as hp
>>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
>>> hp.pp.quality(cells)
>>> hp.pp.ctc_identity(cells)
>>> hp.tl.amplicon(cells)
>>> hp.tl.her2_state(cells)
>>> print(hp.tl.her2_shares(cells).summary())
D01: HER2-0 34% (2% to 82%), HER2-low 42% (3% to 88%), HER2-positive 24% (0% to 73%); 37 CTCs
D02: HER2-0 41% (5% to 84%), HER2-low 39% (3% to 83%), HER2-positive 20% (1% to 53%); 36 CTCs
"""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic import datasets, im, io, models, pl, pp, reference, tl

__all__ = ["datasets", "im", "io", "models", "pl", "pp", "reference", "tl"]

__version__ = _version("her2plastic")
__getattr__, __dir__, _ = _lazy.attach(__name__, submodules=__all__)

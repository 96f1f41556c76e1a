"""HER2 states of circulating tumour cells and the transitions between them.

Research use only.
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

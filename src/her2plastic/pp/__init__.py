"""Quality of cells, and which of them are circulating tumour cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.pp._quality import quality
    from her2plastic.pp.identity import ctc_identity

__all__ = ["ctc_identity", "quality"]

__getattr__, __dir__, _ = _lazy.attach(__name__, submod_attrs={"identity": ["ctc_identity"], "_quality": ["quality"]})

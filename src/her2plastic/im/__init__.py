"""Images of circulating tumour cells in, one row a cell out."""

from __future__ import annotations

import lazy_loader as _lazy

__all__: list[str] = []

__getattr__, __dir__, _ = _lazy.attach(__name__, submod_attrs={})

"""All cells at a glance: thumbnails in groups, linked both ways with a plot of any two of their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.review.gallery.contents import GalleryContents
    from her2plastic.review.gallery.linked_views import Gallery

__all__ = ["Gallery", "GalleryContents"]

__getattr__, __dir__, _ = _lazy.attach(
    __name__, submod_attrs={"contents": ["GalleryContents"], "linked_views": ["Gallery"]}
)

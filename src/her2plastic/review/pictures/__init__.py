"""Pictures of the cells of a review: what is shown, in absolute numbers, without any window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.review.pictures.atlas import Atlas
    from her2plastic.review.pictures.cell_picture import CellPicture, CellPlace
    from her2plastic.review.pictures.cell_pictures import CellPictures
    from her2plastic.review.pictures.opening import ReviewData, open_review_data
    from her2plastic.review.pictures.painting import composite_of, grey_of

__all__ = [
    "Atlas",
    "CellPicture",
    "CellPictures",
    "CellPlace",
    "ReviewData",
    "composite_of",
    "grey_of",
    "open_review_data",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "atlas": ["Atlas"],
        "cell_picture": ["CellPicture", "CellPlace"],
        "cell_pictures": ["CellPictures"],
        "opening": ["ReviewData", "open_review_data"],
        "painting": ["composite_of", "grey_of"],
    },
)

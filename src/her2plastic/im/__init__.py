"""Images of circulating tumour cells in, one row a cell out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.im._crops import Crops, crops
    from her2plastic.im._ctc_identity import ctc_identity
    from her2plastic.im._measure import measure
    from her2plastic.im._segment import segment
    from her2plastic.im.adapters import CellposeSegmenter, StarDistSegmenter
    from her2plastic.im.blobs import BlobShape
    from her2plastic.im.cell_bodies import CellShape
    from her2plastic.im.classical import ClassicalSegmenter
    from her2plastic.im.segmentation import Segmentation
    from her2plastic.im.segmenter import TileContext
    from her2plastic.im.stains import Smoothing

__all__ = [
    "BlobShape",
    "CellShape",
    "CellposeSegmenter",
    "ClassicalSegmenter",
    "Crops",
    "Segmentation",
    "Smoothing",
    "StarDistSegmenter",
    "TileContext",
    "crops",
    "ctc_identity",
    "measure",
    "segment",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "_crops": ["Crops", "crops"],
        "_ctc_identity": ["ctc_identity"],
        "_measure": ["measure"],
        "_segment": ["segment"],
        "adapters": ["CellposeSegmenter", "StarDistSegmenter"],
        "blobs": ["BlobShape"],
        "cell_bodies": ["CellShape"],
        "classical": ["ClassicalSegmenter"],
        "segmentation": ["Segmentation"],
        "segmenter": ["TileContext"],
        "stains": ["Smoothing"],
    },
)

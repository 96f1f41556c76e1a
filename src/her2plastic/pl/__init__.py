"""Figures. Each has a ``prepare_`` function that returns what is drawn; every figure function returns its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.pl import palette
    from her2plastic.pl._amplicon import amplicon, prepare_amplicon
    from her2plastic.pl._calls_by_depth import calls_by_depth, prepare_calls_by_depth
    from her2plastic.pl._composition import CompositionData, composition, prepare_composition
    from her2plastic.pl._embedding import embedding, prepare_embedding
    from her2plastic.pl._erbb2_depth import ERBB2DepthData, erbb2_depth, prepare_erbb2_depth
    from her2plastic.pl._gallery import GalleryData, gallery, prepare_gallery
    from her2plastic.pl._her2_if import HER2IfData, her2_if, prepare_her2_if
    from her2plastic.pl._identity import identity, prepare_identity
    from her2plastic.pl._segmentation import SegmentationData, prepare_segmentation, segmentation

__all__ = [
    "CompositionData",
    "ERBB2DepthData",
    "GalleryData",
    "HER2IfData",
    "SegmentationData",
    "amplicon",
    "calls_by_depth",
    "composition",
    "embedding",
    "erbb2_depth",
    "gallery",
    "her2_if",
    "identity",
    "palette",
    "prepare_amplicon",
    "prepare_calls_by_depth",
    "prepare_composition",
    "prepare_embedding",
    "prepare_erbb2_depth",
    "prepare_gallery",
    "prepare_her2_if",
    "prepare_identity",
    "prepare_segmentation",
    "segmentation",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submodules=["palette"],
    submod_attrs={
        "_amplicon": ["amplicon", "prepare_amplicon"],
        "_calls_by_depth": ["calls_by_depth", "prepare_calls_by_depth"],
        "_composition": ["CompositionData", "composition", "prepare_composition"],
        "_embedding": ["embedding", "prepare_embedding"],
        "_erbb2_depth": ["ERBB2DepthData", "erbb2_depth", "prepare_erbb2_depth"],
        "_gallery": ["GalleryData", "gallery", "prepare_gallery"],
        "_her2_if": ["HER2IfData", "her2_if", "prepare_her2_if"],
        "_identity": ["identity", "prepare_identity"],
        "_segmentation": ["SegmentationData", "prepare_segmentation", "segmentation"],
    },
)

"""Tools on cells: the HER2 state, its mechanism, and what else differs with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.tl.amplicon import amplicon
    from her2plastic.tl.compare_programmes import ProgrammeComparison, compare_programmes
    from her2plastic.tl.embedding import embedding
    from her2plastic.tl.her2_calibration import Her2Rule, calibrate_on_controls, shipped_scale
    from her2plastic.tl.her2_shares import HER2Shares, her2_shares
    from her2plastic.tl.her2_state import her2_state
    from her2plastic.tl.programmes import programmes

__all__ = [
    "HER2Shares",
    "Her2Rule",
    "ProgrammeComparison",
    "amplicon",
    "calibrate_on_controls",
    "compare_programmes",
    "embedding",
    "her2_shares",
    "her2_state",
    "programmes",
    "shipped_scale",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "amplicon": ["amplicon"],
        "compare_programmes": ["ProgrammeComparison", "compare_programmes"],
        "embedding": ["embedding"],
        "her2_calibration": ["Her2Rule", "calibrate_on_controls", "shipped_scale"],
        "her2_shares": ["HER2Shares", "her2_shares"],
        "her2_state": ["her2_state"],
        "programmes": ["programmes"],
    },
)

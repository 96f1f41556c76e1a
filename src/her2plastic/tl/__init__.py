"""Tools on cells: the HER2 state, its mechanism, and what else differs with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.tl._amplicon import amplicon
    from her2plastic.tl._compare_programmes import ProgrammeComparison, compare_programmes
    from her2plastic.tl._concordance import concordance
    from her2plastic.tl._conversion import conversion
    from her2plastic.tl._direction import direction
    from her2plastic.tl._direction_kernel import direction_kernel
    from her2plastic.tl._embedding import embedding
    from her2plastic.tl._fate_drivers import fate_drivers
    from her2plastic.tl._her2_consensus import her2_consensus
    from her2plastic.tl._her2_if import her2_if
    from her2plastic.tl._her2_if_shares import her2_if_shares
    from her2plastic.tl._her2_patient_rules import HER2PatientRules, her2_patient_rules
    from her2plastic.tl._her2_shares import HER2Shares, her2_shares
    from her2plastic.tl._her2_state import her2_state
    from her2plastic.tl._mutated_shares import MutatedShares, mutated_shares
    from her2plastic.tl._null_test import null_test
    from her2plastic.tl._power import Power, power
    from her2plastic.tl._programmes import programmes
    from her2plastic.tl._published_conversion import published_conversion
    from her2plastic.tl._recalibrate import recalibrate
    from her2plastic.tl._review import review
    from her2plastic.tl._serum import serum
    from her2plastic.tl._serum_ctc_link import SerumCtcLink, serum_ctc_link
    from her2plastic.tl._serum_power import SerumPower, serum_power
    from her2plastic.tl._switching import switching
    from her2plastic.tl._tissue_states import tissue_states
    from her2plastic.tl._tissue_status import tissue_status
    from her2plastic.tl._trajectory import trajectory
    from her2plastic.tl._variant_association import variant_association
    from her2plastic.tl._variants import variants
    from her2plastic.tl.concordance_result import Concordance
    from her2plastic.tl.direction_result import Direction
    from her2plastic.tl.her2_calibration import Her2Rule, calibrate_on_controls, shipped_scale
    from her2plastic.tl.recalibration_result import Recalibration
    from her2plastic.tl.review_result import Review
    from her2plastic.tl.serum_result import Serum
    from her2plastic.tl.trajectory_result import Trajectory
    from her2plastic.tl.variant_association_result import VariantAssociation
    from her2plastic.tl.variants_result import Variants

__all__ = [
    "Concordance",
    "Direction",
    "HER2PatientRules",
    "HER2Shares",
    "Her2Rule",
    "MutatedShares",
    "Power",
    "ProgrammeComparison",
    "Recalibration",
    "Review",
    "Serum",
    "SerumCtcLink",
    "SerumPower",
    "Trajectory",
    "VariantAssociation",
    "Variants",
    "amplicon",
    "calibrate_on_controls",
    "compare_programmes",
    "concordance",
    "conversion",
    "direction",
    "direction_kernel",
    "embedding",
    "fate_drivers",
    "her2_consensus",
    "her2_if",
    "her2_if_shares",
    "her2_patient_rules",
    "her2_shares",
    "her2_state",
    "mutated_shares",
    "null_test",
    "power",
    "programmes",
    "published_conversion",
    "recalibrate",
    "review",
    "serum",
    "serum_ctc_link",
    "serum_power",
    "shipped_scale",
    "switching",
    "tissue_states",
    "tissue_status",
    "trajectory",
    "variant_association",
    "variants",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "_amplicon": ["amplicon"],
        "_compare_programmes": ["ProgrammeComparison", "compare_programmes"],
        "_concordance": ["concordance"],
        "concordance_result": ["Concordance"],
        "_conversion": ["conversion"],
        "_direction": ["direction"],
        "_direction_kernel": ["direction_kernel"],
        "direction_result": ["Direction"],
        "_embedding": ["embedding"],
        "_fate_drivers": ["fate_drivers"],
        "her2_calibration": ["Her2Rule", "calibrate_on_controls", "shipped_scale"],
        "_her2_consensus": ["her2_consensus"],
        "_her2_if": ["her2_if"],
        "_her2_if_shares": ["her2_if_shares"],
        "_her2_patient_rules": ["HER2PatientRules", "her2_patient_rules"],
        "_her2_shares": ["HER2Shares", "her2_shares"],
        "_her2_state": ["her2_state"],
        "_mutated_shares": ["MutatedShares", "mutated_shares"],
        "_null_test": ["null_test"],
        "_power": ["Power", "power"],
        "_programmes": ["programmes"],
        "_published_conversion": ["published_conversion"],
        "_recalibrate": ["recalibrate"],
        "recalibration_result": ["Recalibration"],
        "_review": ["review"],
        "review_result": ["Review"],
        "_serum": ["serum"],
        "_serum_ctc_link": ["SerumCtcLink", "serum_ctc_link"],
        "_serum_power": ["SerumPower", "serum_power"],
        "serum_result": ["Serum"],
        "_switching": ["switching"],
        "_tissue_states": ["tissue_states"],
        "_tissue_status": ["tissue_status"],
        "_trajectory": ["trajectory"],
        "trajectory_result": ["Trajectory"],
        "_variant_association": ["variant_association"],
        "variant_association_result": ["VariantAssociation"],
        "_variants": ["variants"],
        "variants_result": ["Variants"],
    },
)

"""Figures. Each has a ``prepare_`` function that returns what is drawn; every figure function returns its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.pl import palette
    from her2plastic.pl._allele_balance import AlleleBalanceData, allele_balance, prepare_allele_balance
    from her2plastic.pl._amplicon import amplicon, prepare_amplicon
    from her2plastic.pl._calls_by_depth import calls_by_depth, prepare_calls_by_depth
    from her2plastic.pl._composition import CompositionData, composition, prepare_composition
    from her2plastic.pl._composition_over_time import (
        CompositionOverTimeData,
        composition_over_time,
        prepare_composition_over_time,
    )
    from her2plastic.pl._conversion import ConversionData, conversion, prepare_conversion
    from her2plastic.pl._direction import DirectionData, direction, prepare_direction
    from her2plastic.pl._effects import EffectsData, effects, prepare_effects
    from her2plastic.pl._embedding import embedding, prepare_embedding
    from her2plastic.pl._erbb2_depth import ERBB2DepthData, erbb2_depth, prepare_erbb2_depth
    from her2plastic.pl._gallery import GalleryData, gallery, prepare_gallery
    from her2plastic.pl._her2_if import HER2IfData, her2_if, prepare_her2_if
    from her2plastic.pl._identity import identity, prepare_identity
    from her2plastic.pl._null_distribution import NullDistributionData, null_distribution, prepare_null_distribution
    from her2plastic.pl._patient_timeline import patient_timeline, prepare_patient_timeline
    from her2plastic.pl._power import PowerData, power, prepare_power
    from her2plastic.pl._re_equilibration import ReEquilibrationData, prepare_re_equilibration, re_equilibration
    from her2plastic.pl._review_agreement import ReviewAgreementData, prepare_review_agreement, review_agreement
    from her2plastic.pl._review_confusion import ReviewConfusionData, prepare_review_confusion, review_confusion
    from her2plastic.pl._reviewer_accuracy import ReviewerAccuracyData, prepare_reviewer_accuracy, reviewer_accuracy
    from her2plastic.pl._segmentation import SegmentationData, prepare_segmentation, segmentation
    from her2plastic.pl._serum_roc import SerumRocData, prepare_serum_roc, serum_roc
    from her2plastic.pl._serum_trajectories import (
        SerumTrajectoriesData,
        prepare_serum_trajectories,
        serum_trajectories,
    )
    from her2plastic.pl._state_diagram import StateDiagramData, prepare_state_diagram, state_diagram
    from her2plastic.pl._trajectory import TrajectoryData, prepare_trajectory, trajectory
    from her2plastic.pl._variant_map import VariantMapData, prepare_variant_map, variant_map
    from her2plastic.pl.timeline_data import PatientTimelineData

__all__ = [
    "AlleleBalanceData",
    "CompositionData",
    "CompositionOverTimeData",
    "ConversionData",
    "DirectionData",
    "ERBB2DepthData",
    "EffectsData",
    "GalleryData",
    "HER2IfData",
    "NullDistributionData",
    "PatientTimelineData",
    "PowerData",
    "ReEquilibrationData",
    "ReviewAgreementData",
    "ReviewConfusionData",
    "ReviewerAccuracyData",
    "SegmentationData",
    "SerumRocData",
    "SerumTrajectoriesData",
    "StateDiagramData",
    "TrajectoryData",
    "VariantMapData",
    "allele_balance",
    "amplicon",
    "calls_by_depth",
    "composition",
    "composition_over_time",
    "conversion",
    "direction",
    "effects",
    "embedding",
    "erbb2_depth",
    "gallery",
    "her2_if",
    "identity",
    "null_distribution",
    "palette",
    "patient_timeline",
    "power",
    "prepare_allele_balance",
    "prepare_amplicon",
    "prepare_calls_by_depth",
    "prepare_composition",
    "prepare_composition_over_time",
    "prepare_conversion",
    "prepare_direction",
    "prepare_effects",
    "prepare_embedding",
    "prepare_erbb2_depth",
    "prepare_gallery",
    "prepare_her2_if",
    "prepare_identity",
    "prepare_null_distribution",
    "prepare_patient_timeline",
    "prepare_power",
    "prepare_re_equilibration",
    "prepare_review_agreement",
    "prepare_review_confusion",
    "prepare_reviewer_accuracy",
    "prepare_segmentation",
    "prepare_serum_roc",
    "prepare_serum_trajectories",
    "prepare_state_diagram",
    "prepare_trajectory",
    "prepare_variant_map",
    "re_equilibration",
    "review_agreement",
    "review_confusion",
    "reviewer_accuracy",
    "segmentation",
    "serum_roc",
    "serum_trajectories",
    "state_diagram",
    "trajectory",
    "variant_map",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submodules=["palette"],
    submod_attrs={
        "_allele_balance": ["AlleleBalanceData", "allele_balance", "prepare_allele_balance"],
        "_amplicon": ["amplicon", "prepare_amplicon"],
        "_calls_by_depth": ["calls_by_depth", "prepare_calls_by_depth"],
        "_composition": ["CompositionData", "composition", "prepare_composition"],
        "_composition_over_time": ["CompositionOverTimeData", "composition_over_time", "prepare_composition_over_time"],
        "_conversion": ["ConversionData", "conversion", "prepare_conversion"],
        "_direction": ["DirectionData", "direction", "prepare_direction"],
        "_effects": ["EffectsData", "effects", "prepare_effects"],
        "_embedding": ["embedding", "prepare_embedding"],
        "_erbb2_depth": ["ERBB2DepthData", "erbb2_depth", "prepare_erbb2_depth"],
        "_gallery": ["GalleryData", "gallery", "prepare_gallery"],
        "_her2_if": ["HER2IfData", "her2_if", "prepare_her2_if"],
        "_identity": ["identity", "prepare_identity"],
        "_null_distribution": ["NullDistributionData", "null_distribution", "prepare_null_distribution"],
        "_patient_timeline": ["patient_timeline", "prepare_patient_timeline"],
        "timeline_data": ["PatientTimelineData"],
        "_power": ["PowerData", "power", "prepare_power"],
        "_re_equilibration": ["ReEquilibrationData", "prepare_re_equilibration", "re_equilibration"],
        "_review_agreement": ["ReviewAgreementData", "prepare_review_agreement", "review_agreement"],
        "_review_confusion": ["ReviewConfusionData", "prepare_review_confusion", "review_confusion"],
        "_reviewer_accuracy": ["ReviewerAccuracyData", "prepare_reviewer_accuracy", "reviewer_accuracy"],
        "_segmentation": ["SegmentationData", "prepare_segmentation", "segmentation"],
        "_serum_roc": ["SerumRocData", "prepare_serum_roc", "serum_roc"],
        "_serum_trajectories": ["SerumTrajectoriesData", "prepare_serum_trajectories", "serum_trajectories"],
        "_state_diagram": ["StateDiagramData", "prepare_state_diagram", "state_diagram"],
        "_trajectory": ["TrajectoryData", "prepare_trajectory", "trajectory"],
        "_variant_map": ["VariantMapData", "prepare_variant_map", "variant_map"],
    },
)

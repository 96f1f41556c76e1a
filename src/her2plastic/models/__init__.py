"""Numerics: arrays in, fitted estimators out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.models.agreement import Agreement, cohen_kappa, fleiss_kappa, prevalence_adjusted_kappa
    from her2plastic.models.clones.bounds import colony_switches, no_switch_bounds, switching_for_colonies
    from her2plastic.models.clones.estimator import Clones
    from her2plastic.models.clones.sister_pairs import SisterPairs, sister_discordance
    from her2plastic.models.count_noise import CountNoise
    from her2plastic.models.draws.drop_out import DropOutSensitivity, drop_out_sensitivity
    from her2plastic.models.draws.estimator import DrawComposition
    from her2plastic.models.draws.fitted import FittedDraws, fitted_draws
    from her2plastic.models.draws.nulls import no_switch_test
    from her2plastic.models.draws.rows import TreatmentPeriod
    from her2plastic.models.expression_scale import ExpressionScale
    from her2plastic.models.gate_mixture import GateMixture
    from her2plastic.models.intensity_scale import IntensityScale
    from her2plastic.models.markov_chain.chain import MarkovChain
    from her2plastic.models.misclassification.conversion_result import Conversion
    from her2plastic.models.misclassification.fit import MisreadTable
    from her2plastic.models.misclassification.reader_error import ReaderError, reader_matrix
    from her2plastic.models.misclassification.repeats import RepeatedReadings, reader_error_from_repeats
    from her2plastic.models.null_test import NullTest
    from her2plastic.models.ordered_counts import OrderedCounts
    from her2plastic.models.ordered_intensities import OrderedIntensities
    from her2plastic.models.panel_markov.estimator import PanelMarkov
    from her2plastic.models.sorted_assay.estimator import SortedAssay
    from her2plastic.models.sorted_assay.fractions_chain import FractionsChain, chain_of_fractions
    from her2plastic.models.sorted_assay.information import AssayInformation, sorted_information
    from her2plastic.models.transition_rates import TransitionRates
    from her2plastic.models.unimodality import dip_test

__all__ = [
    "Agreement",
    "AssayInformation",
    "Clones",
    "Conversion",
    "CountNoise",
    "DrawComposition",
    "DropOutSensitivity",
    "ExpressionScale",
    "FittedDraws",
    "FractionsChain",
    "GateMixture",
    "IntensityScale",
    "MarkovChain",
    "MisreadTable",
    "NullTest",
    "OrderedCounts",
    "OrderedIntensities",
    "PanelMarkov",
    "ReaderError",
    "RepeatedReadings",
    "SisterPairs",
    "SortedAssay",
    "TransitionRates",
    "TreatmentPeriod",
    "chain_of_fractions",
    "cohen_kappa",
    "colony_switches",
    "dip_test",
    "drop_out_sensitivity",
    "fitted_draws",
    "fleiss_kappa",
    "no_switch_bounds",
    "no_switch_test",
    "prevalence_adjusted_kappa",
    "reader_error_from_repeats",
    "reader_matrix",
    "sister_discordance",
    "sorted_information",
    "switching_for_colonies",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "agreement": ["Agreement", "cohen_kappa", "fleiss_kappa", "prevalence_adjusted_kappa"],
        "clones.bounds": ["colony_switches", "no_switch_bounds", "switching_for_colonies"],
        "clones.estimator": ["Clones"],
        "misclassification.conversion_result": ["Conversion"],
        "count_noise": ["CountNoise"],
        "draws.estimator": ["DrawComposition"],
        "draws.drop_out": ["DropOutSensitivity", "drop_out_sensitivity"],
        "draws.fitted": ["FittedDraws", "fitted_draws"],
        "draws.nulls": ["no_switch_test"],
        "draws.rows": ["TreatmentPeriod"],
        "expression_scale": ["ExpressionScale"],
        "sorted_assay.fractions_chain": ["FractionsChain", "chain_of_fractions"],
        "gate_mixture": ["GateMixture"],
        "intensity_scale": ["IntensityScale"],
        "markov_chain.chain": ["MarkovChain"],
        "misclassification.reader_error": ["ReaderError", "reader_matrix"],
        "misclassification.fit": ["MisreadTable"],
        "misclassification.repeats": ["RepeatedReadings", "reader_error_from_repeats"],
        "null_test": ["NullTest"],
        "ordered_counts": ["OrderedCounts"],
        "ordered_intensities": ["OrderedIntensities"],
        "panel_markov.estimator": ["PanelMarkov"],
        "clones.sister_pairs": ["SisterPairs", "sister_discordance"],
        "sorted_assay.estimator": ["SortedAssay"],
        "sorted_assay.information": ["AssayInformation", "sorted_information"],
        "transition_rates": ["TransitionRates"],
        "unimodality": ["dip_test"],
    },
)

"""Numerics: arrays in, fitted estimators out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.models.agreement import Agreement, cohen_kappa, fleiss_kappa, prevalence_adjusted_kappa
    from her2plastic.models.clone_bounds import colony_switches, no_switch_bounds, switching_for_colonies
    from her2plastic.models.clones import Clones
    from her2plastic.models.conversion import Conversion
    from her2plastic.models.count_noise import CountNoise
    from her2plastic.models.draws import DrawComposition
    from her2plastic.models.draws_drop_out import DropOutSensitivity, drop_out_sensitivity
    from her2plastic.models.draws_fitted import FittedDraws, fitted_draws
    from her2plastic.models.draws_nulls import no_switch_test
    from her2plastic.models.draws_rows import TreatmentPeriod
    from her2plastic.models.expression_scale import ExpressionScale
    from her2plastic.models.fractions_chain import FractionsChain, chain_of_fractions
    from her2plastic.models.gate_mixture import GateMixture
    from her2plastic.models.intensity_scale import IntensityScale
    from her2plastic.models.markov_chain import MarkovChain
    from her2plastic.models.misclassification import ReaderError, reader_matrix
    from her2plastic.models.misclassification_fit import MisreadTable
    from her2plastic.models.misclassification_repeats import RepeatedReadings, reader_error_from_repeats
    from her2plastic.models.null_test import NullTest
    from her2plastic.models.ordered_counts import OrderedCounts
    from her2plastic.models.ordered_intensities import OrderedIntensities
    from her2plastic.models.panel_markov import PanelMarkov
    from her2plastic.models.sister_pairs import SisterPairs, sister_discordance
    from her2plastic.models.sorted_assay import SortedAssay
    from her2plastic.models.sorted_assay_information import AssayInformation, sorted_information
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
        "clone_bounds": ["colony_switches", "no_switch_bounds", "switching_for_colonies"],
        "clones": ["Clones"],
        "conversion": ["Conversion"],
        "count_noise": ["CountNoise"],
        "draws": ["DrawComposition"],
        "draws_drop_out": ["DropOutSensitivity", "drop_out_sensitivity"],
        "draws_fitted": ["FittedDraws", "fitted_draws"],
        "draws_nulls": ["no_switch_test"],
        "draws_rows": ["TreatmentPeriod"],
        "expression_scale": ["ExpressionScale"],
        "fractions_chain": ["FractionsChain", "chain_of_fractions"],
        "gate_mixture": ["GateMixture"],
        "intensity_scale": ["IntensityScale"],
        "markov_chain": ["MarkovChain"],
        "misclassification": ["ReaderError", "reader_matrix"],
        "misclassification_fit": ["MisreadTable"],
        "misclassification_repeats": ["RepeatedReadings", "reader_error_from_repeats"],
        "null_test": ["NullTest"],
        "ordered_counts": ["OrderedCounts"],
        "ordered_intensities": ["OrderedIntensities"],
        "panel_markov": ["PanelMarkov"],
        "sister_pairs": ["SisterPairs", "sister_discordance"],
        "sorted_assay": ["SortedAssay"],
        "sorted_assay_information": ["AssayInformation", "sorted_information"],
        "transition_rates": ["TransitionRates"],
        "unimodality": ["dip_test"],
    },
)

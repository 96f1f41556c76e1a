"""Numerics: arrays in, fitted estimators out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.models.count_noise import CountNoise
    from her2plastic.models.expression_scale import ExpressionScale
    from her2plastic.models.gate_mixture import GateMixture
    from her2plastic.models.intensity_scale import IntensityScale
    from her2plastic.models.markov_chain import MarkovChain
    from her2plastic.models.null_test import NullTest
    from her2plastic.models.ordered_counts import OrderedCounts
    from her2plastic.models.ordered_intensities import OrderedIntensities
    from her2plastic.models.transition_rates import TransitionRates
    from her2plastic.models.unimodality import dip_test

__all__ = [
    "CountNoise",
    "ExpressionScale",
    "GateMixture",
    "IntensityScale",
    "MarkovChain",
    "NullTest",
    "OrderedCounts",
    "OrderedIntensities",
    "TransitionRates",
    "dip_test",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "count_noise": ["CountNoise"],
        "expression_scale": ["ExpressionScale"],
        "gate_mixture": ["GateMixture"],
        "intensity_scale": ["IntensityScale"],
        "markov_chain": ["MarkovChain"],
        "null_test": ["NullTest"],
        "ordered_counts": ["OrderedCounts"],
        "ordered_intensities": ["OrderedIntensities"],
        "transition_rates": ["TransitionRates"],
        "unimodality": ["dip_test"],
    },
)

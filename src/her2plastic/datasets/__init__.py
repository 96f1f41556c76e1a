"""Simulated cohorts with known truth, and loaders of public data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.datasets._demo_patients import demo_patients
    from her2plastic.datasets.alleles import SimulatedAlleles, simulate_alleles
    from her2plastic.datasets.clones import SimulatedClones, simulate_clones
    from her2plastic.datasets.cohort import simulate_cohort
    from her2plastic.datasets.demo import demo_cohort, demo_slides
    from her2plastic.datasets.draws import DrawTreatment, DropOut, SimulatedDraws, simulate_draws
    from her2plastic.datasets.formats import write_cohort
    from her2plastic.datasets.jordan import jordan2016
    from her2plastic.datasets.label_matching import LabelMatch, match_labels
    from her2plastic.datasets.parameters import (
        Composition,
        Contamination,
        ERBB2Model,
        Kinetics,
        Library,
        Programmes,
    )
    from her2plastic.datasets.picked_cells import name_picked_cells
    from her2plastic.datasets.reviewers import simulate_reviewers
    from her2plastic.datasets.serum import SimulatedSerum, simulate_serum
    from her2plastic.datasets.slide import SimulatedSlide, simulate_slide
    from her2plastic.datasets.slide_ceiling import HER2Ceiling, her2_ceiling
    from her2plastic.datasets.slide_cohort import SlideCohort, simulate_slide_cohort
    from her2plastic.datasets.slide_files import write_slide
    from her2plastic.datasets.slide_parameters import HER2Stain, SlideCells, SlideOptics
    from her2plastic.datasets.sorted_assay import SimulatedSortedAssay, simulate_sorted_assay

__all__ = [
    "Composition",
    "Contamination",
    "DrawTreatment",
    "DropOut",
    "ERBB2Model",
    "HER2Ceiling",
    "HER2Stain",
    "Kinetics",
    "LabelMatch",
    "Library",
    "Programmes",
    "SimulatedAlleles",
    "SimulatedClones",
    "SimulatedDraws",
    "SimulatedSerum",
    "SimulatedSlide",
    "SimulatedSortedAssay",
    "SlideCells",
    "SlideCohort",
    "SlideOptics",
    "demo_cohort",
    "demo_patients",
    "demo_slides",
    "her2_ceiling",
    "jordan2016",
    "match_labels",
    "name_picked_cells",
    "simulate_alleles",
    "simulate_clones",
    "simulate_cohort",
    "simulate_draws",
    "simulate_reviewers",
    "simulate_serum",
    "simulate_slide",
    "simulate_slide_cohort",
    "simulate_sorted_assay",
    "write_cohort",
    "write_slide",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "alleles": ["SimulatedAlleles", "simulate_alleles"],
        "clones": ["SimulatedClones", "simulate_clones"],
        "cohort": ["simulate_cohort"],
        "demo": ["demo_cohort", "demo_slides"],
        "_demo_patients": ["demo_patients"],
        "draws": ["DrawTreatment", "DropOut", "SimulatedDraws", "simulate_draws"],
        "formats": ["write_cohort"],
        "jordan": ["jordan2016"],
        "label_matching": ["LabelMatch", "match_labels"],
        "parameters": ["Composition", "Contamination", "ERBB2Model", "Kinetics", "Library", "Programmes"],
        "picked_cells": ["name_picked_cells"],
        "reviewers": ["simulate_reviewers"],
        "serum": ["SimulatedSerum", "simulate_serum"],
        "slide": ["SimulatedSlide", "simulate_slide"],
        "slide_ceiling": ["HER2Ceiling", "her2_ceiling"],
        "slide_cohort": ["SlideCohort", "simulate_slide_cohort"],
        "slide_files": ["write_slide"],
        "slide_parameters": ["HER2Stain", "SlideCells", "SlideOptics"],
        "sorted_assay": ["SimulatedSortedAssay", "simulate_sorted_assay"],
    },
)

"""Facts with their sources: gene panels, 17q12 coordinates, gene aliases, assays, HER2 scales, rules, controls, gates.

Each table is a TSV beside this file; a new fact is a new row there, with its source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.reference.tables import (
        amplicon,
        assays,
        channel_names,
        control_lines,
        gene_aliases,
        her2_rules,
        her2_scale,
        her2_scale_names,
        if_gate_names,
        if_gates,
        panel,
        panels,
        patient_rules,
    )
    from her2plastic.reference.tissue_tables import (
        ihc_criteria,
        ish_groups,
        published_conversion,
        tissue_decisions,
        tissue_rules,
    )
    from her2plastic.reference.variant_tables import (
        erbb2_domains,
        erbb2_evidence,
        erbb2_variants,
        published_genotypes,
    )

__all__ = [
    "amplicon",
    "assays",
    "channel_names",
    "control_lines",
    "erbb2_domains",
    "erbb2_evidence",
    "erbb2_variants",
    "gene_aliases",
    "her2_rules",
    "her2_scale",
    "her2_scale_names",
    "if_gate_names",
    "if_gates",
    "ihc_criteria",
    "ish_groups",
    "panel",
    "panels",
    "patient_rules",
    "published_conversion",
    "published_genotypes",
    "tissue_decisions",
    "tissue_rules",
]

_TISSUE = ["ihc_criteria", "ish_groups", "published_conversion", "tissue_decisions", "tissue_rules"]
_VARIANTS = ["erbb2_domains", "erbb2_evidence", "erbb2_variants", "published_genotypes"]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "tables": [name for name in __all__ if name not in _TISSUE + _VARIANTS],
        "tissue_tables": _TISSUE,
        "variant_tables": _VARIANTS,
    },
)

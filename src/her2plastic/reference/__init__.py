"""Facts with their sources: gene panels, 17q12 coordinates, gene aliases, assays, HER2 scales.

Each table is a TSV beside this file; a new fact is a new row there, with its source.
"""

from __future__ import annotations

from her2plastic.reference.tables import amplicon, assays, gene_aliases, her2_scale, panel, panels

__all__ = ["amplicon", "assays", "gene_aliases", "her2_scale", "panel", "panels"]

"""Files of expression values in, AnnData out; and back to disk, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader as _lazy

if TYPE_CHECKING:
    from her2plastic.io.alleles.reading import read_alleles
    from her2plastic.io.cohort_on_disk import open_cohort
    from her2plastic.io.joining import join_cells
    from her2plastic.io.journal.frames import read_decisions, read_journal
    from her2plastic.io.journal.merging import merge_journals
    from her2plastic.io.read import from_anndata, read_counts
    from her2plastic.io.sample_sheet import read_sheet
    from her2plastic.io.samples import read_samples
    from her2plastic.io.serum import read_serum
    from her2plastic.io.slide import Field, Slide
    from her2plastic.io.slide_reading import read_slide
    from her2plastic.io.slide_sheet import SampledSlide, read_slides
    from her2plastic.io.slide_store import write_slide_cells
    from her2plastic.io.tissue import read_tissue
    from her2plastic.io.write import write_h5ad, write_table, write_text

__all__ = [
    "Field",
    "SampledSlide",
    "Slide",
    "from_anndata",
    "join_cells",
    "merge_journals",
    "open_cohort",
    "read_alleles",
    "read_counts",
    "read_decisions",
    "read_journal",
    "read_samples",
    "read_serum",
    "read_sheet",
    "read_slide",
    "read_slides",
    "read_tissue",
    "write_h5ad",
    "write_slide_cells",
    "write_table",
    "write_text",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "alleles.reading": ["read_alleles"],
        "cohort_on_disk": ["open_cohort"],
        "joining": ["join_cells"],
        "journal.frames": ["read_decisions", "read_journal"],
        "journal.merging": ["merge_journals"],
        "read": ["from_anndata", "read_counts"],
        "sample_sheet": ["read_sheet"],
        "samples": ["read_samples"],
        "serum": ["read_serum"],
        "slide": ["Field", "Slide"],
        "slide_reading": ["read_slide"],
        "slide_sheet": ["SampledSlide", "read_slides"],
        "slide_store": ["write_slide_cells"],
        "tissue": ["read_tissue"],
        "write": ["write_h5ad", "write_table", "write_text"],
    },
)

"""Columns of a table of allele counts, and the alleles that are looked for."""

from __future__ import annotations

from typing import Final

import pandas as pd

from her2plastic import _keys, reference
from her2plastic._errors import ParameterError

BUILDS: Final = ("GRCh37", "GRCh38")
POSITION_OF_BUILD: Final = {"GRCh37": "pos_grch37", "GRCh38": "pos_grch38"}

MATERIAL: Final = "material"
#: What was sequenced, and whether its genotype is that of the germline.
MATERIALS: Final = {
    "leukocytes": True,
    "germline DNA": True,
    "normal tissue": True,
    "CTC": False,
    "tumour tissue": False,
    "cell-free DNA": False,
    "": False,
}
#: Who and when; then which allele; then what was seen of it.
WHO: Final = (_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.CELL_ID, _keys.DRAW_DAY, MATERIAL)
ALLELE: Final = ("variant", "hgvs_c", "build", "pos", "ref", "alt")
COUNTS: Final = ("n_ref", "n_alt", "n_other", "n_conflicting", "n_ref_forward", "n_alt_forward")
GENOTYPE: Final = ("genotype", "genotype_quality")
STATUS: Final = "status"
COLUMNS: Final = (*WHO, *ALLELE, *COUNTS, *GENOTYPE, STATUS)

SEEN: Final = "ok"
NOT_COVERED: Final = "not covered"
NOT_IN_FILE: Final = "not in the file"
#: Begins the status of a record that its caller did not trust; the names of the filters follow.
FAILED: Final = "failed the filter"
NEEDS_REFERENCE: Final = "needs the reference genome"


def known_alleles(variants: pd.DataFrame | None) -> pd.DataFrame:
    """Return the alleles to look for: those given, or those of the reference table."""
    table = reference.erbb2_variants() if variants is None else variants.copy()
    if "hgvs_c" in table.columns:
        table = table.set_index("hgvs_c")
    needed = ("variant", *POSITION_OF_BUILD.values(), "ref", "alt")
    missing = [name for name in needed if name not in table]
    if missing or table.index.has_duplicates or table.empty:
        what = f"column {missing[0]!r} is missing" if missing else "expected at least one row, and one per allele"
        raise ParameterError(f"variants: {what}. Give a table like her2plastic.reference.erbb2_variants().")
    for name, ref, alt in zip(table.index, table["ref"], table["alt"], strict=True):
        bases = bool(ref) and bool(alt) and set(str(ref) + str(alt)) <= set("ACGT") and ref != alt
        if not bases or (len(ref) != 1 or len(alt) != 1) and (len(ref) == len(alt) or ref[0] != alt[0]):
            raise ParameterError(
                f"variants: {name} is {ref}>{alt}; expected single bases, or an insertion or deletion with the base "
                "before it as in a VCF file"
            )
    table.index.name = "hgvs_c"
    return table


def is_indel(ref: str, alt: str) -> bool:
    """Tell an allele that is longer or shorter than the reference."""
    return len(ref) != len(alt)


def allele_columns(alleles: pd.DataFrame, build: str) -> pd.DataFrame:
    """Return the columns that name each allele in one build."""
    table = alleles.reset_index()
    table["pos"] = table[POSITION_OF_BUILD[build]].astype(int)
    table["build"] = build
    return table[list(ALLELE)]


def empty_counts(n: int) -> dict[str, list[int]]:
    """Return columns of counts without a read."""
    return {name: [0] * n for name in COUNTS}

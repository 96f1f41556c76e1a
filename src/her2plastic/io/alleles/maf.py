"""Mutation annotation format (MAF), as cBioPortal, GENIE and the GDC give mutations out."""

from __future__ import annotations

import logging
from typing import Final

import pandas as pd

from her2plastic import _keys
from her2plastic._errors import InputFileError
from her2plastic.io.alleles.columns import POSITION_OF_BUILD
from her2plastic.io.number_columns import is_missing

_log = logging.getLogger(__name__)

_GENE: Final = "Hugo_Symbol"
_SAMPLE: Final = "Tumor_Sample_Barcode"
_PLACE: Final = {"Start_Position": "pos", "Reference_Allele": "ref", "Tumor_Seq_Allele2": "alt"}
_OTHERS: Final = {_SAMPLE: _keys.SAMPLE_ID, "NCBI_Build": "build", "t_ref_count": "n_ref", "t_alt_count": "n_alt"}
#: The other of the two alleles called.
_OTHER_COPY: Final = "Tumor_Seq_Allele1"
_BASES: Final = ("A", "C", "G", "T")
_SHOWN: Final = 10


def is_maf(table: pd.DataFrame) -> bool:
    """Tell a MAF table by its columns."""
    return {_GENE, _SAMPLE, *_PLACE} <= set(table.columns)


def from_maf(table: pd.DataFrame, alleles: pd.DataFrame, *, place: str) -> pd.DataFrame:
    """Return the rows about alleles that are looked for, with the columns of a table of alleles.

    Substitutions are known by their place, others by their coding change or else that of the protein. Mutations of
    ERBB2 that are not among the alleles are left out and logged. Samples without a row are not known to be as the
    reference: such a file tells what was found, and not where was looked. Where the reads were not counted, as in some
    rows of joined studies, the call itself is the genotype: such a patient would else pass for not looked at.
    """
    of_gene = table[table[_GENE].astype(str).str.strip() == "ERBB2"]
    found = of_gene.rename(columns=_PLACE | _OTHERS)
    found = found[[name for name in (*_PLACE.values(), *_OTHERS.values()) if name in found]].copy()
    single = found["ref"].isin(_BASES) & found["alt"].isin(_BASES)
    found["hgvs_c"] = pd.Series(
        [None if one else _coding(row, alleles) for one, (_, row) in zip(single, of_gene.iterrows(), strict=True)],
        index=found.index, dtype=object,
    )  # fmt: skip
    for name in ("pos", "ref", "alt"):
        found[name] = found[name].where(single, None)
    places = {
        (str(pos), ref, alt)
        for column in POSITION_OF_BUILD.values()
        for pos, ref, alt in zip(alleles[column], alleles["ref"], alleles["alt"], strict=True)
    }
    looked_for = [
        coding is not None or (str(pos).removesuffix(".0"), ref, alt) in places
        for coding, pos, ref, alt in zip(*(found[name] for name in ("hgvs_c", "pos", "ref", "alt")), strict=True)
    ]
    others = of_gene[[not known for known in looked_for]]
    if len(others):
        names = others.get("HGVSp_Short", others["Start_Position"]).astype(str).tolist()
        _log.warning("%s: %d mutations of ERBB2 are not looked for: %s", place, len(names), ", ".join(names[:_SHOWN]))
    if not any(looked_for):
        raise InputFileError(f"{place}: none of its {len(table):,} mutations is an allele of ERBB2 that is looked for.")
    found = found[looked_for]
    for name in ("n_ref", "n_alt"):
        counts = found.get(name, pd.Series(index=found.index, dtype=object)).astype(object)
        words = counts.astype(str)
        found[name] = counts.mask(counts.isna() | words.map(is_missing) | words.eq("."), None)
    uncounted = found[["n_ref", "n_alt"]].isna().any(axis=1)
    found["genotype"] = _genotypes(of_gene.loc[looked_for], found, alleles).where(uncounted, None)
    return found


def _genotypes(mutations: pd.DataFrame, found: pd.DataFrame, alleles: pd.DataFrame) -> pd.Series:
    """Return the bases that a call of a mutation means: both of the variant where the file calls it on both copies."""
    of_name = found["hgvs_c"].map(alleles["ref"] + "/" + alleles["alt"])
    genotype = (found["ref"] + "/" + found["alt"]).where(found["ref"].notna(), of_name)
    if _OTHER_COPY not in mutations:
        return genotype
    both = mutations[_OTHER_COPY] == mutations["Tumor_Seq_Allele2"]
    variant = genotype.str.rpartition("/")[2]
    return genotype.mask(both, variant + "/" + variant)


def _coding(row: pd.Series, alleles: pd.DataFrame) -> str | None:
    """Return the coding change of an insertion or deletion that is looked for; that of the protein may mean several."""
    coding = str(row.get("HGVSc", "")).rpartition(":")[2]
    if coding in alleles.index:
        return coding
    protein = str(row.get("HGVSp_Short", "")).rpartition(":")[2].removeprefix("p.")
    names = alleles[["variant", "also_called"]] if "also_called" in alleles else alleles[["variant"]]
    meant = alleles.index[(names == protein).any(axis=1)].tolist() if protein else []
    return str(meant[0]) if len(meant) == 1 else None

"""ERBB2 alleles of donors: germline genotypes, allele-specific amplification, somatic calls with their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys, reference
from her2plastic._access import record_step
from her2plastic._errors import ParameterError, check_probability, check_whole
from her2plastic.io.alleles.columns import COUNTS, FAILED, MATERIALS, known_alleles
from her2plastic.tl.variant_cells import cells_beside, mutation_of_cells
from her2plastic.tl.variant_genotypes import GenotypeRule, germline_genotypes
from her2plastic.tl.variant_tumours import TumourRule, balance, counts_of, days_of, somatic
from her2plastic.tl.variants_result import COLUMNS, MUTATED, Variants

if TYPE_CHECKING:
    from anndata import AnnData

STEP = "variants"
_NEEDED: Final = (
    _keys.DONOR_ID, _keys.SAMPLE_ID, _keys.CELL_ID, _keys.DRAW_DAY, "material", "hgvs_c", "n_ref", "n_alt", "n_other",
    "n_ref_forward", "n_alt_forward", "genotype", "genotype_quality", "status",
)  # fmt: skip
_FACTS: Final = ("variant", "hgvs_p", "domain", "origin", "ref", "alt")


def variants(
    alleles: pd.DataFrame,
    *,
    adata: AnnData | None = None,
    known: pd.DataFrame | None = None,
    min_reads: int = 10,
    min_alt: int = 3,
    min_genotype_quality: float = 20.0,
    error_rate: float = 0.003,
    overdispersion: float = 0.005,
    alpha: float = 0.01,
    level: float = 0.95,
) -> Variants:
    """Tell germline genotypes, allele-specific amplification and somatic alleles of ERBB2 apart.

    Germline genotypes come from leukocytes, germline DNA and normal tissue only: a tumour with one allele amplified
    often shows that allele alone. Reads of the tumour give the fraction of each base; where the germline is
    heterozygous, a share away from a half tells that one copy is in excess. A somatic allele is called where it is seen
    more often than errors of reading give at all alleles looked for (binomial, Bonferroni), and is not in the germline.

    Parameters
    ----------
    alleles
        Counts and genotypes of :func:`her2plastic.io.read_alleles`, of any number of samples. Records that failed a
        filter of their caller are not counted.
    adata
        Cells, to put the HER2 state of each beside its mutation; writes ``obs["erbb2_mutation"]``.
    known
        Alleles, as :func:`her2plastic.reference.erbb2_variants` gives them; the default.
    min_reads
        Fewest reads (molecules) for a genotype, for a balance, and for saying that an allele was not seen.
    min_alt
        Fewest reads with a somatic allele for a call.
    min_genotype_quality
        Phred by which a germline genotype must be more likely than the next.
    error_rate
        Probability that a read shows a given other base by error.
    overdispersion
        Correlation of the reads of one sample beyond chance. Where five cells or more cover an allele, their spread is
        used instead.
    alpha
        Level of the tests.
    level
        Probability that an interval holds.

    Returns
    -------
    The result; see :class:`Variants`. With ``adata`` it is also recorded under ``uns["her2plastic"]["variants"]``.

    Raises
    ------
    ParameterError
        The table is not one of ``read_alleles``, or a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import pandas as pd
    >>> reads = pd.DataFrame({
    ...     "donor_id": "p1", "sample_id": ["blood", "cell 1"], "material": ["leukocytes", "CTC"], "variant": "I655V",
    ...     "n_ref": [14, 20], "n_alt": [17, 0],
    ... })
    >>> found = hp.tl.variants(hp.io.read_alleles(reads))
    >>> print(found.summary())
    1 donors, 2 samples, 0 cells, 1 alleles looked for
    I655V in the germline: A/G 1
    p1, I655V: A in excess, 0% (0% to 13%) G in the tumour
    """
    check_whole("min_reads", min_reads, least=1)
    check_whole("min_alt", min_alt, least=1)
    for name, value in (("error_rate", error_rate), ("alpha", alpha), ("level", level)):
        check_probability(name, value)
    if not 0 <= overdispersion < 1:
        raise ParameterError(f"overdispersion={overdispersion!r}: expected a number of at least 0 and below 1")
    facts = known_alleles(known)
    rows = _checked(alleles, facts)
    rule = TumourRule(min_reads, min_alt, error_rate, overdispersion, alpha, level)
    germline_rule = GenotypeRule(min_reads, min_genotype_quality, error_rate, overdispersion)
    tells_germline = rows["material"].map(MATERIALS).astype(bool)
    genotypes = germline_genotypes(rows[tells_germline], facts, germline_rule)
    frame = _statements(rows, facts, genotypes, rule)
    # both are of the germline: genotypes at somatic alleles only serve to tell those apart
    genotypes = genotypes[_is_germline(facts, genotypes["hgvs_c"])].reset_index(drop=True)
    called = frame[frame["call"] == MUTATED]
    evidence = reference.erbb2_evidence()
    evidence = evidence[evidence["variant"].isin(called["variant"])].reset_index(drop=True)
    tumour = rows[~tells_germline]
    cells = cells_beside(tumour, called, adata, error_rate=error_rate, alpha=alpha)
    numbers = {
        "donors": rows[_keys.DONOR_ID].nunique(), "samples": rows[_keys.SAMPLE_ID].nunique(),
        "cells": int((rows[_keys.CELL_ID].unique() != "").sum()), "alleles looked for": rows["hgvs_c"].nunique(),
    }  # fmt: skip
    result = Variants(frame, genotypes, evidence, cells, level, numbers, _notes(rows, frame))
    if adata is not None:
        adata.obs[_keys.ERBB2_MUTATION] = mutation_of_cells(adata, cells)
        params = {
            "min_reads": min_reads, "min_alt": min_alt, "min_genotype_quality": min_genotype_quality,
            "error_rate": error_rate, "overdispersion": overdispersion, "alpha": alpha, "level": level,
        }  # fmt: skip
        record_step(adata, STEP, params=params, **result.record())
    return result


def _checked(alleles: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of known alleles, or raise a ParameterError that says what is wrong with the table."""
    missing = [name for name in _NEEDED if name not in getattr(alleles, "columns", ())]
    if missing:
        raise ParameterError(
            f"alleles: column {missing[0]!r} is missing; expected a table of her2plastic.io.read_alleles"
        )
    unknown = sorted(set(alleles["material"]) - set(MATERIALS))
    if unknown:
        raise ParameterError(f"alleles: material {unknown[0]!r} is not known; options: {', '.join(MATERIALS)}")
    strange = sorted(set(alleles["hgvs_c"]) - set(facts.index))
    if strange:
        raise ParameterError(
            f"alleles: {strange[0]!r} is not among the alleles that are known; give them with known=..."
        )
    if alleles.empty:
        raise ParameterError("alleles: the table has no rows")
    rows = alleles.reset_index(drop=True)
    # what its own caller did not trust says nothing for an allele, and nothing against it
    rows.loc[rows["status"].astype(str).str.startswith(FAILED), [name for name in COUNTS if name in rows]] = pd.NA
    return rows


def _is_germline(facts: pd.DataFrame, names: pd.Series) -> np.ndarray:
    return names.map(facts["origin"].eq("germline")).to_numpy(dtype=bool)


def _statements(rows: pd.DataFrame, facts: pd.DataFrame, genotypes: pd.DataFrame, rule: TumourRule) -> pd.DataFrame:
    """Return a row per sample and allele."""
    of_donor = genotypes.set_index([_keys.DONOR_ID, "hgvs_c"])
    looked_for = rows.groupby([_keys.DONOR_ID, _keys.SAMPLE_ID])["hgvs_c"].nunique()
    found = []
    # a table may name its samples by their day alone
    keys = [_keys.DONOR_ID, _keys.SAMPLE_ID, "material", "hgvs_c", _keys.DRAW_DAY]
    for group, own in rows.groupby(keys, sort=True, dropna=False):
        donor, sample, material, allele = map(str, group[:4])
        fact = facts.loc[allele]
        place = (donor, allele)
        genotype = str(of_donor["genotype"].get(place, ""))
        counts = counts_of(own, rule)
        if MATERIALS[material]:
            said = {"call": genotype, "p": np.nan, "status": str(of_donor["status"].get(place))}
        elif fact["origin"] == "germline":
            said = balance(counts, genotype, str(fact["ref"]), str(fact["alt"]), rule)
        else:
            in_germline = fact["alt"] in genotype.split("/")
            alleles_there = int(looked_for[donor, sample])
            said = somatic(counts, own, alleles=alleles_there, in_germline=in_germline, rule=rule)
        found.append({
            _keys.DONOR_ID: donor, _keys.SAMPLE_ID: sample, _keys.DRAW_DAY: days_of(own), "material": material,
            "hgvs_c": allele, **{name: fact.get(name, "") for name in _FACTS}, "genotype": genotype, **counts, **said,
        })  # fmt: skip
    return pd.DataFrame(found, columns=list(COLUMNS))


def _notes(rows: pd.DataFrame, frame: pd.DataFrame) -> tuple[str, ...]:
    notes: list[Any] = []
    unknown = sorted(rows.loc[rows["material"] == "", _keys.SAMPLE_ID].unique())
    if unknown:
        notes.append(f"{len(unknown)} samples without a material were taken as tumour.")
    without = rows["status"].eq("needs the reference genome")
    if without.any():
        notes.append(
            f"{rows.loc[without, 'variant'].nunique()} insertions and deletions were not looked for: no genome given."
        )
    builds = sorted(set(rows["build"])) if "build" in rows else []
    if len(builds) > 1:
        notes.append(f"Samples are of {' and '.join(builds)}; alleles were matched by name, not by position.")
    if (frame["status"] == "insufficient: the germline genotype is not known").any():
        notes.append("Without a germline genotype, one base alone in the tumour may be a lost or an unseen allele.")
    return tuple(notes)

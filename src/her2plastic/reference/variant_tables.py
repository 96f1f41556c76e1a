"""ERBB2 alleles and what has been published on them, out of the tables beside this file."""

from __future__ import annotations

import pandas as pd

from her2plastic.reference.tables import stored_table


def erbb2_variants() -> pd.DataFrame:
    """Return the ERBB2 alleles that are looked for.

    Returns
    -------
    Indexed by ``hgvs_c`` (of NM_004448), which is unique: ``variant`` (protein, as usually called), ``hgvs_p``,
    ``pos_grch37`` and ``pos_grch38`` (1-based on chromosome 17, left-aligned), ``ref``, ``alt``, ``domain``, ``exon``,
    ``origin`` (germline or somatic), ``rs``, ``also_called``, ``position_rests_on``, ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> variants = hp.reference.erbb2_variants().set_index("variant")
    >>> print(variants.loc[["G309A", "S310F"], ["pos_grch37", "pos_grch38", "ref", "alt", "domain"]].to_string())
             pos_grch37  pos_grch38 ref alt                   domain
    variant
    G309A      37868205    39711952   G   C  extracellular domain II
    S310F      37868208    39711955   C   T  extracellular domain II
    """
    return stored_table("erbb2_variants").set_index("hgvs_c").copy()


def erbb2_domains() -> pd.DataFrame:
    """Return the parts of the ERBB2 protein.

    Returns
    -------
    One row per part: ``domain, first, last`` (residues), ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> domains = hp.reference.erbb2_domains()
    >>> print(domains[["domain", "first", "last"]].to_string(index=False))
             domain  first  last
      extracellular     23   652
      transmembrane    653   675
      juxtamembrane    676   719
             kinase    720   987
    C-terminal tail    988  1255
    """
    return stored_table("erbb2_domains").copy()


def erbb2_evidence() -> pd.DataFrame:
    """Return what has been published on ERBB2 alleles.

    Returns
    -------
    One row per statement: ``variant, drug, direction`` (such as ``sensitive`` or ``resistant``), ``context``,
    ``evidence_level`` (``patients`` or ``cell lines``), ``year``, ``source``, and ``conflicting``: whether another row
    on the same variant and drug (or on what it does without one) says otherwise.

    Examples
    --------
    >>> import her2plastic as hp
    >>> evidence = hp.reference.erbb2_evidence().set_index("variant")
    >>> print(evidence.loc[["G309A", "D769Y"], ["drug", "direction", "evidence_level"]].to_string())
                  drug  direction evidence_level
    variant
    G309A    neratinib  sensitive     cell lines
    D769Y    neratinib  sensitive     cell lines
    """
    rows = stored_table("erbb2_evidence").copy()
    rows["conflicting"] = rows.groupby(["variant", "drug"])["direction"].transform("nunique") > 1
    return rows


def published_genotypes() -> pd.DataFrame:
    """Return published germline genotypes by HER2 status.

    The cohort of 360 was published as proportions: its ``n`` are the whole numbers that fit, as ``source`` says.

    Returns
    -------
    One row per group of people: ``study, variant, genotype`` (bases; ``*`` where the second is not told),
    ``her2_positive`` (yes or no), ``n``, ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> rows = hp.reference.published_genotypes()
    >>> print(rows[["variant", "genotype", "her2_positive", "n"]].to_string(index=False))
    variant genotype her2_positive   n
     P1170A      C/*           yes  93
     P1170A      C/*            no  73
     P1170A      G/G           yes  83
     P1170A      G/G            no 111
    """
    return stored_table("published_genotypes").copy()

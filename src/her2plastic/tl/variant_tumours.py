"""Alleles in tumour material: their fraction, allele-specific amplification at heterozygous sites, somatic calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.io.alleles.columns import FAILED
from her2plastic.models.genotypes.allele_share import (
    FEWEST_CELLS,
    base_share,
    effective_reads,
    p_of_error,
    p_of_half,
)
from her2plastic.tl.variants_result import BALANCED, DOUBTFUL, GERMLINE, IN_EXCESS, MUTATED, NOT_SEEN

#: Share of a base that a homozygote of the other does not have, above which a sample does not fit its donor.
_FOREIGN: Final = 0.1


@dataclass(frozen=True)
class TumourRule:
    """When something is said of an allele in the tumour.

    Attributes
    ----------
    min_reads
        Fewest reads.
    min_alt
        Fewest reads with a somatic allele.
    error_rate
        Probability that a read shows a given allele by error.
    overdispersion
        Correlation of the reads of one sample, where cells do not tell it.
    alpha
        Level of tests, after correction for the alleles looked for in a sample.
    level
        Probability that an interval holds.
    """

    min_reads: int
    min_alt: int
    error_rate: float
    overdispersion: float
    alpha: float
    level: float


def counts_of(own: pd.DataFrame, rule: TumourRule) -> dict[str, Any]:
    """Return the counts of one sample at one allele, its fraction and the interval, over its cells."""
    numbers = own[["n_ref", "n_alt", "n_other"]].astype(float).fillna(0).to_numpy()
    n_ref, n_alt, n_other = numbers.sum(axis=0)
    single = bool(own[_keys.CELL_ID].ne("").any())
    effective = effective_reads(
        numbers[:, 0], numbers[:, 1], overdispersion=rule.overdispersion, cells=single, level=rule.level
    )
    fraction, lower, upper = base_share(n_alt, n_ref + n_alt, effective=effective, level=rule.level)
    return {
        "n_ref": n_ref, "n_alt": n_alt, "n_other": n_other, "fraction": fraction, "lower": lower, "upper": upper,
        "effective": effective, "cells": int((numbers[:, :2].sum(axis=1) > 0).sum()) if single else None,
    }  # fmt: skip


def balance(counts: dict[str, Any], genotype: str, ref: str, alt: str, rule: TumourRule) -> dict[str, Any]:
    """Return what the tumour says at a germline allele: nothing about the germline, but whether one copy is in excess.

    Only heterozygotes tell. Shares of a half after correction for two alleles are balanced.
    """
    total = counts["n_ref"] + counts["n_alt"]
    if total < rule.min_reads:
        return {"call": "", "p": np.nan, "status": f"insufficient: {total:g} reads, {rule.min_reads} needed"}
    if not genotype:
        return {"call": "", "p": np.nan, "status": "insufficient: the germline genotype is not known"}
    bases = set(genotype.split("/"))
    if len(bases) == 1:
        foreign = counts["fraction"] if bases == {ref} else 1 - counts["fraction"]
        own = base_share(foreign * total, total, effective=counts["effective"], level=rule.level)
        if own[1] > _FOREIGN:
            status = (
                f"does not fit the germline {genotype}: {foreign:.0%} of another base; is it another person's sample?"
            )
            return {"call": DOUBTFUL, "p": np.nan, "status": status}
        return {"call": f"homozygous {genotype}", "p": np.nan, "status": "ok"}
    if counts["cells"] is not None and counts["cells"] < FEWEST_CELLS:
        few = f"{counts['cells']} cells with reads, {FEWEST_CELLS} needed to tell a burst from an extra copy"
        return {"call": "", "p": np.nan, "status": f"insufficient: {few}"}
    p = p_of_half(counts["n_alt"], total, effective=counts["effective"])
    more = alt if counts["n_alt"] > counts["n_ref"] else ref
    return {"call": f"{more} {IN_EXCESS}" if p < rule.alpha else BALANCED, "p": p, "status": "ok"}


def somatic(
    counts: dict[str, Any], own: pd.DataFrame, *, alleles: int, in_germline: bool, rule: TumourRule
) -> dict[str, Any]:
    """Return whether a somatic allele is there, beyond what errors of reading give at as many alleles."""
    total, n_alt = counts["n_ref"] + counts["n_alt"] + counts["n_other"], counts["n_alt"]
    if total == 0:
        genotypes = [word for word in own["genotype"] if word]
        why = f"genotype {genotypes[0]} without counts of reads" if genotypes else own["status"].iloc[0]
        why = next((word for word in own["status"] if str(word).startswith(FAILED)), why)
        return {"call": "", "p": np.nan, "status": f"insufficient: {why}"}
    p = min(float(p_of_error(n_alt, total, rule.error_rate)) * alleles, 1.0)
    if n_alt >= rule.min_alt and p < rule.alpha:
        if in_germline:
            return {"call": GERMLINE, "p": p, "status": "ok"}
        if _one_strand(own):
            return {"call": DOUBTFUL, "p": p, "status": "on one strand only, unlike the reference base"}
        return {"call": MUTATED, "p": p, "status": "ok"}
    if total < rule.min_reads:
        return {"call": "", "p": p, "status": f"insufficient: {total:g} reads, {rule.min_reads} needed"}
    return {"call": NOT_SEEN, "p": p, "status": "ok"}


def _one_strand(own: pd.DataFrame) -> bool:
    """Tell whether the allele lies on one strand in a way that the reference base does not."""
    from scipy.stats import fisher_exact

    columns = own[["n_ref", "n_alt", "n_ref_forward", "n_alt_forward"]]
    if columns.isna().any(axis=None):
        return False
    n_ref, n_alt, ref_forward, alt_forward = columns.astype(int).sum().tolist()
    if 0 < alt_forward < n_alt:
        return False
    table = [[ref_forward, n_ref - ref_forward], [alt_forward, n_alt - alt_forward]]
    return bool(fisher_exact(table).pvalue < 0.001)


def days_of(own: pd.DataFrame) -> float:
    """Return the day of a sample, missing where its rows differ."""
    days = own[_keys.DRAW_DAY].dropna().unique()
    return float(days[0]) if len(days) == 1 else float("nan")

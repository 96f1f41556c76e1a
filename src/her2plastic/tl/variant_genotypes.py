"""Germline genotypes of donors, from what tells the germline and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.models.genotypes.read_likelihood import genotype_log_likelihoods, phred

COLUMNS = (
    _keys.DONOR_ID, "variant", "hgvs_c", "rs", "ref", "alt", "genotype", "n_ref", "n_alt", "pl", "quality", "materials",
    "status",
)  # fmt: skip


@dataclass(frozen=True)
class GenotypeRule:
    """When a genotype is called from reads.

    Attributes
    ----------
    min_reads
        Fewest reads.
    min_quality
        Phred by which the best genotype must be better than the next.
    error_rate, overdispersion
        Of the likelihood.
    """

    min_reads: int
    min_quality: float
    error_rate: float
    overdispersion: float


def germline_genotypes(rows: pd.DataFrame, known: pd.DataFrame, rule: GenotypeRule) -> pd.DataFrame:
    """Return a row per donor and allele of ``rows``, which are of germline material only."""
    found = []
    for group, own in rows.groupby([_keys.DONOR_ID, "hgvs_c"], sort=True):
        donor, allele = map(str, group)
        facts = known.loc[allele]
        called = _genotype(own, str(facts["ref"]), str(facts["alt"]), rule)
        found.append(
            {_keys.DONOR_ID: donor, "variant": facts["variant"], "hgvs_c": allele, "rs": facts.get("rs", ""),
             "ref": facts["ref"], "alt": facts["alt"],
             "materials": ", ".join(sorted(set(own["material"]))), **called}
        )  # fmt: skip
    return pd.DataFrame(found, columns=list(COLUMNS))


def _genotype(own: pd.DataFrame, ref: str, alt: str, rule: GenotypeRule) -> dict[str, Any]:
    """Return the genotype of one donor at one allele, from variant files where there are any, else from reads."""
    n_ref, n_alt = float(own["n_ref"].fillna(0).sum()), float(own["n_alt"].fillna(0).sum())
    usable = own[own["status"] == "ok"]
    said = sorted({word for word in usable["genotype"] if word})
    out: dict[str, Any] = {"n_ref": n_ref, "n_alt": n_alt, "genotype": "", "pl": "", "quality": np.nan}
    by_reads, status = "", "insufficient: 0 reads"
    if n_ref + n_alt > 0:
        likely = genotype_log_likelihoods(
            np.array(n_ref), np.array(n_alt), error_rate=rule.error_rate, overdispersion=rule.overdispersion
        )
        pl = phred(likely)
        out |= {"pl": ",".join(f"{value:.0f}" for value in pl), "quality": float(np.sort(pl)[1])}
        by_reads = (f"{ref}/{ref}", f"{ref}/{alt}", f"{alt}/{alt}")[int(np.argmin(pl))]
        status = _short(n_ref + n_alt, out["quality"], rule)
    if len(said) > 1:
        return out | {"status": f"samples disagree: {' and '.join(said)}; one of them may be another person's"}
    if said:
        if by_reads and status == "ok" and by_reads != said[0]:
            return out | {"status": f"genotype {said[0]} and reads ({by_reads}) disagree"}
        quality = usable["genotype_quality"].min()
        if quality < rule.min_quality:
            return out | {"status": f"insufficient: genotype quality {quality:g}, {rule.min_quality:g} needed"}
        return out | {"genotype": said[0], "status": "ok"}
    if n_ref + n_alt == 0 and len(usable) == 0:
        status = str(own["status"].iloc[0])
        status = status if status.startswith("failed") else f"insufficient: {status}"
    return out | {"genotype": by_reads if status == "ok" else "", "status": status}


def _short(reads: float, quality: float, rule: GenotypeRule) -> str:
    if reads < rule.min_reads:
        return f"insufficient: {reads:g} reads, {rule.min_reads} needed"
    if quality < rule.min_quality:
        return f"insufficient: genotype quality {quality:g}, {rule.min_quality:g} needed"
    return "ok"

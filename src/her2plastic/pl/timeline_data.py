"""What is known of one patient over time: tissue, draws, treatments, serum HER2, alleles, each with its day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys, tl
from her2plastic._access import patient_cells
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.tl.drawn_cells import days_of
from her2plastic.tl.patient_tissue import specimens
from her2plastic.tl.treatment_periods import periods_between_draws, periods_of_table

if TYPE_CHECKING:
    from anndata import AnnData

TISSUE: Final = ("day", "site", "ihc_score", "ish_group", "status", "tissue_class", _keys.TISSUE_STATE, "step")
SERUM: Final = (_keys.DONOR_ID, "day", "value", "below_lod")
ALLELES: Final = (_keys.DONOR_ID, _keys.DRAW_DAY, "variant", "origin", "fraction", "lower", "upper", "genotype", "call")
_SOMATIC: Final = "somatic"


@dataclass(frozen=True)
class PatientTimelineData:
    """What :func:`patient_timeline` draws; a table without rows is a track that is left out.

    Attributes
    ----------
    donor
        The patient.
    tissue
        A row per specimen: ``day``, ``site``, ``ihc_score``, ``ish_group``, ``status``, ``tissue_class``,
        ``tissue_state``, ``step``.
    draws
        A row per draw: ``day``, ``n_ctc``, and per state ``share_``, ``lower_`` and ``upper_``.
    treatments
        ``start_day``, ``end_day``, ``treatment``.
    serum
        ``day``, ``value`` in ng/mL, ``below_lod``.
    alleles
        Somatic alleles that were called in some sample, a row per dated sample: ``day``, ``variant``, ``fraction``,
        ``lower``, ``upper``, ``call``.
    genotypes
        Germline genotypes as words.
    response
        Response to treatment, empty where not known.
    progression_day
        Day of progression, missing without.
    level
        Probability that the intervals of shares hold.
    """

    donor: str
    tissue: pd.DataFrame
    draws: pd.DataFrame
    treatments: pd.DataFrame
    serum: pd.DataFrame
    alleles: pd.DataFrame
    genotypes: tuple[str, ...]
    response: str
    progression_day: float
    level: float

    def days(self, *, with_tissue: bool = True) -> np.ndarray:
        """Return every day on which something is known."""
        parts = [self.draws["day"], self.serum["day"], self.alleles["day"], [self.progression_day]]
        parts += [self.treatments["start_day"], self.treatments["end_day"]]
        parts += [self.tissue["day"]] if with_tissue else []
        days = np.concatenate([np.asarray(part, dtype=float) for part in parts])
        return np.unique(days[np.isfinite(days)])


def known_donors(
    adata: AnnData | None, tissue: pd.DataFrame | None, serum: pd.DataFrame | None, alleles: pd.DataFrame | None
) -> list[str]:
    """Return every patient that the cells or one of the tables name, sorted."""
    names: set[str] = set()
    if adata is not None and _keys.DONOR_ID in adata.obs:
        names |= {str(name) for name in adata.obs[_keys.DONOR_ID][patient_cells(adata)].dropna().unique()}
    for table in (tissue, serum, alleles):
        if table is not None and _keys.DONOR_ID in table:
            names |= {str(name) for name in table[_keys.DONOR_ID].dropna().unique() if str(name)}
    return sorted(names)


def gather(
    adata: AnnData | None,
    donor: str,
    *,
    tissue: pd.DataFrame | None,
    serum: pd.DataFrame | None,
    alleles: pd.DataFrame | None,
    treatments: pd.DataFrame | None,
    shares: tl.HER2Shares | None,
) -> PatientTimelineData:
    """Return everything that is known of one patient."""
    names = known_donors(adata, tissue, serum, alleles)
    if str(donor) not in names:
        shown = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
        raise ParameterError(f"donor={donor!r} is in none of the tables; there are {shown or 'no donors'}")
    donor = str(donor)
    own_serum = _of_donor("serum", serum, SERUM, donor).sort_values("day", kind="stable")
    somatic, genotypes = _alleles(_of_donor("alleles", alleles, ALLELES, donor))
    draws, level = _draws(adata, donor, shares)
    return PatientTimelineData(
        donor, _tissue(adata, tissue, donor), draws, _treatments(adata, treatments, donor),
        own_serum.reset_index(drop=True), somatic, genotypes, _one(own_serum, "response"),
        _day_of_progression(own_serum), level,
    )  # fmt: skip


def _of_donor(name: str, table: pd.DataFrame | None, columns: tuple[str, ...], donor: str) -> pd.DataFrame:
    if table is None:
        return pd.DataFrame(columns=list(columns))
    for column in columns:
        if column not in table:
            raise MissingKeyError(name, column, map(str, table.columns), "Give the table that the package made of it.")
    return table[table[_keys.DONOR_ID].astype(str) == donor]


def _tissue(adata: AnnData | None, tissue: pd.DataFrame | None, donor: str) -> pd.DataFrame:
    there = adata is not None and _keys.IHC in adata.obs
    if tissue is None and not there:
        return pd.DataFrame(columns=list(TISSUE))
    rule = "asco_cap_2018"
    assert adata is not None or tissue is not None
    of_cells: Any = adata
    found = specimens(of_cells, tissue, donor_key=_keys.DONOR_ID, day_key=_keys.DRAW_DAY, rule=rule)
    own = found[(found[_keys.DONOR_ID] == donor) & found["day"].notna()]
    return own[list(TISSUE)].reset_index(drop=True)


def _draws(adata: AnnData | None, donor: str, shares: tl.HER2Shares | None) -> tuple[pd.DataFrame, float]:
    columns = ["day", "n_ctc", *(f"{part}_{state}" for state in _keys.STATES for part in ("share", "lower", "upper"))]
    if adata is None and shares is None:
        return pd.DataFrame(columns=columns), float("nan")
    if shares is None:
        assert adata is not None
        own = adata[patient_cells(adata) & (adata.obs[_keys.DONOR_ID].astype(str) == donor).to_numpy()]
        if not own.n_obs:
            return pd.DataFrame(columns=columns), float("nan")
        shares = tl.her2_shares(adata, by=(_keys.DONOR_ID, _keys.DRAW_DAY))
    frame = shares.frame
    for column in (_keys.DONOR_ID, _keys.DRAW_DAY):
        if column not in frame:
            raise MissingKeyError("shares", column, map(str, frame.columns), "Make them by donor and draw day.")
    own_shares = frame[(frame[_keys.DONOR_ID].astype(str) == donor) & frame[_keys.DRAW_DAY].notna()]
    own_shares = own_shares.rename(columns={_keys.DRAW_DAY: "day"}).sort_values("day")
    return own_shares[columns].reset_index(drop=True), shares.level


def _treatments(adata: AnnData | None, table: pd.DataFrame | None, donor: str) -> pd.DataFrame:
    """Return the treatments of a table, or those that stand beside the draws of the cells."""
    if table is not None:
        found = periods_of_table(table)
    elif adata is None or _keys.TREATMENT not in adata.obs or _keys.DRAW_DAY not in adata.obs:
        found = []
    else:
        used = patient_cells(adata) & (adata.obs[_keys.DONOR_ID].astype(str) == donor).to_numpy()
        day = days_of(adata, _keys.DRAW_DAY, "")
        used &= np.isfinite(day)
        found = periods_between_draws(adata, used, np.zeros(int(used.sum()), dtype=int), day[used], (donor,), None)
    rows = [(p.start, p.end, p.treatment) for p in found if str(p.patient) == donor]
    return pd.DataFrame(rows, columns=["start_day", "end_day", "treatment"])


def _alleles(own: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the somatic alleles that were called, over time, and the germline as words."""
    somatic = own[own["origin"] == _SOMATIC]
    called = set(somatic.loc[somatic["call"] == "mutated", "variant"])
    shown = somatic[somatic["variant"].isin(called) & np.isfinite(somatic["fraction"].astype(float))]
    shown = shown.rename(columns={_keys.DRAW_DAY: "day"})[["day", "variant", "fraction", "lower", "upper", "call"]]
    germline = own[(own["origin"] != _SOMATIC) & (own["genotype"].fillna("") != "")]
    words = dict(zip(germline["variant"], germline["genotype"], strict=True))
    told = tuple(f"{variant} {bases}" for variant, bases in sorted(words.items()))
    return shown[shown["day"].notna()].sort_values(["variant", "day"]).reset_index(drop=True), told


def _one(table: pd.DataFrame, column: str) -> str:
    known: list[str] = list(table[column].dropna().astype(str).unique()) if column in table else []
    return known[0] if len(known) == 1 else ""


def _day_of_progression(table: pd.DataFrame) -> float:
    known: list[float] = list(table["progression_day"].dropna()) if "progression_day" in table else []
    return float(known[0]) if known else float("nan")

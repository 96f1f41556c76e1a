"""17q12 amplification as the RNA shows it, from ERBB2's neighbours without ERBB2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys, reference
from her2plastic._access import control_cells, donor_codes, input_hash, record_step, true_or_false
from her2plastic._errors import ParameterError, check_probability
from her2plastic.models.amplicon_score import SCORE_SPREAD, AmpliconBaseline, fit_baseline, own_probability, pool_donor
from her2plastic.models.one_thread import one_thread
from her2plastic.models.shrunken_rate import shrunken_log2_ratio
from her2plastic.tl.panel_counts import cells_by_assay, ctc_mask, panel_counts

if TYPE_CHECKING:
    from anndata import AnnData

MIN_GENES = 2
#: Core counts that a baseline is estimated from at least.
MIN_CORE_COUNTS = 50
#: Cells that are scored at once, so that what is needed on the way does not grow with the cohort.
_AT_ONCE = 50_000
WHAT_IT_IS_NOT = "mRNA only: raised expression of the whole 17q12 core, not a DNA copy number"


def amplicon(
    adata: AnnData,
    *,
    core: Sequence[str] | None = None,
    flank: Sequence[str] | None = None,
    donor_key: str = _keys.DONOR_ID,
    reference_key: str | None = None,
    level: float = 0.9,
    min_donors: int = 3,
) -> None:
    """Tell amplified from not amplified HER2 by the RNA of ERBB2's neighbours.

    Counts of the core genes are compared with what cells without amplification show at the same depth and flank
    counts, in a negative binomial model per assay. A cell with few counts is decided by the pooled CTCs of its donor,
    or stays ``unknown``. ERBB2 itself is never counted: a cell that raised ERBB2 alone is not called amplified.

    This reads RNA. It is no DNA copy number and no ISH result; a gain of a few copies is not seen, and where reads are
    unstranded those that overlap ERBB2 are lost to PGAP3 and MIEN1 (``core=("STARD3", "GRB7")`` avoids them).

    Parameters
    ----------
    adata
        Cells x genes with ``layers["counts"]``.
    core, flank
        Gene symbols; by default the groups ``core`` and ``flank`` of :func:`her2plastic.reference.amplicon`.
    donor_key
        Column of ``obs`` with the donor, within which cells are pooled; cells without a donor count as one donor's, and
        so do all cells without the column of the default name.
    reference_key
        Boolean column of ``obs`` that marks cells known not to be amplified (control lines, for example). By default
        the baseline is the lower part of the cohort's CTCs, or its leukocytes if there are fewer than ``min_donors``.
    level
        Probability, above 0.5, from which on a cell is called; more than for a state (0.8), because most cells are not
        amplified and a wrong mechanism misleads more than none.
    min_donors
        Donors with CTCs that a baseline without reference cells needs at least: a single donor whose cells are all
        amplified looks like one in which none is.

    Returns
    -------
    None. Writes:

    ``obs["amplicon_score"]``, ``obs["amplicon_se"]``
        float, log2: core counts against their expectation, drawn towards 0 where counts are few; posterior mean and
        standard deviation. All cells.
    ``obs["amplified_probability"]``
        float: posterior of amplification. CTCs only.
    ``obs["erbb2_mechanism"]``
        category ``amplified``, ``not amplified``, ``unknown``; missing for cells that are no CTC.
    ``obs["amplicon_evidence"]``
        category: whether the mechanism rests on the ``cell`` alone, on the ``donor``'s pooled CTCs, or on ``none``.
    ``uns["her2plastic"]["amplicon"]``
        parameters, genes, a baseline per assay, the evidence per donor; ``insufficient`` with the reason where an
        assay could not be judged (then scores are missing and every mechanism is ``unknown``).

    Raises
    ------
    UnitError
        If there are no counts.
    MissingKeyError
        If ``reference_key``, or a ``donor_key`` that is not the default, is not in ``obs``.
    ParameterError
        If a parameter is out of range, or ``obs["is_ctc"]`` or the reference column are not true or false.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=4, draws=(0,), n_ctc=20, amplified=0.5)
    >>> hp.pp.quality(cells, doublets="off")
    >>> hp.pp.ctc_identity(cells)
    >>> hp.tl.amplicon(cells)
    >>> cells.obs.groupby("donor_id", observed=True)["erbb2_mechanism"].agg(lambda word: word.mode()[0]).to_dict()
    {'D01': 'amplified', 'D02': 'amplified', 'D03': 'not amplified', 'D04': 'not amplified'}
    """
    check_probability("level", level, above=0.5)
    groups = reference.amplicon().groupby("group")["gene"].apply(list)
    panels = {"core": list(core or groups["core"]), "flank": list(flank or groups["flank"])}
    if "ERBB2" in panels["core"] + panels["flank"]:
        raise ParameterError("core and flank must not hold ERBB2: the score would follow ERBB2 expression itself")
    donors, names = donor_codes(adata, donor_key)
    normal = None if reference_key is None else true_or_false(adata, reference_key)
    found = panel_counts(adata, panels, needed_by="tl.amplicon")
    cells = _Cells(
        found.sums["core"], found.sums["flank"], found.depth, donors, ctc_mask(adata), control_cells(adata), normal
    )
    result = _Result.empty(adata.n_obs)
    baselines, insufficient = [], []
    for assay, rows in cells_by_assay(adata):
        baseline, source, lacking = _baseline(cells, rows, _leukocytes(adata), found.genes, min_donors)
        if baseline is None:
            insufficient.append(f"{assay}: {lacking}")
            continue
        baselines.append({"assay": assay, "source": source, **vars(baseline)})
        result.fill(cells, rows, baseline, assay, names)
    _write(adata, result, cells.is_ctc, level)
    record_step(
        adata, "amplicon",
        params={"donor_key": donor_key, "reference_key": reference_key, "level": level, "min_donors": min_donors},
        input_hash=input_hash(cells.core, cells.flank, cells.depth), genes_core=found.genes["core"],
        genes_flank=found.genes["flank"], note=WHAT_IT_IS_NOT, insufficient="; ".join(insufficient) or None,
        baselines=_columns(baselines), donors=_columns(result.donors),
    )  # fmt: skip


@dataclass(frozen=True)
class _Cells:
    core: np.ndarray
    flank: np.ndarray
    depth: np.ndarray
    donor: np.ndarray
    is_ctc: np.ndarray
    is_control: np.ndarray
    normal: np.ndarray | None


@dataclass(frozen=True)
class _Result:
    score: np.ndarray
    error: np.ndarray
    own: np.ndarray
    pooled: np.ndarray
    donors: list[dict[str, Any]]

    @classmethod
    def empty(cls, n_cells: int) -> _Result:
        score, error, own, pooled = np.full((4, n_cells), np.nan)
        return cls(score, error, own, pooled, [])

    def fill(
        self, cells: _Cells, rows: np.ndarray, baseline: AmpliconBaseline, assay: str, names: tuple[str, ...]
    ) -> None:
        """Score the cells of one assay and pool the CTCs of each donor."""
        rows = rows[cells.depth[rows] > 0]
        for start in range(0, rows.size, _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            expected, size = baseline.expected(cells.flank[some], cells.depth[some])
            self.score[some], self.error[some] = shrunken_log2_ratio(cells.core[some], expected, size, SCORE_SPREAD)
        ctcs = rows[cells.is_ctc[rows]]
        core = cells.core[ctcs]
        expected, size = baseline.expected(cells.flank[ctcs], cells.depth[ctcs])
        self.own[ctcs] = own_probability(core, expected, size)
        with one_thread():  # once, not for each of thousands of donors
            for mine in _by_donor(cells.donor[ctcs]):
                donor = names[cells.donor[ctcs[mine[0]]]]
                evidence = pool_donor(core[mine], expected[mine], size[mine])
                self.pooled[ctcs[mine]] = evidence.probability
                self.donors.append({
                    "donor": donor, "assay": assay, "n_ctc": mine.size, "core_counts": float(core[mine].sum()),
                    "expected_counts": float(expected[mine].sum()), "log_bayes_factor": evidence.log_bayes_factor,
                    "amplified_share": evidence.amplified_share,
                })  # fmt: skip


def _by_donor(donor: np.ndarray) -> list[np.ndarray]:
    """Return the places of each donor's cells, donors in order."""
    if not donor.size:
        return []
    ordered = np.argsort(donor, kind="stable")
    return np.split(ordered, np.flatnonzero(np.diff(donor[ordered])) + 1)


def _leukocytes(adata: AnnData) -> np.ndarray:
    if _keys.IDENTITY not in adata.obs:
        return np.zeros(adata.n_obs, dtype=bool)
    return (adata.obs[_keys.IDENTITY].astype(object) == "leukocyte").to_numpy(dtype=bool)


def _baseline(
    cells: _Cells, rows: np.ndarray, leukocytes: np.ndarray, genes: dict[str, tuple[str, ...]], min_donors: int
) -> tuple[AmpliconBaseline | None, str, str]:
    """Return the baseline of one assay and where it is from; or no baseline and what was lacking."""
    for group, names in genes.items():
        if len(names) < MIN_GENES:
            return None, "", f"insufficient: {len(names)} {group} genes in the data, {MIN_GENES} needed"
    rows = rows[cells.depth[rows] > 0]
    ctcs = rows[cells.is_ctc[rows]]
    patients = ctcs[~cells.is_control[ctcs]]
    n_donors = np.unique(cells.donor[patients]).size
    known = None
    if cells.normal is not None:
        used, source = rows[cells.normal[rows]], "reference cells"
        known = np.ones(used.size, dtype=bool)
    elif n_donors >= min_donors:
        used, source = patients, f"CTCs of {n_donors} donors"
    else:
        used, source = rows[leukocytes[rows]], "leukocytes"
        known = np.ones(used.size, dtype=bool)
        if not used.size:
            return None, "", f"insufficient: {n_donors} donors with CTCs, {min_donors} needed without reference cells"
    n_counts = float(cells.core[used].sum())
    if n_counts < MIN_CORE_COUNTS:
        return None, "", f"insufficient: {n_counts:g} core counts in the {source}, {MIN_CORE_COUNTS} needed"
    if known is None:
        source = f"lower part of the {source}"
    return fit_baseline(cells.core[used], cells.flank[used], cells.depth[used], known_normal=known), source, ""


def _write(adata: AnnData, result: _Result, is_ctc: np.ndarray, level: float) -> None:
    own, pooled = (_called(values, level) for values in (result.own, result.pooled))
    unknown = _keys.MECHANISMS.index("unknown")
    none, cell, donor = (_keys.MECHANISM_EVIDENCE.index(word) for word in ("none", "cell", "donor"))
    evidence = np.where(pooled == unknown, none, np.where(own == pooled, cell, donor))
    adata.obs[_keys.AMPLICON_SCORE] = result.score
    adata.obs[_keys.AMPLICON_SE] = result.error
    adata.obs[_keys.AMPLIFIED_PROBABILITY] = result.pooled
    for key, values, names in (
        (_keys.ERBB2_MECHANISM, pooled, _keys.MECHANISMS),
        (_keys.AMPLICON_EVIDENCE, evidence, _keys.MECHANISM_EVIDENCE),
    ):
        adata.obs[key] = pd.Categorical.from_codes(np.where(is_ctc, values, -1), categories=pd.Index(names))


def _called(probability: np.ndarray, level: float) -> np.ndarray:
    """Return the place of each cell's mechanism among all; comparisons with a missing probability are false."""
    amplified, not_amplified, unknown = map(_keys.MECHANISMS.index, ("amplified", "not amplified", "unknown"))
    return np.select([probability >= level, probability <= 1 - level], [amplified, not_amplified], unknown)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]] | None:
    """Turn records into columns, which h5ad can hold."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else None

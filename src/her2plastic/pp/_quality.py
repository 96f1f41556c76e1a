"""Quality of cells: what was measured, and which cells fall out of line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import input_hash, obs_column, record_step
from her2plastic._errors import ParameterError, one_of
from her2plastic._row_blocks import in_memory, take_rows
from her2plastic.pp.ambient import EXCLUSIVE_LINEAGES, ambient_share
from her2plastic.pp.cell_values import CellValues, cell_values
from her2plastic.pp.doublets import SampleDoublets, doublet_scores, too_many_cells
from her2plastic.pp.panel_sums import CellSums, gene_positions, sum_cells
from her2plastic.pp.thresholds import lower_threshold, upper_threshold
from her2plastic.reference import panel

if TYPE_CHECKING:
    from anndata import AnnData

_MITOCHONDRIAL: Final = re.compile(r"MT[-.]", re.IGNORECASE)
# ribosomal proteins, without the kinases RPS6KA1 and kin and without pseudogenes
_RIBOSOMAL: Final = re.compile(r"RP(S|L|LP)\d+[ALXY]*\d?L?|RPSA", re.IGNORECASE)
#: The mitochondrial threshold is never set below this share by the spread alone.
MITO_FLOOR: Final = 0.1
_ALL_CELLS: Final = "all cells"

#: Columns that are shares of the depth, and the panel of each.
_SHARES: Final = {
    _keys.MITO_SHARE: "mito",
    _keys.RIBO_SHARE: "ribo",
    _keys.PLATELET_SHARE: "platelet",
    _keys.ERYTHROID_SHARE: "erythroid",
}

Groups: TypeAlias = list[tuple[str, np.ndarray]]


def quality(
    adata: AnnData,
    *,
    mads: float = 3.0,
    min_depth: float | None = None,
    min_genes: float | None = None,
    max_mito: float | None = None,
    by: Sequence[str] = ("assay",),
    doublets: Literal["auto", "off"] | Mapping[str, SampleDoublets] = "auto",
    ambient: Literal["auto", "off"] = "auto",
    remove: bool = False,
    seed: int = 0,
) -> None:
    """Measure the quality of every cell and mark those that fall out of line.

    Depth and number of genes have lower thresholds, on the logarithm; the mitochondrial share has an upper one. Each
    lies ``mads`` scaled median absolute deviations from the median of the cells of the same assay, unless it is given.
    A group of fewer than ten cells, or one in which more than half of the values are equal, has no spread: it gets no
    threshold, and the record says so. Cells without counts always fail.

    Platelet, erythroid and ambient shares and the doublet score are measured and fail nobody. Platelets coat genuine
    CTCs. And scrublet takes rare cells for doublets: ten CTCs among a thousand leukocytes have the simulated
    CTC-leukocyte doublets for neighbours. :func:`ctc_identity` weighs both.

    Parameters
    ----------
    adata
        Cells x genes with unique gene symbols. Uses the first of ``layers["counts"]``, ``layers["cpm"]`` and ``X``.
        Relative values have no depth: it is missing then, and the ambient and doublet estimates are left out.
    mads
        Scaled median absolute deviations (1.4826 MAD) between the median and a threshold, above 0.
    min_depth, min_genes, max_mito
        Thresholds to use instead: counts, genes, and share from 0 to 1.
    by
        Columns of ``obs`` that group the cells for the thresholds. Without ``assay`` in ``obs``, all cells are one
        group.
    doublets
        ``"auto"``: scrublet in each sample (``obs["sample_id"]``, or all cells together) of 100 to 30,000 cells. More
        are not one capture, and would take minutes and gigabytes. Cells without counts of the sample's variable genes
        get no score. Nearly all of the time of this function is spent here: 96,000 cells in 12 samples took 89 s of
        processor time, and 3 s without. ``"off"``: no scores. A mapping gives the scores of each sample that were
        found before, by :func:`her2plastic.pp.doublets.doublet_scores`, as where samples are worked on one by one.
    ambient
        ``"auto"``: the ambient share by :func:`her2plastic.pp.ambient.ambient_share` in each sample. There are no
        empty droplets to learn it from; read the limits there.
    remove
        Remove the failing cells from ``adata``. Not for a cohort that was opened in its file.
    seed
        Seed of scrublet.

    Returns
    -------
    None. Writes ``obs["depth"]`` (counts), ``obs["n_genes"]``, ``obs["mito_share"]``, ``obs["ribo_share"]``,
    ``obs["platelet_share"]``, ``obs["erythroid_share"]``, ``obs["ambient_share"]`` (0 to 1, missing where the genes
    or the cells to tell it by are missing), ``obs["doublet_score"]``, ``obs["passes_quality"]`` (bool) and
    ``obs["quality_reason"]`` (in words, empty if none), and the thresholds by group, the reasons for missing values
    and the number of failing cells under ``uns["her2plastic"]["quality"]``.

    Raises
    ------
    ParameterError
        When a threshold is out of range, or cells are to be removed from a file.
    MissingKeyError
        When a column of ``by`` other than ``assay`` is missing, or there are no values.
    UnitError
        When values are negative or not finite.
    GeneError
        When gene names occur twice.

    Notes
    -----
    Doublets: Scrublet, Wolock et al. 2019, doi:10.1016/j.cels.2018.11.005, as in scanpy. Thresholds by median absolute
    deviation: Germain et al. 2020, doi:10.1186/s13059-020-02136-7.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_cohort(n_donors=2, draws=(0, 21), n_ctc=20)
    >>> hp.pp.quality(cells)
    >>> cells.obs["passes_quality"].value_counts().to_dict()
    {True: 99, False: 21}
    >>> cells.obs.loc[~cells.obs["passes_quality"], "quality_reason"].iloc[0]
    'mitochondrial share above 0.123'
    """
    _check(mads, min_depth, min_genes, max_mito, doublets if isinstance(doublets, str) else "auto", ambient)
    values = cell_values(adata, needed_by="pp.quality")
    if remove and not in_memory(values.matrix):
        raise ParameterError(
            "remove=True: these cells are in a file, which is not changed. Leave it out, and take the good ones later: "
            "`cohort[cohort.obs['passes_quality']]`"
        )
    sums = sum_cells(values, _panel_columns(adata.var_names))
    samples = _groups(adata, [_keys.SAMPLE_ID] if _keys.SAMPLE_ID in adata.obs else [])
    share, ambient_notes = _ambient(sums, samples, wanted=ambient == "auto" and values.are_counts)
    # what is done with goes: of millions of cells, sums of all panels are as much as the results
    sums = replace(sums, panels={name: sums.panels[name] for name in _SHARES.values()})
    _write_measures(adata, sums, share, are_counts=values.are_counts)
    sums = replace(sums, panels={})
    found = None if isinstance(doublets, str) else doublets
    doublets = "auto" if found is not None else doublets
    wanted = doublets == "auto" and values.are_counts
    doublet_notes = _write_doublets(adata, values, sums, samples, wanted=wanted, found=found, seed=seed)
    given = {_keys.DEPTH: min_depth, _keys.N_GENES: min_genes, _keys.MITO_SHARE: max_mito}
    thresholds = _thresholds(adata, _groups(adata, _grouping(adata, by)), mads=mads, given=given)
    reasons = _reasons(adata, sums.depth, thresholds)
    passes = reasons == ""
    adata.obs[_keys.PASSES_QUALITY] = passes
    adata.obs[_keys.QUALITY_REASON] = reasons
    record_step(
        adata,
        "quality",
        params={
            "mads": mads, "min_depth": min_depth, "min_genes": min_genes, "max_mito": max_mito, "by": list(by),
            "doublets": doublets, "ambient": ambient, "remove": remove, "seed": seed,
        },
        input_hash=input_hash(sums.depth, sums.n_genes),
        values=values.kind,
        values_from=values.source,
        thresholds=_columns(thresholds),
        ambient=ambient_notes,
        doublets=doublet_notes,
        n_cells=len(passes),
        n_failing=int((~passes).sum()),
    )  # fmt: skip
    if remove and not passes.all():
        adata._inplace_subset_obs(passes)


def _check(
    mads: float,
    min_depth: float | None,
    min_genes: float | None,
    max_mito: float | None,
    doublets: str,
    ambient: str,
) -> None:
    one_of("doublets", doublets, ("auto", "off"))
    one_of("ambient", ambient, ("auto", "off"))
    if not (np.isfinite(mads) and mads > 0):
        raise ParameterError(f"mads={mads!r}: expected a number above 0")
    for name, value, highest in (
        ("min_depth", min_depth, np.inf),
        ("min_genes", min_genes, np.inf),
        ("max_mito", max_mito, 1.0),
    ):
        if value is not None and not 0 <= value <= highest:
            raise ParameterError(f"{name}={value!r}: expected a number from 0" + (" to 1" if highest == 1 else ""))


def _panel_columns(var_names: pd.Index) -> dict[str, np.ndarray]:
    names = [str(name) for name in var_names]
    columns = {
        "mito": np.flatnonzero([_MITOCHONDRIAL.match(name) is not None for name in names]),
        "ribo": np.flatnonzero([_RIBOSOMAL.fullmatch(name) is not None for name in names]),
    }
    exclusive = [name for members in EXCLUSIVE_LINEAGES.values() for name in members]
    for name in ("platelet", "erythroid", *exclusive):
        columns[name] = gene_positions(var_names, panel(name))
    return columns


def _write_measures(adata: AnnData, sums: CellSums, ambient: np.ndarray, *, are_counts: bool) -> None:
    adata.obs[_keys.DEPTH] = sums.depth if are_counts else np.nan
    adata.obs[_keys.N_GENES] = sums.n_genes
    for key, name in _SHARES.items():
        adata.obs[key] = sums.share(name)
    adata.obs[_keys.AMBIENT_SHARE] = ambient


def _ambient(sums: CellSums, samples: Groups, *, wanted: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the ambient share of each cell, and a note on each sample."""
    share = np.full(len(sums.depth), np.nan)
    notes = []
    for sample, rows in samples if wanted else ():
        panels = {name: counts[rows] for name, counts in sums.panels.items()}
        share[rows], note = ambient_share(panels, sums.depth[rows])
        notes.append((sample, note))
    if not wanted:
        notes = [(_ALL_CELLS, "not estimated: switched off, or no counts")]
    return share, {"sample": [sample for sample, _ in notes], "status": [note for _, note in notes]}


def _write_doublets(
    adata: AnnData,
    values: CellValues,
    sums: CellSums,
    samples: Groups,
    *,
    wanted: bool,
    found: Mapping[str, SampleDoublets] | None,
    seed: int,
) -> dict[str, Any]:
    scores = np.full(adata.n_obs, np.nan)
    notes = []
    for sample, rows in samples if wanted else ():
        own = _score(values, sums, rows, seed) if found is None else _of_sample(found, sample, len(rows))
        scores[rows] = own.scores
        notes.append((sample, own.status, own.threshold))
    adata.obs[_keys.DOUBLET_SCORE] = scores
    if not wanted:
        notes = [(_ALL_CELLS, "not scored: switched off, or no counts", float("nan"))]
    return {name: [note[place] for note in notes] for place, name in enumerate(("sample", "status", "threshold"))}


def _score(values: CellValues, sums: CellSums, rows: np.ndarray, seed: int) -> SampleDoublets:
    """Score the doublets of one sample, and leave it where it is if it has too many cells."""
    if reason := too_many_cells(sums.n_genes[rows]):
        return SampleDoublets(np.full(len(rows), np.nan), float("nan"), reason)
    return doublet_scores(take_rows(values.matrix, rows), seed)


def _of_sample(found: Mapping[str, SampleDoublets], sample: str, n_cells: int) -> SampleDoublets:
    """Return what was found of one sample before, or say that it is of other cells."""
    own = found.get(sample)
    if own is None or len(own.scores) != n_cells:
        there = "none" if own is None else f"{len(own.scores)}"
        raise ParameterError(f"doublets: expected {n_cells} scores of sample {sample!r}, there are {there}")
    return own


def _grouping(adata: AnnData, by: Sequence[str]) -> list[str]:
    columns = [by] if isinstance(by, str) else list(by)
    for column in columns:
        if column != _keys.ASSAY:
            obs_column(adata, column, remedy="`by` names the columns that group the cells for the thresholds.")
    return [column for column in columns if column in adata.obs]


def _groups(adata: AnnData, columns: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Return name and row numbers of each group."""
    if not columns:
        return [(_ALL_CELLS, np.arange(adata.n_obs))]
    obs: Any = adata.obs
    # codes and not names: a million cells have few groups, and pandas names a group of one column in two ways
    codes = obs.groupby(list(columns), observed=True, sort=True, dropna=False).ngroup().to_numpy()
    groups = []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        groups.append((", ".join(str(obs[column].iloc[rows[0]]) for column in columns), rows))
    return groups


def _thresholds(
    adata: AnnData, groups: Groups, *, mads: float, given: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    table = []
    for group, rows in groups:
        row: dict[str, Any] = {"group": group, "rows": rows}
        for key, limit in given.items():
            values = adata.obs[key].to_numpy()[rows].astype(float, copy=False)
            if limit is not None:
                row[key], row[f"{key}_set_by"] = float(limit), "given"
                continue
            upper = key == _keys.MITO_SHARE
            row[key] = upper_threshold(values, mads, at_least=MITO_FLOOR) if upper else lower_threshold(values, mads)
            row[f"{key}_set_by"] = "spread" if np.isfinite(row[key]) else "none: too few or equal values"
        table.append(row)
    return table


def _reasons(adata: AnnData, total: np.ndarray, thresholds: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return in words which thresholds each cell fails; cells that fail the same share one text."""
    words = np.full(adata.n_obs, "", dtype=object)
    depths, genes, mito = (adata.obs[key].to_numpy() for key in (_keys.DEPTH, _keys.N_GENES, _keys.MITO_SHARE))
    for group in thresholds:
        rows = group["rows"]
        least_depth, fewest, most = group[_keys.DEPTH], group[_keys.N_GENES], group[_keys.MITO_SHARE]
        texts = (
            f"depth below {least_depth:.0f}", f"fewer than {fewest:.0f} genes", f"mitochondrial share above {most:.3f}",
        )  # fmt: skip
        # comparisons with a missing value or threshold are false, so nobody fails what cannot be told
        fails = (depths[rows] < least_depth, genes[rows] < fewest, mito[rows] > most)
        which = sum(test.astype(np.int8) << place for place, test in enumerate(fails))
        words[rows] = np.array([_joined(texts, code) for code in range(2 ** len(texts))], dtype=object)[which]
    words[total <= 0] = "no counts"
    return words


def _joined(texts: Sequence[str], code: int) -> str:
    """Return the texts whose bits a code has."""
    return "; ".join(text for place, text in enumerate(texts) if code >> place & 1)


def _columns(thresholds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [name for name in (thresholds[0] if thresholds else {}) if name != "rows"]
    return {name: [row[name] for row in thresholds] for name in names}

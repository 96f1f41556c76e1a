"""What ctc_identity says of cells whose kind is plain."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse

from her2plastic import _keys, pp


def _identify(adata: AnnData, **parameters) -> AnnData:
    pp.ctc_identity(adata, **parameters)
    return adata


@pytest.mark.parametrize("depth", [3000, 8000, 50_000])
@pytest.mark.parametrize(
    ("kind", "identity"),
    [("epithelial", "CTC"), ("t_cell", "leukocyte"), ("monocyte", "leukocyte"), ("endothelial", "other")],
)
def test_plain_kinds_are_named(make_cells, kinds, kind, identity, depth) -> None:
    adata = _identify(make_cells([getattr(kinds, kind)] * 60, depth=depth))

    assert (adata.obs["identity"] == identity).mean() >= 0.95
    assert (adata.obs["is_ctc"] == (identity == "CTC")).mean() >= 0.95


@pytest.mark.parametrize("kind", ["epithelial", "mesenchymal_ctc", "t_cell", "nothing"])
def test_platelet_rna_neither_drops_nor_makes_a_ctc(make_cells, kinds, kind) -> None:
    bare = getattr(kinds, kind)
    coat = {gene: 0.5 * cpm for gene, cpm in kinds.platelet.items()}
    plain = _identify(make_cells([bare] * 40, depth=20_000))
    # the coat comes on top, so the cell's own molecules stay
    coated = _identify(make_cells([bare | coat] * 40, depth=20_500))

    shift = coated.obs["ctc_probability"].mean() - plain.obs["ctc_probability"].mean()
    assert abs(shift) < 0.05
    assert coated.obs["is_ctc"].mean() == pytest.approx(plain.obs["is_ctc"].mean(), abs=0.1)


def test_coat_is_named(make_cells, kinds) -> None:
    adata = _identify(make_cells([kinds.epithelial | kinds.platelet] * 20))

    assert (adata.obs["identity"] == "platelet-coated CTC").all()
    assert adata.obs["identity_reason"].str.contains("platelet RNA, no reason to drop a CTC").all()


def test_ctc_with_white_cell_rna_is_no_ctc(make_cells, kinds) -> None:
    half = {gene: cpm / 2 for gene, cpm in (kinds.epithelial | kinds.t_cell).items()}
    adata = _identify(make_cells([half] * 40))

    assert (adata.obs["identity"] == "CTC-leukocyte").mean() >= 0.95
    assert not adata.obs["is_ctc"].any()


def test_one_epithelial_gene_is_not_enough_however_high(make_cells, kinds) -> None:
    adata = _identify(make_cells([{"KRT18": 20_000}] * 20 + [{"KRT18": 2000, "KRT8": 2000, "EPCAM": 500}] * 20))

    assert not adata.obs["is_ctc"][:20].any()
    assert adata.obs["is_ctc"][20:].mean() >= 0.9


def test_mesenchymal_ctcs_do_not_vanish(make_cells, kinds) -> None:
    adata = _identify(make_cells([kinds.mesenchymal_ctc] * 100, depth=20_000))

    assert adata.obs["is_ctc"].mean() >= 0.85
    assert adata.obs["identity_reason"].str.contains("mesenchymal genes").mean() >= 0.9


def test_mesenchymal_genes_raise_residual_keratin_and_vim_does_not(make_cells, kinds) -> None:
    residual = {gene: cpm for gene, cpm in kinds.mesenchymal_ctc.items() if gene in kinds.epithelial}
    groups = [residual, residual | kinds.vim_only, kinds.mesenchymal_ctc]
    adata = _identify(make_cells([group for group in groups for _ in range(100)]))
    alone, with_vim, with_genes = adata.obs["ctc_probability"].to_numpy().reshape(3, 100).mean(axis=1)

    assert with_genes > alone + 0.15
    assert with_vim == pytest.approx(alone, abs=0.05)


def test_mesenchymal_genes_without_keratin_are_no_ctc(make_cells, kinds) -> None:
    adata = _identify(make_cells([kinds.mesenchymal_without_keratin] * 50 + [kinds.vim_only] * 50, depth=20_000))

    assert adata.obs["is_ctc"][:50].mean() <= 0.05
    assert not adata.obs["is_ctc"][50:].any()


@pytest.mark.parametrize("kind", ["epithelial", "t_cell", "nothing"])
def test_too_little_rna_is_other_with_a_posterior_near_the_prior(make_cells, kinds, kind) -> None:
    adata = _identify(make_cells([getattr(kinds, kind)] * 50, depth=60))
    unseen = adata.obs["identity_reason"].str.startswith("no epithelial gene; no PTPRC; few molecules")

    assert unseen.sum() >= 15
    assert (adata.obs["identity"][unseen] == "other").all()
    assert adata.obsm["identity_posterior"][unseen].max(axis=1).max() < 0.6


def test_depth_makes_the_absence_of_keratin_tell(make_cells, kinds) -> None:
    mean = [
        _identify(make_cells([kinds.nothing] * 30, depth=depth)).obs["ctc_probability"].mean()
        for depth in (50, 500, 5000, 50_000)
    ]

    assert mean == sorted(mean, reverse=True)
    assert mean[0] > 0.2 and mean[-1] < 0.001


def test_reads_are_judged_by_the_genes_seen_and_not_by_their_number(make_cells, kinds) -> None:
    molecules = make_cells([kinds.nothing] * 30, depth=300, assay="smart-seq2")
    pcr_copies = molecules.copy()
    pcr_copies.layers["counts"] = molecules.layers["counts"] * 1000
    few, many = (_identify(adata).obs["ctc_probability"].to_numpy() for adata in (molecules, pcr_copies))

    np.testing.assert_allclose(many, few, atol=0.1)
    assert (many > 0.1).all()


def test_counts_cpm_and_logarithms_agree_on_good_cells(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial, kinds.t_cell, kinds.monocyte, kinds.nothing] * 10, depth=8000, assay=None)
    counts = sparse.csr_matrix(adata.layers["counts"], dtype=float)
    cpm = sparse.csr_matrix(counts.multiply(1e4 / counts.sum(axis=1)))
    expected = _identify(adata).obs["identity"].astype(str).to_numpy()
    for values, kind in ((cpm, "relative values"), (cpm.log1p(), "relative values, ln(x + 1) undone")):
        relative = AnnData(values, obs=adata.obs[[]].copy(), var=adata.var.copy())
        _identify(relative)

        assert (relative.obs["identity"].astype(str).to_numpy() == expected).all()
        assert relative.uns[_keys.ROOT]["ctc_identity"]["values"] == kind


def test_log2_is_recognised_by_its_multiples(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial, kinds.t_cell] * 10, assay=None)
    counts = sparse.csr_matrix(adata.layers["counts"], dtype=float)
    scaled = sparse.csr_matrix(counts.multiply(1 / np.linspace(0.4, 2.5, 20)[:, None]))
    scaled.data = np.log2(scaled.data + 1)
    relative = AnnData(scaled, var=adata.var.copy())
    _identify(relative)

    assert relative.uns[_keys.ROOT]["ctc_identity"]["values"] == "relative values, log2(x + 1) undone"
    assert (relative.obs["identity"] == ["CTC", "leukocyte"] * 10).all()


def test_reason_in_words(make_cells, kinds) -> None:
    adata = _identify(make_cells([kinds.epithelial, kinds.t_cell, kinds.nothing], depth=30_000))

    assert adata.obs["identity_reason"].tolist() == [
        "KRT8, KRT18, KRT19, KRT7, EPCAM and 10 more epithelial seen; no PTPRC",
        "no epithelial gene; PTPRC, 7 other leukocyte genes, T-cell RNA",
        "no epithelial gene; no PTPRC",
    ]

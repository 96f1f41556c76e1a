from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st

from her2plastic import _keys, tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.tl._her2_consensus import compare

SURE = {"0": (0.98, 0.01, 0.01), "low": (0.01, 0.98, 0.01), "positive": (0.01, 0.01, 0.98)}
OPEN = {"0/low": (0.5, 0.5, 0.002), "none": (1 / 3, 1 / 3, 1 / 3)}


def cells(*pairs: tuple[str, str]) -> AnnData:
    """Return cells with these results by RNA and by protein."""
    words = SURE | OPEN
    names = pd.Index([f"c{i}" for i in range(len(pairs))], dtype=object)
    adata = AnnData(X=np.zeros((len(pairs), 1)), obs=pd.DataFrame(index=names))
    for key, values in (
        (_keys.HER2_POSTERIOR, [words[rna] for rna, _ in pairs]),
        (_keys.HER2_IF_LIKELIHOOD, [words[protein] for _, protein in pairs]),
    ):
        table = np.array(values) / np.sum(values, axis=1, keepdims=True)
        adata.obsm[key] = pd.DataFrame(table, index=names, columns=pd.Index(_keys.STATES))
    for key in (_keys.HER2_CALL, _keys.HER2_IF_CALL):
        adata.obs[key] = pd.Categorical(["HER2-low"] * len(pairs), categories=list(_keys.CALLS))
    adata.obs[_keys.HER2_INTENSITY] = 3.0
    return adata


def test_words_of_agreement() -> None:
    adata = cells(
        ("positive", "positive"), ("positive", "0"), ("0", "positive"), ("0/low", "0"), ("none", "positive"),
        ("0/low", "positive"), ("none", "none"),
    )  # fmt: skip
    tl.her2_consensus(adata)
    assert adata.obs["her2_agreement"].tolist() == [
        "agree", "disagree", "disagree", "agree", "unclear", "disagree", "unclear",
    ]  # fmt: skip
    assert adata.uns["her2plastic"]["her2_consensus"]["n_cells"] == {"agree": 2, "disagree": 3, "unclear": 2}


def test_disagreement_is_never_averaged_away() -> None:
    adata = cells(("positive", "0"), ("positive", "positive"))
    tl.her2_consensus(adata)
    assert adata.obs["her2_disagreement"].iloc[0] > 0.8  # one in five was expected to
    assert pd.isna(adata.obs["her2_consensus_call"].iloc[0])
    assert adata.obsm["her2_consensus_posterior"].iloc[0].isna().all()
    assert adata.obs["her2_consensus_call"].iloc[1] == "HER2-positive"


def test_protein_settles_what_rna_leaves_open() -> None:
    adata = cells(("0/low", "0"), ("0/low", "low"))
    tl.her2_consensus(adata)
    assert adata.obs["her2_consensus_call"].tolist() == ["HER2-0", "HER2-low"]
    np.testing.assert_allclose(adata.obsm["her2_consensus_posterior"].sum(axis=1), 1)


def test_what_was_not_measured_on_both_sides_has_no_consensus() -> None:
    adata = cells(*[("0", "0")] * 4)
    adata.obs[_keys.HER2_INTENSITY] = [3.0, np.nan, 3.0, 3.0]
    adata.obs[_keys.HER2_CALL] = pd.Categorical(["HER2-0", "HER2-0", _keys.NOT_A_CTC, "HER2-0"], _keys.CALLS)
    adata.obs[_keys.HER2_IF_CALL] = pd.Categorical(["HER2-0", _keys.NOT_CALLABLE, "HER2-0", None], _keys.CALLS)
    tl.her2_consensus(adata)
    assert adata.obs["her2_agreement"].notna().tolist() == [True, False, False, False]
    assert adata.obs["her2_disagreement"].notna().tolist() == [True, False, False, False]


PROBABILITIES = st.lists(st.floats(0.001, 1), min_size=3, max_size=3).map(lambda x: np.array([x]) / sum(x))


@given(rna=PROBABILITIES, protein=PROBABILITIES, discordance=st.floats(0.01, 0.99), factor=st.floats(0.1, 10))
def test_comparison_by_enumeration(rna: np.ndarray, protein: np.ndarray, discordance: float, factor: float) -> None:
    """The state by RNA, whether protein shows the same, and which other if not: all cases one by one."""
    same = sum(rna[0, s] * (1 - discordance) * protein[0, s] for s in range(3))
    differ = sum(rna[0, s] * discordance / 2 * protein[0, t] for s in range(3) for t in range(3) if s != t)
    found, fused, _ = compare(rna, protein * factor, discordance=discordance)  # a likelihood has no scale
    assert found[0] == pytest.approx(differ / (same + differ))
    np.testing.assert_allclose(fused[0], rna[0] * protein[0] / (rna[0] @ protein[0]))


def test_prior_counts_once() -> None:
    """Flat evidence of the protein leaves the posterior of the RNA as it is."""
    rna = np.array([[0.7, 0.2, 0.1]])
    differ, fused, factor = compare(rna, np.ones((1, 3)), discordance=0.2)
    np.testing.assert_allclose(fused, rna)
    assert differ[0] == pytest.approx(0.2)
    assert factor[0] == pytest.approx(1)


@pytest.mark.parametrize("wrong", [{"level": 0.5}, {"discordance": 0}])
def test_wrong_parameters_are_named(wrong: dict) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        tl.her2_consensus(cells(("0", "0")), **wrong)


@pytest.mark.parametrize("key", [_keys.HER2_POSTERIOR, _keys.HER2_IF_LIKELIHOOD])
def test_missing_side_is_named(key: str) -> None:
    adata = cells(("0", "0"))
    del adata.obsm[key]
    with pytest.raises(MissingKeyError, match=key):
        tl.her2_consensus(adata)

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

from her2plastic import _keys, reference, tl
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.models import Conversion, ReaderError, reader_matrix
from her2plastic.models.misclassification.bounds import StatedShare, possible_cells
from her2plastic.models.transition_rates import NOT_IDENTIFIED
from her2plastic.tl._conversion import statistic

STATES = np.array(_keys.STATES, dtype=object)
SHARES = np.array([0.45, 0.40, 0.15])
QUICK = {"n_null": 99, "accuracies": ()}


def patients(n: int = 120, *, accuracy: float = 0.85, moved: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """One row per patient: readings of a first and a second tissue; a share of the HER2-0 become HER2-low."""
    rng = np.random.default_rng(seed)
    matrix = reader_matrix(accuracy, n_states=3)
    true = rng.choice(3, size=n, p=SHARES)
    later = np.where((true == 0) & (rng.random(n) < moved), 1, true)
    first, second = (np.array([rng.choice(3, p=matrix[state]) for state in states]) for states in (true, later))
    return pd.DataFrame(
        {"primary": STATES[first], "relapse": STATES[second], "later": later}, index=[f"p{i}" for i in range(n)]
    )


def cells(table: pd.DataFrame, *, per_patient: int | np.ndarray = 2) -> anndata.AnnData:
    obs = table.iloc[np.repeat(np.arange(len(table)), per_patient)].reset_index(names=_keys.DONOR_ID)
    obs.index = pd.Index([f"c{i}" for i in range(len(obs))])
    return anndata.AnnData(np.ones((len(obs), 1), dtype=np.float32), obs=obs.drop(columns="later"))


def with_ctcs(table: pd.DataFrame, *, sure: float = 0.75, seed: int = 0) -> anndata.AnnData:
    """CTCs, some 1 to 60 a patient, mostly of the patient's later state, each with a posterior under even shares."""
    rng = np.random.default_rng(seed)
    numbers = np.clip(np.exp(np.log(7) + rng.standard_normal(len(table))), 1, 60).astype(int)
    adata = cells(table, per_patient=numbers)
    seen = np.full((3, 3), (1 - sure) / 2) + np.eye(3) * (sure - (1 - sure) / 2)
    states = np.concatenate(
        [
            rng.choice(3, size=number, p=rng.dirichlet(np.where(np.arange(3) == later, 12, 1.5)))
            for number, later in zip(numbers, table["later"], strict=True)
        ]
    )
    called = np.array([rng.choice(3, p=seen[state]) for state in states])
    adata.obsm[_keys.HER2_POSTERIOR] = pd.DataFrame(seen[:, called].T, columns=list(STATES), index=adata.obs_names)
    return adata


# --- what goes in -------------------------------------------------------------------------------------------------
def test_table_of_patients_of_counts_and_cells_are_one():
    table = patients()
    counts = pd.crosstab(table["primary"], table["relapse"]).reindex(index=STATES, columns=STATES, fill_value=0)
    found = tl.conversion(table, first="primary", second="relapse", error=0.85, **QUICK)
    assert found.table.tolist() == counts.to_numpy().tolist()
    for other in (
        tl.conversion(counts, error=0.85, **QUICK),
        tl.conversion(counts.to_numpy(), error=0.85, **QUICK),
        tl.conversion(cells(table), first="primary", second="relapse", error=0.85, **QUICK),
    ):
        assert other.summary() == found.summary()


@pytest.mark.parametrize("way", ["h5ad", "zarr"])
def test_record_survives_a_file(tmp_path, way):
    adata = cells(patients(60))
    found = tl.conversion(adata, first="primary", second="relapse", error=0.85, n_null=49, accuracies=(0.8, 0.9))
    path = tmp_path / f"cells.{way}"
    getattr(adata, f"write_{way}")(path)
    read = getattr(anndata, f"read_{way}")(path)
    again = Conversion.from_record(read.uns[_keys.ROOT]["conversion"])
    assert again.summary() == found.summary()
    pd.testing.assert_frame_equal(again.to_frame(), found.to_frame())
    pd.testing.assert_frame_equal(again.curve_frame(), found.curve_frame())


def test_patients_without_a_reading_are_left_out():
    table = patients(50)
    table.loc[table.index[:7], "relapse"] = None
    found = tl.conversion(table, first="primary", second="relapse", error=0.85, **QUICK)
    assert found.numbers == {"patients": 43, "left out": 7}


def test_control_cells_are_no_patients():
    adata = cells(patients(30))
    adata.obs[_keys.LABEL] = [""] * 58 + ["HER2-0", "HER2-0"]
    found = tl.conversion(adata, first="primary", second="relapse", error=0.85, **QUICK)
    assert found.numbers["patients"] == 29


def test_five_categories_of_tissue():
    states = ("null", "ultralow", "1+", "2+", "3+")
    matrix = reader_matrix(0.85, n_states=5)
    counts = np.random.default_rng(0).multinomial(300, (matrix.T @ matrix / 5).ravel()).reshape(5, 5)
    found = tl.conversion(counts, error=0.85, states=states, **QUICK)
    assert found.states == states
    assert found.tests[0].p > 0.01
    assert found.conversion.shape == (5, 5)


# --- what comes out -----------------------------------------------------------------------------------------------
def test_error_alone_is_told_from_change():
    still = tl.conversion(patients(300), first="primary", second="relapse", error=0.85, **QUICK)
    moving = tl.conversion(patients(300, moved=0.7), first="primary", second="relapse", error=0.85, **QUICK)
    assert not still.found()
    assert moving.found()
    assert still.expected[1] <= still.discordance <= still.expected[2]
    assert moving.discordance > moving.expected[2]
    assert moving.lower[0, 1] <= 0.7 <= moving.upper[0, 1]
    assert moving.risen[0] > moving.fallen[0]
    assert moving.explained[0] < 1
    assert moving.beyond_error[0, 1] > 0
    assert {"kappa", "kappa, quadratic weights", "kappa, prevalence adjusted"} <= set(moving.agreement)
    assert [test.name for test in moving.tests] == [
        "error alone", "error alone, misfit", "shuffled labels", "either way alike", "shares alike"
    ]  # fmt: skip


def test_unknown_accuracy_gives_bounds_only():
    table = patients(300, moved=0.3)
    between = tl.conversion(table, first="primary", second="relapse", error=(0.75, 0.95), **QUICK)
    known = tl.conversion(table, first="primary", second="relapse", error=0.85, **QUICK)
    assert np.isnan(between.conversion).all()
    assert (between.identifiability == NOT_IDENTIFIED).all()
    assert (between.lower <= known.lower + 0.03).all()
    assert (between.upper >= known.upper - 0.03).all()
    assert np.isnan(between.changed[0])
    assert between.tests[0].p >= known.tests[0].p


def test_accuracy_by_default_is_a_range_and_curve_says_where_it_tips():
    found = tl.conversion(patients(400, accuracy=0.8), first="primary", second="relapse", n_null=49)
    assert np.isnan(found.changed[0])
    assert found.tipping[0] == pytest.approx(0.8, abs=0.06)
    assert "accuracy" in found.summary()
    assert len(found.curve_frame()) == len(found.curve["accuracy"]) > 10


def test_accuracies_that_the_table_contradicts_are_left_out():
    found = tl.conversion(np.diag([60, 50, 20]) + 1, error=(0.7, 0.98), accuracies=())
    assert any("contradicted by how few readings differ" in note for note in found.notes)
    assert found.expected[2] < 0.25  # at an accuracy of 0.7 some four in ten would differ
    assert found.changed[2] < 0.15


def test_readers_better_than_said_are_noticed():
    found = tl.conversion(np.diag([60, 50, 20]) + 1, error=0.7, **QUICK)
    assert any("err less" in note for note in found.notes)


def test_changes_that_readers_do_not_make_are_noticed():
    table = np.array([[40, 2, 9], [2, 40, 2], [9, 2, 40]])
    found = tl.conversion(table, error=0.85, **QUICK)
    assert found.found()
    assert any("direction" in note for note in found.notes)


@pytest.mark.parametrize("second", ["relapse", None])
def test_statistic_alone_is_that_of_the_first_test(second):
    adata = with_ctcs(patients(40, moved=0.6, seed=7))
    found = tl.conversion(adata, first="primary", second=second, error=0.85, n_null=19, accuracies=())
    alone = statistic(adata, first="primary", second=second, error=0.85)
    assert alone == pytest.approx(found.tests[0].observed)
    # readers who may be worse explain no less
    assert 0 <= statistic(adata, first="primary", second=second, error=(0.75, 0.85)) <= alone + 1e-6
    assert np.isnan(statistic(adata[adata.obs[_keys.DONOR_ID] == "p0"], first="primary", second=second, error=0.85))


def test_seed_decides():
    table = patients(60)
    a, b = (tl.conversion(table, first="primary", second="relapse", error=0.85, seed=3, **QUICK) for _ in range(2))
    assert a.summary() == b.summary()
    assert a.tests[0].simulated.tolist() == b.tests[0].simulated.tolist()


# --- against CTCs -------------------------------------------------------------------------------------------------
def test_tissue_against_ctcs_tells_change_from_uncertainty():
    still = with_ctcs(patients(100, seed=4))
    moving = with_ctcs(patients(100, moved=0.8, seed=4))
    without = tl.conversion(still, first="primary", error=0.85, n_null=99)
    change = tl.conversion(moving, first="primary", error=0.85, n_null=99)
    assert without.tests[0].p > 0.05
    assert change.tests[0].p <= 0.05
    assert change.changed[0] > without.changed[0]
    assert change.numbers == {"patients": 100, "CTCs": moving.n_obs}
    assert without.expected[0] > 0.2  # few cells differ from the tissue often, and that is expected of them
    assert still.uns[_keys.ROOT]["conversion"]["params"]["second"] == "CTCs"


def test_cells_that_say_nothing_are_no_change():
    adata = with_ctcs(patients(40, seed=5))
    adata.obsm[_keys.HER2_POSTERIOR].iloc[:] = 1 / 3
    found = tl.conversion(adata, first="primary", error=0.85, n_null=49)
    assert found.tests[0].p > 0.05
    assert found.changed[1] == pytest.approx(0, abs=0.01)
    assert found.changed[2] > 0.9


def test_share_of_ctcs_that_makes_a_state():
    adata = with_ctcs(patients(40, seed=6))
    most = tl.conversion(adata, first="primary", error=0.85, n_null=19)
    tenth = tl.conversion(adata, first="primary", error=0.85, ctc_share=0.1, n_null=19)
    assert tenth.table[:, 2].sum() > most.table[:, 2].sum()


# --- bad input ----------------------------------------------------------------------------------------------------
def test_donor_with_two_states_is_named():
    adata = cells(patients(20))
    adata.obs.loc["c0", "primary"] = "HER2-0"
    adata.obs.loc["c1", "primary"] = "HER2-positive"
    with pytest.raises(ParameterError, match=r"donor 'p0' has .*HER2-0.*HER2-positive"):
        tl.conversion(adata, first="primary", second="relapse", error=0.85)


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"first": "primary"}, ParameterError, "name the columns of both"),
        ({"first": "primary", "second": "last"}, MissingKeyError, "'last'"),
        ({"states": ("HER2-0", "HER2-low")}, ParameterError, "HER2-positive"),
        ({"states": ("HER2-0", "HER2-0")}, ParameterError, "different names"),
        ({"error": 1.5}, ParameterError, "above 0.5"),
        ({"error": (0.9, 0.8)}, ParameterError, "lower accuracy first"),
        ({"error": np.eye(2)}, ParameterError, "3 true"),
        ({"error": ReaderError.from_accuracy(0.9, 2)}, ParameterError, "3 true"),
        ({"error": "good"}, ParameterError, "accuracy"),
        ({"error": (0.8,)}, ParameterError, r"one accuracy above 0.5 .* two as the bounds .* 3 true by 3"),
        ({"level": 1.0}, ParameterError, "level"),
        ({"seed": -1}, ParameterError, "seed"),
        ({"accuracies": (0.3,)}, ParameterError, "accuracies"),
        ({"ctc_share": 2.0}, ParameterError, "ctc_share"),
    ],
)
def test_faulty_arguments_are_told(arguments, error, told):
    given = {"first": "primary", "second": "relapse", "error": 0.85, "n_null": 9, **arguments}
    if set(arguments) == {"first"}:
        given.pop("second")
    with pytest.raises(error, match=told):
        tl.conversion(patients(40), **given)


def test_unknown_words_are_told():
    table = pd.DataFrame({"primary": ["0", "equivocal"], "relapse": ["0", "0"]})
    with pytest.raises(ParameterError, match="equivocal"):
        tl.conversion(table, first="primary", second="relapse")


@pytest.mark.parametrize(
    ("counts", "told"), [(np.zeros((3, 4)), "square"), (-np.eye(3), "at least 0"), (np.eye(3) / 2, "whole numbers")]
)
def test_faulty_counts_are_told(counts, told):
    with pytest.raises(ParameterError, match=told):
        tl.conversion(counts, error=0.85)


@pytest.mark.parametrize(("n", "told"), [(0, "0 patients"), (1, "1 patients"), (5, "6 needed")])
def test_too_few_patients_are_insufficient(n, told):
    found = tl.conversion(patients(30).iloc[:n], first="primary", second="relapse", error=0.85)
    assert found.status.startswith("insufficient: ")
    assert told in found.status
    assert not found.found()
    assert np.isnan(found.conversion).all()
    assert "insufficient" in found.summary()


def test_one_state_only_is_insufficient():
    found = tl.conversion(np.diag([50, 0, 0]), error=0.85, **QUICK)
    assert "1 state seen" in found.status
    assert not found.found()
    assert "insufficient" in {test.name: test.status for test in found.tests}["shuffled labels"]


# --- published and real data --------------------------------------------------------------------------------------
def test_published_tables_read_anew():
    table = tl.published_conversion(accuracies=(0.75, 0.85, 0.95)).set_index("study")
    assert set(table.index) <= set(reference.published_conversion()["study"])
    whole = table.loc["miglietta2021"].query("second == 'differs'").sort_values("accuracy")
    assert whole["verdict"].tolist() == ["error alone can give it"] + ["more than error alone gives"] * 2
    assert (np.diff(whole["highest"]) < 0).all()
    assert (table["lowest"].dropna() <= table["highest"].dropna()).all()
    # hybridisation read by one person differs less than immunohistochemistry of any accuracy tried
    hybridised = table.loc["1471-2407-12-555"]
    assert (hybridised["verdict"] == "less than error alone gives").all()
    unknown = table.loc["gouda2025"]
    assert unknown["verdict"].str.startswith("insufficient: ").all()
    assert unknown["lowest"].isna().all()


def test_cells_of_a_table_from_its_margins():
    everything = np.ones((2, 2), dtype=bool)
    first, both = np.array([[True, True], [False, False]]), np.array([[True, False], [False, False]])
    lower, upper = possible_cells([StatedShare(first, everything, 0.4, 1000), StatedShare(both, everything, 0.3, 1000)])
    assert lower[0] == pytest.approx([0.299, 0.098], abs=2e-3)
    assert upper[0] == pytest.approx([0.301, 0.102], abs=2e-3)
    assert lower[1] == pytest.approx([0, 0], abs=1e-9)
    assert upper[1] == pytest.approx([0.601, 0.601], abs=2e-3)
    contradiction = [StatedShare(first, everything, 0.2, 1000), StatedShare(both, everything, 0.3, 1000)]
    assert np.isnan(possible_cells(contradiction)[0]).all()


def test_immunohistochemistry_against_hybridisation(shared_data):
    """Two assays on one piece of tissue: nothing changes, so that all that differs is error."""
    table = pd.read_csv(shared_data / "tcga_brca" / "tcga_brca_her2.csv")
    words = ("negative", "positive")
    both = table[table["her2_ihc_status"].isin(words) & table["her2_ish_status"].isin(words)]
    found = tl.conversion(both, first="her2_ihc_status", second="her2_ish_status", states=words, error=0.9, n_null=199)
    assert found.numbers["patients"] == len(both) > 80
    assert not found.found()
    assert found.tipping[0] > 0.9


# --- tables as programs write them ------------------------------------------------------------------------------------
COUNTS = pd.DataFrame([[80, 30, 4], [35, 90, 10], [3, 8, 40]], index=STATES, columns=STATES)


def test_the_order_of_a_named_table_does_not_matter():
    """The highest state is misread least: read from high to low, HER2-0 would be taken for it."""
    rising = tl.conversion(COUNTS, error=0.85, **QUICK)
    words = COUNTS.set_axis(["Negative", "Low", "Positive"], axis=0).set_axis(["Negative", "Low", "Positive"], axis=1)
    for other in (
        COUNTS.iloc[::-1, ::-1],
        COUNTS.iloc[::-1],
        words.sort_index(axis=0).sort_index(axis=1),  # as pd.crosstab sorts words
    ):
        found = tl.conversion(other, error=0.85, **QUICK)
        assert found.table.tolist() == rising.table.tolist()
        assert found.tests[0].p == rising.tests[0].p
    named = tl.conversion(COUNTS.iloc[::-1, ::-1], states=list(STATES), error=0.85, **QUICK)
    assert named.table.tolist() == rising.table.tolist()


def test_a_state_that_one_reading_lacks_is_empty_there():
    found = tl.conversion(COUNTS.iloc[:, :2], error=0.85, **QUICK)
    assert found.table.tolist() == [[80, 30, 0], [35, 90, 0], [3, 8, 0]]


def test_sums_of_a_table_are_no_state():
    sums = COUNTS.assign(All=COUNTS.sum(axis=1))
    sums.loc["All"] = sums.sum()
    for table in (sums, sums.to_numpy()):
        with pytest.raises(ParameterError, match="sums of the others"):
            tl.conversion(table, error=0.85, **QUICK)

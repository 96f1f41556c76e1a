"""The nulls of every method as data sets by seed, each judged by the method: found a transition? could not answer?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from her2plastic.datasets import simulate_clones, simulate_draws, simulate_sorted_assay
from her2plastic.models import nulls
from her2plastic.models.misclassification.conversion_result import Conversion
from her2plastic.models.power import PanelPlan
from her2plastic.models.transition_rates import TransitionRates

Judge = Callable[[int], tuple[bool, bool]]

#: Rows whose name begins so hold switching: their share is the power.
MOVING = "moving"
ALPHA = 0.05
#: Reads of the cells of a draw: HER2-0 and HER2-positive.
MISREAD = np.array([[0.95, 0.05], [0.10, 0.90]])


def verdict(fit: TransitionRates | Conversion) -> tuple[bool, bool]:
    """Return whether a transition was found, and whether the method could not answer."""
    return fit.found(ALPHA), fit.status != "ok"


# --- draws: CTC counts over blood draws -----------------------------------------------------------------------------
#: Null data sets of the method's own test: p is at most 5 % where none reaches the observed value. The default of the
#: methods (99 or more) holds its level in the same way and has a little more power.
SHUFFLES = 19


def _draws(
    counts: np.ndarray, patient: np.ndarray, day: np.ndarray, misclassification: np.ndarray, seed: int
) -> tuple[bool, bool]:
    """Judge counts as ``tl.switching`` does: by the nulls that decide together, each until it cannot be rejected."""
    from her2plastic.models.draws.estimator import DrawComposition
    from her2plastic.models.draws.nulls import DECIDING, no_switch_test

    model = DrawComposition(misclassification=misclassification).fit(patient, day, counts, intervals=False)
    found = model.status_ == "ok" and all(
        no_switch_test(model, kind=kind, n_null=SHUFFLES, seed=10_000 + seed, enough=1).p <= ALPHA for kind in DECIDING
    )
    return found, model.status_ != "ok"


def _draw_case(make: Callable[[np.ndarray, np.ndarray, int], np.ndarray] | None, *, switching: bool = True) -> Judge:
    """Judge the golden set-up with misread cells, after the null was made of it."""

    def judge(seed: int) -> tuple[bool, bool]:
        draws = simulate_draws(seed=seed, switching=switching, misclassification=MISREAD.tolist())
        patient = np.repeat(np.arange(len(draws.patients)), len(draws.days))
        counts = draws.counts.reshape(-1, len(draws.states))
        made = counts if make is None else make(counts, patient, seed)
        return _draws(made, patient, np.tile(draws.days, len(draws.patients)), MISREAD, seed)

    return judge


DRAWS: dict[str, Judge] = {
    "shuffled draw order": _draw_case(lambda c, p, seed: c[nulls.shuffled_within(p, seed=seed)]),
    "shuffled labels": _draw_case(lambda c, p, seed: nulls.shuffled_labels(c, p, seed=seed)),
    "shuffled labels of static twins": _draw_case(
        lambda c, p, seed: nulls.shuffled_labels(c, p, seed=seed), switching=False
    ),
    "no switching, same counts and error": _draw_case(
        lambda c, p, seed: nulls.no_switch_counts(c, p, misclassification=MISREAD, overdispersion=0.03, seed=seed)
    ),
    "static twins": _draw_case(None, switching=False),
    "single class, HER2-0": _draw_case(
        lambda c, _, seed: nulls.single_class_counts(c, 0, misclassification=MISREAD, seed=seed)
    ),
    "single class, HER2-positive": _draw_case(
        lambda c, _, seed: nulls.single_class_counts(c, 1, misclassification=MISREAD, seed=seed)
    ),
    "moving twins": _draw_case(None),
}

# --- panel: one state of a patient at several visits ----------------------------------------------------------------
VISITS = np.arange(5) * 21.0
RATES = np.array([[0.0, 0.012], [0.020, 0.0]])


def _panel_case(make: Callable[[np.ndarray, int], np.ndarray] | None, *, switching: bool = True) -> Judge:
    """Judge reads of 30 patients by dealing the reads of each patient anew over its visits."""
    plan = PanelPlan(30, VISITS, RATES, 0.3, MISREAD)
    patient = np.repeat(np.arange(30), len(VISITS))

    def judge(seed: int) -> tuple[bool, bool]:
        reads = plan.reads(seed, switching=switching)
        reads = reads if make is None else make(reads, seed)
        if len(np.unique(reads)) < 2:
            return False, True
        observed = plan.fit_reads(reads).gain
        for number in range(SHUFFLES):
            order = nulls.shuffled_within(patient, seed=1000 * seed + number)
            again = plan.fit_reads(reads.ravel()[order].reshape(reads.shape)).gain
            if not again < observed - 1e-9:
                return False, False
        return True, False

    return judge


def _panel_shuffled(reads: np.ndarray, seed: int) -> np.ndarray:
    patient = np.repeat(np.arange(len(reads)), reads.shape[1])
    return reads.ravel()[nulls.shuffled_within(patient, seed=seed)].reshape(reads.shape)


def _panel_no_switch(reads: np.ndarray, seed: int) -> np.ndarray:
    """Give every patient one state, drawn by its reads, and read it anew."""
    rng = np.random.default_rng(seed)
    each = np.log(MISREAD).T[reads].sum(axis=1)
    chance = np.exp(each - each.max(axis=1, keepdims=True))
    state = (rng.random(len(reads)) < chance[:, 1] / chance.sum(axis=1)).astype(int)
    return _panel_read(rng, np.repeat(state, reads.shape[1])).reshape(reads.shape)


def _panel_read(rng: np.random.Generator, state: np.ndarray) -> np.ndarray:
    return (rng.random(len(state)) < MISREAD[state, 1]).astype(int)


def _panel_one_class(state: int) -> Callable[[np.ndarray, int], np.ndarray]:
    def make(reads: np.ndarray, seed: int) -> np.ndarray:
        return _panel_read(np.random.default_rng(seed), np.full(reads.size, state)).reshape(reads.shape)

    return make


PANEL: dict[str, Judge] = {
    "shuffled visit order (the same as shuffled labels)": _panel_case(_panel_shuffled),
    "no switching, same reads and error": _panel_case(_panel_no_switch),
    "static twins": _panel_case(None, switching=False),
    "single class, HER2-0": _panel_case(_panel_one_class(0)),
    "single class, HER2-positive": _panel_case(_panel_one_class(1)),
    "moving twins": _panel_case(None),
}


# --- sorted cultures, clones ----------------------------------------------------------------------------------------
CULTURE_RATES = ((0.0, 0.03), (0.02, 0.0))
CULTURE_GROWTH = (0.12, 0.20)


def _sorted(
    seed: int, *, variant: str = "growth and impurity", purity: float = 0.95, one_class: int = -1
) -> tuple[bool, bool]:
    """Judge two sorts of two states, 200 cells a well, by growth and impurity measured again."""
    from her2plastic.models import SortedAssay

    assay = simulate_sorted_assay(
        variant=variant, cells=200, replicates=2, purity=purity, rates=CULTURE_RATES,
        growth=CULTURE_GROWTH if one_class < 0 else (CULTURE_GROWTH[one_class],) * 2,
        misclassification=MISREAD.tolist(), seed=seed,
    )  # fmt: skip
    counts = assay.counts
    if one_class >= 0:
        counts = nulls.single_class_counts(counts, one_class, misclassification=MISREAD, seed=seed)
    model = SortedAssay(misclassification=MISREAD, n_null=SHUFFLES, seed=seed)
    model.fit(assay.start, assay.day, counts, totals=assay.totals, intervals=False)
    return model.status_ == "ok" and model.tests_[0].p <= ALPHA, model.status_ != "ok"


SORTED: dict[str, Judge] = {
    "impurity only (5 % impure)": lambda seed: _sorted(seed),
    "impurity only (1 % impure)": lambda seed: _sorted(seed, purity=0.99),
    "single class, HER2-0": lambda seed: _sorted(seed, one_class=0),
    "single class, HER2-positive": lambda seed: _sorted(seed, one_class=1),
    "moving: switching and growth": lambda seed: _sorted(seed, variant="switching and growth"),
}


def _clones(seed: int, *, rates: float, one_class: int = -1, purity: float = 1.0) -> tuple[bool, bool]:
    """Judge 30 clones per founder state by clones that are read with the same error and hold one state each."""
    from her2plastic.models.clones.estimator import Clones

    table = [[0.0, rates], [rates, 0.0]]
    cells = simulate_clones(
        n_clones=30, day=10.0, switching=table, growth=CULTURE_GROWTH, founder_purity=purity,
        misclassification=MISREAD.tolist(), seed=seed,
    )  # fmt: skip
    counts = cells.counts
    if one_class >= 0:
        counts = nulls.single_class_counts(counts, one_class, misclassification=MISREAD, seed=seed)
    model = Clones(misclassification=MISREAD, n_bootstrap=20, n_null=99, seed=seed)
    model.fit(cells.named, counts, np.full(len(counts), cells.day))
    return model.status_ == "ok" and model.tests_[0].p <= ALPHA, model.status_ != "ok"


CLONES: dict[str, Judge] = {
    "no switching, same sizes and error": lambda seed: _clones(seed, rates=0.0),
    "impurity only (10 % of founders misnamed)": lambda seed: _clones(seed, rates=0.0, purity=0.9),
    "single class, HER2-0": lambda seed: _clones(seed, rates=0.0, one_class=0),
    "single class, HER2-positive": lambda seed: _clones(seed, rates=0.0, one_class=1),
    "moving: 0.02 per day": lambda seed: _clones(seed, rates=0.02),
}


# --- conversion: two readings of a patient's state ------------------------------------------------------------------
SHARES = np.array([0.45, 0.40, 0.15])
PATIENTS = 150
READINGS_VALIDATED = 150


def _conversion(
    seed: int, shares: np.ndarray, accuracy: float, *, changed: float = 0.0, known: bool = True
) -> tuple[bool, bool]:
    """Judge a table of patients of whom a share truly changes to a neighbouring state."""
    from her2plastic.models.misclassification.conversion import conversion_of_table
    from her2plastic.models.misclassification.reader_error import ReaderError, reader_matrix

    rng = np.random.default_rng(seed)
    error = reader_matrix(accuracy, n_states=3)
    step = (1 - changed) * np.eye(3) + changed * np.array([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]])
    pairs = error.T @ (shares[:, None] * step) @ error
    table = rng.multinomial(PATIENTS, pairs.ravel()).reshape(3, 3)
    if known:
        reader = ReaderError.known(error)
    else:
        reader = ReaderError.from_validation(np.stack([rng.multinomial(READINGS_VALIDATED // 3, row) for row in error]))
    states = ("0", "low", "positive")
    return verdict(conversion_of_table(table, states=states, error=reader, accuracies=(), n_null=199, seed=seed))


CONVERSION: dict[str, Judge] = {
    "no change, error known (accuracy 0.8)": lambda seed: _conversion(seed, SHARES, 0.8),
    "no change, error known (accuracy 0.7)": lambda seed: _conversion(seed, SHARES, 0.7),
    "no change, error validated (accuracy 0.8)": lambda seed: _conversion(seed, SHARES, 0.8, known=False),
    "single class (all low, accuracy 0.8)": lambda seed: _conversion(seed, np.array([0.0, 1.0, 0.0]), 0.8),
    "moving: 20 % change (accuracy 0.9)": lambda seed: _conversion(seed, SHARES, 0.9, changed=0.2),
}

METHODS: dict[str, dict[str, Judge]] = {
    "draws": DRAWS, "panel": PANEL, "sorted": SORTED, "clones": CLONES, "conversion": CONVERSION,
}  # fmt: skip

"""From a table of paired readings, and what is known of the readers' error, to the conversion that is reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import numpy as np

from her2plastic.models.agreement import (
    Agreement,
    bowker_statistic,
    cohen_kappa,
    prevalence_adjusted_kappa,
    stuart_maxwell_test,
    swapped_tables,
)
from her2plastic.models.misclassification.conversion_result import Conversion
from her2plastic.models.misclassification.curve import ACCURACIES, AccuracyCurve, accuracy_curve
from her2plastic.models.misclassification.fit import MisreadTable
from her2plastic.models.misclassification.reader_error import ERROR_OF_HIGHEST, ReaderError, check_counts
from her2plastic.models.misclassification.unsure import MisreadAgainstUnsure
from her2plastic.models.null_test import NullTest
from her2plastic.models.transition_rates import INSUFFICIENT, NOT_IDENTIFIED

#: Accuracies between which the error is taken to lie are tried at this many places.
_PLACES: Final = 6
_NAN: Final = float("nan")
#: An error is left out if error alone gives so few discordant readings no more often than this.
_CONTRADICTED: Final = 0.005
_Fit = MisreadTable | MisreadAgainstUnsure
_F = TypeVar("_F", MisreadTable, MisreadAgainstUnsure)


def conversion_of_table(
    table: np.ndarray,
    *,
    states: tuple[str, ...],
    error: ReaderError | tuple[float, float],
    second_error: ReaderError | None = None,
    error_of_highest: float = ERROR_OF_HIGHEST,
    accuracies: tuple[float, ...] = ACCURACIES,
    level: float = 0.95,
    n_null: int = 999,
    seed: int = 0,
    numbers: Mapping[str, int] | None = None,
    notes: tuple[str, ...] = (),
) -> Conversion:
    """Return how much of a table of changed states error alone explains, and what is left.

    Parameters
    ----------
    table
        ``(states, states)`` counts: first reading in rows, second in columns.
    states
        Names of the states, rising.
    error
        Error of the readings, or the two accuracies between which it lies: then there is no estimate of the change,
        only bounds that hold for every accuracy between.
    second_error
        Error of the second reading where it is another.
    error_of_highest
        Error of the highest state relative to the others, where only accuracies are given.
    accuracies
        Accuracies of the curve; none for no curve.
    level
        Probability that an interval holds.
    n_null
        Simulated tables of each test.
    seed
        Seed of the simulations.
    numbers
        Further numbers to report; the patients are counted here.
    notes
        Further sentences to report.

    Returns
    -------
    The conversion.
    """
    counts = check_counts("table", table, len(states))
    numbers = {"patients": int(counts.sum()), **(numbers or {})}
    common: dict[str, Any] = {"level": level, "n_null": n_null, "seed": seed}
    if isinstance(error, ReaderError):
        fits = [MisreadTable(error, second_error, **common).fit(counts)]
    else:
        readers = _readers(error, len(states), error_of_highest)
        fits = _not_contradicted(
            [MisreadTable(reader, second_error or reader, **common).fit(counts) for reader in readers]
        )
    shown = max(fits, key=lambda fit: fit.null_loglik_)
    if fits[0].n_ == 0 or np.isnan(shown.null_loglik_):
        return Conversion.lacking(
            states, shown.status_.partition(": ")[2], table=counts, level=level, numbers=numbers
        )  # fmt: skip
    curve = AccuracyCurve({}, (_NAN,) * 3)
    if accuracies:
        curve = accuracy_curve(
            counts, accuracies=tuple(accuracies), error_of_highest=error_of_highest, level=level, seed=seed
        )
    notes = (*notes, *_remarks(fits, error))
    known = isinstance(error, ReaderError)
    estimates = _one(shown) if known else _bounds(fits, shown)
    second = shown.second or shown.first
    return Conversion(
        states, counts, shown.error_alone_, discordance=shown.discordance_, level=level,
        agreement=_agreement(counts, level), curve=curve.columns, tipping=curve.tipping,
        first_error=shown.first.matrix, second_error=second.matrix, numbers=numbers, notes=notes,
        tests=(*_worst(fits, known=known), *_other_tests(counts, n_null, seed)), **estimates,
    )  # fmt: skip


def conversion_to_unsure(
    reading: np.ndarray,
    likelihood: np.ndarray,
    *,
    states: tuple[str, ...],
    error: ReaderError | tuple[float, float],
    error_of_highest: float = ERROR_OF_HIGHEST,
    level: float = 0.95,
    n_null: int = 499,
    seed: int = 0,
    numbers: Mapping[str, int] | None = None,
    notes: tuple[str, ...] = (),
) -> Conversion:
    """Return the same where what is known of the second state is a likelihood of each, such as that of a few cells.

    Parameters
    ----------
    reading
        ``(patients,)``: first reading, counted from 0.
    likelihood
        ``(patients, states)``: likelihood of each second state.
    states, error, error_of_highest, level, n_null, seed, numbers, notes
        As in :func:`conversion_of_table`; ``error`` is that of the first reading.

    Returns
    -------
    The conversion, without kappas and without a curve.
    """
    common: dict[str, Any] = {"level": level, "n_null": n_null, "seed": seed}
    readers = [error] if isinstance(error, ReaderError) else _readers(error, len(states), error_of_highest)
    fits = _not_contradicted([MisreadAgainstUnsure(reader, **common).fit(reading, likelihood) for reader in readers])
    shown = max(fits, key=lambda fit: fit.null_loglik_)
    numbers = {"patients": shown.n_, **(numbers or {})}
    if np.isnan(shown.null_loglik_):
        return Conversion.lacking(
            states, shown.status_.partition(": ")[2], table=shown.table_, level=level, numbers=numbers
        )  # fmt: skip
    known = isinstance(error, ReaderError)
    estimates = _one(shown) if known else _bounds(fits, shown)
    return Conversion(
        states, shown.table_, shown.error_alone_, discordance=shown.discordance_, level=level,
        first_error=shown.first.matrix, numbers=numbers, notes=(*notes, *_remarks(fits, error)),
        tests=_worst(fits, known=known),
        **estimates,
    )  # fmt: skip


def _readers(between: tuple[float, float], n_states: int, error_of_highest: float) -> list[ReaderError]:
    return [
        ReaderError.from_accuracy(accuracy, n_states, error_of_highest=error_of_highest)
        for accuracy in np.linspace(*between, _PLACES).tolist()
    ]


def _one(fit: _Fit) -> dict[str, Any]:
    return {
        "conversion": fit.conversion_, "lower": fit.lower_, "upper": fit.upper_, "status": fit.status_,
        "identifiability": fit.identifiability_, "expected": fit.expected_, "changed": fit.changed_,
        "risen": fit.risen_, "fallen": fit.fallen_, "explained": _explained(fit.expected_, fit.discordance_),
    }  # fmt: skip


def _bounds(fits: Sequence[_Fit], shown: _Fit) -> dict[str, Any]:
    """Return bounds that hold for each of the errors; what lies between them is not estimated."""
    usable = [fit for fit in fits if fit.status_ == "ok"]
    asked = ("changed", "risen", "fallen")
    words = np.full(shown.conversion_.shape, NOT_IDENTIFIED if usable else INSUFFICIENT, dtype=object)
    expected = _span([fit.expected_ for fit in fits])
    return {
        "conversion": np.full(words.shape, _NAN), "identifiability": words,
        "lower": np.min([fit.lower_ for fit in usable or fits], axis=0),
        "upper": np.max([fit.upper_ for fit in usable or fits], axis=0),
        "status": "ok" if usable else shown.status_, "expected": expected,
        "explained": _explained(expected, shown.discordance_),
        **{name: _span([getattr(fit, f"{name}_") for fit in usable or fits]) for name in asked},
    }  # fmt: skip


def _span(triples: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    return _NAN, float(min(low for _, low, _ in triples)), float(max(high for _, _, high in triples))


def _explained(expected: tuple[float, float, float], observed: float) -> tuple[float, float, float]:
    """Return the share of the discordance that error alone gives, at most all of it."""
    if observed == 0:
        return (_NAN,) * 3
    value, lower, upper = (float(min(number / observed, 1.0)) if number == number else _NAN for number in expected)
    return value, lower, upper


def _not_contradicted(fits: list[_F]) -> list[_F]:
    """Return the fits whose readers err no more than the table allows; the last one, of the best readers, otherwise.

    Change can only add to what error alone makes differ, so that a table in which far fewer readings differ speaks
    against the error itself.
    """
    if len(fits) == 1 or np.isnan(fits[0].null_loglik_):
        return fits
    return [fit for fit in fits if fit.fewer_p_ >= _CONTRADICTED] or fits[-1:]


def _worst(fits: Sequence[_Fit], *, known: bool) -> tuple[NullTest, ...]:
    """Return each test of error alone for the error that explains the table best.

    Where the error is one of several, those that the table contradicts have been left out; what this may cost is added
    to p (Berger and Boos 1994).
    """
    worst = tuple(max(tests, key=_against_change) for tests in zip(*(fit.tests_ for fit in fits), strict=True))
    return worst if known else tuple(replace(test, p=min(test.p + _CONTRADICTED, 1.0)) for test in worst)


def _against_change(test: NullTest) -> float:
    """Return how well error alone explains the data: p, or the statistic where nothing was simulated."""
    return -test.observed if np.isnan(test.p) else test.p


def _remarks(fits: Sequence[_Fit], error: ReaderError | tuple[float, float]) -> tuple[str, ...]:
    notes = []
    if not isinstance(error, ReaderError):
        notes.append("The readers' accuracy is known within a range only: bounds hold for every accuracy in it.")
        least = fits[0].first.matrix[0, 0]
        if least > error[0] + 1e-9:
            notes.append(f"Accuracies below {least:.2f} are contradicted by how few readings differ, and left out.")
    if min(fit.fewer_p_ for fit in fits[-1:]) < 0.025:
        notes.append("Fewer readings differ than error alone gives: the readers err less than was assumed.")
    rejected = all(fit.tests_[0].p <= 1 - fit.level for fit in fits)
    if rejected and any(fit.discordance_ <= fit.expected_[2] for fit in fits):
        notes.append("As many readings differ as error alone gives, but not between those states or in that direction.")
    return tuple(notes)


def _agreement(counts: np.ndarray, level: float) -> dict[str, tuple[float, float, float]]:
    found = {"kappa": cohen_kappa(counts, level=level)}
    if len(counts) > 2:
        found["kappa, linear weights"] = cohen_kappa(counts, weights="linear", level=level)
        found["kappa, quadratic weights"] = cohen_kappa(counts, weights="quadratic", level=level)
    found["kappa, prevalence adjusted"] = prevalence_adjusted_kappa(counts, level=level)
    return {name: _triple(agreement) for name, agreement in found.items()}


def _triple(agreement: Agreement) -> tuple[float, float, float]:
    return agreement.value, agreement.lower, agreement.upper


def _other_tests(counts: np.ndarray, n_null: int, seed: int) -> tuple[NullTest, ...]:
    """Return whether readings are related at all, and whether changes one way outnumber those the other way."""
    kappa = cohen_kappa(counts).value
    name, what = "shuffled labels", "kappa"
    if np.isnan(kappa):
        related = NullTest.lacking(name, what, "1 state seen, 2 needed")
    else:
        rng = np.random.default_rng(seed)
        first = np.repeat(np.arange(len(counts)), counts.sum(axis=1).astype(int))
        second = np.repeat(np.arange(len(counts)), counts.sum(axis=0).astype(int))
        # the margins stay, so that the share of agreement is as good as kappa
        agreed = np.array([np.mean(first == rng.permutation(second)) for _ in range(n_null)])
        by_chance = float((counts.sum(axis=0) @ counts.sum(axis=1)) / counts.sum() ** 2)
        related = NullTest.by_simulation(name, what, kappa, (agreed - by_chance) / (1 - by_chance))
    off = counts.sum() - np.trace(counts)
    if off == 0:
        shift = NullTest.lacking("either way alike", "Bowker's statistic", "0 readings differ, 1 needed")
    else:
        simulated = bowker_statistic(swapped_tables(counts, n_null=n_null, seed=seed))
        shift = NullTest.by_simulation(
            "either way alike", "Bowker's statistic", float(bowker_statistic(counts)), simulated
        )
    statistic, _, p = stuart_maxwell_test(counts)
    margins = NullTest("shares alike", "Stuart and Maxwell's statistic", statistic, p)
    if np.isnan(p):
        margins = NullTest.lacking("shares alike", "Stuart and Maxwell's statistic", "0 readings differ, 1 needed")
    return related, shift, margins

"""Changed HER2 states of patients: what reader error alone explains, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import ParameterError, as_numbers, check_probability
from her2plastic.models.misclassification.conversion import conversion_of_table, conversion_to_unsure
from her2plastic.models.misclassification.conversion_result import Conversion
from her2plastic.models.misclassification.curve import ACCURACIES
from her2plastic.models.misclassification.reader_error import ERROR_OF_HIGHEST, ReaderError
from her2plastic.tl.conversion_ctcs import PatientStates, patient_states
from her2plastic.tl.conversion_input import counted_table, patient_table, read_patients, read_states

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

STEP = "conversion"


def conversion(
    data: AnnData | pd.DataFrame | np.ndarray,
    *,
    first: str | None = None,
    second: str | None = None,
    error: float | tuple[float, float] | np.ndarray | ReaderError = (0.7, 0.95),
    second_error: float | np.ndarray | ReaderError | None = None,
    error_of_highest: float = ERROR_OF_HIGHEST,
    states: Sequence[str] | None = None,
    donor_key: str = _keys.DONOR_ID,
    posterior_key: str = _keys.HER2_POSTERIOR,
    ctc_share: float | None = None,
    accuracies: Sequence[float] = ACCURACIES,
    level: float = 0.95,
    n_null: int = 999,
    seed: int = 0,
) -> Conversion:
    """Tell how much of a table of changed HER2 states reader error alone explains, and what conversion is left.

    Each patient has two readings of the HER2 state, such as primary tumour and relapse. With no true change, two
    readings of 80 % accuracy differ in about three patients of ten; only what is beyond that is called conversion.

    Parameters
    ----------
    data
        A table with a row per patient; or cells, with the states of their donor in ``obs``, one value per donor; or a
        square table of counts, first reading in rows (then without ``first`` and ``second``); rows and columns of
        known names may come in any order.
    first, second
        Columns of the two readings. For cells, without ``second``: the state of the patient's CTCs, as sure as their
        number and the posteriors of their states make it; an unsure state is not counted as a change.
    error
        Error of the readings: an accuracy; two accuracies between which it lies (the result then has bounds instead of
        estimates); a matrix ``(true, observed)``; or a :class:`her2plastic.models.ReaderError`, which also holds how
        surely it is known.
    second_error
        Error of the second reading where it is another than that of the first.
    error_of_highest
        Where accuracies are given: error of the highest state as a share of that of the others, since strong staining
        and amplification are read more surely.
    states
        Names of the states from low to high; by default those of ordered categories, or a known set of words.
    donor_key
        Column of donors, for cells.
    posterior_key
        Posteriors of the CTCs in ``obsm``. The donor's shares that they hold are divided out.
    ctc_share
        The state of a patient by CTCs is the highest that makes up this share of them, the states above included; by
        default that of most CTCs.
    accuracies
        Accuracies at which the table is read anew for the curve of sensitivity; none for no curve.
    level
        Probability that an interval holds.
    n_null
        Simulated tables of each test.
    seed
        Seed of the simulations.

    Returns
    -------
    The conversion; see :class:`her2plastic.models.Conversion`. For an AnnData it is also recorded under
    ``uns["her2plastic"]["conversion"]``. Control cells are left out, and patients without one of the readings.

    Raises
    ------
    MissingKeyError
        A column is not there.
    ParameterError
        A donor has two values of one reading, a state is not known, or a parameter is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> readings = np.array([[30, 9, 0], [8, 25, 3], [0, 4, 21]])  # primary by relapse: HER2-0, low, positive
    >>> found = hp.tl.conversion(readings, error=0.85, n_null=99, accuracies=())
    >>> for line in found.summary().splitlines()[:4]:
    ...     print(line)
    readings differ in 24.0% of 100 patients
    error alone gives: 21.7% (15.0% to 29.5%)
    share of the discordance that error alone gives: 90.5% (62.5% to 100.0%)
    true state changed: 1.9% (0.0% to 16.6%)
    """
    import pandas as pd

    cells = None if isinstance(data, (pd.DataFrame, np.ndarray)) else data
    if ctc_share is not None:
        check_probability("ctc_share", ctc_share)
    common: dict[str, Any] = {
        "error_of_highest": error_of_highest, "level": level, "n_null": n_null, "seed": seed,
    }  # fmt: skip
    if cells is not None and first is not None and second is None:
        if second_error is not None:
            raise ParameterError("second_error: the state by CTCs has no reader; leave second_error out")
        frame = patient_table(cells, (first,), donor_key)
        ctcs = patient_states(
            cells, donor_key=donor_key, posterior_key=posterior_key, ctc_share=ctc_share, seed=seed
        )  # fmt: skip
        result = _against_ctcs(frame, first, ctcs, states, error, common)
    else:
        result = _of_readings(cells, data, first, second, donor_key, states, error, second_error, accuracies, common)
    if cells is not None:
        params = {"first": first, "second": second or "CTCs", "donor_key": donor_key, "ctc_share": ctc_share, **common}
        record_step(cells, STEP, params=params, **result.record())
    return result


def _of_readings(
    cells: AnnData | None,
    data: Any,
    first: str | None,
    second: str | None,
    donor_key: str,
    states: Sequence[str] | None,
    error: Any,
    second_error: Any,
    accuracies: Sequence[float],
    common: dict[str, Any],
) -> Conversion:
    """Compare two readings of each patient, or those of a table of counts."""
    numbers: dict[str, int] = {}
    if first is None and second is None and cells is None:
        table, names = counted_table(data, states)
    elif first is None or second is None:
        raise ParameterError(f"first={first!r}, second={second!r}: name the columns of both readings")
    else:
        frame = data if cells is None else patient_table(cells, (first, second), donor_key)
        readings = read_patients(frame, first=first, second=second, states=states)
        table, names = readings.table, readings.states
        numbers = {"left out": readings.left_out} if readings.left_out else {}
    highest = common["error_of_highest"]
    return conversion_of_table(
        table, states=names, error=errors_of(error, len(names), highest),
        second_error=None if second_error is None else _one_error(second_error, len(names), highest),
        accuracies=tuple(accuracies), numbers=numbers, **common,
    )  # fmt: skip


def _against_ctcs(
    frame: pd.DataFrame, first: str, ctcs: PatientStates, states: Sequence[str] | None, error: Any, common: Any
) -> Conversion:
    """Compare a reading of each patient with the state of the CTCs."""
    names, codes = read_states(frame, first, states)
    if len(names) != ctcs.likelihood.shape[1]:
        raise ParameterError(
            f"column {first!r} has the states {', '.join(names)}: to compare with CTCs it needs the "
            f"{ctcs.likelihood.shape[1]} states {', '.join(_keys.STATES)}, or words for them from low to high"
        )
    place = {donor: row for row, donor in enumerate(ctcs.donors)}
    rows = np.array([place.get(str(donor), -1) for donor in frame.index])
    both = (rows >= 0) & (codes >= 0)
    numbers = {"CTCs": int(ctcs.n_cells[rows[both]].sum())}
    numbers |= {"left out": int((~both).sum())} if not both.all() else {}
    return conversion_to_unsure(
        codes[both], ctcs.likelihood[rows[both]], states=names,
        error=errors_of(error, len(names), common["error_of_highest"]), numbers=numbers, **common,
    )  # fmt: skip


def errors_of(error: Any, n_states: int, error_of_highest: float) -> ReaderError | tuple[float, float]:
    """Return what was given as the error of readers: the error itself, or the two accuracies between which it lies."""
    if isinstance(error, (tuple, list)) and len(error) == 2 and not np.ndim(error[0]):
        low, high = error
        for accuracy in (low, high):
            _check_accuracy(accuracy)
        if not low < high:
            raise ParameterError(f"error={error!r}: expected the lower accuracy first")
        return float(low), float(high)
    return _one_error(error, n_states, error_of_highest)


def _one_error(error: Any, n_states: int, error_of_highest: float) -> ReaderError:
    if not isinstance(error, ReaderError):
        if isinstance(error, str) or as_numbers("error", error).ndim == 0:
            _check_accuracy(error)
            return ReaderError.from_accuracy(float(error), n_states, error_of_highest=error_of_highest)
        if np.shape(error) != (n_states, n_states):
            raise ParameterError(
                f"error={error!r}: expected one accuracy above 0.5 and below 1 (0.8), two as the bounds of it "
                f"((0.7, 0.95)), a matrix of {n_states} true by {n_states} observed states, or a models.ReaderError"
            )
        error = ReaderError.known(error)
    if error.n_states != n_states:
        raise ParameterError(f"error: expected {n_states} true by {n_states} observed states, got {error.n_states}")
    return error


def _check_accuracy(accuracy: Any) -> None:
    if isinstance(accuracy, bool) or not isinstance(accuracy, (int, float, np.number)) or not 0.5 < accuracy < 1:
        raise ParameterError(f"error={accuracy!r}: expected an accuracy above 0.5 and below 1")


def statistic(
    adata: AnnData,
    *,
    first: str | None = None,
    second: str | None = None,
    error: float | tuple[float, float] | np.ndarray | ReaderError = (0.7, 0.95),
    donor_key: str = _keys.DONOR_ID,
    posterior_key: str = _keys.HER2_POSTERIOR,
    ctc_share: float | None = None,
    seed: int = 0,
) -> float:
    """Return the statistic of the first test of :func:`conversion`; nothing is recorded, missing where insufficient."""
    common: dict[str, Any] = {
        "error_of_highest": ERROR_OF_HIGHEST, "level": 0.95, "n_null": 0, "seed": seed,
    }  # fmt: skip
    if first is not None and second is None:
        frame = patient_table(adata, (first,), donor_key)
        ctcs = patient_states(adata, donor_key=donor_key, posterior_key=posterior_key, ctc_share=ctc_share, seed=seed)
        found = _against_ctcs(frame, first, ctcs, None, error, common)
    else:
        found = _of_readings(adata, adata, first, second, donor_key, None, error, None, (), common)
    return float(found.tests[0].observed) if found.tests and found.status == "ok" else float("nan")

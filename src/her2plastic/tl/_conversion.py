"""Changed HER2 states of patients: what reader error alone explains, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import ParameterError
from her2plastic.models.conversion import Conversion
from her2plastic.models.misclassification import ERROR_OF_HIGHEST, ReaderError
from her2plastic.models.misclassification_conversion import conversion_of_table
from her2plastic.models.misclassification_curve import ACCURACIES
from her2plastic.tl.conversion_input import counted_table, patient_table, read_patients

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
    accuracies: Sequence[float] = ACCURACIES,
    level: float = 0.95,
    n_simulated: int = 999,
    seed: int = 0,
) -> Conversion:
    """Tell how much of a table of changed HER2 states reader error alone explains, and what conversion is left.

    Each patient has two readings of the HER2 state, such as primary tumour and relapse. With no true change, two
    readings of 80 % accuracy differ in about three patients of ten; only what is beyond that is called conversion.

    Parameters
    ----------
    data
        A table with a row per patient; or cells, with the states of their donor in ``obs``, one value per donor; or a
        square table of counts, first reading in rows (then without ``first`` and ``second``).
    first, second
        Columns of the two readings.
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
    accuracies
        Accuracies at which the table is read anew for the curve of sensitivity; none for no curve.
    level
        Probability that an interval holds.
    n_simulated
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
    """
    import pandas as pd

    numbers: dict[str, int] = {}
    cells = None if isinstance(data, (pd.DataFrame, np.ndarray)) else data
    if first is None and second is None and cells is None:
        table, names = counted_table(data, states)
    elif first is None or second is None:
        raise ParameterError(f"first={first!r}, second={second!r}: name the columns of both readings")
    else:
        frame: Any = data if cells is None else patient_table(cells, (first, second), donor_key)
        readings = read_patients(frame, first=first, second=second, states=states)
        table, names = readings.table, readings.states
        numbers = {"left out": readings.left_out} if readings.left_out else {}
    result = conversion_of_table(
        table, states=names, error=_errors_of(error, len(names), error_of_highest),
        second_error=None if second_error is None else _one_error(second_error, len(names), error_of_highest),
        error_of_highest=error_of_highest, accuracies=tuple(accuracies), level=level, n_simulated=n_simulated,
        seed=seed, numbers=numbers,
    )  # fmt: skip
    if cells is not None:
        params = {
            "first": first, "second": second, "donor_key": donor_key, "error_of_highest": float(error_of_highest),
            "level": float(level), "n_simulated": int(n_simulated), "seed": int(seed),
        }  # fmt: skip
        record_step(cells, STEP, params=params, **result.record())
    return result


def _errors_of(error: Any, n_states: int, error_of_highest: float) -> ReaderError | tuple[float, float]:
    if isinstance(error, (tuple, list)) and len(error) == 2 and not np.ndim(error[0]):
        low, high = error
        for accuracy in (low, high):
            _check_accuracy(accuracy)
        if not low < high:
            raise ParameterError(f"error={error!r}: expected the lower accuracy first")
        return float(low), float(high)
    return _one_error(error, n_states, error_of_highest)


def _one_error(error: Any, n_states: int, error_of_highest: float) -> ReaderError:
    if isinstance(error, ReaderError):
        if error.n_states != n_states:
            raise ParameterError(f"error: expected {n_states} states, got {error.n_states}")
        return error
    if np.ndim(error) == 0:
        _check_accuracy(error)
        return ReaderError.from_accuracy(float(error), n_states, error_of_highest=error_of_highest)
    return ReaderError.known(error)


def _check_accuracy(accuracy: Any) -> None:
    if isinstance(accuracy, bool) or not isinstance(accuracy, (int, float, np.number)) or not 0.5 < accuracy < 1:
        raise ParameterError(f"error={accuracy!r}: expected an accuracy above 0.5 and below 1")

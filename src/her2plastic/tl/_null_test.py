"""What a method would find in these cells if nothing moved."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic._access import record_step
from her2plastic._errors import ConvergenceError, ParameterError, check_seed, one_of
from her2plastic.io.progress import steps_shown
from her2plastic.models.null_test import NullTest
from her2plastic.tl.null_data import NULLS, NullColumns, bare_copy

if TYPE_CHECKING:
    from anndata import AnnData

#: Where each method stands, and its call.
METHODS: Final = {
    "draws": ("her2plastic.tl.switching_draws", "fit"),
    "panel": ("her2plastic.tl.switching_panel", "fit"),
    "sorted": ("her2plastic.tl.switching_sorted", "fit"),
    "clones": ("her2plastic.tl.switching_clones", "fit"),
    "direction": ("her2plastic.tl._direction", "direction"),
    "trajectory": ("her2plastic.tl._trajectory", "trajectory"),
    "conversion": ("her2plastic.tl._conversion", "conversion"),
}
#: What makes a call as light as it gets, where only its statistic is wanted.
LIGHT: Final[dict[str, dict[str, Any]]] = {
    "draws": {"n_null": 1}, "panel": {"n_null": 1}, "direction": {"n_null": 1, "n_bootstrap": 2},
}  # fmt: skip
#: Arguments that a method gets from the door, not among its options.
_OWN: Final = ("adata", "data", "seed", "level")
#: How a method that makes the null itself is asked for it.
_ASKED: Final[dict[str, Callable[[str, int], dict[str, Any]]]] = {
    "draws": lambda null, n: {"null": null, "n_null": n},
    "sorted": lambda null, n: {"n_null": n},
    "conversion": lambda null, n: {"n_null": n, "accuracies": ()},
}


def null_test(
    adata: AnnData,
    *,
    method: str,
    null: str | None = None,
    n_null: int = 200,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> NullTest:
    """Hold a method's finding against what it finds in the same cells if nothing moved.

    The null data are made from the cells themselves and keep what is no transition: who the patients are, how many
    cells each draw has, when the draws were, how surely cells are called.

    Parameters
    ----------
    adata
        Cells as the method takes them.
    method
        ``"draws"``, ``"panel"``, ``"sorted"``, ``"clones"`` (see :func:`her2plastic.tl.switching`), ``"direction"``,
        ``"trajectory"`` or ``"conversion"``.
    null
        ``"shuffled draw order"``: whole draws dealt anew over the days of their patient. ``"shuffled labels"``: states
        dealt anew over the cells of a patient. ``"no switching"``: states of patients (clones) that stay what they are,
        with the error of the calls. ``"impurity only"``: sorted cultures in which what the sort left in grows.
        ``"shuffled unspliced"``: unspliced counts dealt anew gene by gene within patients. ``"single class"``: all
        cells in the most frequent state. None for the first that the method has.
    n_null
        Null data sets; p is never below ``1 / (n_null + 1)``.
    seed
        Seed of the null data.
    options
        Arguments of the method, by name.
    progress
        Show a bar; by default where standard error is a terminal.

    Returns
    -------
    The statistic of the cells beside that of the null data. Where the cells do not allow the method, ``status`` says
    ``insufficient`` with the number that fell short; null data that do not allow it hold no transition and
    count as smaller than the cells. Writes ``adata.uns["her2plastic"]["null_test_<method>"]``, and nothing else.

    Raises
    ------
    ParameterError
        An unknown method or null, or an option that the method does not have.
    MissingKeyError
        A column that the null or the method needs is missing.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_draws(n_patients=10, n_ctc=10, seed=1).to_anndata()
    >>> asked = {"method": "draws", "null": "shuffled labels", "options": {"merge": "positive"}}
    >>> test = hp.tl.null_test(cells, n_null=5, progress=False, **asked)
    >>> print(test.to_frame()[["null", "n_null", "p"]].round(1).to_string())
                  null  n_null    p
    0  shuffled labels       5  0.2
    """
    one_of("method", method, METHODS)
    null = next(iter(NULLS[method])) if null is None else null
    if null not in NULLS[method]:
        known = ", ".join(map(repr, NULLS[method]))
        raise ParameterError(f"null={null!r} does not go with method {method!r}, which has {known}")
    if not isinstance(n_null, (int, np.integer)) or isinstance(n_null, bool) or n_null < 1:
        raise ParameterError(f"n_null={n_null!r}: expected a whole number of at least 1")
    check_seed(seed)
    given = _checked(method, dict(options or {}))
    maker = NULLS[method][null]
    if maker is None:
        test = _by_the_method(adata, method, null, int(n_null), int(seed), given)
    else:
        columns = NullColumns(**{
            name: given[key]
            for name, key in (("donor", "donor_key"), ("day", "day_key"), ("clone", "clone_key"),
                              ("posterior", "posterior_key"), ("state", "state_key"))
            if given.get(key) is not None
        })  # fmt: skip
        test = _by_null_data(adata, method, null, lambda own: maker(adata, columns, own), int(n_null), int(seed), given,
                             progress)  # fmt: skip
    record_step(adata, f"null_test_{method}", params={"null": null, "n_null": int(n_null), "seed": int(seed)}, tests={
        "0": test.record()
    })  # fmt: skip
    return test


def _checked(method: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options, or raise ParameterError if the method does not have one of them."""
    module, call = METHODS[method]
    parameters = inspect.signature(getattr(importlib.import_module(module), call)).parameters
    known = [name for name in parameters if name not in _OWN]
    if unknown := sorted(set(options) - set(known)):
        raise ParameterError(
            f"options: method {method!r} does not take {', '.join(map(repr, unknown))}; it takes "
            f"{', '.join(map(repr, known))}"
        )
    return options


def _called(adata: AnnData, method: str, seed: int, options: Mapping[str, Any]) -> Any:
    """Return the method's result, without a trace in ``adata``."""
    module, call = METHODS[method]
    own = adata.copy() if method in ("direction", "trajectory") else bare_copy(adata)
    return getattr(importlib.import_module(module), call)(own, seed=seed, **options)


def _by_the_method(
    adata: AnnData, method: str, null: str, n_null: int, seed: int, options: Mapping[str, Any]
) -> NullTest:
    """Return the method's own test against data that it makes itself."""
    result = _called(adata, method, seed, {**options, **_ASKED[method](null, n_null)})
    if result.status != "ok" and not result.tests:
        return NullTest.lacking(null, "the method's statistic", result.status.removeprefix("insufficient: "))
    own = next((test for test in result.tests if test.name == null), result.tests[0])
    return replace(own, name=null)


def _by_null_data(
    adata: AnnData, method: str, null: str, make: Callable[[int], AnnData], n_null: int, seed: int,
    options: Mapping[str, Any], progress: bool | None,
) -> NullTest:  # fmt: skip
    """Return the rank of the method's statistic among those of null data."""
    light = {**options, **LIGHT.get(method, {})}
    result = _called(adata, method, seed, light)
    if not result.tests or not np.isfinite(result.tests[0].observed):
        reason = result.status.removeprefix("insufficient: ") if result.status != "ok" else "no value in the data"
        return NullTest.lacking(null, "the method's statistic", reason)
    value = _light_statistic(method, light, seed)
    # the same way as in the null data, should the light statistic differ from that of the whole method
    observed = value(adata)
    seeds = np.random.SeedSequence(seed).generate_state(n_null).tolist()
    shown = steps_shown(seeds, what=f"{method}, {null}", shown=progress)
    simulated = np.array([value(make(own)) for own in shown])
    # where the method has nothing to go by, it finds no transition
    simulated[np.isnan(simulated)] = -np.inf
    return NullTest.by_simulation(null, result.tests[0].statistic, observed, simulated)


def _light_statistic(method: str, options: Mapping[str, Any], seed: int) -> Callable[[AnnData], float]:
    """Return what gives the method's first statistic without its intervals and nulls; missing where it cannot."""
    statistic = getattr(importlib.import_module(METHODS[method][0]), "statistic", None)
    if statistic is not None:
        known = inspect.signature(statistic).parameters
        chosen = {name: value for name, value in {**options, "seed": seed}.items() if name in known}
        return lambda cells: _or_missing(lambda: statistic(cells, **chosen))

    def by_call(cells: AnnData) -> float:
        result = _called(cells, method, seed, options)
        return float(result.tests[0].observed) if result.status == "ok" and result.tests else float("nan")

    return lambda cells: _or_missing(lambda: by_call(cells))


def _or_missing(value: Callable[[], float]) -> float:
    """Return a value; missing where there is none in such data.

    The whole method has taken the cells with the same options before: what it refuses now is a state that null data,
    such as those of one class, no longer hold.
    """
    try:
        return value()
    except (ConvergenceError, ParameterError):
        return float("nan")

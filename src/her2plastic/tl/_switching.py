"""One door to the rates between HER2 states: each kind of data goes to the model that it supports."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from her2plastic._errors import ParameterError, check_probability, check_seed, one_of
from her2plastic.models.transition_rates import TransitionRates

if TYPE_CHECKING:
    from anndata import AnnData

#: The module of each design; its ``fit(adata, **options)`` returns the rates and records the step.
DESIGNS: Final = {
    "draws": "her2plastic.tl.switching_draws",
    "panel": "her2plastic.tl.switching_panel",
    "sorted": "her2plastic.tl.switching_sorted",
    "clones": "her2plastic.tl.switching_clones",
}


def switching(
    adata: AnnData,
    *,
    design: str,
    level: float = 0.9,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> TransitionRates:
    """Estimate how fast cells move between the HER2 states, by the model that the kind of data supports.

    Parameters
    ----------
    adata
        Cells with their HER2 states (``obsm["her2_posterior"]``, ``obs["her2_state"]``) and the columns that the design
        needs.
    design
        ``"draws"``: CTCs of several blood draws of each patient. A CTC is destroyed when it is measured, so that other
        cells are seen each time, and the rates are effective ones.
        ``"panel"``: the state of a patient at several times.
        ``"sorted"``: sorted cultures that return to a mixture.
        ``"clones"``: barcoded or single-cell derived clones.
    level
        Probability that an interval holds; 0.9, since studies of moves have few patients (cultures, clones), which do
        not tell the tails of a distribution.
    seed
        Seed of everything random, at least 0.
    options
        What else the design takes, by name: the arguments of ``fit`` in ``her2plastic.tl.switching_draws``,
        ``switching_panel``, ``switching_sorted`` or ``switching_clones``, such as ``{"merge": ...}``.

    Returns
    -------
    Rates per day with intervals, what the data say of each of them, and the nulls. Writes
    ``adata.uns["her2plastic"]["switching_<design>"]``: the parameters, the rates as of
    :meth:`TransitionRates.record <her2plastic.models.TransitionRates.record>`, and ``fitted``, the observed beside the
    fitted composition. Where the data cannot answer, ``status`` says so with the number that fell short.

    Raises
    ------
    ParameterError
        An unknown design, an option that the design does not have, or a value out of range.
    MissingKeyError
        A column that the design needs is missing.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cells = hp.datasets.simulate_draws(n_patients=10, n_ctc=10, seed=1).to_anndata()
    >>> rates = hp.tl.switching(cells, design="draws", options={"merge": "positive", "n_null": 9})
    >>> print(rates.summary())
    draws: effective rates per day from 10 patients, 10 patients with two draws, 40 draws, 400 cells
    HER2-0/low -> HER2-positive: 0.0104 (0.00693 to 0.0159), identified
    HER2-positive -> HER2-0/low: 0.0125 (0.00728 to 0.0204), identified
    shuffled draw order: twice the gain in log-likelihood by moves 35.3, p = 0.1
    shuffled labels: twice the gain in log-likelihood by moves 35.3, p = 0.1
    the larger of the first 2 p decides: 0.1 (shuffled draw order)
    effective: switching, growth, shedding and clearance together
    """
    one_of("design", design, DESIGNS)
    check_probability("level", level)
    check_seed(seed)
    fit = importlib.import_module(DESIGNS[design]).fit
    given = dict(options or {})
    known = [name for name in inspect.signature(fit).parameters if name not in ("adata", "level", "seed")]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ParameterError(
            f"options: design {design!r} does not take {', '.join(map(repr, unknown))}; it takes "
            f"{', '.join(map(repr, known))}, besides level and seed"
        )
    return fit(adata, level=level, seed=seed, **given)

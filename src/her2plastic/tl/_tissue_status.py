"""The HER2 status of tissue by published criteria, from IHC and in-situ hybridisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys, reference
from her2plastic._errors import ParameterError, one_of
from her2plastic.tl.tissue_decisions import Decisions, decide

if TYPE_CHECKING:
    import pandas as pd

#: Class of a negative tissue by its IHC score; without one it is none of them.
_NULL, _ULTRALOW, _UNRESOLVED, _LOW, _POSITIVE = _keys.TISSUE_CLASSES
_CLASS_OF_SCORE: Final = {
    "null": _NULL, "ultralow": _ULTRALOW, "0": _UNRESOLVED, "1+": _LOW, "2+": _LOW,
}  # fmt: skip
_STATE_OF_CLASS: Final = dict(zip(_keys.TISSUE_CLASSES, (*_keys.STATES[:1] * 3, *_keys.STATES[1:]), strict=True))


def tissue_status(table: pd.DataFrame, *, rule: str = "asco_cap_2018") -> pd.DataFrame:
    """Return the HER2 status of each tissue by the criteria of ASCO and the CAP, and the work-up that is missing.

    Every row gets an answer: a status, or the step that has to come first. Nothing is guessed: where a number is
    missing, there is a status only if it is the same whatever the number is. The criteria stand in ``reference``
    (:func:`her2plastic.reference.tissue_decisions`) with their sources (Wolff et al. 2018; affirmed by Wolff et al.
    2023); HER2-low is no result category of theirs but a word for who may be treated (Tarantino et al. 2020), and so
    is ultralow (Bardia et al. 2024).

    Parameters
    ----------
    table
        A row per specimen. IHC as ``ihc`` (0, null, ultralow, 1+, 2+, 3+; 2, ``++`` and ``equivocal`` are 2+), or as
        percentages of invasive tumour cells: ``ihc_complete_intense``, ``ihc_complete_weak`` (weak to moderate),
        ``ihc_incomplete_intense`` (moderate to intense), ``ihc_incomplete_faint``. In-situ hybridisation as
        ``ish_ratio`` (HER2/CEP17) and ``ish_copies`` (mean HER2 signals per cell), or ``ish_cep17`` in place of the
        ratio; ``ish_probe`` (dual, single): copies without a ratio are of a single probe unless it says dual; or,
        where only that was reported, ``ish_result`` (positive or amplified, negative or not amplified, equivocal or
        indeterminate), which is read where the numbers do not settle the answer. The blinded recount as
        ``ish_recount`` (unchanged, changed, or adjudicated where ratio and copies are those of the final category),
        or in numbers as ``ish_recount_ratio``, ``ish_recount_copies`` and ``ish_recount_cells``.
        Any of them may be missing; other columns are not read.
    rule
        A name of :func:`her2plastic.reference.tissue_rules`.

    Returns
    -------
    The same rows: ``ihc_score`` and ``ish_group`` that were used; ``status`` (positive, negative, or missing before
    ``step`` is done); ``tissue_class`` (ordered, ultralow and null apart) and ``tissue_state`` (the ordered HER2
    state, as :func:`conversion` takes it), missing where the IHC that would tell is not known; ``step``:
    ``reflex_required``, ``recount_required``, ``adjudication_required``, ``dual_probe_required``, ``copies_required``,
    ``ratio_required``, ``ish_numbers_required``, ``ihc_required``, ``ihc_review_required``, ``not_tested`` or empty;
    ``flags`` joined by semicolons; ``comment``; ``rule`` and ``version``.

    Raises
    ------
    MissingKeyError
        The table has neither IHC nor in-situ hybridisation.
    ParameterError
        A value cannot be read (text among numbers, results in place of scores, percentages above 100), with the rows.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import pandas as pd
    >>> reports = pd.DataFrame({"ihc": ["0", "2+", "2+", "3+"], "ish_ratio": [None, 2.4, None, None]})
    >>> reports["ish_copies"] = [None, 6.1, None, None]
    >>> print(hp.tl.tissue_status(reports)[["status", "step"]].to_string())
         status             step
    0  negative
    1  positive
    2       NaN  reflex_required
    3  positive
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise ParameterError(f"table: expected a DataFrame with a row per specimen, not a {type(table).__name__}")
    rules = reference.tissue_rules()
    one_of("rule", rule, rules.index)
    found = decide(table, rule)
    classes = _classes(found)
    states = [None if name is None else _STATE_OF_CLASS[name] for name in classes]
    return pd.DataFrame(
        {
            "ihc_score": found.score, "ish_group": found.group,
            "status": pd.Categorical(_or_missing(found.status), categories=list(_keys.TISSUE_STATUS)),
            "tissue_class": pd.Categorical(classes, categories=list(_keys.TISSUE_CLASSES), ordered=True),
            _keys.TISSUE_STATE: pd.Categorical(states, categories=list(_keys.STATES), ordered=True),
            "step": found.step, "flags": ["; ".join(words) for words in found.flags], "comment": found.comment,
            "rule": str(rules.loc[rule, "name"]), "version": str(rules.loc[rule, "version"]),
        },
        index=table.index,
    )  # fmt: skip


def _classes(found: Decisions) -> list[str | None]:
    """Return positive, or for a negative tissue what its IHC makes of it."""
    return [
        _POSITIVE if status == "positive" else _CLASS_OF_SCORE.get(str(score)) if status == "negative" else None
        for status, score in zip(found.status, found.score, strict=True)
    ]


def _or_missing(words: np.ndarray) -> list[str | None]:
    return [str(word) or None for word in words]

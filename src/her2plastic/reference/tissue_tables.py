"""Criteria for the HER2 status of tissue, and published changes of it, out of the tables beside this file."""

from __future__ import annotations

import pandas as pd

from her2plastic._errors import one_of
from her2plastic.reference.tables import stored_table


def published_conversion() -> pd.DataFrame:
    """Return published changes of the HER2 state of tissue.

    Returns
    -------
    One row per number: ``study, setting, states`` (joined by commas), ``quantity`` (``share`` or ``kappa``), ``among,
    first, second`` (which readings the share is of), ``share, lower, upper`` (missing where not given), ``hits, n``
    (missing where not found), ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> rows = hp.reference.published_conversion()
    >>> found = rows[(rows["study"] == "miglietta2021") & (rows["second"] == "differs") & (rows["first"] == "any")]
    >>> print(found[["setting", "share", "n"]].to_string(index=False))
               setting  share     n
    primary to relapse   0.38 547.0
    """
    table = stored_table("published_conversion").copy()
    for column in ("share", "lower", "upper", "hits", "n"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    table["hits"] = table["hits"].where(table["hits"] >= 0)
    table["n"] = table["n"].where(table["n"] > 0)
    return table


def tissue_rules() -> pd.DataFrame:
    """Return the criteria for the HER2 status of tissue that are shipped.

    Returns
    -------
    Indexed by rule: ``name``, ``version``, ``least_cells`` (of a recount), ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> hp.reference.tissue_rules().loc["asco_cap_2018", ["name", "version"]].tolist()
    ['ASCO/CAP', '2018, affirmed 2023']
    """
    return stored_table("tissue_rules").set_index("rule").copy()


def ihc_criteria(rule: str = "asco_cap_2018") -> pd.DataFrame:
    """Return how immunohistochemistry is scored from percentages of stained cells.

    Parameters
    ----------
    rule
        A name of :func:`tissue_rules`.

    Returns
    -------
    Rows of which the first that holds gives the score: ``score`` (``?`` where the definitions name none), ``pattern``
    of staining, ``above`` and ``at_most`` (percent of invasive tumour cells), ``flag``, ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> criteria = hp.reference.ihc_criteria().set_index("score")
    >>> print(criteria.loc[["3+", "1+"], ["pattern", "above", "at_most"]].to_string())
                    pattern  above  at_most
    score
    3+     complete_intense     10      100
    1+     incomplete_faint     10      100
    """
    return _of_rule("ihc_criteria", rule)


def ish_groups(rule: str = "asco_cap_2018") -> pd.DataFrame:
    """Return the groups of in-situ hybridisation.

    Parameters
    ----------
    rule
        A name of :func:`tissue_rules`.

    Returns
    -------
    ``group``, ``probe`` (dual or single), and the bounds of HER2/CEP17 and of HER2 copies per cell: ``ratio_from``,
    ``ratio_below``, ``copies_from``, ``copies_below`` (infinite where there is none), ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> groups = hp.reference.ish_groups().set_index("group")
    >>> print(groups[groups["probe"] == "dual"].drop(columns=["probe", "source"]).to_string())
           ratio_from  ratio_below  copies_from  copies_below
    group
    1             2.0          inf          4.0           inf
    2             2.0          inf          0.0           4.0
    3             0.0          2.0          6.0           inf
    4             0.0          2.0          4.0           6.0
    5             0.0          2.0          0.0           4.0
    """
    table = _of_rule("ish_groups", rule)
    for column in ("ratio_from", "ratio_below", "copies_from", "copies_below"):
        table[column] = table[column].replace("", "0" if column.endswith("_from") else "inf").astype(float)
    return table


def tissue_decisions(rule: str = "asco_cap_2018") -> pd.DataFrame:
    """Return the HER2 status that in-situ hybridisation and immunohistochemistry give together.

    Parameters
    ----------
    rule
        A name of :func:`tissue_rules`.

    Returns
    -------
    Rows of which the first that holds decides: ``ish`` (a group, or ``not done``), ``ihc`` (scores joined by commas,
    ``not done`` or ``any``), ``recount`` (``unchanged``, ``changed`` or ``any``), ``status`` (empty where none may be
    given before the ``step`` is done), ``flag``, ``comment``, ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> rows = hp.reference.tissue_decisions()
    >>> rows.loc[(rows["ish"] == "not done") & (rows["ihc"] == "2+"), ["status", "step"]].to_dict("records")
    [{'status': '', 'step': 'reflex_required'}]
    """
    return _of_rule("tissue_decisions", rule)


def _of_rule(name: str, rule: str) -> pd.DataFrame:
    """Return the rows of a table of tissue criteria that belong to one rule."""
    one_of("rule", rule, tissue_rules().index)
    table = stored_table(name)
    return table[table["rule"] == rule].drop(columns="rule").reset_index(drop=True)

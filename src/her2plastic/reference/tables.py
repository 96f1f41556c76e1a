"""Reading of the reference tables that are shipped beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

from her2plastic._errors import one_of


@cache
def _table(name: str) -> pd.DataFrame:
    with (files("her2plastic.reference") / f"{name}.tsv").open(encoding="utf-8") as handle:
        return pd.read_csv(handle, sep="\t", comment="#", keep_default_na=False)


def panels() -> dict[str, tuple[str, ...]]:
    """Return the gene panels.

    Returns
    -------
    Panel name to gene symbols. Sources stand in ``reference/panels.tsv``.
    """
    table = _table("panels")
    return {str(name): tuple(rows["gene"]) for name, rows in table.groupby("panel", sort=False)}


def panel(name: str) -> tuple[str, ...]:
    """Return the gene symbols of one panel.

    Parameters
    ----------
    name
        A name of :func:`panels`.

    Returns
    -------
    The gene symbols.
    """
    known = panels()
    one_of("panel", name, known)
    return known[name]


def amplicon() -> pd.DataFrame:
    """Return the genes of 17q12 around ERBB2.

    Returns
    -------
    Columns ``gene, chrom, start, end, role, group``: GRCh38, 1-based inclusive. ``group`` is ``core`` (scored),
    ``flank`` (compared with), or ``excluded``; ``role`` says why.
    """
    return _table("amplicon_17q12").copy()


def gene_aliases() -> dict[str, str]:
    """Return old names of genes.

    Returns
    -------
    Alias or Ensembl gene id (upper case, without version) to the current symbol.
    """
    table = _table("gene_aliases")
    return dict(zip(table["alias"], table["symbol"], strict=True))


def assays() -> pd.DataFrame:
    """Return the noise model of each assay.

    Returns
    -------
    Indexed by assay name: ``molecules`` (``umi`` or ``reads``), ``dispersion`` (negative binomial, variance
    ``mean + dispersion * mean ** 2``), ``zero_inflation`` (share of cells in which a transcript drops out altogether),
    ``scale_sd_log2`` (how far absolute CPM may lie off the reference scale), ``ambient`` (``yes`` where cells share one
    suspension), ``source``.
    """
    return _table("assays").set_index("assay").copy()


def her2_scale(name: str = "reference") -> pd.DataFrame:
    """Return a shipped HER2 expression scale.

    Parameters
    ----------
    name
        Name of the scale.

    Returns
    -------
    One row per component: ``scale, component, state, mean_log2_cpm, sd_log2, share_prior, donor_sd, n, source``.
    """
    table = _table("her2_scales")
    one_of("scale", name, table["scale"].unique())
    return table[table["scale"] == name].reset_index(drop=True)


def her2_scale_names() -> tuple[str, ...]:
    """Return the names of the shipped scales.

    Returns
    -------
    The names.
    """
    return tuple(dict.fromkeys(_table("her2_scales")["scale"]))


def her2_rules() -> pd.DataFrame:
    """Return published cut-offs for single cells.

    Returns
    -------
    Indexed by rule name: ``cpm_above`` (ERBB2 CPM above which a cell is HER2-positive), ``source``.
    """
    return _table("her2_rules").set_index("rule").copy()


def if_gates(preset: str) -> pd.DataFrame:
    """Return a published set of gates for CTCs or leukocytes in images.

    Parameters
    ----------
    preset
        A name of :func:`if_gate_names`. The numbers are grey values of one kind of camera.

    Returns
    -------
    One row per bound: ``identity, feature, bound`` (``above`` or ``below``), ``value, unit, source``. Areas in pixels
    of 0.64 micrometres have been turned into square micrometres.
    """
    table = _table("if_gates")
    one_of("preset", preset, if_gate_names())
    rows = table[table["preset"] == preset].reset_index(drop=True)
    in_pixels = rows["unit"] == "px of 0.64 um"
    rows["value"] = rows["value"].astype(float).where(~in_pixels, rows["value"] * 0.64**2)
    return rows


def if_gate_names() -> tuple[str, ...]:
    """Return the names of the published sets of gates.

    Returns
    -------
    The names.
    """
    return tuple(dict.fromkeys(_table("if_gates")["preset"]))


def control_lines() -> pd.DataFrame:
    """Return cell lines used as HER2 controls.

    Returns
    -------
    Indexed by line: ``receptors`` per cell (missing where unknown), ``ihc``, ``stands_for`` (0, 1+, 2+ or 3+),
    ``source``.
    """
    table = _table("control_lines").set_index("line").copy()
    table["receptors"] = table["receptors"].astype(float).replace(0.0, float("nan"))
    return table


def patient_rules() -> pd.DataFrame:
    """Return published rules that turn a patient's CTCs into HER2-positive or not.

    Returns
    -------
    Indexed by rule: ``quantity, scores, bound, value, warning, source``.
    """
    return _table("patient_rules").set_index("rule").copy()


def published_conversion() -> pd.DataFrame:
    """Return published changes of the HER2 state of tissue.

    Returns
    -------
    One row per number: ``study, setting, states`` (joined by commas), ``quantity`` (``share`` or ``kappa``), ``among,
    first, second`` (which readings the share is of), ``share, lower, upper`` (missing where not given), ``hits, n``
    (missing where not found), ``source``.
    """
    table = _table("published_conversion").copy()
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
    """
    return _table("tissue_rules").set_index("rule").copy()


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
    """
    return _of_rule("tissue_decisions", rule)


def _of_rule(name: str, rule: str) -> pd.DataFrame:
    """Return the rows of a table of tissue criteria that belong to one rule."""
    one_of("rule", rule, tissue_rules().index)
    table = _table(name)
    return table[table["rule"] == rule].drop(columns="rule").reset_index(drop=True)

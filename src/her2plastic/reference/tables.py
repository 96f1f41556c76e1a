"""Reading of the reference tables that are shipped beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

from her2plastic._errors import one_of


@cache
def stored_table(name: str) -> pd.DataFrame:
    """Return a table of this folder; the same object at each call, to be copied before it is handed on."""
    with (files("her2plastic.reference") / f"{name}.tsv").open(encoding="utf-8") as handle:
        return pd.read_csv(handle, sep="\t", comment="#", keep_default_na=False)


def panels() -> dict[str, tuple[str, ...]]:
    """Return the gene panels.

    Returns
    -------
    Panel name to gene symbols. Sources stand in ``reference/panels.tsv``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> panels = hp.reference.panels()
    >>> sorted(panels)[:4]
    ['b_cell', 'dna_damage', 'emt_down', 'emt_up']
    >>> panels["notch"]
    ('NOTCH1', 'NOTCH2', 'NOTCH3', 'JAG1', 'HES1', 'HEYL', 'HEY1', 'NRARP')
    """
    table = stored_table("panels")
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

    Examples
    --------
    >>> import her2plastic as hp
    >>> hp.reference.panel("platelet")
    ('PPBP', 'PF4', 'GP9', 'ITGA2B', 'GP1BB', 'TUBB1')
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

    Examples
    --------
    >>> import her2plastic as hp
    >>> genes = hp.reference.amplicon()
    >>> genes.loc[genes["role"] == "core", "gene"].tolist()
    ['STARD3', 'PGAP3', 'MIEN1', 'GRB7']
    """
    return stored_table("amplicon_17q12").copy()


def gene_aliases() -> dict[str, str]:
    """Return old names of genes.

    Returns
    -------
    Alias or Ensembl gene id (upper case, without version) to the current symbol.

    Examples
    --------
    >>> import her2plastic as hp
    >>> names = hp.reference.gene_aliases()
    >>> names["HER2"], names["C17ORF37"], names["ENSG00000141736"]
    ('ERBB2', 'MIEN1', 'ERBB2')
    """
    table = stored_table("gene_aliases")
    return dict(zip(table["alias"], table["symbol"], strict=True))


def assays() -> pd.DataFrame:
    """Return the noise model of each assay.

    Returns
    -------
    Indexed by assay name: ``molecules`` (``umi`` or ``reads``), ``dispersion`` (negative binomial, variance
    ``mean + dispersion * mean ** 2``), ``zero_inflation`` (share of cells in which a transcript drops out altogether),
    ``scale_sd_log2`` (how far absolute CPM may lie off the reference scale), ``ambient`` (``yes`` where cells share one
    suspension), ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> assays = hp.reference.assays()
    >>> assays.loc["10x", ["molecules", "dispersion"]].to_dict()
    {'molecules': 'umi', 'dispersion': 0.1}
    """
    return stored_table("assays").set_index("assay").copy()


def her2_scale(name: str = "reference") -> pd.DataFrame:
    """Return a shipped HER2 expression scale.

    Parameters
    ----------
    name
        Name of the scale.

    Returns
    -------
    One row per component: ``scale, component, state, mean_log2_cpm, sd_log2, share_prior, donor_sd, n, source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> scale = hp.reference.her2_scale().set_index("component")
    >>> print(scale[["state", "mean_log2_cpm", "sd_log2"]].to_string())
                       state  mean_log2_cpm  sd_log2
    component
    silent            HER2-0           0.00      1.5
    null              HER2-0           4.85      0.9
    low             HER2-low           5.36      0.9
    plastic    HER2-positive           7.06      0.9
    amplified  HER2-positive          10.38      0.9
    """
    table = stored_table("her2_scales")
    one_of("scale", name, table["scale"].unique())
    return table[table["scale"] == name].reset_index(drop=True)


def her2_scale_names() -> tuple[str, ...]:
    """Return the names of the shipped scales.

    Returns
    -------
    The names.

    Examples
    --------
    >>> import her2plastic as hp
    >>> hp.reference.her2_scale_names()
    ('reference',)
    """
    return tuple(dict.fromkeys(stored_table("her2_scales")["scale"]))


def her2_rules() -> pd.DataFrame:
    """Return published cut-offs for single cells.

    Returns
    -------
    Indexed by rule name: ``cpm_above`` (ERBB2 CPM above which a cell is HER2-positive), ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> hp.reference.her2_rules()["cpm_above"].to_dict()
    {'jordan2016': 10}
    """
    return stored_table("her2_rules").set_index("rule").copy()


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

    Examples
    --------
    >>> import her2plastic as hp
    >>> gates = hp.reference.if_gates("accept_breast_um2")
    >>> print(gates.drop(columns=["source"]).to_string())
                  preset identity           feature  bound   value         unit
    0  accept_breast_um2      CTC        CK_cell_sd  above    50.0  grey values
    1  accept_breast_um2      CTC     cell_area_um2  above    75.0          um2
    2  accept_breast_um2      CTC     cell_area_um2  below  2000.0          um2
    3  accept_breast_um2      CTC  DAPI_nucleus_max  above   170.0  grey values
    4  accept_breast_um2      CTC     CD45_cell_max  below    60.0  grey values
    """
    table = stored_table("if_gates")
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

    Examples
    --------
    >>> import her2plastic as hp
    >>> hp.reference.if_gate_names()[:2]
    ('accept_breast_px', 'accept_breast_um2')
    """
    return tuple(dict.fromkeys(stored_table("if_gates")["preset"]))


def control_lines() -> pd.DataFrame:
    """Return cell lines used as HER2 controls.

    Returns
    -------
    Indexed by line: ``receptors`` per cell (missing where unknown), ``ihc``, ``stands_for`` (0, 1+, 2+ or 3+),
    ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> lines = hp.reference.control_lines()
    >>> print(lines.loc[["BT-474", "MCF-7"], ["ihc", "stands_for"]].to_string())
             ihc stands_for
    line
    BT-474    3+         3+
    MCF-7   0/1+         1+
    """
    table = stored_table("control_lines").set_index("line").copy()
    table["receptors"] = table["receptors"].astype(float).replace(0.0, float("nan"))
    return table


def channel_names() -> pd.DataFrame:
    """Return what files call the channels of DNA, cytokeratin, CD45 and HER2.

    Returns
    -------
    ``role`` (DAPI, CK, CD45, HER2), ``name`` in small letters and digits only, ``rank`` (of several that fit a slide,
    the lowest counts), ``source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> names = hp.reference.channel_names()
    >>> names.loc[names["role"] == "HER2", "name"].tolist()
    ['her2', 'her2neu', 'erbb2', 'cerbb2', 'p185her2']
    """
    return stored_table("channel_names").copy()


def patient_rules() -> pd.DataFrame:
    """Return published rules that turn a patient's CTCs into HER2-positive or not.

    Returns
    -------
    Indexed by rule: ``quantity, scores, bound, value, warning, source``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> rules = hp.reference.patient_rules()
    >>> print(rules[["quantity", "scores", "bound", "value"]].to_string())
                      quantity    scores     bound  value
    rule
    any_3plus           number        3+  at least    1.0
    any_positive        number        3+  at least    1.0
    half_positive        share     2+,3+  at least    0.5
    over_30_percent      share     2+,3+     above    0.3
    h_score_200        h_score  1+,2+,3+  at least  200.0
    intensity_2_5    intensity        3+  at least    2.5
    fish_2_0              fish        3+  at least    2.0
    fish_2_2              fish        3+  at least    2.2
    """
    return stored_table("patient_rules").set_index("rule").copy()

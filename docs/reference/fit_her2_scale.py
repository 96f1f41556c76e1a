"""Fit the HER2 expression scale that is shipped as src/her2plastic/reference/her2_scales.tsv.

    python docs/reference/fit_her2_scale.py --lines breast_lines_her2.csv --tcga tcga_brca_her2.csv \
        --write src/her2plastic/reference/her2_scales.tsv

The two tables are public: log2 FPKM and RPPA of breast cancer lines (Marcotte 2016), and HER2 IHC, ISH and mRNA of
TCGA-BRCA. What each gives:

- lines: where amplified and not amplified lie on log2 FPKM, and how far lines of one kind scatter;
- TCGA: how far low lies above 0, as a standardised difference from the AUC (its mRNA unit is not documented, so only
  ranks are used).

A bulk FPKM is read as a CPM of a molecule-counting assay. That is right within a factor of two or so, which is why
the model gives every assay an offset of its own. What the tables do not hold (the plastic state, silent cells, the
spread of single cells) stands below with its source.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

#: HER2-low makes up about half of HER2-negative tumours (Miglietta 2021; 43 % in Tan 2022).
SHARE_LOW_OF_NEGATIVE = 0.5
#: Spread of cells of one donor, log2: a working assumption, between the spread of lines and of single-cell noise.
CELL_SD = 0.9
#: Spread of donors within a state, log2: a separation of 0.81 at AUC 0.76 (Oncotype HER2 score, n = 1,524) implies 0.8.
DONOR_SD = 0.8
#: HER2-high CTCs of BRx-42 and BRx-82: median 133 RPM, n = 22 (Jordan 2016).
PLASTIC_CPM, PLASTIC_N = 133.0, 22
#: CTCs without a single ERBB2 read at two million reads exist in GSE75367: a silent part of HER2-0.
SILENT_CPM, SILENT_SD = 1.0, 1.5
#: Dirichlet parameters: weak, flat over 0 and low, and positive rarer (most tumours sampled are HER2-negative).
SHARE_PRIOR = {"silent": 0.15, "null": 0.85, "low": 1.0, "plastic": 0.45, "amplified": 0.15}


def fit(lines: pd.DataFrame, tcga: pd.DataFrame) -> pd.DataFrame:
    """Return the scale, one row per component."""
    expression = lines["ERBB2_log2fpkm_qn"]
    amplified = expression[lines["status_ERBB2"] == "high"]
    negative = expression[lines["status_ERBB2"] == "low"]

    measured = tcga.dropna(subset=["ERBB2_rnaseq"])
    pair = measured[measured["her2_class_asco"].isin(["HER2-0", "HER2-low"])]
    auc = roc_auc_score(pair["her2_class_asco"] == "HER2-low", pair["ERBB2_rnaseq"])
    standardised = np.sqrt(2) * norm.ppf(auc)
    low = SHARE_LOW_OF_NEGATIVE
    within_sd = negative.std() / np.sqrt(1 + low * (1 - low) * standardised**2)
    gap = standardised * within_sd

    source_lines = "breast cancer lines, log2 FPKM (Marcotte 2016)"
    source_gap = f"{source_lines}; low against 0 by AUC {auc:.2f} in TCGA-BRCA (n = {len(pair)})"
    source_plastic = "HER2-high CTCs, median RPM (Jordan 2016)"
    rows = [
        ("silent", "HER2-0", np.log2(SILENT_CPM), SILENT_SD, 0, "assumed; CTCs without ERBB2 reads in GSE75367"),
        ("null", "HER2-0", negative.mean() - low * gap, CELL_SD, len(negative), source_gap),
        ("low", "HER2-low", negative.mean() + (1 - low) * gap, CELL_SD, len(negative), source_gap),
        ("plastic", "HER2-positive", np.log2(PLASTIC_CPM), CELL_SD, PLASTIC_N, source_plastic),
        ("amplified", "HER2-positive", amplified.mean(), CELL_SD, len(amplified), source_lines),
    ]
    scale = pd.DataFrame(rows, columns=["component", "state", "mean_log2_cpm", "sd_log2", "n", "source"])
    scale.insert(0, "scale", "reference")
    scale.insert(5, "share_prior", scale["component"].map(SHARE_PRIOR))
    scale.insert(6, "donor_sd", DONOR_SD)
    return scale.round({"mean_log2_cpm": 2})


def main() -> None:
    """Read the tables, fit, print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--tcga", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    scale = fit(pd.read_csv(arguments.lines), pd.read_csv(arguments.tcga))
    header = (
        "# HER2 expression scales: log-normal components on log2 counts per million. Written by\n"
        "# docs/reference/fit_her2_scale.py, which says what each number rests on.\n"
    )
    text = header + scale.to_csv(sep="\t", index=False)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

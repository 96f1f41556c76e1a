from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2plastic import tl

P1170A = "c.3508C>G"
GERMLINE = {"sample_id": "blood", "cell_id": "", "material": "leukocytes", "genotype": "C/G", "n_ref": 0, "n_alt": 0}


def balance_of(*cells: tuple[int, int]) -> tuple[str, str]:
    """What is said of the CTCs of a heterozygote: call and status."""
    common: dict[str, Any] = {
        "donor_id": "D1", "draw_day": 0.0, "variant": "P1170A", "hgvs_c": P1170A, "n_other": 0,
        "n_ref_forward": np.nan, "n_alt_forward": np.nan, "genotype_quality": np.nan, "status": "ok", "build": "GRCh38",
    }  # fmt: skip
    rows = [{**common, **GERMLINE}]
    rows += [
        {**common, "sample_id": "ctcs", "cell_id": f"c{k}", "material": "CTC", "genotype": "", "n_ref": ref,
         "n_alt": alt}
        for k, (ref, alt) in enumerate(cells)
    ]  # fmt: skip
    frame = tl.variants(pd.DataFrame(rows)).frame.set_index("sample_id")
    return str(frame.loc["ctcs", "call"]), str(frame.loc["ctcs", "status"])


@pytest.mark.parametrize("n_cells", [1, 4])
def test_few_bursting_cells_say_nothing_of_amplification(n_cells: int) -> None:
    """A cell that bursts shows one base alone in many molecules: that is one observation, and no extra copy."""
    call, status = balance_of(*[(30, 0)] * n_cells)
    assert call == ""
    assert status == f"insufficient: {n_cells} cells with reads, 5 needed to tell a burst from an extra copy"


def test_cells_without_reads_are_not_counted() -> None:
    assert "insufficient: 4 cells" in balance_of(*[(30, 2)] * 4, (0, 0), (0, 0))[1]


def test_cells_that_all_show_one_base_count_once_each() -> None:
    assert balance_of(*[(30, 0)] * 5) == ("balanced", "ok")  # five of five by chance: 0.06
    assert balance_of(*[(30, 0)] * 12) == ("C in excess", "ok")

"""The patient table where a group has nobody to count."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from her2plastic import _keys, tl
from her2plastic.run.patients import patient_table


def test_groups_of_controls_are_told_from_groups_without_events():
    donors = ["P1"] * 6 + ["P2"] * 6
    obs = pd.DataFrame({"donor_id": donors, "draw_day": 0.0, "assay": "smart-seq2", "is_ctc": True})
    obs["label"] = ["HER2-low" if donor == "P2" else None for donor in donors]
    adata = AnnData(
        np.full((12, 600), 40, dtype="float32"), obs=obs.set_index(obs.index.map("cell{}".format)),
        var=pd.DataFrame(index=["ERBB2", *(f"GENE{number}" for number in range(599))]),
    )  # fmt: skip
    adata.layers[_keys.COUNTS] = adata.X
    tl.her2_state(adata, calibration="jordan2016")
    sheet = pd.DataFrame({"donor_id": ["P1", "P2", "P3"], "draw_day": 0.0})
    table = patient_table(adata, sheet, level=0.9)
    for scope in ("donor", "draw"):
        rows = table[table["scope"] == scope].set_index("donor_id")
        assert rows.loc["P1", "n_cells"] == 6
        assert rows.loc["P2", "n_cells"] == 0
        assert rows.loc["P2", "note"] == "insufficient: every event of this group is a control"
        assert rows.loc["P3", "note"] == "insufficient: the files of this group hold no event"

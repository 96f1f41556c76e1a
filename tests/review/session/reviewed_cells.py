"""Cells as ``tl.her2_if`` leaves them, without images."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from her2plastic import _keys
from her2plastic.review.session import ReviewSettings

#: In the order of the rows, without repeats, all of them.
PLAIN = ReviewSettings(order="random", target=None, repeat_share=0.0)


def cells_of_slides(n: int = 60, *, seed: int = 0) -> AnnData:
    """Return cells of three slides and patients, with posterior, call, and probability to be a CTC."""
    random = np.random.default_rng(seed)
    slides = np.array(["s1", "s2", "s3"])[np.arange(n) % 3]
    names = pd.Index([f"{slide}:{number}" for number, slide in enumerate(slides)], dtype=object)
    posterior = random.dirichlet((0.5, 0.5, 0.5), size=n)
    ctc = random.choice([0.02, 0.6, 0.99], size=n)
    call = np.array(_keys.STATES)[posterior.argmax(axis=1)]
    obs = pd.DataFrame(
        {
            "cell_id": names,
            "donor_id": pd.Categorical([f"patient of {slide}" for slide in slides]),
            "slide_id": pd.Categorical(slides),
            "draw_day": np.where(slides == "s1", 0.0, 60.0),
            "treatment": pd.Categorical(["T-DXd" if slide != "s3" else None for slide in slides]),
            "kind": pd.Categorical(np.where(ctc > 0.5, "cell", "debris")),
            "ctc_probability": ctc,
            "is_ctc": ctc > 0.5,
            "her2_if_call": pd.Categorical(np.where(ctc > 0.5, call, _keys.NOT_A_CTC)),
            "my_column": np.arange(n) % 5,
        },
        index=names,
    )
    adata = AnnData(np.zeros((n, 1), dtype=np.float32), obs=obs, var=pd.DataFrame(index=["cell_area_um2"]))
    adata.obsm["her2_if_posterior"] = pd.DataFrame(posterior, index=names, columns=list(_keys.STATES))
    return adata

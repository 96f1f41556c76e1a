from __future__ import annotations

import pandas as pd

from her2plastic.run.pipeline import left_to_slides


def test_run_of_expression_says_that_it_leaves_images_alone() -> None:
    sheet = pd.DataFrame({"path": ["a.h5", "b.h5"], "image_path": ["a.ome.tif", None]})
    assert left_to_slides(sheet) == [
        "images in the sheet (1) were left to `her2plastic slide`: this run is of expression alone"
    ]
    assert left_to_slides(sheet[["path"]]) == []

"""Real images. Nothing is tuned to them: what comes out is held here, and told in docs/image_calls.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from her2plastic import im, io, tl

#: Objects by identity, as found; leukocytes of a 5 x 5 pixel crop blown up threefold suggest 0.65 um a pixel.
MONTAGE_UM = 0.65
#: Leave to differ where the segmentation changes, as a share of the objects.
LEAVE = 0.15


def montage(folder: Path) -> io.Slide:
    from PIL import Image

    files = {"DAPI": "dapi", "CK": "ck", "CD45": "cd45", "VIM": "vim"}
    planes = []
    for name in files.values():
        with Image.open(folder / f"{name}.png") as image:
            planes.append(np.asarray(image))
    return io.Slide.from_array(np.stack(planes), channels=list(files), pixel_size_um=MONTAGE_UM, slide_id=folder.name)


def test_lung_montage_has_leukocytes_and_few_ctcs(shared_data: Path) -> None:
    """Annotated: 500 leukocytes, 65 CK-positive CTCs, 50 dead cells, 60 debris; 503 crops can be told apart."""
    pytest.importorskip("PIL", reason="pillow is not installed")
    # the lower third: the whole takes a quarter of a minute
    slide = montage(shared_data / "images" / "ctc_quant_lung1")
    part = io.Slide.from_array(
        slide.fields[0].image[:, 2840:].compute(), channels=slide.channels, pixel_size_um=MONTAGE_UM, slide_id="lung"
    )
    adata = im.measure(im.segment(part))
    im.ctc_identity(adata)
    nucleated = adata.obs["kind"] != "debris"
    identity = adata.obs["identity"][nucleated].astype(str)
    assert (identity == "leukocyte").mean() == pytest.approx(0.8, abs=LEAVE)  # 500 of 640 annotated cells
    ck = identity.isin(["CTC", "CTC-leukocyte"]).mean()
    assert 0.05 < ck < 0.3  # 90 of 640
    np.testing.assert_allclose(adata.obsm["identity_posterior"].sum(axis=1), 1)


def test_tissue_field_loads_as_channels_and_calls_nothing(shared_data: Path) -> None:
    """Breast DCIS by mass spectrometry: no blood, CD45 in few cells and at most 32 counts. It must say so."""
    names = {"DAPI": "HH3", "CK": "PanKRT", "CD45": "CD45", "HER2": "HER2"}
    slide = io.read_slide(
        shared_data / "images" / "mibi_dcis", format="channels", channels=names, pixel_size_um=0.5, slide_id="dcis"
    )
    assert set(names) <= set(slide.channels)
    adata = im.measure(im.segment(slide))
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    assert adata.n_obs > 300
    records = adata.uns["her2plastic"]
    assert records["image_identity"]["batches"]["status"][0].startswith("insufficient")
    assert not adata.obs["is_ctc"].any()
    assert records["her2_if"]["slides"]["status"][0].startswith("insufficient")
    assert adata.obs["her2_intensity"].isna().all()

"""Expert-labelled nuclei of real pictures, beside a plain baseline in the same run.

Fields 1, 3 and 33 of the fluorescence data set of Koyuncu and others: Huh7 and HepG2 cells in Hoechst, objective of
20x, 768 x 1,024 pixels. The pixel size is not given with them. A 2/3 inch camera chip (8.8 x 6.6 mm) behind 20x sees
440 x 330 um, 0.43 um for each of 1,024 x 768 pixels; the median nucleus (35 pixels across) then is 15 um wide, as
nuclei of these cells are. All fields use it, and the defaults of the segmenter, which the simulated slides use too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from her2plastic import im
from her2plastic.datasets import match_labels
from her2plastic.io.slide import Slide

PIXEL_SIZE_UM = 0.43


def field(folder: Path, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a field, the brightest of its three colours, and its labels."""
    tifffile = pytest.importorskip("tifffile", reason="real fields are labelled in TIFF")
    image = pytest.importorskip("PIL.Image", reason="real fields are JPEG")
    pixels = np.asarray(image.open(folder / f"{number}.jpg")).max(axis=2)
    return pixels, tifffile.imread(folder / f"{number}_labels.tif").astype(int)


def baseline(pixels: np.ndarray) -> np.ndarray:
    """Return what Gaussian filter, Otsu's threshold and a watershed of the distance transform find."""
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.filters import threshold_otsu
    from skimage.segmentation import watershed

    smooth = ndimage.gaussian_filter(pixels.astype(float), 2)
    mask = smooth > threshold_otsu(smooth)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1)
    peaks = peak_local_max(depth, min_distance=15, labels=mask.astype(int), exclude_border=False)
    markers = np.zeros(pixels.shape, int)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-depth, markers, mask=mask)


# F1 of the baseline is 1.00, 0.86 and 0.89
@pytest.mark.parametrize(("number", "gain"), [(1, 0.0), (3, 0.05), (33, 0.05)])
def test_real_nuclei_are_found_better_than_by_the_baseline(shared_data: Path, number: int, gain: float) -> None:
    folder = shared_data / "images" / "nuclei"
    if not folder.is_dir():
        pytest.skip(f"no labelled nuclei in {folder}")
    pixels, truth = field(folder, number)
    slide = Slide.from_array(pixels[None], channels=["DAPI"], pixel_size_um=PIXEL_SIZE_UM)
    found = im.segment(slide)
    plain = match_labels(truth, found=baseline(pixels)).f1
    assert plain > 0.85  # the baseline is a fair one
    assert match_labels(truth, found=found.nuclei[0]).f1 >= plain + gain

"""Trained models as segmenters: they find the nuclei, cells are grown around them as by the classical segmenter.

No model or weights come with the package and none are fetched: both are the user's.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.im.cell_bodies import CellShape, cell_bodies
from her2plastic.im.component_tree import raster_order
from her2plastic.im.label_images import checked_image
from her2plastic.im.stains import Smoothing, cytoplasm_stains, dapi_channel

if TYPE_CHECKING:
    from her2plastic.im.segmenter import TileContext


@dataclass(frozen=True)
class CellposeSegmenter:
    """Nuclei by a Cellpose model, cells grown around them.

    The model sees DAPI without its background in units of the field's typical brightness, alike in every tile. What a
    trained model says about a pixel may still depend on the tile; an object is taken whole from the tile that holds
    its first pixel.

    Attributes
    ----------
    weights
        File of a trained model; none is fetched.
    model
        A loaded model (anything with Cellpose's ``eval``) instead of ``weights``.
    diameter_um
        Typical diameter of a nucleus.
    gpu
        Whether the model is loaded onto a GPU.
    halo_um
        Margin around a tile.
    smoothing, cell
        How cells are grown: see :class:`her2plastic.im.ClassicalSegmenter`.

    Examples
    --------
    >>> import her2plastic as hp
    >>> from scipy.ndimage import label
    >>> class Threshold:  # stands for a loaded CellposeModel
    ...     def eval(self, picture, **settings):
    ...         return [label(picture > 0.5)[0]]
    >>> segmenter = hp.im.CellposeSegmenter(model=Threshold(), diameter_um=9.0)
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> hp.im.segment(made.slide, segmenter=segmenter).objects["kind"].value_counts().to_dict()
    {'cell': 13}
    """

    weights: str | Path | None = None
    model: Any = None
    diameter_um: float = 9.0
    gpu: bool = False
    halo_um: float = 40.0
    smoothing: Smoothing = Smoothing()
    cell: CellShape = CellShape()

    def __call__(self, tile: np.ndarray, context: TileContext) -> tuple[np.ndarray, np.ndarray]:
        """Return label images of nuclei and of cells."""
        model = self.model
        if model is None:
            model = _cellpose_model(_weights_of(self.weights, "CellposeSegmenter", file=True), self.gpu)
        picture = _dapi_picture(tile, context)
        nuclei = model.eval(picture, diameter=self.diameter_um / context.pixel_size_um, normalize=False)[0]
        return _with_cells(nuclei, tile, context, self.smoothing, self.cell)


@dataclass(frozen=True)
class StarDistSegmenter:
    """Nuclei by a StarDist model, cells grown around them.

    The model sees DAPI without its background in units of the field's typical brightness, alike in every tile. What a
    trained model says about a pixel may still depend on the tile; an object is taken whole from the tile that holds
    its first pixel.

    Attributes
    ----------
    weights
        Folder of a trained model; none is fetched.
    model
        A loaded model (anything with StarDist's ``predict_instances``) instead of ``weights``.
    halo_um
        Margin around a tile.
    smoothing, cell
        How cells are grown: see :class:`her2plastic.im.ClassicalSegmenter`.

    Examples
    --------
    >>> import her2plastic as hp
    >>> from scipy.ndimage import label
    >>> class Threshold:  # stands for a loaded StarDist2D
    ...     def predict_instances(self, picture):
    ...         return [label(picture > 0.5)[0]]
    >>> segmenter = hp.im.StarDistSegmenter(model=Threshold())
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> hp.im.segment(made.slide, segmenter=segmenter).objects["kind"].value_counts().to_dict()
    {'cell': 13}
    """

    weights: str | Path | None = None
    model: Any = None
    halo_um: float = 40.0
    smoothing: Smoothing = Smoothing()
    cell: CellShape = CellShape()

    def __call__(self, tile: np.ndarray, context: TileContext) -> tuple[np.ndarray, np.ndarray]:
        """Return label images of nuclei and of cells."""
        model = self.model
        if model is None:
            model = _stardist_model(_weights_of(self.weights, "StarDistSegmenter", file=False))
        nuclei = model.predict_instances(_dapi_picture(tile, context))[0]
        return _with_cells(nuclei, tile, context, self.smoothing, self.cell)


def _weights_of(weights: str | Path | None, name: str, *, file: bool) -> str:
    kind = "file" if file else "folder"
    if weights is None:
        raise ParameterError(f"{name}: give the {kind} of a trained model as weights, or a loaded one as model")
    if not (Path(weights).is_file() if file else Path(weights).is_dir()):
        raise ParameterError(f"{name}: no {kind} {Path(weights).name!r} with weights; none are fetched")
    return str(weights)


@lru_cache(maxsize=1)
def _cellpose_model(weights: str, gpu: bool) -> Any:
    return _installed("cellpose", "cellpose.models").CellposeModel(gpu=gpu, pretrained_model=weights)


@lru_cache(maxsize=1)
def _stardist_model(weights: str) -> Any:
    folder = Path(weights)
    return _installed("stardist", "stardist.models").StarDist2D(None, name=folder.name, basedir=str(folder.parent))


def _installed(package: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as fault:
        raise ParameterError(
            f"this segmenter needs {package}, which is not installed: pip install {package}; "
            "or give label images to Segmentation.from_labels"
        ) from fault


def _dapi_picture(tile: np.ndarray, context: TileContext) -> np.ndarray:
    """Return DAPI with the field's background as 0 and its typical brightness as 1; 0 where it was unreadable."""
    channel = dapi_channel(context)
    rows, columns = (slice(a, a + n) for a, n in zip(context.origin, tile.shape[1:], strict=True))
    signal = tile[channel] - context.survey.background_of(channel, (rows, columns))
    return np.nan_to_num(signal / max(context.survey.brightness[channel], 1e-9), posinf=0.0, neginf=0.0)


def _with_cells(
    nuclei: Any, tile: np.ndarray, context: TileContext, smoothing: Smoothing, cell: CellShape
) -> tuple[np.ndarray, np.ndarray]:
    checked = checked_image(np.asarray(nuclei), tile.shape[1:], "nuclei of the model")
    labels = np.unique(checked, return_inverse=True)[1].reshape(checked.shape).astype(np.int32)
    labels += np.int32(checked.min(initial=0) > 0)  # no background at all
    raster_order(labels, int(labels.max(initial=0)))
    stains = cytoplasm_stains(tile, context, smoothing)
    return labels, cell_bodies(labels, list(stains.values()), pixel_size_um=context.pixel_size_um, shape=cell)

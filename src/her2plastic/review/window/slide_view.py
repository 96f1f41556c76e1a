"""The slide of a cell in napari's own canvas, with the cell in the middle: to move and zoom about in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic.review import looks
from her2plastic.review.layers.slide_layers import field_layers

if TYPE_CHECKING:
    from her2plastic.review.pictures import CellPictures

#: Diameter of the ring around the cell, micrometres.
_RING_UM: Final = 60.0
_RING: Final = "this cell"


class SlideView:
    """Shows the field that a cell lies in, with the ranges of the session.

    Parameters
    ----------
    viewer
        The napari viewer.
    pictures
        Where the images come from.
    """

    def __init__(self, viewer: Any, pictures: CellPictures) -> None:
        self._viewer, self._pictures = viewer, pictures
        self._field: tuple[str, str] | None = None
        self._layers: list[Any] = []

    def show(self, cell_id: str) -> None:
        """Show the whole field with the cell in the middle of the canvas."""
        place = self._pictures.place(cell_id)
        if (place.slide, place.field) != self._field or self._is_disturbed():
            self._put(place.slide, place.field, place.pixel_size_um)
        middle = np.array([place.y_px + 0.5, place.x_px + 0.5]) * place.pixel_size_um
        self._layers[-1].data = middle[None]
        size = np.array(self._layers[0].extent.world[1])[-2:]
        half = float(np.maximum(middle, size - middle).max())
        canvas = self._viewer.window._qt_window.centralWidget()
        camera = _camera(self._viewer)
        camera.center = (0.0, *(float(value) for value in middle))
        camera.zoom = min(canvas.height(), canvas.width()) / (2 * max(half, 1.0))

    def take_off(self) -> None:
        """Take everything that was added off the canvas."""
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers, self._field = [], None

    def _is_disturbed(self) -> bool:
        """Return whether somebody took a layer off."""
        return any(layer not in self._viewer.layers for layer in self._layers)

    def _put(self, slide: str, field: str, pixel_size_um: float) -> None:
        self.take_off()
        layers = field_layers(
            self._pictures.slide_levels(slide, field=field), self._pictures.slide(slide).channels,
            self._pictures.display_ranges(), pixel_size_um=pixel_size_um,
        )  # fmt: skip
        for data, arguments, kind in layers:
            self._layers.append(getattr(self._viewer, f"add_{kind}")(data, **arguments))
        ring = self._viewer.add_points(
            np.zeros((1, 2)), name=_RING, symbol="disc", face_color="transparent", border_color=looks.CELL_LINE,
            border_width=0.04, opacity=0.9, size=_RING_UM, units=("um", "um"),
        )  # fmt: skip
        ring.editable = False
        self._layers.append(ring)
        edge = self._layers[0].bounding_box
        edge.visible, edge.points, edge.line_color, edge.line_thickness = True, False, looks.FAINT, 1
        _scale_bar(self._viewer).visible = True
        self._viewer.layers.selection.clear()
        self._field = (slide, field)


def _camera(viewer: Any) -> Any:
    """Return the camera; from napari 0.9 on it is one of the scene's."""
    return getattr(viewer, "scene", viewer).camera


def _scale_bar(viewer: Any) -> Any:
    """Return the scale bar; from napari 0.9 on it is one of the canvas' overlays."""
    canvas = getattr(viewer, "canvas", None)
    return viewer.scale_bar if canvas is None else canvas.overlays.scale_bar

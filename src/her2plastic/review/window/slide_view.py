"""The slide around a cell, in napari's own canvas: its neighbours, or the whole field with the cell in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from her2plastic.pl._composite import GAMMA, channel_colours
from her2plastic.review import looks

if TYPE_CHECKING:
    from her2plastic.review.pictures import CellPictures

View = Literal["context", "slide"]
#: Side of what is seen around a cell, micrometres.
CONTEXT_UM: Final = 160.0
#: Diameter of the ring around the cell, micrometres.
_RING_UM: Final = {"context": 30.0, "slide": 60.0}
_RING: Final = "this cell"
_OBJECTS: Final = "outlines"


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

    def show(self, cell_id: str, view: View, *, outlines: bool) -> None:
        """Put the cell in the middle of the canvas.

        Parameters
        ----------
        cell_id
            Which cell.
        view
            Its neighbours, or the whole field.
        outlines
            Whether the objects have their outlines.
        """
        place = self._pictures.place(cell_id)
        if (place.slide, place.field) != self._field:
            self._put(place.slide, place.field, place.pixel_size_um)
        self._set_ring(place, view)
        self.set_outlines(outlines)
        size = np.array(self._layers[0].extent.world[1]) if self._layers else np.ones(2)
        middle = np.array([place.y_px + 0.5, place.x_px + 0.5]) * place.pixel_size_um
        half = CONTEXT_UM / 2 if view == "context" else float(np.maximum(middle, size[-2:] - middle).max())
        shortest = min(_canvas_size(self._viewer))
        self._viewer.camera.center = (0.0, *(float(value) for value in middle))
        self._viewer.camera.zoom = shortest / (2 * max(half, 1.0))

    def set_outlines(self, on: bool) -> None:
        """Draw the outlines of the objects, or leave them out."""
        for layer in self._layers:
            if layer.name == _OBJECTS:
                layer.visible = on

    def take_off(self) -> None:
        """Take everything that was added off the canvas."""
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers, self._field = [], None

    def _put(self, slide: str, field: str, pixel_size_um: float) -> None:
        self.take_off()
        levels = self._pictures.slide_levels(slide, field=field)
        ranges, colours = self._pictures.display_ranges(), channel_colours(self._pictures.channels)
        for place, name in enumerate(self._pictures.channels):
            images = [level[place] for level in levels]
            self._layers.append(
                self._viewer.add_image(
                    images if len(images) > 1 else images[0],
                    multiscale=len(images) > 1,
                    name=name,
                    colormap=_light(name, colours[name]),
                    contrast_limits=ranges[name],
                    gamma=GAMMA,
                    blending="additive",
                    scale=(pixel_size_um, pixel_size_um),
                    units=("um", "um"),
                )
            )
        self._put_outlines(slide, field, pixel_size_um)
        self._layers.append(
            self._viewer.add_points(
                np.zeros((1, 2)), name=_RING, symbol="disc", face_color="transparent",
                border_color=looks.CELL_LINE, border_width=0.04, opacity=0.9,
                units=("um", "um"),
            )
        )  # fmt: skip
        edge = self._layers[0].bounding_box
        edge.visible, edge.points, edge.line_color, edge.line_thickness = True, False, looks.FAINT, 1
        self._viewer.scale_bar.visible = True
        self._viewer.layers.selection.clear()
        self._field = (slide, field)

    def _put_outlines(self, slide: str, field: str, pixel_size_um: float) -> None:
        from napari.utils.colormaps import DirectLabelColormap

        labels = list(self._pictures.label_levels(slide, field=field))
        if not labels:
            return
        layer = self._viewer.add_labels(
            labels if len(labels) > 1 else labels[0], multiscale=len(labels) > 1, name=_OBJECTS,
            scale=(pixel_size_um, pixel_size_um), units=("um", "um"), opacity=0.6,
            colormap=DirectLabelColormap(color_dict={0: "transparent", None: looks.INK}),
        )  # fmt: skip
        layer.contour = 1
        layer.editable = False
        self._layers.append(layer)

    def _set_ring(self, place: Any, view: View) -> None:
        ring = self._layers[-1]
        middle = np.array([[place.y_px + 0.5, place.x_px + 0.5]]) * place.pixel_size_um
        ring.data = middle
        ring.size = _RING_UM[view]


def _light(name: str, colour: str) -> Any:
    """Return black to the colour of a channel's light."""
    from matplotlib.colors import to_rgb
    from napari.utils import Colormap

    return Colormap([(0.0, 0.0, 0.0), to_rgb(colour)], name=f"light of {name}")


def _canvas_size(viewer: Any) -> tuple[int, int]:
    central = viewer.window._qt_window.centralWidget()
    return int(central.height()), int(central.width())

"""The pictures of the chapter on slides: objects over their image, HER2 by slide, and a small picture of each CTC."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys, pl
from her2plastic._errors import DamagedTileError
from her2plastic.io.readable_parts import readable_parts
from her2plastic.pl._composite import composite, limits_of
from her2plastic.report.colours import CALL_CLASSES
from her2plastic.report.figures import SIZE, Drawing, FigureSpec, figure_file
from her2plastic.report.slide_summary import control_slides

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from her2plastic.im import Crops, Segmentation

#: Slides whose picture is in the page; all of them are in their stores.
MOST_SLIDES: Final = 6
#: Side of the part of a slide that is shown, micrometres: larger ones would show nothing of a cell.
_SIDE_UM: Final = 420.0
#: CTCs whose picture is in the page.
MOST_CARDS: Final = 60
#: Times that a pixel of a crop is drawn larger.
_ZOOM: Final = 2
_QUALITY: Final = 88
#: Rows of a damaged slide that are read at a time, pixels.
_BAND: Final = 1024
_PICTURE_SIZE: Final = (7.5, 4.9)
#: Pixels of nothing between the pictures of a card.
_GAP: Final = 2


@dataclass(frozen=True)
class Card:
    """A CTC in the contact sheet."""

    name: str
    score: str
    look: str
    intensity: str
    alt: str
    data: str
    width: int
    height: int


def slide_pictures(
    adata: AnnData, slides: pd.DataFrame, segmentations: Mapping[str, Segmentation], *, figures: Mapping[str, Any]
) -> list[Drawing]:
    """Draw identities and HER2 calls over the image of the patients' slides with most CTCs."""
    from matplotlib.figure import Figure

    patients = slides[~control_slides(slides) & (slides["status"] == "whole").to_numpy()]
    chosen = patients if len(patients) else slides[slides["status"] == "whole"]
    chosen = chosen.sort_values("n_ctc", ascending=False, kind="stable").iloc[:MOST_SLIDES]
    drawings = []
    for place, name in enumerate(chosen[_keys.SLIDE_ID].astype(str)):
        for spec, color, channels in _looks(place, name, adata):
            figure = Figure(figsize=_PICTURE_SIZE, layout="constrained")
            shown = segmentations[name]
            there = [channel for channel in channels if channel in shown.slide.channels] or None
            field, region = _busiest(adata, shown)
            options: dict[str, Any] = {"field": field, "region": region, "color": color, "channels": there}
            try:
                pl.segmentation(adata, segmentation=shown, ax=figure.subplots(), **options)
            except DamagedTileError:
                figure.clear()
                pl.segmentation(adata, segmentation=_mended(shown, field), ax=figure.subplots(), **options)
            # photographs compress ten times better as JPEG, and to the same bytes each time
            jpeg = _jpeg(figure_file(figure, "png", 110))
            files = {f"figures/{spec.name}.png": figure_file(figure, "png", figures["dpi"])}
            drawings.append(Drawing(spec, _PICTURE_SIZE, jpeg, files, mime="image/jpeg"))
    return drawings


def _looks(place: int, name: str, adata: AnnData) -> list[tuple[FigureSpec, str, tuple[str, ...]]]:
    identity = FigureSpec(
        f"slide_{place + 1}_identity",
        f"{name}: what the objects are",
        "The light of DAPI, cytokeratin and CD45, and the outline of every object in the colour of what it was taken "
        "for.",
        (("obs", _keys.IDENTITY),),
    )
    looks: list[tuple[FigureSpec, str, tuple[str, ...]]] = [(identity, _keys.IDENTITY, ("DAPI", "CK", "CD45"))]
    if _keys.HER2_IF_CALL in adata.obs:
        her2 = FigureSpec(
            f"slide_{place + 1}_her2",
            f"{name}: HER2 and its calls",
            "The light of HER2 and DAPI, and the outline of every CTC in the colour of its call.",
            (("obs", _keys.HER2_IF_CALL),),
        )
        looks.append((her2, _keys.HER2_IF_CALL, ("DAPI", "HER2")))
    return looks


def _busiest(adata: AnnData, segmentation: Segmentation) -> tuple[int, tuple[float, float, float, float] | None]:
    """Return the field and the part of it that hold most CTCs; None for a field that is small enough."""
    slide = segmentation.slide
    own = (adata.obs[_keys.SLIDE_ID].astype(str) == slide.slide_id).to_numpy()
    ctc = own & adata.obs[_keys.IS_CTC].to_numpy(dtype=bool)
    own = ctc if ctc.any() else own
    names = [field.name for field in slide.fields]
    fields = adata.obs[_keys.FIELD].astype(str).to_numpy()[own]
    field = max(range(len(names)), key=lambda index: int((fields == names[index]).sum()))
    places = np.asarray(adata.obsm[_keys.SPATIAL])[own][fields == names[field]][:, ::-1]
    origin = np.array(slide.fields[field].origin_um)
    size = np.array(slide.fields[field].image.shape[1:]) * slide.pixel_size_um
    if (size <= 1.2 * _SIDE_UM).all() or not len(places):
        return field, None
    near = [int((np.abs(places - place) <= _SIDE_UM / 2).all(axis=1).sum()) for place in places[:2000]]
    corner = np.clip(places[int(np.argmax(near))] - _SIDE_UM / 2, origin, np.maximum(origin + size - _SIDE_UM, origin))
    far = np.minimum(corner + _SIDE_UM, origin + size)
    return field, (float(corner[0]), float(corner[1]), float(far[0]), float(far[1]))


def _mended(segmentation: Segmentation, field: int) -> Segmentation:
    """Return a segmentation whose image is black where it cannot be read."""
    from dask.array import from_array

    slide = segmentation.slide
    height, width = (int(side) for side in slide.fields[field].image.shape[1:])
    image = np.zeros((len(slide.channels), height, width), dtype=slide.fields[field].image.dtype)
    for top in range(0, height, _BAND):
        for (y, x), found in readable_parts(slide, field, (slice(top, min(top + _BAND, height)), slice(0, width))):
            if not isinstance(found, DamagedTileError):
                image[:, y, x] = found
    fields = list(slide.fields)
    fields[field] = replace(fields[field], image=from_array(image, chunks=(1, _BAND, _BAND)))
    return replace(segmentation, slide=replace(slide, fields=tuple(fields)))


def _jpeg(png: bytes) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()


def fluorescence_figures(adata: AnnData, *, figures: Mapping[str, Any]) -> list[Drawing]:
    """Draw HER2 by slide, with the control lines."""
    from matplotlib.figure import Figure

    spec = FigureSpec(
        "her2_if",
        "HER2 of every CTC, slide by slide",
        "Each point is a CTC, or a cell of a control line. The bands are the scores that an intensity most likely "
        "means; near their edges a cell is called two states. 1 is the light of a leukocyte of the same slide. Control "
        "lines of one kind should lie at one height: what parts them is drift, which is taken off.",
        (("obs", _keys.HER2_INTENSITY), ("obs", _keys.HER2_IF_CALL)),
    )
    size = (2 * SIZE[0], SIZE[1])
    figure = Figure(figsize=size, layout="constrained")
    pl.her2_if(adata, ax=figure.subplots())
    files = {f"figures/{spec.name}.{kind}": figure_file(figure, kind, figures["dpi"]) for kind in figures["formats"]}
    return [Drawing(spec, size, figure_file(figure, "png", figures["dpi"]), files)]


def contact_cards(adata: AnnData, crops: Mapping[str, Crops], is_shown: np.ndarray) -> list[Card]:
    """Return a card for each of the CTCs brightest in HER2: its channels in colour, and its HER2 alone.

    Every card of a slide is on one scale, so that brightness can be compared.
    """
    ctcs: Any = adata.obs[is_shown]
    if _keys.HER2_INTENSITY in ctcs:
        ctcs = ctcs.sort_values(_keys.HER2_INTENSITY, ascending=False, kind="stable")
    limits = {slide: crop_limits(made) for slide, made in crops.items()}
    places = {slide: {name: k for k, name in enumerate(made.cell_id)} for slide, made in crops.items()}
    cards: list[Card] = []
    for name, row in zip(ctcs.index.astype(str), ctcs.to_dict("records"), strict=True):
        slide = str(row[_keys.SLIDE_ID])
        if name in places.get(slide, {}) and len(cards) < MOST_CARDS:
            cards.append(card_of(name, row, crops[slide], places[slide][name], limits[slide]))
    return cards


def crop_limits(crops: Crops) -> dict[str, tuple[float, float]]:
    """Return the values shown as black and as full light in each channel, the same for all cells of a slide."""
    return {name: limits_of(crops.pixels[:, place]) for place, name in enumerate(crops.channels)}


def card_of(
    name: str, row: Mapping[Any, Any], crops: Crops, place: int, limits: dict[str, tuple[float, float]]
) -> Card:
    """Return the card of one cell."""
    from PIL import Image

    views = [
        [channel for channel in wanted if channel in crops.channels] for wanted in (("DAPI", "CK", "CD45"), ("HER2",))
    ]
    tiles = [
        composite(crops.pixels[place][[crops.channels.index(channel) for channel in view]], view, limits)
        for view in views
        if view
    ] or [composite(crops.pixels[place][:1], crops.channels[:1], limits)]
    opaque = [np.dstack([tile, np.ones(tile.shape[:2])]) for tile in tiles]
    gap = np.zeros((opaque[0].shape[0], _GAP, 4))
    joined = np.concatenate([opaque[0], *(part for tile in opaque[1:] for part in (gap, tile))], axis=1)
    picture = np.round(255 * np.clip(joined, 0, 1)).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    score, call = (_word(row.get(key)) for key in (_keys.HER2_IF_SCORE, _keys.HER2_IF_CALL))
    intensity = float(row.get(_keys.HER2_INTENSITY, np.nan))
    return Card(
        name=name,
        score=score or "no score",
        look=CALL_CLASSES.get(call, CALL_CLASSES[_keys.NOT_CALLABLE]),
        intensity=f"× {intensity:.1f}" if np.isfinite(intensity) else "",
        alt=f"{name}: {call or 'HER2 not called'}" + (f", HER2 {intensity:.1f}" if np.isfinite(intensity) else ""),
        data=base64.b64encode(buffer.getvalue()).decode(),
        width=_ZOOM * picture.shape[1],
        height=_ZOOM * picture.shape[0],
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""

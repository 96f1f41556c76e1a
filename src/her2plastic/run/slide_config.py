"""What a run over slides may be told: the shape of its ``config.yaml``. The template explains every key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from her2plastic._errors import ConfigError
from her2plastic.run.sections import Figures, FileName, Section, Seed, Share, Title
from her2plastic.run.yaml_file import read_yaml, validated

Micrometres = Annotated[float, Field(gt=0, le=1000)]


class Segmentation(Section):
    """How nuclei and cells are found."""

    tile_size: Annotated[int, Field(ge=256, le=16384)] = 1024


class SlideIdentity(Section):
    """Which events count as a circulating tumour cell."""

    gates: FileName = "calibrated"
    threshold: Share = 0.5


class SlideHer2(Section):
    """How HER2 fluorescence is called."""

    calibration: Literal["auto", "controls", "reference"] = "auto"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    interval: Share = 0.9


class Crops(Section):
    """The pictures of single cells."""

    size_um: Micrometres = 32.0
    most: Annotated[int, Field(ge=0)] = 500


class SlideReview(Section):
    """The decisions of reviewers that are brought back."""

    journals: Annotated[tuple[FileName, ...], Field(strict=False)] = ()
    consensus: Literal["unanimous", "majority"] = "unanimous"
    level: Share = 0.95


class SlidesConfig(Section):
    """A whole run over slides."""

    slides: FileName
    title: Title = "HER2 on circulating tumour cells, by fluorescence"
    seed: Seed = 0
    segmentation: Segmentation = Segmentation()
    identity: SlideIdentity = SlideIdentity()
    her2: SlideHer2 = SlideHer2()
    crops: Crops = Crops()
    expression: FileName | None = None
    review: SlideReview = SlideReview()
    figures: Figures = Figures()


def load_slides_config(path: str | os.PathLike[str]) -> SlidesConfig:
    """Read and validate the configuration of a run over slides.

    Parameters
    ----------
    path
        A YAML file, as ``her2plastic init --slides`` writes it.

    Returns
    -------
    The configuration with its defaults filled in. ``slides`` stays as written: relative to the file's folder.

    Raises
    ------
    ConfigError
        Naming the file and every faulty key with what is allowed there.
    """
    path = Path(path)
    return validated(read_yaml(path), SlidesConfig, name=path.name)


def is_of_slides(path: str | os.PathLike[str]) -> bool:
    """Return whether a configuration is of slides: it names their sheet.

    Parameters
    ----------
    path
        A YAML file.

    Returns
    -------
    False also for a file that cannot be read: whoever reads it then says why.
    """
    try:
        values = read_yaml(Path(path))
    except ConfigError:
        return False
    return "slides" in values and "samples" not in values

"""What a run may be told: the shape of ``config.yaml``. The template explains every key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from her2plastic.reference.serum import CUTOFF_NG_ML
from her2plastic.run.sections import Figures, FileName, Section, Seed, Share, Title
from her2plastic.run.yaml_file import read_yaml, validated


def _known_calibration(name: str) -> str:
    """Allow what the reference tables hold today."""
    from her2plastic.tl.her2_calibration import calibration_names

    if name not in calibration_names():
        raise PydanticCustomError("literal_error", "unknown", {"expected": ", ".join(calibration_names())})
    return name


class Reading(Section):
    """How the files of the sample sheet are read."""

    unit: Literal["auto", "counts", "cpm", "tpm", "fpkm", "log2", "ln"] = "auto"


class Quality(Section):
    """Which events are marked as poor. Without a threshold of its own a measure gets one from the cells' spread."""

    mads: Annotated[float, Field(gt=0)] = 3.0
    min_depth: Annotated[float, Field(ge=0)] | None = None
    min_genes: Annotated[float, Field(ge=0)] | None = None
    max_mito: Annotated[float, Field(ge=0, le=1)] | None = None
    doublets: bool = True


class Identity(Section):
    """Which events count as a circulating tumour cell."""

    threshold: Share = 0.5


class Her2(Section):
    """How HER2 states are called."""

    calibration: Annotated[str, AfterValidator(_known_calibration)] = "reference"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    interval: Share = 0.9


Design = Literal["draws", "panel", "sorted", "clones", "trajectory", "direction", "conversion"]


class Transitions(Section):
    """Which questions about moves between HER2 states are asked."""

    enabled: bool = True
    designs: Literal["auto"] | Annotated[tuple[Design, ...], Field(strict=False)] = "auto"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    states: Literal["two", "three"] = "two"
    reader_accuracy: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    n_null: Annotated[int, Field(ge=19, le=100_000)] = 99


class Tissue(Section):
    """Specimens of tissue, and which of them is set beside the CTCs."""

    table: FileName | None = None
    which: Literal["nearest", "first", "last"] = "nearest"


class Serum(Section):
    """Serum HER2 over time."""

    table: FileName | None = None
    unit: Annotated[str, Field(min_length=1)] | None = None
    ng_per_unit: Annotated[float, Field(gt=0)] | None = None
    repeats: Literal["refuse", "mean", "first", "last"] = "refuse"
    cutoff: Annotated[float, Field(gt=0)] = CUTOFF_NG_ML


class Alleles(Section):
    """ERBB2 alleles of germline and tumour."""

    table: FileName | None = None
    build: Literal["auto", "GRCh37", "GRCh38"] = "auto"
    genome: FileName | None = None


class RunConfig(Section):
    """A whole run."""

    samples: FileName
    title: Title = "HER2 states of circulating tumour cells"
    seed: Seed = 0
    reading: Reading = Reading()
    quality: Quality = Quality()
    identity: Identity = Identity()
    her2: Her2 = Her2()
    transitions: Transitions = Transitions()
    tissue: Tissue = Tissue()
    serum: Serum = Serum()
    alleles: Alleles = Alleles()
    map: bool = True
    figures: Figures = Figures()


def load_config(path: str | os.PathLike[str]) -> RunConfig:
    """Read and validate a run configuration.

    Parameters
    ----------
    path
        A YAML file, as :func:`write_template` writes it.

    Returns
    -------
    The configuration with its defaults filled in. ``samples`` stays as written: relative to the file's folder.

    Raises
    ------
    ConfigError
        Naming the file and every faulty key with what is allowed there.
    """
    path = Path(path)
    return validated(read_yaml(path), RunConfig, name=path.name)

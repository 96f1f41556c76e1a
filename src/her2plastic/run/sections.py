"""What the configurations of cells and of slides share: strict sections, the figure files, the threshold of a CTC."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Title = Annotated[str, Field(max_length=200)]
FileName = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of a configuration."""

    # Strict types: a quoted "0.9" or a `yes` is a slip of the pen that should be seen, not converted.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Figures(Section):
    """Which figure files are written."""

    formats: Annotated[tuple[Literal["png", "svg"], ...], Field(strict=False)] = ("png", "svg")
    dpi: Annotated[int, Field(ge=50, le=600)] = 150

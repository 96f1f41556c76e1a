"""A first look at a whole field on a coarse grid: background, noise and brightness, the same for every tile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Survey:
    """Coarse statistics of a field."""

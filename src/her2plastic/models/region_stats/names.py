"""What is measured of an object, in the order in which the arrays hold it."""

from __future__ import annotations

from typing import Final

COMPARTMENTS: Final = ("nucleus", "cytoplasm", "rim", "cell")
STATISTICS: Final = ("mean", "median", "max", "min", "sd", "sum", "p05", "p25", "p75", "p95", "saturated")
#: Of what the shape is measured.
SHAPED: Final = ("nucleus", "cell")
SHAPES: Final = ("area", "diameter", "perimeter", "eccentricity", "solidity", "p2a")

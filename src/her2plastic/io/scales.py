"""Logarithmic scales: log_base(x + offset), there and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError

_BASES = {"log2": 2.0, "ln": float(np.e)}


@dataclass(frozen=True)
class LogScale:
    """The scale of values that are log_base(x + offset)."""

    base: float
    offset: float = 1.0

    def linear(self, logged: np.ndarray) -> np.ndarray:
        """Return x. Values that rounding put below zero are zero."""
        if self.offset == 1.0:
            x = np.expm1(np.asarray(logged, dtype=np.float64) * np.log(self.base))
        else:
            x = np.exp(np.asarray(logged, dtype=np.float64) * np.log(self.base)) - self.offset
        return np.maximum(x, 0.0)

    def logarithm(self, x: np.ndarray) -> np.ndarray:
        """Return log_base(x + offset)."""
        return np.log(x + self.offset) / np.log(self.base)

    @property
    def lowest(self) -> float:
        """The logarithm of zero expression."""
        return float(np.log(self.offset) / np.log(self.base))


def log_scale(unit: str, offset: float) -> LogScale | None:
    """Return the scale of a unit, or None for a linear one."""
    if not offset > 0:
        raise ParameterError(
            f"log_offset={offset!r}: the number added before the logarithm is positive (1 in log2(x + 1))"
        )
    return LogScale(_BASES[unit], float(offset)) if unit in _BASES else None

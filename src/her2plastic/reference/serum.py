"""The customary cut-off of serum HER2."""

from __future__ import annotations

from typing import Final

#: ng/mL of the extracellular domain. It is that of the assays it was found with, and no fact of biology.
CUTOFF_NG_ML: Final = 15.0

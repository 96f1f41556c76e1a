"""The cultures and clones of a run: their cells called as those of one line, and asked whether they switch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys, tl
from her2plastic._access import as_names, step_record
from her2plastic.tl.her2_calibration import recorded
from her2plastic.tl.state_likelihoods import DONOR, EVEN

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.models import TransitionRates

#: Column that marks the cells of each design.
MARKS: Final = {"sorted": _keys.SORTED_FROM, "clones": _keys.CLONE_ID}
#: The name that all cultures share while their cells are called.
_LINE: Final = "cultures"


def switching_in_cultures(adata: AnnData, *, design: str, level: float, seed: int, **options: Any) -> TransitionRates:
    """Ask whether the cells of cultures or clones switch.

    Posteriors lean on the donor of the cell: on the shares of its states, and on how much ERBB2 it makes altogether.
    Where every sort is a donor of its own, what tells the sorts apart is taken for that. The states of all cultures are
    therefore called again, as those of one donor, and its shares are then divided out.

    Parameters
    ----------
    adata
        Cells with HER2 states, which stay as they are. The result is recorded in it.
    design
        ``"sorted"`` or ``"clones"``.
    level, seed
        As in the configuration.
    options
        Further options of the design.

    Returns
    -------
    The rates.
    """
    called = step_record(adata, "her2_state")
    rule = called.get("calibration", {}).get("kind", "rule") == "rule"
    cells, donors = adata, np.empty(0)
    if not rule:
        cells = adata[adata.obs[MARKS[design]].notna().to_numpy()].copy()
        donors = np.unique(as_names(cells.obs[_keys.DONOR_ID]))
        if len(donors) > 1:
            cells.obs[_keys.DONOR_ID] = _LINE
            scale = recorded(called["calibration"])  # as it was found, also on control cells
            tl.her2_state(cells, calibration=scale, level=float(called["params"]["level"]), seed=seed)
    given = options | {"prior": EVEN if rule else DONOR}
    rates = tl.switching(cells, design=design, level=level, seed=seed, options=given)
    if len(donors) > 1:
        note = f"cultures of {len(donors)} donors in the sheet were taken as one line"
        rates = replace(rates, notes=(*rates.notes, note))
    step = f"switching_{design}"
    adata.uns.setdefault(_keys.ROOT, {})[step] = {**step_record(cells, step), "notes": rates.record()["notes"]}
    return rates

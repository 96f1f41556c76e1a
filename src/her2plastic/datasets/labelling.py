"""The obs table of a simulated cohort: who and when, and the truth of every event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.datasets.composition import Donors

CONTROL = "control"

_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
_BARCODE_LENGTH = 16


def label_events(events: pd.DataFrame, donors: Donors, kinds: tuple[str, ...], assay: str) -> pd.DataFrame:
    """Return the obs table of the events, in their order."""
    donor, draw, state = (events[name].to_numpy() for name in ("donor", "draw", "state"))
    control = donor < 0
    samples, names = _sample_names(events, donors)
    cell_ids = pd.Series(samples.categories.to_numpy()[samples.codes], dtype=str) + ":" + barcodes(len(events), assay)
    obs = pd.DataFrame(index=pd.Index(cell_ids.to_numpy()))
    obs[_keys.CELL_ID] = cell_ids.to_numpy()
    obs[_keys.DONOR_ID] = _category(donor % len(names), names).remove_unused_categories()
    obs[_keys.SAMPLE_ID] = samples
    obs[_keys.DRAW_DAY] = np.where(control, np.nan, donors.draws[np.where(control, 0, draw)])
    obs[_keys.ASSAY] = _category(np.zeros(len(events), dtype=int), [assay])
    if control.any():
        obs[_keys.LABEL] = _states(np.where(control, state, -1))
    receptor = np.append(donors.er_positive.astype(int), -1)[donor]
    for name in ("er", "pr"):  # one axis: the simulated PGR follows ESR1
        obs[name] = _category(receptor, ["negative", "positive"])
    _add_truth(obs, events, kinds)
    return obs


def barcodes(n: int, assay: str) -> pd.Series:
    """Return ``n`` different names of cells: barcodes for droplets, well numbers for plates."""
    if assay != "10x":
        return pd.Series(np.arange(1, n + 1)).map("cell{:06d}".format).astype(str)
    # an odd factor permutes the numbers below 4^16, so that no barcode comes twice
    number = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(4**_BARCODE_LENGTH)
    digits = (number[:, None] >> np.arange(0, 2 * _BARCODE_LENGTH, 2, dtype=np.uint64)) & np.uint64(3)
    letters = np.ascontiguousarray(_BASES[digits.astype(np.intp)])
    return pd.Series(letters.view(f"S{_BARCODE_LENGTH}").ravel().astype(str), dtype=str) + "-1"


def _sample_names(events: pd.DataFrame, donors: Donors) -> tuple[pd.Categorical, list[str]]:
    """Return the sample of each event and the names of the donors, the controls last."""
    present = events.drop_duplicates("sample")
    names = [
        f"{CONTROL}-{draw + 1}-{_keys.STATES[state]}" if donor < 0 else f"{donors.names[donor]}-d{donors.draws[draw]:g}"
        for donor, draw, state in zip(present["donor"], present["draw"], present["state"], strict=True)
    ]
    codes = pd.Index(present["sample"]).get_indexer(events["sample"])
    return _category(codes, names), [*map(str, donors.names), CONTROL]


def _category(codes: np.ndarray, names: Sequence[str], *, ordered: bool = False) -> Any:
    return pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(list(names)), ordered=ordered)


def _states(codes: np.ndarray) -> Any:
    return _category(codes, list(_keys.STATES), ordered=True)


def _add_truth(obs: pd.DataFrame, events: pd.DataFrame, kinds: tuple[str, ...]) -> None:
    obs[_keys.TRUE_STATE] = _states(events["state"].to_numpy())
    obs[_keys.TRUE_MECHANISM] = _category(np.where(events["amplified"], 0, 1), list(_keys.MECHANISMS[:2]))
    obs[_keys.TRUE_IDENTITY] = _category(events["identity"].to_numpy(), list(_keys.IDENTITIES))
    obs[_keys.TRUE_KIND] = _category(events["kind"].to_numpy(), list(kinds)).remove_unused_categories()
    obs[_keys.TRUE_ERBB2_CPM] = events["erbb2"].to_numpy()
    obs[_keys.TRUE_QUALITY] = ~events["poor"].to_numpy()
    obs[_keys.TRUE_DEPTH] = events["depth"].to_numpy()
    obs[_keys.TRUE_AMBIENT_SHARE] = events["ambient_share"].to_numpy()
    obs[_keys.TRUE_PLATELET_SHARE] = events["platelet_share"].to_numpy()
    obs[_keys.TRUE_ERYTHROID_SHARE] = events["erythroid_share"].to_numpy()
    obs[_keys.TRUE_NEXT] = _states(events["next"].to_numpy())
    obs[_keys.TIME_SINCE_SWITCH] = events["hours"].to_numpy()

"""What the model says of the cells, for the order in which they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import ReviewError

if TYPE_CHECKING:
    from anndata import AnnData

#: Posterior and call of each model, the one that knows most first.
_OF_MODEL: Final = {
    "her2_consensus": (_keys.HER2_CONSENSUS_POSTERIOR, _keys.HER2_CONSENSUS_CALL),
    "her2_if": (_keys.HER2_IF_POSTERIOR, _keys.HER2_IF_CALL),
    "her2_state": (_keys.HER2_POSTERIOR, _keys.HER2_CALL),
}
NO_CALL: Final = "no call"


@dataclass(frozen=True)
class ModelCalls:
    """Calls of a model and how unsure it is of each cell.

    Attributes
    ----------
    call
        The call of each cell, ``"no call"`` where it has none.
    entropy
        Of the class of each cell (the states, or not a CTC), in nats.
    """

    call: np.ndarray
    entropy: np.ndarray


def model_calls(adata: AnnData, *, model: str | None, needed_by: str) -> ModelCalls:
    """Return what a model, or the first of them that there is, says of each cell."""
    names = tuple(_OF_MODEL) if model is None else (model,)
    for name in names:
        posterior, call = _OF_MODEL[name]
        if posterior in adata.obsm and call in adata.obs:
            calls = adata.obs[call].astype(object)
            words = calls.where(calls.notna(), NO_CALL).astype(str).to_numpy(dtype=object)
            return ModelCalls(words, _entropy(adata, adata.obsm[posterior]))
    wanted = " or ".join(f"`obs[{_OF_MODEL[name][1]!r}]` with `obsm[{_OF_MODEL[name][0]!r}]`" for name in names)
    raise ReviewError(
        f"{needed_by} goes by what a model says, and the data have no {wanted}. Run tl.her2_if or tl.her2_state "
        "first, or take order='random'"
    )


def _entropy(adata: AnnData, posterior: Any) -> np.ndarray:
    """Return the entropy of the class of each cell; states of which nothing is known count as equally probable."""
    states = _as_numbers(posterior, "the posterior of the states in obsm")
    unknown = ~np.isfinite(states).all(axis=1)
    states = np.where(unknown[:, None], 1.0 / states.shape[1], states)
    if _keys.CTC_PROBABILITY in adata.obs:
        ctc = _as_numbers(adata.obs[_keys.CTC_PROBABILITY], f"obs[{_keys.CTC_PROBABILITY!r}]")
        ctc = np.where(np.isfinite(ctc), ctc, 0.5)[:, None]
        states = np.hstack([states * ctc, 1.0 - ctc])
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(states > 0, states * np.log(states), 0.0)
    return -parts.sum(axis=1)


def _as_numbers(values: Any, name: str) -> np.ndarray:
    try:
        missing = {"na_value": np.nan} if hasattr(values, "to_numpy") else {}
        return values.to_numpy(dtype=float, **missing) if missing else np.asarray(values, dtype=float)
    except (TypeError, ValueError) as fault:
        raise ReviewError(
            f"{name} holds no numbers ({fault}): the order cannot go by it; take order='random'"
        ) from fault

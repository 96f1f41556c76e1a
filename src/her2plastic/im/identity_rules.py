"""From stains, nucleus and size to the identities of objects on a slide, and the reason in words."""

from __future__ import annotations

from typing import Final

import numpy as np

from her2plastic import _keys
from her2plastic.im.object_values import CELL
from her2plastic.models.gate_mixture import COMBINATIONS
from her2plastic.models.stain_densities import CHANNELS

_INDEX: Final = {name: place for place, name in enumerate(_keys.IMAGE_IDENTITIES)}
_CK, _CD45, _HER2 = range(3)
_TRIPLE: Final = 0b111


def _identity_of(combination: np.ndarray) -> str:
    ck, cd45, her2 = combination
    if ck and cd45:
        return "CTC-leukocyte"
    if ck:
        return "CTC"
    if cd45:
        return "leukocyte"
    return "CK- HER2+" if her2 else "other"


#: Identity of a nucleated cell by what it is positive for.
_OF_COMBINATION: Final = np.array([_INDEX[_identity_of(row)] for row in COMBINATIONS])


def identity_posterior(
    combinations: np.ndarray, *, kind: np.ndarray, small: np.ndarray, blob: np.ndarray, has_her2: np.ndarray
) -> np.ndarray:
    """Return the probability of each identity.

    Parameters
    ----------
    combinations
        Shape ``(objects, 8)``: probability of each combination of stains.
    kind
        What the object is by its shape: ``cell``, ``bare nucleus``, ``debris``.
    small
        Cells below the least diameter: they are no CTCs, and what speaks for one counts as ``other``.
    blob
        Probability that an object positive for everything is a bright blob.
    has_her2
        Objects whose HER2 was measured: without it, none is shown to have nothing else.

    Returns
    -------
    Shape ``(objects, identities)``, in the order of ``_keys.IMAGE_IDENTITIES``; rows sum to 1.
    """
    posterior = np.zeros((len(combinations), len(_INDEX)))
    for column, identity in enumerate(_OF_COMBINATION):
        posterior[:, identity] += combinations[:, column]
    _move(posterior, small, "CTC", "other")
    _move(posterior, small | ~has_her2, "CK- HER2+", "other")
    # a nucleus with CD45 on it is a leukocyte whose rim is too thin to see; with nothing on it, it is bare
    for name in ("CK- HER2+", "other"):
        _move(posterior, kind == "bare nucleus", name, "bare nucleus")
    bright = combinations[:, _TRIPLE] * blob
    posterior[:, _INDEX["CTC-leukocyte"]] -= bright
    # without a nucleus nothing is a cell, whatever its stains
    debris = kind == "debris"
    posterior[debris] = 0.0
    posterior[debris, _INDEX["debris"]] = 1 - bright[debris]
    posterior[:, _INDEX["bright blob"]] = bright
    posterior = np.clip(posterior, 0.0, 1.0)
    return posterior / posterior.sum(axis=1, keepdims=True)


def without_cd45(posterior: np.ndarray) -> np.ndarray:
    """Return the posterior where CD45 tells nothing: no leukocyte is shown, and no CTC either."""
    out = posterior.copy()
    for name in ("CTC", "CK- HER2+", "CTC-leukocyte", "leukocyte", "bright blob"):
        _move(out, np.ones(len(out), dtype=bool), name, "other")
    return out


def _move(posterior: np.ndarray, rows: np.ndarray, source: str, target: str) -> None:
    """Let what speaks for one identity count for another."""
    posterior[rows, _INDEX[target]] += posterior[rows, _INDEX[source]]
    posterior[rows, _INDEX[source]] = 0.0


def reasons(
    stains: np.ndarray, gates: np.ndarray, *, kind: np.ndarray, small: np.ndarray, identity: np.ndarray, control: str
) -> np.ndarray:
    """Return the evidence behind each identity in words, for the objects of one batch.

    Parameters
    ----------
    stains
        Shape ``(objects, 3)``.
    gates
        Shape ``(3,)``: intensity from which on a cell is likelier positive than negative.
    kind, small, identity
        Of each object.
    control
        What the gates rest on where that is not the batch's leukocytes; else empty.

    Returns
    -------
    One string per object.
    """
    with np.errstate(invalid="ignore"):
        above = np.where(np.isfinite(stains) & np.isfinite(gates), (stains > gates).astype(int), 2)
    kinds, kind_code = np.unique(kind.astype(str), return_inverse=True)
    blob = (identity == "bright blob").astype(int)
    coded = np.column_stack([above, kind_code, small.astype(int), blob])
    findings, place = np.unique(coded, axis=0, return_inverse=True)
    words = [_words(finding, str(kinds[finding[3]]), control) for finding in findings]
    return np.array(words, dtype=object)[place.ravel()] if words else np.array([], dtype=object)


def _words(finding: np.ndarray, kind: str, control: str) -> str:
    parts = [{CELL: "nucleus", "bare nucleus": "nucleus without a rim", "debris": "no nucleus"}[kind]]
    by_side = {1: "above gate", 0: "below gate", 2: "not judged"}
    for side, text in by_side.items():
        channels = [name for name, value in zip(CHANNELS, finding[:3], strict=True) if value == side]
        if channels:
            parts.append(f"{' and '.join(channels)} {text}")
    if finding[4]:
        parts.append("too small for a CTC")
    if finding[5]:
        parts.append("as bright in CD45 and DAPI as no cell")
    if control:
        parts.append(control)
    return ", ".join(parts)


def cluster_kinds(identity: np.ndarray, cluster: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """Return what the group of touching cells that each object belongs to is made of; None for objects alone."""
    out = np.full(len(identity), None, dtype=object)
    grouped = cluster > 0
    if not grouped.any():
        return out
    pairs, group = np.unique(np.column_stack([batch[grouped], cluster[grouped]]), axis=0, return_inverse=True)
    names = identity[grouped]

    def number(*identities: str) -> np.ndarray:
        return np.bincount(group.ravel(), weights=np.isin(names, identities), minlength=len(pairs))

    tumour, white, both = number("CTC", "CK- HER2+"), number("leukocyte"), number("CTC-leukocyte")
    kinds = np.select(
        [(both > 0) | ((tumour > 0) & (white > 0)), tumour > 1, white > 1],
        [_keys.CLUSTER_KINDS[i] for i in (1, 0, 2)],
        _keys.CLUSTER_KINDS[3],
    ).astype(object)
    out[grouped] = kinds[group.ravel()]
    return out

"""Names of assays as people and CELLxGENE write them."""

from __future__ import annotations

import re

from her2plastic import reference
from her2plastic._errors import ParameterError

# Squeezed beginnings of names, longest first; the assay itself is a row of reference/assays.tsv.
_BEGINNINGS = {
    "10x": "10x",
    "chromium": "10x",
    "nextgem": "10x",
    "dropseq": "drop-seq",
    "seqwell": "seq-well",
    "celseq2": "cel-seq2",
    "smartseq3": "smart-seq3",
    "smartseq2": "smart-seq2",
    "smartseqv4": "smart-seq",
    "smartseq": "smart-seq",
    "smarterv4": "smart-seq",
    "smarter": "smart-seq",
}


def assay_of(name: str) -> str | None:
    """Return the assay that a name means (``10x 3' v3``, ``Smart-seq2``, ``SMART-Seq v4``), or None."""
    known = reference.assays().index
    squeezed = re.sub(r"[^a-z0-9]", "", name.lower())
    for assay in known:
        if squeezed == re.sub(r"[^a-z0-9]", "", assay.lower()):
            return str(assay)
    for beginning in sorted(_BEGINNINGS, key=len, reverse=True):
        if squeezed.startswith(beginning) and _BEGINNINGS[beginning] in known:
            return _BEGINNINGS[beginning]
    return None


def current_assay(name: str) -> str:
    """Return the assay that a name means, or raise a ParameterError that lists the assays."""
    assay = assay_of(name)
    if assay is None:
        raise ParameterError(f"assay={name!r} is not known; options: {', '.join(map(repr, reference.assays().index))}")
    return assay

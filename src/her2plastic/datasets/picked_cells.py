"""Cells that were picked from a slide, and the objects that were measured where they lay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic.datasets.argument_checks import in_range

if TYPE_CHECKING:
    from anndata import AnnData


def name_picked_cells(expression: AnnData, *, images: AnnData, within_um: float = 5.0) -> AnnData:
    """Give picked cells the ``cell_id`` of the objects that were measured where they were picked.

    Parameters
    ----------
    expression
        Cells with ``obs["sample_id"]`` (the slide) and ``obsm["spatial"]`` (x and y on it, micrometres). It is not
        changed.
    images
        Objects with ``obs["slide_id"]`` and ``obsm["spatial"]``, as :func:`her2plastic.im.measure` gives them; of one
        slide or of several together.
    within_um
        How far from the picked place the centre of its object may lie.

    Returns
    -------
    A copy of ``expression`` whose ``obs_names`` and ``obs["cell_id"]`` are those of the nearest object. A cell without
    an object there keeps its own.

    Raises
    ------
    ParameterError
        When ``within_um`` is no length.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cohort = hp.datasets.simulate_slide_cohort(
    ...     "slides", n_donors=1, n_ctc=4, control_lines=(), picked=1.0, shape=(320, 320), n_leukocytes=10
    ... )
    >>> slide = hp.io.read_slides(cohort.sheet)[0].slide
    >>> objects = hp.im.measure(hp.im.segment(slide))
    >>> picked = hp.datasets.name_picked_cells(cohort.expression, images=objects)
    >>> picked.obs_names.tolist()
    ['D01-d0:2', 'D01-d0:37', 'D01-d0:15', 'D01-d0:4']
    """
    from scipy.spatial import KDTree

    in_range("within_um", within_um, 0, 1e3, above=True)
    named = expression.copy()
    names = np.array(named.obs_names, dtype=object)
    slides, samples = (
        images.obs[_keys.SLIDE_ID].astype(str).to_numpy(), expression.obs[_keys.SAMPLE_ID].astype(str).to_numpy()
    )  # fmt: skip
    for slide in np.unique(samples):
        there, own = np.flatnonzero(slides == slide), np.flatnonzero(samples == slide)
        if len(there):
            tree = KDTree(np.asarray(images.obsm[_keys.SPATIAL])[there])
            distance, nearest = tree.query(np.asarray(expression.obsm[_keys.SPATIAL])[own])
            near = distance <= within_um
            names[own[near]] = images.obs_names.to_numpy()[there[nearest[near]]]
    named.obs_names = list(names)
    named.obs[_keys.CELL_ID] = named.obs_names.to_numpy()
    return named

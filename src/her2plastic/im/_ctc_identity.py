"""Which objects on a slide are circulating tumour cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash, record_step, table_of
from her2plastic._errors import ParameterError, one_of
from her2plastic.im import gates as gate_sets
from her2plastic.im.identity_rules import cluster_kinds
from her2plastic.im.object_values import object_values

if TYPE_CHECKING:
    from anndata import AnnData

STEP: Final = "image_identity"


def ctc_identity(
    adata: AnnData,
    *,
    gates: str = gate_sets.CALIBRATED,
    batch_key: str = _keys.SLIDE_ID,
    threshold: float = 0.5,
    least_diameter_um: float = 4.0,
    least_leukocytes: int = 20,
    bleed_through: float = 0.02,
) -> None:
    """Give every object on a slide a probability of being a CTC, a leukocyte, or something else.

    A CTC has a nucleus, cytokeratin, no CD45, and a diameter of at least 4 micrometres. The gates are calibrated batch
    by batch on the leukocytes of the same slide: negative for cytokeratin and HER2, positive for CD45
    (:class:`her2plastic.models.GateMixture`). Cells without cytokeratin and CD45, but with HER2, are kept as a class of
    their own, ``CK- HER2+``.

    Parameters
    ----------
    adata
        Objects by features from :func:`her2plastic.im.measure`. Read: the means of CK, CD45, HER2 and DAPI, their
        backgrounds, ``cell_diameter_um``, ``obs["kind"]``, ``obs["cluster"]``. A channel may be missing.
    gates
        ``"calibrated"``, or a published set (:func:`her2plastic.reference.if_gate_names`), which holds for one kind of
        camera: a DataWarning says so.
    batch_key
        Column of ``obs``: objects stained and recorded alike.
    threshold
        Probability from which an object is taken as a CTC, above 0 to 1.
    least_diameter_um
        Least diameter of a CTC, micrometres.
    least_leukocytes
        Leukocytes of a batch that it takes to calibrate on them. With fewer, or where CD45 does not tell them from
        other cells, the status says ``insufficient``, and the gates come from those few if they are five, else from
        other batches with a like background, else from the local background of each channel.
    bleed_through
        Share of the HER2 signal (FITC) that is seen in the cytokeratin channel (PE), taken off before the calibrated
        gates: without it a 3+ cell without cytokeratin looks faintly positive. Stain controls of the laboratory tell.

    Returns
    -------
    None. Writes

    ``obsm["identity_posterior"]`` : DataFrame
        Probability of "CTC", "CK- HER2+", "CTC-leukocyte", "leukocyte", "bare nucleus", "debris", "bright blob" and
        "other"; rows sum to 1.
    ``obs["ctc_probability"]`` : float
        Probability of "CTC".
    ``obs["is_ctc"]`` : bool
        The probability reaches the threshold. Never without a CK and a CD45 channel.
    ``obs["identity"]`` : category
        "CTC" where ``is_ctc``; else the likeliest of the others.
    ``obs["identity_reason"]`` : str
        The evidence in words, such as "nucleus, CD45 above gate, CK and HER2 below gate".
    ``obs["cluster_kind"]`` : category
        What a group of touching cells is made of; missing for an object alone.
    ``uns["her2plastic"]["image_identity"]`` : dict
        Parameters; ``batches``, a table (a dict of arrays) of each batch's ``status`` ("ok" or "insufficient: ..."),
        gates in grey values, what they rest on, and number of leukocytes.

    Raises
    ------
    MissingKeyError
        ``batch_key``, or a feature that a published set needs, is missing.
    ParameterError
        A parameter is out of range, ``gates`` is not known, or there is none of the stains.

    Notes
    -----
    The definition of a CTC is that of CellSearch: DAPI-positive nucleus, cytokeratin 8/18/19, no CD45, at least 4
    micrometres. Published gates: ACCEPT. Equations: docs/image_calls.md.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(512, 512), n_leukocytes=60, n_ctcs=6)
    >>> objects = hp.im.measure(hp.im.segment(made.slide))
    >>> hp.im.ctc_identity(objects)
    >>> objects.obs["identity"].value_counts()[["CTC", "leukocyte", "debris"]].to_dict()
    {'CTC': 6, 'leukocyte': 59, 'debris': 60}
    """
    one_of("gates", gates, (gate_sets.CALIBRATED, *gate_sets.preset_names()))
    if not 0 < threshold <= 1:
        raise ParameterError(f"threshold={threshold!r}: expected a probability above 0 and up to 1")
    if not (np.isfinite(least_diameter_um) and least_diameter_um >= 0):
        raise ParameterError(f"least_diameter_um={least_diameter_um!r}: expected a number of at least 0")
    if least_leukocytes < 5:
        raise ParameterError(f"least_leukocytes={least_leukocytes!r}: expected a whole number of at least 5")
    if not 0 <= bleed_through < 0.5:
        raise ParameterError(f"bleed_through={bleed_through!r}: expected a share of at least 0 and below 0.5")
    values = object_values(adata, batch_key=batch_key, bleed_through=bleed_through)
    with np.errstate(invalid="ignore"):
        small = values.diameter_um < least_diameter_um
    if gates == gate_sets.CALIBRATED:
        gated = gate_sets.calibrated(values, small=small, least_leukocytes=least_leukocytes)
    else:
        gated = gate_sets.published(adata, values, gates, small=small)
    sufficient = gates != gate_sets.CALIBRATED or not {"CK", "CD45"} & set(values.lacking)
    _write(adata, gated, threshold=threshold, sufficient=sufficient)
    identity = adata.obs[_keys.IDENTITY].to_numpy(dtype=object)
    kinds = cluster_kinds(identity, values.cluster, values.batch)
    _write_category(adata, _keys.CLUSTER_KIND, kinds, _keys.CLUSTER_KINDS)
    record_step(
        adata,
        STEP,
        params={
            "gates": gates, "batch_key": batch_key, "threshold": threshold, "least_diameter_um": least_diameter_um,
            "least_leukocytes": least_leukocytes, "bleed_through": bleed_through,
        },
        input_hash=input_hash(values.stains, values.diameter_um),
        lacking=list(values.lacking) or None,
        batches=table_of(gated.found, name="batch"),
        n_objects={name: int((identity == name).sum()) for name in _keys.IMAGE_IDENTITIES},
    )  # fmt: skip


def _write(adata: AnnData, gated: gate_sets.Gated, *, threshold: float, sufficient: bool) -> None:
    """Write posterior, probability, decision, identity and reason."""
    import pandas as pd

    names = np.array(_keys.IMAGE_IDENTITIES, dtype=object)
    ctc = _keys.IMAGE_IDENTITIES.index("CTC")
    probability = gated.posterior[:, ctc]
    is_ctc = (probability >= threshold) & sufficient
    rest = gated.posterior.copy()
    rest[:, ctc] = -1.0
    identity = np.where(is_ctc, "CTC", names[rest.argmax(axis=1)])
    # what would be a CTC, could it be shown, is nothing else instead
    identity[~is_ctc & (probability >= 0.5)] = "other"
    adata.obsm[_keys.IDENTITY_POSTERIOR] = pd.DataFrame(
        gated.posterior, index=adata.obs_names, columns=pd.Index(_keys.IMAGE_IDENTITIES)
    )
    adata.obs[_keys.CTC_PROBABILITY] = probability
    adata.obs[_keys.IS_CTC] = is_ctc
    _write_category(adata, _keys.IDENTITY, identity, _keys.IMAGE_IDENTITIES)
    adata.obs[_keys.IDENTITY_REASON] = gated.reason


def _write_category(adata: AnnData, key: str, values: np.ndarray, categories: tuple[str, ...]) -> None:
    import pandas as pd

    adata.obs[key] = pd.Categorical(values, categories=list(categories))

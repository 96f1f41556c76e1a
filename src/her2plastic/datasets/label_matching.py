"""Found label images against true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from her2plastic._errors import ParameterError
from her2plastic.datasets.argument_checks import in_range


@dataclass(frozen=True)
class LabelMatch:
    """True objects that were found.

    Attributes
    ----------
    pairs
        A row for each match: ``truth`` and ``found`` (labels) and ``iou``.
    n_truth, n_found
        Number of true and of found objects.
    iou
        Smallest intersection over union of a match.
    """

    pairs: pd.DataFrame
    n_truth: int
    n_found: int
    iou: float

    @property
    def precision(self) -> float:
        """Share of the found objects that are true ones."""
        return len(self.pairs) / self.n_found if self.n_found else float("nan")

    @property
    def recall(self) -> float:
        """Share of the true objects that were found."""
        return len(self.pairs) / self.n_truth if self.n_truth else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.n_truth + self.n_found
        return 2 * len(self.pairs) / total if total else float("nan")


def match_labels(truth: ArrayLike, *, found: ArrayLike, iou: float = 0.5) -> LabelMatch:
    """Match found objects with true ones by intersection over union.

    Parameters
    ----------
    truth
        Label image, 0 where there is nothing.
    found
        Label image of the same shape.
    iou
        Smallest intersection over union of a match, from 0.5 on: each object then has at most one partner.

    Returns
    -------
    The matches, with ``precision``, ``recall`` and ``f1``.

    Raises
    ------
    ParameterError
        When the shapes differ or ``iou`` is out of range.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 0, 2, 2], [1, 1, 0, 2, 2], [0, 0, 0, 0, 0], [3, 3, 0, 0, 0]])
    >>> found = np.array([[7, 7, 0, 0, 8], [7, 7, 0, 0, 8], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    >>> match = hp.datasets.match_labels(truth, found=found)
    >>> print(match.pairs.to_string(index=False))
     truth  found  iou
         1      7  1.0
         2      8  0.5
    >>> print(f"precision {match.precision:.2f}, recall {match.recall:.2f}")
    precision 1.00, recall 0.67
    """
    in_range("iou", iou, 0.5, 1)
    true, other = np.asarray(truth), np.asarray(found)
    if true.shape != other.shape:
        raise ParameterError(f"label images of different shape: truth {true.shape}, found {other.shape}")
    for name, image in (("truth", true), ("found", other)):
        if image.dtype.kind not in "uib" or (image.size and image.min() < 0):
            raise ParameterError(f"{name}: expected a label image of whole numbers of at least 0, got {image.dtype}")
    # places among the labels: masks of other programs number objects up to 2 ** 32
    true_names, true_places = np.unique(np.append(0, true.ravel().astype(np.int64)), return_inverse=True)
    names, places = np.unique(np.append(0, other.ravel().astype(np.int64)), return_inverse=True)
    true_places, places = true_places.ravel()[1:].astype(np.int64), places.ravel()[1:].astype(np.int64)
    true_sizes, sizes = np.bincount(true_places, minlength=1), np.bincount(places, minlength=1)
    both = (true_places != 0) & (places != 0)
    codes, overlap = np.unique(true_places[both] * len(sizes) + places[both], return_counts=True)
    rows, columns = np.divmod(codes, len(sizes))
    ratio = overlap / (true_sizes[rows] + sizes[columns] - overlap)
    good = ratio >= iou
    pairs = pd.DataFrame({"truth": true_names[rows[good]], "found": names[columns[good]], "iou": ratio[good]})
    # two halves of one object both reach exactly 0.5; the first of them is the match
    pairs = pairs.drop_duplicates("truth").drop_duplicates("found").reset_index(drop=True)
    return LabelMatch(pairs, int(np.count_nonzero(true_sizes[1:])), int(np.count_nonzero(sizes[1:])), iou)

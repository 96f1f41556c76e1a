"""How well HER2 of simulated cells can be told at best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from her2plastic._errors import ParameterError, one_of
from her2plastic._keys import IF_SCORES, STATE_OF_SCORE, STATES
from her2plastic.datasets.argument_checks import in_range
from her2plastic.datasets.slide_parameters import HER2Stain

_GRID = 20_001
_REACH = 8.0


@dataclass(frozen=True)
class HER2Ceiling:
    """The accuracy that no method exceeds on average when it sees the HER2 intensity alone.

    Attributes
    ----------
    state_accuracy, class_accuracy
        Probability that the best call of the state, or of the class, is right.
    states
        Rows: true states; columns: called ones; each row sums to 1 (missing for a state that does not occur).
    """

    state_accuracy: float
    class_accuracy: float
    states: pd.DataFrame


def her2_ceiling(
    her2: HER2Stain | None = None,
    *,
    her2_classes: Mapping[str, float] | None = None,
    measurement_sd_log: float = 0.0,
) -> HER2Ceiling:
    """Compute the best possible accuracy of HER2 states and classes from the overlap of the simulated classes.

    Parameters
    ----------
    her2
        The stain; None for the defaults of :func:`simulate_slide`.
    her2_classes
        Shares of the classes; equal ones by default.
    measurement_sd_log
        Error of a measured intensity: standard deviation of its natural log.

    Returns
    -------
    The ceiling. A small sample may exceed it by chance.

    Raises
    ------
    ParameterError
        When a parameter is out of range.

    Notes
    -----
    Bayes' rule with the true medians, spread and shares: the densities of the log intensity are Gaussian, and the call
    is the state (class) of the largest posterior, integrated numerically. A known share of masked receptors changes
    nothing, as it can be undone.

    Examples
    --------
    >>> import her2plastic as hp
    >>> ceiling = hp.datasets.her2_ceiling()
    >>> print(f"best possible: {ceiling.state_accuracy:.1%} of states, {ceiling.class_accuracy:.1%} of classes")
    best possible: 91.4% of states, 87.4% of classes
    >>> print(ceiling.states.round(3).to_string())
    called         HER2-0  HER2-low  HER2-positive
    true
    HER2-0          0.924     0.076          0.000
    HER2-low        0.038     0.914          0.048
    HER2-positive   0.000     0.095          0.905
    """
    her2 = her2 or HER2Stain()
    shares = dict.fromkeys(IF_SCORES, 1.0) if her2_classes is None else dict(her2_classes)
    for name, share in shares.items():
        one_of("her2_classes", name, IF_SCORES)
        in_range(f"her2_classes[{name!r}]", share, 0)
    in_range("measurement_sd_log", measurement_sd_log, 0, 5)
    weights = np.array([shares.get(name, 0.0) for name in IF_SCORES])
    sd = float(np.hypot(her2.sd_log, measurement_sd_log))
    if not weights.sum() > 0 or sd == 0:
        raise ParameterError("her2_classes and spread: expected a class with a share above 0 and a spread above 0")
    centres = np.log([her2.medians[name] for name in IF_SCORES])
    grid = np.linspace(centres.min() - _REACH * sd, centres.max() + _REACH * sd, _GRID)
    mass = np.exp(-0.5 * ((grid[:, None] - centres) / sd) ** 2)
    mass *= (weights / weights.sum()) / mass.sum(axis=0)
    belongs = np.array([[state == other for other in STATES] for state in STATE_OF_SCORE], dtype=float)
    by_state = mass @ belongs
    called = np.eye(len(STATES))[by_state.argmax(axis=1)]
    joint = by_state.T @ called
    with np.errstate(invalid="ignore"):
        rows = joint / joint.sum(axis=1, keepdims=True)
    return HER2Ceiling(
        state_accuracy=float(np.trace(joint)),
        class_accuracy=float(mass.max(axis=1).sum()),
        states=pd.DataFrame(rows, index=pd.Index(STATES, name="true"), columns=pd.Index(STATES, name="called")),
    )

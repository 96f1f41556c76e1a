"""Effective rates from the composition of successive blood draws."""

from __future__ import annotations

import numpy as np
import pytest

from her2plastic._errors import ParameterError
from her2plastic.datasets import SimulatedDraws, simulate_draws
from her2plastic.models import DrawComposition, TreatmentPeriod

TRUTH = np.array([[0.0, 0.012], [0.020, 0.0]])
OFF = ~np.eye(2, dtype=bool)


def table(draws: SimulatedDraws) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    patient, draw = np.nonzero(draws.seen)
    return draws.patients[patient], draws.days[draw], draws.counts[patient, draw]


def test_recovers_the_rates_of_one_cohort() -> None:
    model = DrawComposition().fit(*table(simulate_draws(seed=3)))
    assert model.status_ == "ok"
    assert ((model.lower_ <= TRUTH) & (TRUTH <= model.upper_))[OFF].all()
    assert model.deviance_ > 10

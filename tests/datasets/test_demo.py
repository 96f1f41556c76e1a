from __future__ import annotations

import pytest

from her2plastic import _keys
from her2plastic.datasets import demo_cohort


@pytest.fixture(scope="module")
def demo():
    return demo_cohort()


def test_size(demo):
    assert 1500 <= demo.n_obs <= 3000
    patients = demo.obs[demo.obs[_keys.DONOR_ID] != "control"]
    draws = patients.groupby(_keys.DONOR_ID, observed=True)[_keys.SAMPLE_ID].nunique()
    assert len(draws) == 6 and set(draws) == {2, 3}


def test_always_the_same(demo):
    again = demo_cohort()
    assert (again.X != demo.X).nnz == 0 and again.obs.equals(demo.obs)


def test_what_it_shows(demo):
    obs = demo.obs
    amplified = obs[obs[_keys.TRUE_MECHANISM] == "amplified"]
    assert set(amplified[_keys.DONOR_ID]) == {"D03", "control"}
    assert (amplified[_keys.DONOR_ID] == "D03").sum() >= 20
    without_ctc = obs.groupby(_keys.SAMPLE_ID, observed=True)[_keys.TRUE_STATE].apply(
        lambda states: states.isna().all()
    )
    assert list(without_ctc[without_ctc].index) == ["D04-d21"]
    assert set(obs[_keys.TRUE_IDENTITY]) == set(_keys.IDENTITIES)
    assert obs[_keys.LABEL].value_counts().to_dict() == dict.fromkeys(_keys.STATES, 50)
    for state in _keys.STATES:
        assert (obs[_keys.TRUE_STATE] == state).sum() > 150

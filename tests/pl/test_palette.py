from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from her2plastic import _keys
from her2plastic.pl import palette

# Simulation of complete colour-vision deficiency in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
VISION = {
    "normal": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritan": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def lab(colour: str, vision: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(VISION[vision] @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_order_is_that_of_the_keys():
    assert tuple(palette.STATES) == _keys.STATES
    assert tuple(palette.CALLS) == _keys.CALLS
    assert tuple(palette.MECHANISMS) == _keys.MECHANISMS
    assert tuple(palette.IDENTITIES) == _keys.IDENTITIES
    assert all(palette.CALLS[state] == palette.STATES[state] for state in _keys.STATES)


@pytest.mark.parametrize("vision", list(VISION))
@pytest.mark.parametrize(
    ("looks", "least"), [(palette.STATES, 35.0), (palette.MECHANISMS, 25.0), (palette.IDENTITIES, 9.0)]
)
def test_colours_stay_apart(looks, least, vision):
    for one, two in combinations(looks.values(), 2):
        assert np.linalg.norm(lab(one.colour, vision) - lab(two.colour, vision)) > least


@pytest.mark.parametrize("looks", [palette.STATES, palette.MECHANISMS, palette.IDENTITIES, palette.CALLS])
def test_marker_is_a_second_cue(looks):
    markers = [look.marker for name, look in looks.items() if name != _keys.NOT_A_CTC]
    assert len(set(markers)) == len(markers)

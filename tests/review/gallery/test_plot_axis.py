from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2plastic._errors import ParameterError
from her2plastic.review.gallery.plot_axis import SCALES, axis_of_words, axis_over, number_text, spread

NUMBERS = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=30)


@settings(max_examples=80)
@given(NUMBERS, st.sampled_from(SCALES))
def test_all_values_that_have_a_place_are_on_the_axis_and_come_back(values: list[float], scale: str) -> None:
    axis = axis_over(np.array(values), scale=scale)
    places = axis.along(np.array(values))
    there = np.isfinite(places)
    assert there.all() == (scale != "log" or min(values) > 1e-300)
    pixels = axis.pixels(places[there], 50.0, 450.0)
    assert ((pixels > 50) & (pixels < 450)).all()
    back = [axis.at_pixel(float(pixel), 50.0, 450.0) for pixel in pixels]
    assert np.allclose(back, places[there], rtol=1e-6, atol=1e-6 * (axis.high - axis.low))


@settings(max_examples=80)
@given(NUMBERS, st.sampled_from(SCALES), st.integers(2, 12))
def test_ticks_are_few_round_and_on_the_axis(values: list[float], scale: str, most: int) -> None:
    axis = axis_over(np.array(values), scale=scale)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 1
    assert all(axis.low - 1e-9 <= tick.at <= axis.high + 1e-9 for tick in ticks)
    assert len({tick.text for tick in ticks}) == len(ticks)
    assert sorted(tick.at for tick in ticks) == [tick.at for tick in ticks]


def test_ticks_of_known_axes() -> None:
    assert [t.text for t in axis_over(np.array([0, 1000])).ticks(6)] == ["0", "200", "400", "600", "800", "1,000"]
    assert [t.text for t in axis_over(np.array([1, 1e5]), scale="log").ticks(8)][:3] == ["1", "10", "100"]
    assert [t.text for t in axis_over(np.array([2, 9]), scale="log").ticks(6)] == ["2", "5"]
    rising = np.concatenate([np.random.default_rng(0).normal(0, 10, 500), [3000.0]])
    assert {"0", "10", "1,000"} <= {t.text for t in axis_over(rising, scale="asinh").ticks(9)}


def test_an_axis_without_a_span_is_drawn() -> None:
    for values in ([], [np.nan, np.inf], [5.0, 5.0], [0.0], [-3.0]):
        axis = axis_over(np.array(values, dtype=float))
        assert axis.high > axis.low
        assert axis.ticks(5)
    assert axis_over(np.array([-1.0]), scale="log").high > axis_over(np.array([-1.0]), scale="log").low


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(ParameterError, match="linear.*log.*asinh"):
        axis_over(np.arange(3.0), scale="cubic")


def test_zoom_keeps_its_place_and_stops() -> None:
    axis = axis_over(np.array([0.0, 10.0]))
    nearer = axis.zoomed(0.5, about=2.0)
    assert nearer.high - nearer.low == pytest.approx((axis.high - axis.low) / 2)
    assert nearer.pixels(np.array([2.0]), 0, 100) == pytest.approx(axis.pixels(np.array([2.0]), 0, 100))
    for _ in range(200):
        nearer = nearer.zoomed(0.5, about=2.0)
    assert nearer.high > nearer.low
    assert nearer.ticks(6)
    assert axis.moved(3.0).low == axis.low + 3.0


def test_cells_of_words_lie_in_strips_alike_each_time() -> None:
    codes = np.array([0, 0, 0, 1, 2, -1])
    places = spread(codes)
    assert np.isnan(places[-1])
    assert np.array_equal(np.round(places[:-1]), codes[:-1])
    assert len(set(places[:3])) == 3
    assert np.array_equal(spread(codes), places, equal_nan=True)
    axis = axis_of_words(["a", "b", "c"])
    assert ((places[:-1] > axis.low) & (places[:-1] < axis.high)).all()
    assert [(tick.at, tick.text) for tick in axis.ticks(5)] == [(0, "a"), (1, "b"), (2, "c")]
    assert [tick.text for tick in axis.ticks(2)] == ["a", "c"]


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(0.0, None, "0"), (1234567.0, None, "1,234,567"), (1e9, None, "1e+09"), (-0.25, 0.05, "\N{MINUS SIGN}0.25"),
     (0.30000000000000004, 0.1, "0.3"), (1e-17, 0.1, "0"), (2e-6, None, "2e\N{MINUS SIGN}06"),
     (1500.0, 500.0, "1,500")],
)  # fmt: skip
def test_numbers_are_short(value: float, step: float | None, text: str) -> None:
    assert number_text(value, step=step) == text

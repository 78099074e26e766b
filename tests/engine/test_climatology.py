"""What a pixel is used to, and how far its block is from that this year."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.climatology import Climatology, coarse_anomaly, filled_features, has_gaps

type Floats = NDArray[np.floating]

SHAPE = (18, 27)
HOLE = (slice(3, 6), slice(10, 12))
FIRST = (slice(0, 9), slice(0, 9))
SECOND = (slice(0, 9), slice(9, 18))


def filled(month: Floats, *years: Floats) -> Floats:
    """Fill a month from some other years."""
    climatology = Climatology(month)
    for year in years:
        climatology.add(year)
    return climatology.filled()


def pattern() -> Floats:
    """Return a field that differs from pixel to pixel."""
    return np.random.default_rng(4).normal(290, 3, SHAPE).astype(np.float32)


def holed(values: Floats, *where: tuple[slice, slice]) -> Floats:
    """Return a copy with holes."""
    copy = values.copy()
    for one in where:
        copy[one] = np.nan
    return copy


def test_a_hole_gets_its_climatology_and_the_anomaly() -> None:
    """Years 2 K colder and 4 K warmer than the pattern; this one half a kelvin above their mean."""
    field = pattern()
    made = filled(holed(field + 1.5, HOLE), field - 2, field + 4)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, field + 1.5, atol=1e-4)


def test_the_anomaly_is_that_of_the_block() -> None:
    """Where only one block is warmer than usual, its own hole is, and no other."""
    field = pattern()
    warm = field.copy()
    warm[SECOND] += 2
    other = (slice(12, 14), slice(2, 5))
    made = filled(holed(warm, HOLE, other), field, field)
    np.testing.assert_allclose(made, warm, atol=1e-4)


def test_a_hidden_block_takes_the_anomaly_of_the_area() -> None:
    """Below a quarter of its pixels, a block's own anomaly does not count."""
    anomaly = np.full(SHAPE, 1.0)
    anomaly[FIRST] = np.nan
    anomaly[0, :2] = 50.0
    spread = coarse_anomaly(anomaly)
    whole = (5 * 81 + 2 * 50) / (5 * 81 + 2)
    np.testing.assert_allclose(spread[FIRST], whole)
    np.testing.assert_allclose(np.delete(spread, slice(0, 9), axis=1), 1)


def test_a_handful_of_pixels_says_nothing_about_an_area() -> None:
    """An almost wholly hidden month is not guessed from a few pixels."""
    anomaly = np.full(SHAPE, np.nan)
    anomaly[4, :20] = 1
    assert np.isnan(coarse_anomaly(anomaly)).all()
    anomaly[4, 20] = 1
    assert (coarse_anomaly(anomaly) == 1).all()


def test_a_pixel_without_another_year_stays_missing() -> None:
    """No year at all, or none in which that pixel was seen; one year that saw it is enough."""
    field = pattern()
    month = holed(field, HOLE)
    np.testing.assert_array_equal(filled(month), month)
    np.testing.assert_array_equal(filled(month, month, month), month)
    np.testing.assert_allclose(filled(month, month, field), field, atol=1e-4)


def test_a_pixel_hidden_in_a_warm_year_is_not_taken_for_a_cold_one() -> None:
    """Its anomaly is against the years that saw it, not against the others, too."""
    field = pattern()
    made = filled(holed(field, HOLE), field - 3, holed(field + 5, HOLE))
    np.testing.assert_allclose(made, field, atol=1e-4)


def test_what_was_seen_is_never_touched() -> None:
    """To the bit."""
    month = holed(pattern(), HOLE)
    made = filled(month, pattern() + 7)
    seen = np.isfinite(month)
    np.testing.assert_array_equal(made[seen], month[seen])


def test_no_guess_leaves_the_range_of_what_was_seen() -> None:
    """A leaf area below its block's anomaly does not become negative."""
    before = np.full(SHAPE, 2.0)
    before[HOLE] = 0.25
    month = holed(np.full(SHAPE, 1.0), HOLE)
    assert filled(month, before)[HOLE] == pytest.approx(0.25)


@given(
    value=st.floats(-50, 350, width=32),
    holes=st.lists(st.tuples(st.integers(0, 17), st.integers(0, 26)), max_size=200),
    years=st.integers(1, 4),
)
def test_constant_in_constant_out(value: float, holes: list[tuple[int, int]], years: int) -> None:
    """Wherever the holes are, the same constant comes out."""
    whole = np.full(SHAPE, value, np.float32)
    month = whole.copy()
    for row, column in holes:
        month[row, column] = np.nan
    np.testing.assert_array_equal(filled(month, *[whole] * years), whole)


def test_the_level_is_set_where_something_was_filled() -> None:
    """There it is 3; elsewhere it stays; features without gaps have none."""
    field = pattern()
    before = np.zeros(SHAPE, np.uint8)
    before[12:] = 2
    month = xr.Dataset(
        {
            "lst_day": (("y", "x"), holed(field, HOLE), {"units": "K"}),
            "level_lst_day": (("y", "x"), before),
            "lst_night": (("y", "x"), field),
        }
    )
    names = ["lst_day", "lst_night"]
    assert has_gaps(month, names)
    assert not has_gaps(month, ["lst_night"])
    other = xr.Dataset(dict.fromkeys(names, (("y", "x"), field)))
    made = filled_features(month, [other], names)
    expected = before.copy()
    expected[HOLE] = 3
    np.testing.assert_array_equal(made["level_lst_day"], expected)
    assert made["level_lst_day"].dtype == np.uint8
    assert "level_lst_night" not in made
    assert made["lst_day"].attrs == {"units": "K"}
    assert np.isnan(month["lst_day"].to_numpy()[HOLE]).all()

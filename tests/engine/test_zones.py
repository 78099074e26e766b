"""Zonal statistics: against sums by hand, cell by cell, and properties that must hold."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from engine.grids import transformer
from engine.zones import Zones, ZoneStatistics
from stac.testing import AREA

LON = (113.02, 113.28)
LAT = (34.02, 34.18)


def field(seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).random(tuple(AREA.shape)).astype(np.float32)
    values[3:8, 10:20] = np.nan
    return values


def shares(polygon: shapely.Polygon) -> np.ndarray:
    """Return the share of each cell inside a polygon, one intersection of outlines at a time."""
    to_grid = transformer("EPSG:4326", str(AREA.crs))
    points = shapely.get_coordinates(shapely.segmentize(polygon, 0.001))
    outline = shapely.Polygon(np.stack(to_grid.transform(*points.T), axis=-1))
    rows, columns = np.mgrid[: AREA.shape.y, : AREA.shape.x]
    a = AREA.affine
    cells = shapely.box(
        a.c + a.a * columns, a.f + a.e * (rows + 1), a.c + a.a * (columns + 1), a.f + a.e * rows
    )
    return shapely.area(shapely.intersection(cells, outline)) / abs(a.a * a.e)


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.Polygon([(113.05, 34.03), (113.2, 34.05), (113.25, 34.17), (113.1, 34.12)]),
        shapely.box(113.06, 34.06, 113.2, 34.1),
        shapely.box(113.11, 34.11, 113.112, 34.112),
    ],
)
def test_numbers_are_those_of_sums_by_hand(polygon: shapely.Polygon) -> None:
    """Shares by intersecting outlines with shapely give mean, spread, count and extremes."""
    values, share = field(), shares(polygon)
    (found,) = Zones.of([polygon], AREA).statistics({"a": values})
    inside = np.isfinite(values) & (share > 0)
    weights, known = share[inside], values[inside].astype(np.float64)
    mean = (weights * known).sum() / weights.sum()
    assert found["a"].mean == pytest.approx(mean, rel=1e-4)
    spread = np.sqrt((weights * (known - mean) ** 2).sum() / weights.sum())
    assert found["a"].sd == pytest.approx(spread, rel=1e-3, abs=1e-9)
    assert found["a"].count == pytest.approx(weights.sum(), rel=1e-4)
    assert found["a"].valid_fraction == pytest.approx(weights.sum() / share.sum(), rel=1e-4)
    assert (found["a"].min, found["a"].max) == (known.min(), known.max())


def test_the_median_parts_the_weight_in_halves() -> None:
    """Of whole cells it is the plain median, as numpy knows it."""
    a = AREA.affine
    to_degrees = transformer(str(AREA.crs), "EPSG:4326")
    corners = to_degrees.transform([a.c + 20 * a.a, a.c + 27 * a.a], [a.f + 9 * a.e, a.f + 4 * a.e])
    (west, east), (north, south) = corners[0], corners[1][::-1]
    polygon = shapely.box(west, min(south, north), east, max(south, north))
    (found,) = Zones.of([polygon], AREA).statistics({"a": field()})
    assert found["a"].count == pytest.approx(35, abs=1e-4)
    assert found["a"].median == pytest.approx(np.median(field()[4:9, 20:27]), abs=2e-3)


def test_several_layers_are_told_apart() -> None:
    """Each has its own numbers, the same as alone."""
    polygon = shapely.box(113.06, 34.06, 113.2, 34.1)
    zones = Zones.of([polygon, shapely.box(0, 0, 1, 1)], AREA)
    layers = {"lower": field(1), "lower_mean": field(2)}
    inside, outside = zones.statistics(layers)
    for name, values in layers.items():
        assert inside[name] == zones.statistics({name: values})[0][name]
        assert outside[name] == ZoneStatistics(
            mean=None, median=None, sd=None, min=None, max=None, count=0.0, valid_fraction=0.0
        )
    assert zones.touched().tolist() == [True, False]


@given(
    st.floats(LON[0], LON[1] - 0.05),
    st.floats(LAT[0], LAT[1] - 0.05),
    st.floats(0.01, 0.05),
)
def test_parts_make_the_whole(west: float, south: float, side: float) -> None:
    """Cut in two, an area's counts add up, and so do its sums."""
    middle = west + side / 3
    halves = [
        shapely.box(west, south, middle, south + side),
        shapely.box(middle, south, west + side, south + side),
    ]
    whole = shapely.box(west, south, west + side, south + side)
    values = np.nan_to_num(field(), nan=0.5)
    one, other, both = (
        found["a"] for found in Zones.of([*halves, whole], AREA).statistics({"a": values})
    )
    assert one.count + other.count == pytest.approx(both.count, rel=1e-5)
    total = one.count * (one.mean or 0) + other.count * (other.mean or 0)
    assert total == pytest.approx(both.count * (both.mean or 0), rel=1e-5)
    assert both.valid_fraction == pytest.approx(1, rel=1e-5)

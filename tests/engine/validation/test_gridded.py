"""Our maps against another product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.comparison import ComparisonMonth, load_comparisons
from engine.errors import MissingDataError
from engine.granules import Field
from engine.progress import silent
from engine.regrid import WeightCache
from engine.testing_validation import MONTHS, SUBJECT, ToySource
from engine.validation.assessment import assess
from engine.validation.fields import products_of
from engine.validation.gridded import MapComparison
from engine.validation.metrics import agreement
from engine.validation.report import report_page
from engine.validation.rules import Rules
from engine.validation.stations import Calendar

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from engine.months import Month

LAST = MONTHS[23]


@dataclass(frozen=True)
class OtherMaps:
    """The truth, 0.02 wetter, until some month."""

    source: ToySource

    @property
    def spec(self) -> object:
        """That of a known product."""
        return load_comparisons()["SMCI-1km"]

    def month(self, month: Month, area: GeoBox) -> ComparisonMonth:
        """Return a month on our own grid."""
        if month > LAST:
            raise MissingDataError("SMCI-1km", str(month), "files")
        values = (self.source.truth[MONTHS.index(month)] + 0.02).astype(np.float32)
        weight = np.ones_like(values)
        field = Field(values=values, weight=weight, geobox=area, units="m3 m-3")
        return ComparisonMonth(field=field, days=weight.astype(np.int32), granules=())


@dataclass(frozen=True)
class EmptyMaps(OtherMaps):
    """Another product that has files, and nothing in the area."""

    def month(self, month: Month, area: GeoBox) -> ComparisonMonth:
        """Return a month without a value."""
        found = super().month(month, area)
        values = np.full_like(found.field.values, np.nan)
        weight, units = found.field.weight, found.field.units
        empty = Field(values=values, weight=weight, geobox=area, units=units)
        return replace(found, field=empty)


def test_moments_are_those_of_the_stacked_maps(toy: ToySource) -> None:
    """What is added up month by month equals what all months at once give."""
    cells = np.array([[3, 4]])
    comparison = MapComparison(OtherMaps(toy), toy.grid, cells, len(MONTHS), WeightCache())  # type: ignore[arg-type]
    ours, theirs = [], []
    for number, month in enumerate(MONTHS):
        products = products_of(toy.month(month))
        comparison.add(number, month, products)
        if month <= LAST:
            ours.append(products["soil_moisture"].astype(float))
            theirs.append((toy.truth[number] + 0.02).astype(np.float32).astype(float))
    found = comparison.result(Rules())
    assert found is not None
    assert found.months[-1] == LAST
    assert found.missing[str(MONTHS[-1])] == "files"
    mine = found.skills[0]
    x, y = (np.stack(one) for one in (ours, theirs))
    pooled = agreement(x.ravel(), y.ravel())
    assert mine.bias == pytest.approx(float(pooled.bias), abs=1e-9)
    assert mine.rmse == pytest.approx(float(pooled.rmse), abs=1e-9)
    assert mine.ubrmse == pytest.approx(float(pooled.ubrmse), abs=1e-9)
    in_time = agreement(x.reshape(len(x), -1).T, y.reshape(len(y), -1).T).r
    np.testing.assert_allclose(mine.temporal_r.ravel(), in_time, atol=1e-9)
    first = agreement(x[0].ravel(), y[0].ravel())
    assert mine.months["r"][0] == pytest.approx(float(first.r), abs=1e-9)
    assert found.at_sites[0, 0] == pytest.approx(y[0, 3, 4])
    assert np.isnan(found.at_sites[0, -1])


def test_detail_inside_cells_tells_the_map_from_smap(toy: ToySource) -> None:
    """Inside 9 km cells our map goes along with the other, and interpolated SMAP does not."""
    comparison = MapComparison(  # type: ignore[arg-type]
        OtherMaps(toy), toy.grid, np.zeros((0, 2), int), len(MONTHS), WeightCache()
    )
    for number, month in enumerate(MONTHS[:6]):
        comparison.add(number, month, products_of(toy.month(month)))
    found = comparison.result(Rules())
    assert found is not None
    within = {one.product: one.within_r for one in found.skills}
    assert within["soil_moisture"] > 0.9
    assert abs(within["smap_bilinear"]) < 0.3


def test_the_report_shows_other_maps_with_their_caution(toy: ToySource) -> None:
    """What agreement does not prove stands beside the numbers."""
    found = assess(
        SUBJECT,
        toy,
        Calendar(months=MONTHS),
        sensors=None,
        others=[OtherMaps(toy)],  # type: ignore[list-item]
        weights=WeightCache(),
        rules=Rules(draws=100),
        progress=silent,
    )
    page = report_page(found)
    assert "is training accuracy" in page.replace("\n", " ")
    assert "24 common months" in page


def test_an_empty_reference_gives_a_reason_and_no_number(toy: ToySource) -> None:
    """Another product without a value on the map is left out, and the page says why."""
    found = assess(
        SUBJECT,
        toy,
        Calendar(months=MONTHS[:12]),
        sensors=None,
        others=[EmptyMaps(toy)],  # type: ignore[list-item]
        weights=WeightCache(),
        rules=Rules(draws=100),
        progress=silent,
    )
    assert found.gridded == ()
    assert found.lacks[-1].what == "SMCI-1km"
    assert found.lacks[-1].why == "no value where the map has one"

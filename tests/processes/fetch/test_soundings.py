"""Fluorescence from soundings: read by ranges, gridded, and used where there is no other."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.granules import Granule
from engine.grids import lonlat
from engine.months import Month, eight_day_periods
from engine.products import decode
from engine.region import load_region
from engine.sif_inputs import esif_field
from engine.testing_troposif import day_file, even_soundings
from processes.fetch.errors import IncompleteError
from processes.fetch.testing import Fault, Providers
from processes.fetch.testing_shelves import Item

if TYPE_CHECKING:
    from pathlib import Path

    from engine.world import World
    from processes.fetch.testing_road import Road

MONTH = "2020-05"


@pytest.fixture
def soundings(providers: Providers, tiny_world: World) -> Providers:
    """Give servers without eSIF, that have soundings of the very same signal instead."""
    area = load_region(tiny_world.region).area()
    shelf: dict[str, Item] = {}
    for granule in Archive(tiny_world.archive).granules("eSIF", Month(2020, 5).period):
        period = granule.period
        assert period is not None
        field = decode(granule, area)["sif"]
        longitude, latitude = (one.astype(float) for one in lonlat(field.geobox))
        content_of = even_soundings(latitude, longitude, field.values.astype(float), 2)
        for number in range(period.days):
            day = period.start + timedelta(days=number)
            name = f"TROPOSIF_L2B_{day}.nc"
            shelf[name] = _item(name, day, day_file(day, content_of))
    providers.shelves = {
        **{name: one for name, one in providers.shelves.items() if name != "eSIF"},
        "soundings": shelf,
    }
    return providers


def _item(name: str, day: date, content: bytes) -> Item:
    period = next(eight_day_periods(Month.of(day).period))
    from pathlib import Path  # noqa: PLC0415

    granule = Granule(path=Path(name), product="TROPOSIF", period=type(period)(day, day))
    return Item(name=name, granule=granule, size=len(content), content=lambda: content)


def test_soundings_stand_in_where_nobody_has_esif(
    soundings: Providers, road: Road, tiny_world: World, tmp_path: Path
) -> None:
    """Cells of soundings have the signal that the soundings had, and models can learn from it."""
    plan = road.plan(MONTH, "eSIF")
    assert not plan.share("eSIF").offers
    assert len(plan.share("TROPOSIF").offers) == 4
    road.fetch(MONTH, "eSIF")
    assert sorted(road.granules()) == [
        f"TROPOSIF_005deg_8day_2020{doy}.nc" for doy in (121, 129, 137, 145)
    ]
    region = load_region(tiny_world.region)
    period = next(eight_day_periods(Month(2020, 5).period))
    mine = FeatureStore(Archive(road.settings.archive_folder), region, tmp_path / "a")
    other = FeatureStore(Archive(tiny_world.archive), region, tmp_path / "b")
    one, true = esif_field(mine, period), esif_field(other, period)
    assert one.geobox.boundingbox.bbox == pytest.approx(true.geobox.boundingbox.bbox)
    both = np.isfinite(true.values)
    np.testing.assert_allclose(one.values[both], true.values[both], atol=1e-5)
    assert not any(seen.status == 200 and ".nc" in seen.path for seen in soundings.seen)


def test_ranges_are_asked_for_again(soundings: Providers, road: Road) -> None:
    """A range that breaks off, or a server that is busy, costs another request."""
    soundings.misbehave(
        "TROPOSIF_L2B_2020-05-03", Fault(kind="cut"), Fault(kind="status", status=503)
    )
    assert road.fetch(MONTH, "TROPOSIF").files == 4


def test_a_damaged_file_costs_its_eight_days(soundings: Providers, road: Road) -> None:
    """The message names the file, and the other periods come."""
    name = "TROPOSIF_L2B_2020-05-03.nc"
    shelf = dict(soundings.shelves["soundings"])
    shelf[name] = _item(name, date(2020, 5, 3), b"\x89HDF\r\n\x1a\n" + b"\0" * 5000)
    soundings.shelves = {**soundings.shelves, "soundings": shelf}
    with pytest.raises(IncompleteError, match=r"TROPOSIF_L2B_2020-05-03.nc: it cannot be read"):
        road.fetch(MONTH, "TROPOSIF")
    assert len(road.granules()) == 3

"""What the instruments saw is what our readers read, within the files' quantisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive
from engine.months import Period
from engine.products.decode import decode
from engine.world.land import make_land
from engine.world.observing import observe
from engine.world.operators.elevation import elevation_tiles
from engine.world.operators.observation import Observation
from engine.world.operators.soil import soil_maps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odc.geo.geobox import GeoBox

    from engine.granules import Field
    from engine.world import World

_NAMES = {
    "SPL4SMGP": {"soil_moisture": "sm_surface"},
    "MOD11A2": {"lst_day": "LST_Day_1km", "lst_night": "LST_Night_1km"},
    "MCD43A4": {
        name: f"Nadir_Reflectance_Band{band}"
        for band, name in enumerate(
            ("red", "nir", "blue", "green", "swir_1240", "swir1", "swir2"), start=1
        )
    },
    "MCD43A3": {"albedo_bsa": "Albedo_BSA_shortwave", "albedo_wsa": "Albedo_WSA_shortwave"},
    "MOD15A2H": {"lai": "Lai_500m"},
    "MOD16A2GF": {"evapotranspiration": "ET_500m"},
    "MCD12Q1": {"land_cover": "LC_Type1"},
    "eSIF": {"sif": "eSIF"},
    "CHIRPS": {"precipitation": "precipitation"},
}
_QUANTISATION = {
    "SPL4SMGP": 1e-6,
    "MOD11A2": 0.02,
    "MCD43A4": 1e-4,
    "MCD43A3": 1e-3,
    "MOD15A2H": 0.1,
    "MOD16A2GF": 0.1 / 8,
    "MCD12Q1": 0,
    "eSIF": 1e-6,
    "CHIRPS": 1e-5,
}
_WEIGHTLESS = ("MOD11A2", "MOD15A2H")
"""Products of which the quality byte makes some values worthless."""


@pytest.fixture(scope="module")
def seen(tiny_world: World) -> Mapping[str, Observation]:
    """Give one observation of each product from the world's first months."""
    found: dict[str, Observation] = {}
    preset = tiny_world.preset
    land = make_land(tiny_world.domain, tiny_world.seed)
    for observation in observe(preset, tiny_world.domain, land, tiny_world.seed):
        if isinstance(observation, Observation):
            found[observation.product] = observation
            if observation.time.month == 3 and set(_NAMES) <= set(found):
                break
    return found


@pytest.mark.parametrize("product", sorted(_NAMES))
def test_granule_gives_back_the_observation(
    product: str, tiny_world: World, seen: Mapping[str, Observation]
) -> None:
    """Every pixel of the area that was seen comes back, and no other."""
    observation = seen[product]
    area = tiny_world.domain.area
    for name, field in _read(tiny_world, observation).items():
        source = _NAMES[product][name]
        rows, columns = _offset(observation.geobox, field.geobox)
        expected = _values(observation, source)[rows, columns]
        if product not in _WEIGHTLESS:
            np.testing.assert_array_equal(np.isfinite(field.values), np.isfinite(expected))
        both = np.isfinite(field.values) & np.isfinite(expected)
        assert both.mean() > 0.2
        difference = np.abs(field.values - expected)[both]
        assert difference.max() <= 0.51 * _QUANTISATION[product] + 1e-6
    assert area.shape == (54, 63)


def test_elevation_comes_back(tiny_world: World) -> None:
    """Both tiles hold the generator's elevation to half a metre."""
    area, land = tiny_world.domain.area, make_land(tiny_world.domain, tiny_world.seed)
    granules = {g.path.stem: g for g in Archive(tiny_world.archive).granules("SRTM")}
    tiles = list(elevation_tiles(tiny_world.domain, land, tiny_world.seed))
    assert set(granules) == {name for name, _, _ in tiles}
    for name, geobox, values in tiles:
        field = decode(granules[name], area)["elevation"]
        expected = values[_offset(geobox, field.geobox)]
        np.testing.assert_allclose(field.values, expected, atol=0.501)


@pytest.mark.parametrize("name", ["clay", "sand", "silt"])
def test_soil_comes_back(name: str, tiny_world: World) -> None:
    """The maps hold the generator's fractions to half a gram in a kilogram, and its holes."""
    world, land = tiny_world, make_land(tiny_world.domain, tiny_world.seed)
    soil = soil_maps(world.preset, world.domain, land, world.seed)
    granule = next(g for g in Archive(world.archive).granules("SoilGrids") if name in g.path.name)
    field = decode(granule, world.domain.area, [name])[name]
    expected = soil.fractions[name][_offset(soil.geobox, field.geobox)] / 10
    assert field.units == "%"
    np.testing.assert_array_equal(np.isfinite(field.values), np.isfinite(expected))
    np.testing.assert_allclose(field.values, expected, atol=0.0501)


def _read(world: World, observation: Observation) -> Mapping[str, Field]:
    archive = Archive(world.archive)
    day = observation.time.date()
    period = Period(day, day.fromordinal(day.toordinal() + 1))
    stamp = f"{observation.time:%Y%m%dT%H%M%S}"
    granule = next(
        granule
        for granule in archive.granules(observation.product, period)
        if granule.period is not None
        and granule.period.start == day
        and (observation.product != "SPL4SMGP" or stamp in granule.path.name)
    )
    return decode(granule, world.domain.area, list(_NAMES[observation.product]))


def _values(observation: Observation, source: str) -> np.ndarray:
    """Return what a field shows in the reader's units, NaN where it says why it does not."""
    values = observation.fields[source].astype(np.float32)
    if source in observation.absent:
        values = np.where(observation.absent[source] > 0, np.nan, values)
    if observation.product == "MCD12Q1":
        values = np.where(values == 255, np.nan, values)
    return values / 8 if observation.product == "MOD16A2GF" else values


def _offset(whole: GeoBox, part: GeoBox) -> tuple[slice, slice]:
    """Return where a window lies in the grid that it was cut from."""
    column, row = ~whole.affine * (part.affine.c, part.affine.f)
    assert abs(column - round(column)) < 1e-3
    assert abs(row - round(row)) < 1e-3
    return (
        slice(round(row), round(row) + part.shape.y),
        slice(round(column), round(column) + part.shape.x),
    )

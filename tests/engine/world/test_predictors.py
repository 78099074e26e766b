"""What the 1 km features tell of the truth is what the operators' noise leaves of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.grids import lonlat
from engine.months import Month
from engine.region import load_region
from engine.world.land import make_land
from engine.world.observing import observe
from engine.world.operators.evaporation import seen_evapotranspiration
from engine.world.operators.land_cover import LandCover
from engine.world.operators.leaves import observed_lai
from engine.world.operators.reflectance import band_reflectance, shortwave_albedo
from engine.world.operators.sampling import SinusoidalSampler
from engine.world.operators.soil import soil_maps
from engine.world.operators.temperature import day_temperature, night_temperature
from engine.world.simulation import Day, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from engine.grids import FloatArray
    from engine.world import World

_MONTH = Month(2020, 8)


@pytest.fixture(scope="module")
def features(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Give August's features."""
    folder = tmp_path_factory.mktemp("features")
    store = FeatureStore(Archive(tiny_world.archive), load_region(tiny_world.region), folder)
    names = [name for name in store.standard if name != "sif"]
    return store.month(_MONTH, [*names, "albedo"])


@pytest.fixture(scope="module")
def truth(tiny_world: World) -> Mapping[str, FloatArray]:
    """Give August's true counterparts, means over all days, free of noise and cloud."""
    domain, preset = tiny_world.domain, tiny_world.preset
    land = make_land(domain, tiny_world.seed)
    sums: dict[str, FloatArray] = {}
    august = preset.model_copy(update={"last": str(_MONTH)})
    for day in simulate(august, domain, land, tiny_world.seed):
        if Month.of(day.day) != _MONTH:
            continue
        for name, field in _counterparts(day, land.urban).items():
            sums[name] = sums.get(name, np.float64(0)) + domain.crop(field) / _MONTH.days
    constant = {
        "clay": land.clay,
        "sand": land.sand,
        "elevation": land.elevation,
        "lc_crop": land.crop,
        "lc_forest": land.forest,
        "lc_urban": land.urban,
    }
    # CHIRPS knows 0.05° means, which are then interpolated.
    for _ in range(2):
        sums["precipitation"] = ndimage.uniform_filter(sums["precipitation"], 5, mode="nearest")
    return sums | {name: domain.crop(field) for name, field in constant.items()}


def _counterparts(day: Day, urban: FloatArray) -> Mapping[str, FloatArray]:
    bands = band_reflectance(day.saturation, day.cover, np.float32(0))
    return {
        "ndvi": (bands[2] - bands[1]) / (bands[2] + bands[1]),
        "nsdsi": (bands[6] - bands[7]) / (bands[6] + bands[7]),
        "albedo": 0.8 * shortwave_albedo(bands) + 0.2 * 1.06 * shortwave_albedo(bands),
        "lst_day": day_temperature(day),
        "lst_night": night_temperature(day, urban),
        "et": seen_evapotranspiration(day),
        "lai": observed_lai(day.lai),
        "precipitation": day.rain,
    }


_MAPS = 4 * 4.7
"""500 m pixels of four maps that a cell's month is the mean of: noise of pixels averages out."""
_NOISE = {
    # 1 km standard deviations of what the operators' noise leaves in a month's mean. Noise of a
    # map that is 2 km wide averages out over four maps only.
    "ndvi": 0.02 / _MAPS**0.5,
    "nsdsi": 0.02 / 4**0.5,
    "albedo": 0.02 * 0.19 / _MAPS**0.5,
    "lst_day": 0.8 * 1.3 / 4**0.5,
    "lst_night": 0.5 * 1.3 / 4**0.5,
    "et": 0.08 * 3 / 4**0.5,
    "lai": 0.08 * 2.7 / 4**0.5,
    "precipitation": 0.25 * 6 / 6**0.5,
    # Of the land: what sampling by whole pixels leaves, and grain or roughness.
    "clay": 0.8 / 17**0.5 + 0.5,
    "sand": 0.8 / 17**0.5 + 0.5,
    "elevation": 0.5,
    "lc_crop": 0.11,
    "lc_forest": 0.11,
    "lc_urban": 0.04,
}


@pytest.mark.parametrize("name", sorted(_NOISE))
def test_a_feature_tells_as_much_as_its_noise_lets_it(
    name: str, features: xr.Dataset, truth: Mapping[str, FloatArray]
) -> None:
    """Its correlation with its true counterpart is sd / sqrt(sd² + noise²), or a little more."""
    seen, true = features[name].to_numpy(), truth[name]
    both = np.isfinite(seen)
    signal = true[both].std()
    expected = signal / np.hypot(signal, _NOISE[name])
    found = np.corrcoef(seen[both], true[both])[0, 1]
    assert found == pytest.approx(expected, abs=0.12)


def test_rain_shows_no_cells_of_its_own_grid(tiny_world: World, features: xr.Dataset) -> None:
    """Jumps between 1 km neighbours are no larger where 0.05° cells meet."""
    rain = features["precipitation"].to_numpy()
    longitude, latitude = lonlat(tiny_world.domain.area)
    for axis, position in ((1, longitude), (0, latitude)):
        cell = np.floor(position / 0.05)
        across = np.diff(cell, axis=axis) != 0
        jumps = np.abs(np.diff(rain, axis=axis))
        assert jumps[across].mean() < 1.15 * jumps[~across].mean()


def test_modis_shows_no_rows_of_its_own_grid(features: xr.Dataset) -> None:
    """What noise leaves has no stripes: row means scatter as those of any noise would."""
    ndvi = features["ndvi"].to_numpy()
    detail = ndvi - ndimage.gaussian_filter(ndvi, 2)
    for axis in (0, 1):
        stripes = detail.mean(axis=axis).std()
        assert stripes < 3 * detail.std() / detail.shape[axis] ** 0.5


def test_irrigated_fields_are_in_no_predictor(tiny_world: World) -> None:
    """Another map of irrigation leaves land cover, soil maps and terrain as they are.

    What passes as a day has no field of it, nor has any observation; it shows only in what water
    does: moisture, leaves, temperature, vapour and fluorescence.
    """
    domain, preset, seed = tiny_world.domain, tiny_world.preset, tiny_world.seed
    land = make_land(domain, seed)
    assert not {name for name in Day.__slots__ if "irrigat" in name}
    samplers = SinusoidalSampler.all_of(2400, domain)
    hidden = np.random.default_rng(1).random(land.irrigated.shape).astype(np.float32)
    other = replace(land, irrigated=hidden)
    ours, theirs = (LandCover(preset, each, samplers, seed).classes for each in (land, other))
    for tile, classes in ours.items():
        np.testing.assert_array_equal(classes, theirs[tile])
    for name, fraction in soil_maps(preset, domain, land, seed).fractions.items():
        again = soil_maps(preset, domain, other, seed).fractions[name]
        np.testing.assert_array_equal(fraction, again)


def test_no_observation_is_the_irrigated_fields(tiny_world: World) -> None:
    """No field of any granule of a bare winter month goes with the hidden map, crops apart."""
    domain, preset, seed = tiny_world.domain, tiny_world.preset, tiny_world.seed
    land = make_land(domain, seed)
    winter = preset.model_copy(update={"first": "2019-12", "last": "2019-12", "spin_up_days": 30})
    causes = np.stack(
        [domain.crop(f).ravel() for f in (land.crop, land.forest, land.elevation, land.urban)]
        + [np.ones(domain.crop(land.crop).size)]
    )
    hidden = domain.crop(land.irrigated).ravel()
    coefficients, *_ = np.linalg.lstsq(causes.T, hidden, rcond=None)
    unexplained = hidden - causes.T @ coefficients
    full = np.zeros(domain.shape, np.float32)
    edge = (domain.shape[0] - domain.area.shape.y) // 2
    full[edge:-edge, edge:-edge] = unexplained.reshape(domain.area.shape.y, -1)
    samplers = {s.geobox: s for n in (1200, 2400) for s in SinusoidalSampler.all_of(n, domain)}
    checked = set()
    for seen in observe(winter, domain, land, seed):
        sampler = samplers.get(getattr(seen, "geobox", None))
        if sampler is None:
            continue
        counterpart = sampler.to_tile(full)
        for name, field in seen.fields.items():
            values = np.where(sampler.seen, field.astype(float), np.nan)
            both = np.isfinite(values) & np.isfinite(counterpart)
            if both.sum() > 100 and values[both].std() > 0:
                assert abs(np.corrcoef(values[both], counterpart[both])[0, 1]) < 0.35, name
                checked.add(name)
    assert len(checked) > 15

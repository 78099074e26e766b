"""Worlds across two MODIS tiles and in the southern hemisphere, from granules to features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.archive import Archive, soil_moisture_month
from engine.feature_store import FeatureStore
from engine.grids import block_mean, sinusoidal_tile, transformer
from engine.months import Month
from engine.region import load_region
from engine.world import build_world, load_preset
from engine.world.land import make_land
from engine.world.presets import Window

if TYPE_CHECKING:
    import xarray as xr

    from engine.world import World

_WINDOWS = {
    "two-tiles": Window(row=331, column=3120, height=3, width=4),
    "south": Window(row=1278, column=3133, height=3, width=3),
}
_MONTH = Month(2020, 6)


@pytest.fixture(scope="module", params=sorted(_WINDOWS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give a little world of one month."""
    preset = load_preset("tiny").model_copy(
        update={
            "name": request.param,
            "first": str(_MONTH),
            "last": str(_MONTH),
            "spin_up_days": 90,
            "window": _WINDOWS[request.param],
            "stations": 2,
        }
    )
    return build_world(preset, 5, tmp_path_factory.mktemp("window"))


@pytest.fixture(scope="module")
def features(world: World, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Give its features."""
    folder = tmp_path_factory.mktemp("features")
    store = FeatureStore(Archive(world.archive), load_region(world.region), folder)
    return store.month(_MONTH, [name for name in store.standard if name != "sif"])


def _tiles(world: World, product: str) -> set[str]:
    return {path.name.split(".")[2] for path in (world.archive / product).rglob("*.hdf")}


def test_tiles_are_those_of_the_place(world: World) -> None:
    """A window across 111.5 E at 36 N has granules of two tiles; a southern one of row 12."""
    expected = {"two-tiles": {"h26v05", "h27v05"}, "south": {"h27v12"}}[world.preset.name]
    for product in ("MCD12Q1", "MCD43A3", "MCD43A4", "MOD11A2", "MOD15A2H", "MOD16A2GF"):
        assert _tiles(world, product) == expected


def test_every_feature_is_there(world: World, features: xr.Dataset) -> None:
    """In its units, on the fine grid, with few gaps, as is SMAP."""
    for name, field in features.data_vars.items():
        assert field.shape == tuple(world.domain.area.shape)
        assert field.attrs["units"]
        assert np.isfinite(field).mean() > (0.55 if name == "ati" else 0.8), name
    smap = soil_moisture_month(Archive(world.archive), world.domain.coarse, _MONTH, "SPL4SMGP")
    assert np.isfinite(smap.values).all()


def test_constants_of_the_land_come_through(world: World, features: xr.Dataset) -> None:
    """Elevation, soil and cover are the generator's, wherever the window lies."""
    domain = world.domain
    land = make_land(domain, world.seed)
    for name, tolerance in {"elevation": 0.6, "clay": 2.5, "sand": 4.0}.items():
        true = domain.crop(getattr(land, name))
        difference = features[name].to_numpy() - true
        assert np.sqrt(np.nanmean(difference**2)) < tolerance, name
    forest = block_mean(features["lc_forest"].to_numpy())
    np.testing.assert_allclose(forest, block_mean(domain.crop(land.forest)), atol=0.04)


def test_seasons_are_mirrored(world: World, features: xr.Dataset) -> None:
    """June is hot in the north and cold in the south."""
    warmth = float(features["lst_day"].mean())
    assert (warmth < 288) if world.preset.name == "south" else (warmth > 288)


def test_no_seam_where_tiles_meet(world: World, features: xr.Dataset) -> None:
    """Neighbours across the border of two tiles differ no more than others do."""
    if world.preset.name != "two-tiles":
        pytest.skip("one tile only")
    west = _west_of_border(world)
    across = west[:, :-1] != west[:, 1:]
    assert across.any()
    for name in ("ndvi", "nsdsi", "lst_day", "et", "lai"):
        jumps = np.abs(np.diff(features[name].to_numpy(), axis=1))
        assert np.nanmean(jumps[across]) < 1.8 * np.nanmean(jumps[~across]), name


def _west_of_border(world: World) -> np.ndarray:
    """Tell which cells' centres lie in the western tile."""
    area = world.domain.area
    tile = sinusoidal_tile("h27v05", 2400)
    a = area.affine
    x, y = np.meshgrid(
        a.c + a.a * (np.arange(area.shape.x) + 0.5), a.f + a.e * (np.arange(area.shape.y) + 0.5)
    )
    sinusoidal, _ = transformer(str(area.crs), str(tile.crs)).transform(x, y)
    return np.asarray(sinusoidal) < tile.affine.c

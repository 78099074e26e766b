"""Archives of nothing but names, for tests of what follows from names alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.inventory.maps import Inventory, soil_moisture_runs, take_inventory
from engine.months import Month, Period, eight_day_periods, month_range
from engine.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SPRING = month_range(Month(2020, 2), Month(2020, 3))
EAST = (113.0, 34.0, 113.6, 34.5)
"""Inside MODIS tile h27v05."""


def toy_region(bbox: Sequence[float] = EAST, **changes: object) -> Region:
    """Return a region of SMAP's soil moisture, changed as a test likes."""
    return Region.model_validate(
        {"name": "here", "title": "Here", "bbox": list(bbox), "soil_moisture": "SPL4SMGP"} | changes
    )


def file_names(months: Sequence[Month], tiles: Iterable[str] = ("h27v05",)) -> dict[str, list[str]]:
    """Return the names of a complete archive, MCD43 thinned to every eighth day."""
    span = Period(months[0].first_day, months[-1].period.end)
    days = [span.start + timedelta(days=k) for k in range(span.days)]
    periods = list(eight_day_periods(span))
    eight = [f"A{period.start:%Y%j}.{tile}" for period in periods for tile in tiles]
    names = {
        product: [f"{product}.{when}.061.2021001010101.hdf" for when in eight]
        for product in ("MCD43A4", "MCD43A3", "MOD11A2", "MOD15A2H", "MOD16A2GF")
    }
    first = f"A{span.start:%Y%j}"
    for product in ("MCD43A4", "MCD43A3"):
        names[product] = [name for name in names[product] if name.split(".")[1] >= first]
    names["SPL4SMGP"] = [
        f"SMAP_L4_SM_gph_{day:%Y%m%d}T{hour:02d}3000_Vv8010_001.h5"
        for day in days
        for hour in range(1, 24, 3)
    ]
    names["CHIRPS"] = [f"chirps-v2.0.{day:%Y.%m.%d}.tif" for day in days]
    names["eSIF"] = [f"eSIF_{period.start:%Y%j}.nc" for period in periods]
    names["SRTM"] = ["srtm_59_06.tif"]
    names["SoilGrids"] = [f"{part}_0-5cm_mean.tif" for part in ("clay", "sand", "silt")]
    years = sorted({day.year for day in days})
    names["MCD12Q1"] = [
        f"MCD12Q1.A{year}001.{tile}.061.2022001010101.hdf" for year in years for tile in tiles
    ]
    return names


def write_names(root: Path, names: dict[str, list[str]]) -> Path:
    """Write files of some names, which is all that an inventory looks at."""
    for product, files in names.items():
        root.joinpath(product).mkdir(parents=True)
        for file in files:
            root.joinpath(product, file).touch()
    return root


def inventory_of(root: Path, here: Region, months: Sequence[Month] | None = None) -> Inventory:
    """Take the inventory of a folder."""
    return take_inventory(FeatureStore(Archive(root), here, root / "unused"), months)


def without(names: dict[str, list[str]], product: str, *parts: str) -> dict[str, list[str]]:
    """Return the names less those of a product that contain one of some texts."""
    kept = [name for name in names[product] if not any(part in name for part in parts)]
    return names | {product: kept}


def only_run(inventory: Inventory) -> str:
    """Return what is told of soil moisture, where it is the same in all months."""
    (run,) = soil_moisture_runs(inventory)
    return run.text

"""The published maps that a request means, and their layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pystac.utils import str_to_datetime

from engine.cog import read_cog
from engine.errors import InputError
from engine.grids import BBox
from engine.months import Month
from stac.products import product
from stac.read import items_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac
    import xarray as xr

    from processes.map_choice import MapChoice
    from stac.store import CatalogStore


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSeries:
    """The items that are validated: one series, a map for each month."""

    collection: str
    """Their collection."""
    region: str
    """Their region's name."""
    items: Mapping[Month, pystac.Item]
    """In order of time."""

    @property
    def months(self) -> tuple[Month, ...]:
        """Their months."""
        return tuple(self.items)

    @property
    def first(self) -> pystac.Item:
        """The first map."""
        return next(iter(self.items.values()))

    @property
    def synthetic(self) -> bool:
        """Whether they say that they are made up."""
        return bool(self.first.properties.get("vadose:synthetic"))


def find_maps(catalog: CatalogStore, inputs: MapChoice) -> MapSeries:
    """Find the maps that a request means.

    Raises
    ------
    InputError
        Where there are none, or where they are not of one series.
    """
    if inputs.items is not None:
        collection, found = _named(catalog, inputs.items)
    else:
        collection = inputs.collection or product(inputs.mapped).collection
        found = [*items_of(catalog, collection)]
        if not found:
            raise InputError("collection", f"{collection!r} has no maps", "a published collection")
    field = "items" if inputs.items is not None else "collection"
    found = [one for one in found if one.properties.get("vadose:product") == inputs.mapped]
    if not found:
        raise InputError(field, f"no map of {inputs.mapped}", "maps of that product")
    region = _one_region(found, inputs.region)
    found = [one for one in found if one.properties["vadose:region"] == region]
    _check_one_series(field, found)
    months = {month_of(one): one for one in found}
    wanted = sorted(months)
    if inputs.datetime is not None:
        asked = inputs.datetime.within(wanted, "datetime")
        wanted = [month for month in wanted if month in set(asked)]
    if not wanted:
        raise InputError(
            "datetime",
            f"no map of {inputs.datetime}",
            f"{min(months)} to {max(months)}, of which there are {len(months)} maps",
        )
    return MapSeries(
        collection=collection, region=region, items={month: months[month] for month in wanted}
    )


def layers_of(
    series: MapSeries, wanted: Sequence[str] | None, *, also: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the layers that a request means, in its order.

    Parameters
    ----------
    series
        The maps.
    wanted
        Layers by name; None for the map itself.
    also
        Layers that come beside the map itself, where the maps have them.

    Raises
    ------
    InputError
        Where a map has not what was asked for.
    """
    if wanted is None:
        main = product(str(series.first.properties["vadose:product"])).main
        wanted = [main, *(name for name in also if _have(series, name))]
    for number, name in enumerate(wanted):
        lacking = [month for month, item in series.items.items() if name not in item.assets]
        if lacking:
            raise InputError(f"layers.{number}", f"{lacking[0]} has no {name}", "layers it has")
    return tuple(wanted)


def _have(series: MapSeries, name: str) -> bool:
    return all(name in item.assets for item in series.items.values())


def read_layer(catalog: CatalogStore, item: pystac.Item, name: str) -> xr.DataArray:
    """Return a layer of a map, wherever the catalogue keeps it.

    Raises
    ------
    InputError
        Where the map has no such layer.
    """
    asset = item.assets.get(name)
    if asset is None:
        allowed = "maps as vadose publishes them"
        raise InputError("items", f"{item.id} has no asset {name}", allowed)
    href = asset.href.rpartition("/")[2]
    with catalog.local(f"{item.collection_id}/{item.id}/{href}") as path:
        return read_cog(path)


def maps_bbox(series: MapSeries) -> BBox:
    """Return the box around all maps, degrees."""
    boxes = [item.bbox for item in series.items.values() if item.bbox is not None]
    west, south, east, north = zip(*boxes, strict=True)
    return BBox(min(west), min(south), max(east), max(north))


def _named(catalog: CatalogStore, names: Sequence[str]) -> tuple[str, list[pystac.Item]]:
    collection = names[0].partition("/")[0]
    there = {f"{collection}/{item.id}": item for item in items_of(catalog, collection)}
    lost = [name for name in names if name not in there]
    if lost:
        raise InputError("items", f"{lost[0]} is not in the catalogue", "published maps")
    return collection, [there[name] for name in names]


def _one_region(found: Sequence[pystac.Item], wanted: str | None) -> str:
    regions = sorted({str(item.properties.get("vadose:region", "")) for item in found})
    if wanted is None and len(regions) == 1:
        return regions[0]
    if wanted not in regions:
        wrong = "there are maps of several" if wanted is None else f"no map of {wanted!r}"
        raise InputError("region", wrong, ", ".join(regions))
    return str(wanted)


def _check_one_series(field: str, found: Sequence[pystac.Item]) -> None:
    series = {str(item.properties.get("vadose:series", "")) for item in found}
    if len(series) > 1:
        raise InputError(
            field, f"the maps are of {len(series)} series", "maps made by one model and settings"
        )


def month_of(item: pystac.Item) -> Month:
    """Return the month of a map."""
    return Month.of(str_to_datetime(str(item.properties["start_datetime"])))

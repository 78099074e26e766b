"""The published maps of one series as a validation reads them, with what the archive has beside."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from engine.archive import Archive
from engine.cog import geobox_of
from engine.errors import InputError, MissingDataError
from engine.feature_store import FeatureStore
from engine.grids import block_mean, coarse_of, spread
from engine.quality import quality_table
from engine.region import load_region
from engine.residual import bilinear
from engine.target import coarse_soil_moisture
from engine.validation.fields import (
    CONSERVING,
    LOWER,
    MAP,
    RAW,
    UPPER,
    WITHOUT_SIF,
    WORDS,
    Lack,
    MonthFields,
)
from processes.map_series import month_of, read_layer
from stac.layers import fine_grid
from stac.products import product
from stac.read import items_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pystac
    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.months import Month
    from engine.region import Region
    from processes.map_series import MapSeries
    from processes.settings import Settings
    from stac.store import CatalogStore

    type Floats = NDArray[np.floating]

_LAYERS = (MAP, RAW, CONSERVING, LOWER, UPPER)
_COVER = ("crop", "forest", "shrub_grass", "urban", "water", "bare")
_FLAGS = ("water", "urban")
_MIN_VALID = 0.5


class PublishedMaps:
    """Reads the maps of a series, and SMAP, rain and plants of the same cells.

    Parameters
    ----------
    series
        The maps.
    settings
        Where archive and features are.
    catalog
        Where they are published, and fluorescence perhaps.
    rain
        Whether rain is wanted.
    without_sif
        The same maps made without fluorescence, if they are to be compared.
    """

    def __init__(
        self,
        series: MapSeries,
        settings: Settings,
        catalog: CatalogStore,
        *,
        rain: bool = True,
        without_sif: MapSeries | None = None,
    ) -> None:
        self.series = series
        self._rain, self._catalog, self._without_sif = rain, catalog, without_sif
        self._store = _store(series, settings)
        self._sif = _sif_items(catalog, series.region)
        self._lacks: dict[tuple[str, Month | None], Lack] = {}
        if self._store is None:
            self._note(
                "SMAP, rain and plants",
                None,
                f"neither an archive nor a file of the region {series.region!r} beside the maps",
            )

    @cached_property
    def grid(self) -> GeoBox:
        """The maps' cells."""
        return fine_grid(geobox_of(self._read(self.series.first, MAP)))

    @cached_property
    def region(self) -> Region | None:
        """The region, where its file is there."""
        return None if self._store is None else self._store.region

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """What was not there, of all that was asked for until now."""
        return tuple(self._lacks.values())

    def month(self, month: Month) -> MonthFields:
        """Return one month."""
        item = self.series.items[month]
        layers = {name: self._layer(item, name) for name in _LAYERS if name in item.assets}
        layers |= self._map_without_sif(month)
        smap, smooth = self._smap(month)
        return MonthFields(
            layers=layers,
            frozen=self._bit(item, "frozen"),
            smap=smap,
            smap_bilinear=smooth,
            companions=self._companions(month),
        )

    def cover(self) -> Mapping[str, Floats]:
        """Return the shares of land cover, or at least what the maps flag as water and town."""
        store, month = self._store, self.series.months[0]
        names = [] if store is None else [*store.available([f"lc_{name}" for name in _COVER])]
        if store is not None and names:
            try:
                found = store.month(month, names)
                return {
                    name.removeprefix("lc_"): placed(found[name].to_numpy(), store.area, self.grid)
                    for name in names
                }
            except MissingDataError as error:
                self._note("land cover", None, error)
        flags = {name: self._bit(self.series.first, name) for name in _FLAGS}
        return {name: one.astype(np.float32) for name, one in flags.items() if one is not None}

    def _read(self, item: pystac.Item, name: str) -> xr.DataArray:
        return read_layer(self._catalog, item, name)

    def _layer(self, item: pystac.Item, name: str) -> NDArray[np.float32]:
        values = self._read(item, name)
        grid = fine_grid(geobox_of(values))
        if grid != self.grid:
            raise InputError("items", f"{item.id} has another grid", "maps of one series")
        return np.asarray(values.to_numpy(), np.float32)

    def _bit(self, item: pystac.Item, name: str) -> NDArray[np.bool_] | None:
        if "quality" not in item.assets:
            return None
        bits = np.nan_to_num(self._read(item, "quality").to_numpy()).astype(np.uint16)
        return np.asarray(bits & quality_table().flag(name).mask != 0)

    def _smap(self, month: Month) -> tuple[NDArray[np.float64] | None, Floats | None]:
        """Return SMAP on the 9 km cells, and interpolated to 1 km with what lies around."""
        store = self._store
        if store is None:
            return None, None
        try:
            coarse = coarse_soil_moisture(store, month).to_numpy().astype(np.float64)
        except MissingDataError as error:
            self._note("SMAP", month, error)
            return None, None
        around = np.where(spread(np.isfinite(coarse)), bilinear(coarse), np.nan)
        smap = placed(coarse, coarse_of(store.area), coarse_of(self.grid))
        return smap.astype(np.float64), placed(around, store.area, self.grid)

    def _companions(self, month: Month) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        target = coarse_of(self.grid)
        store = self._store
        if store is not None:
            here = coarse_of(store.area)
            names = ["precipitation", "ndvi"] if self._rain else ["ndvi"]
            for name in store.available(names):
                values = self._feature(store, month, name)
                if values is not None:
                    found[name] = placed(block_mean(values, _MIN_VALID), here, target)
        item = self._sif.get(month)
        if item is not None:
            sif = self._read(item, "sif")
            whole = placed(sif.to_numpy(), fine_grid(geobox_of(sif)), self.grid)
            found["sif"] = block_mean(whole, _MIN_VALID)
        elif self._sif:
            self._note("fluorescence", month, "no map of it")
        return found

    def _feature(self, store: FeatureStore, month: Month, name: str) -> Floats | None:
        try:
            return store.month(month, [name])[name].to_numpy()
        except MissingDataError as error:
            self._note(WORDS.get(name, name), month, error)
            return None

    def _map_without_sif(self, month: Month) -> dict[str, NDArray[np.float32]]:
        if self._without_sif is None:
            return {}
        item = self._without_sif.items.get(month)
        if item is None:
            self._note("the map without SIF", month, "not published")
            return {}
        values = self._read(item, MAP)
        source = fine_grid(geobox_of(values))
        return {WITHOUT_SIF: placed(values.to_numpy(), source, self.grid).astype(np.float32)}

    def _note(self, what: str, month: Month | None, why: MissingDataError | str) -> None:
        """Remember what was not there."""
        text = why if isinstance(why, str) else f"looked for {why.looked_for}"
        self._lacks[what, month] = Lack(what=what, month=month, why=text)


def placed(values: Floats, source: GeoBox, target: GeoBox) -> Floats:
    """Put values of one part of a lattice into another part of it; NaN where there are none.

    Parameters
    ----------
    values
        ``(y, x)`` on ``source``.
    source, target
        Parts of one lattice.
    """
    column, row = ~target.affine @ (source.affine.c, source.affine.f)
    top, left = round(row), round(column)
    height, width = values.shape
    found = np.full(tuple(target.shape), np.nan, dtype=values.dtype)
    rows = slice(max(0, top), min(target.shape.y, top + height))
    columns = slice(max(0, left), min(target.shape.x, left + width))
    if rows.start < rows.stop and columns.start < columns.stop:
        found[rows, columns] = values[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return found


def _store(series: MapSeries, settings: Settings) -> FeatureStore | None:
    """Return the features of the maps' cells; None without an archive or the region's file."""
    if not settings.archive_folder.is_dir():
        return None
    try:
        region = load_region(series.region, [settings.region_folder])
    except InputError:
        return None
    archive, memory = Archive(settings.archive_folder), int(settings.memory)
    return FeatureStore(archive, region, settings.feature_folder, memory=memory)


def _sif_items(catalog: CatalogStore, region: str) -> dict[Month, pystac.Item]:
    """Return the official maps of fluorescence of the same region, by month."""
    return {
        month_of(item): item
        for item in items_of(catalog, product("sif").collection)
        if item.properties.get("vadose:region") == region
    }

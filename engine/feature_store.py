"""The features of a region, month by month: from granules to the fine grid, each made once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine.composites import MIN_SUPPORT, Cadence
from engine.errors import InputError, MissingDataError
from engine.feature_cache import FeatureCache, digest
from engine.features import FEATURES, PRESETS, SIF_PREDICTORS, Feature
from engine.granules import Granule
from engine.grids import lonlat
from engine.months import eight_day_periods
from engine.own_features import own_exists, own_features, read_own
from engine.predictors import predictor_path
from engine.products import decode, load_specs
from engine.regrid import WeightCache
from engine.solar import clear_sky_par
from engine.stages import MIN_VALID, over_time, shared_days, static, to_fine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.archive import Archive
    from engine.granules import Field
    from engine.months import Month, Period
    from engine.predictors import UserPredictor
    from engine.region import Region

_VERSION = "1"
"""Part of the names of stored features; to be raised when their making changes."""

MIN_VALID_SIF = 0.6
"""Least share of a SIF cell that valid fine cells must cover."""

PAR_UNITS = "W m-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SifCells:
    """What the model of SIF learns from in one period: its target's own cells."""

    period: Period
    """The days that the SIF stands for."""
    names: tuple[str, ...]
    """``(f,)`` names of the predictors."""
    values: NDArray[np.float32]
    """``(n, f)`` predictors, means of their fine cells; NaN where missing."""
    target: NDArray[np.float32]
    """``(n,)`` SIF, mW m-2 nm-1 sr-1."""
    geobox: GeoBox
    """The window of the SIF's own grid."""
    index: NDArray[np.int64]
    """``(n,)`` number of each cell in ``geobox``, row by row."""


class FeatureStore:
    """Makes and keeps the features of a region on its fine grid.

    Parameters
    ----------
    archive
        Where granules lie.
    region
        Names the area and the predictors of its own.
    folder
        Where features are kept; may be emptied at any time.
    weights
        Regridding weights to share; kept below ``folder`` unless given.
    """

    def __init__(
        self,
        archive: Archive,
        region: Region,
        folder: Path,
        weights: WeightCache | None = None,
    ) -> None:
        self.archive, self.region, self.folder = archive, region, folder
        self.area = region.area()
        self.weights = WeightCache(folder / "weights") if weights is None else weights
        self.features = {**FEATURES, **own_features(region.predictors)}
        """Every feature by name, in order: the standard ones, then the region's own."""
        self._own = {name: own for own in region.predictors for name in own.features}
        self._cache = FeatureCache(folder)
        self._cadences: dict[str, Cadence] = {}

    def available(self, names: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return those of some features, or of all, whose product the archive has at all."""
        return tuple(name for name in names or self.features if self._has(name))

    @property
    def standard(self) -> tuple[str, ...]:
        """The region's features by default, SIF among them if it is one.

        Those that the region names; else the standard set and the region's own, less those of
        the set that the archive lacks. What no map can do without is never left out, so its
        absence will be an error.
        """
        if self.region.features is not None:
            return self.region.features
        needed = {*PRESETS["core"], *self._own}
        return tuple(
            name
            for name in self.features
            if name in needed or (name in PRESETS["standard"] and self._has(name))
        )

    @property
    def lacking(self) -> Mapping[str, str]:
        """What the standard set leaves out, and why."""
        if self.region.features is not None:
            return {}
        return {
            name: f"the archive has no {' or '.join(self.features[name].products)}"
            for name in PRESETS["standard"]
            if name not in self.standard
        }

    def periods(self, month: Month) -> tuple[Period, ...]:
        """Return the 8-day periods that share a day with a month."""
        return tuple(eight_day_periods(month.period))

    def month(self, month: Month, names: Sequence[str]) -> xr.Dataset:
        """Return the features of a month.

        Parameters
        ----------
        month
            The month.
        names
            Which features, without SIF; the variables come in this order.

        Returns
        -------
        Dataset (y, x)
            Float32 on the fine grid with units, NaN where missing. Its attributes tell the month
            and, for each product, the granules used.

        Raises
        ------
        MissingDataError
            Where the archive lacks a product, a month or a part of one.
        GranuleError
            Where a file is not what its name says.
        """
        features = [self._feature(name) for name in names]
        standard = [feature for feature in features if feature.name not in self._own]
        parts = self._groups(standard, month.period, str(month))
        wanted = {self._own[name].name: self._own[name] for name in names if name in self._own}
        parts += [self._own_group(predictor, month) for predictor in wanted.values()]
        data = _joined(parts, names)
        _check_any_valid(data, features, str(month))
        return data.assign_attrs(month=str(month), region=self.region.name)

    def sif_predictors(self, period: Period) -> xr.Dataset:
        """Return what the model of SIF sees at 1 km in one 8-day period.

        Parameters
        ----------
        period
            The days.

        Returns
        -------
        Dataset (y, x)
            Reflectances, indices, surface temperatures and ``par``, clear-sky light, W m-2; all
            float32 on the fine grid, NaN where missing.
        """
        parts = self._groups(list(SIF_PREDICTORS.values()), period, _days(period))
        data = _joined(parts, list(SIF_PREDICTORS))
        data["par"] = (("y", "x"), self._light(period), {"units": PAR_UNITS})
        data["par"].attrs["long_name"] = "Clear-sky photosynthetically active radiation"
        return data.assign_attrs(period=_days(period), region=self.region.name)

    def esif_field(self, period: Period) -> Field:
        """Return the coarse SIF of a period, on the window of its own grid that covers the area.

        Parameters
        ----------
        period
            The days; the granule that shares most of them counts.
        """
        granules = self.archive.granules("eSIF", period)
        if not granules:
            raise MissingDataError("eSIF", _days(period), "one granule of these 8 days")
        granule = max(granules, key=lambda granule: shared_days(granule, period))
        fields = decode(granule, self.area, ["sif"])
        if not fields:
            raise _untouched("eSIF", _days(period), self.region.name)
        return fields["sif"]

    def sif_cells(self, period: Period) -> SifCells:
        """Return the rows that the model of SIF learns from in one 8-day period.

        Parameters
        ----------
        period
            The days.

        Returns
        -------
        SifCells
            The cells that have SIF and of which the area covers at least 60 %.
        """
        field = self.esif_field(period)
        predictors = self.sif_predictors(period)
        names = tuple(str(name) for name in predictors.data_vars)
        stack = np.stack([predictors[name].to_numpy() for name in names])
        means, _ = self.weights.area(self.area, field.geobox).apply(stack, min_valid=MIN_VALID_SIF)
        lit = np.isfinite(means[names.index("par")])
        index = np.flatnonzero(lit & np.isfinite(field.values) & (field.weight > 0))
        return SifCells(
            period=period,
            names=names,
            values=np.ascontiguousarray(means.reshape(len(names), -1)[:, index].T),
            target=field.values.ravel()[index],
            geobox=field.geobox,
            index=index,
        )

    def _feature(self, name: str) -> Feature:
        feature = self.features.get(name)
        if feature is None or feature.time == "reconstructed":
            allowed = (k for k, v in self.features.items() if v.time != "reconstructed")
            raise InputError("features", repr(name), ", ".join(allowed))
        return feature

    def _light(self, period: Period) -> NDArray[np.float32]:
        _, latitude = lonlat(self.area)
        return np.asarray(clear_sky_par(latitude, period), dtype=np.float32)

    def _has(self, name: str) -> bool:
        if name in self._own:
            return own_exists(self._own[name], self.archive.root)
        feature = self.features.get(name)
        if feature is None:
            return False
        partner = feature.partner is None or self._holds(feature.partner.product)
        first = self._holds(feature.product)
        return partner and (first or self._holds(feature.otherwise or feature.product))

    def _holds(self, product: str) -> bool:
        return product in load_specs() and self.archive.has(product)

    def _groups(self, features: Sequence[Feature], span: Period, where: str) -> list[xr.Dataset]:
        """Make features, those of one product together."""
        ordered = sorted(features, key=_group_key)
        return [self._group(tuple(group), span, where) for _, group in groupby(ordered, _group_key)]

    def _own_group(self, predictor: UserPredictor, month: Month) -> xr.Dataset:
        """Return the features of one of the region's own predictors."""
        path = predictor_path(predictor, self.archive.root, month)
        granule = Granule(path=path, product=predictor.name, period=None)
        key = self._key(predictor.model_dump_json(), granules=(granule,))
        name = f"{predictor.name}-{month if predictor.monthly else 'static'}"
        data = self._cache.get(name, key, lambda: self._own_made(predictor, month))
        return data.assign_attrs({f"granules_{predictor.name}": path.name})

    def _own_made(self, predictor: UserPredictor, month: Month) -> xr.Dataset:
        features, fields = read_own(predictor, self.archive.root, self.area, month)
        return _dataset(self.area, features, to_fine(features, [fields], self.area, self.weights))

    def _key(self, *parts: str, granules: tuple[Granule, ...]) -> str:
        """Return a hash of everything that some features' values depend on."""
        area = (tuple(self.area.shape), tuple(self.area.affine), str(self.area.crs))
        settings = (_VERSION, area, MIN_VALID, MIN_SUPPORT)
        return digest(str(settings), *parts, self.archive.fingerprint(granules))

    def _group(self, features: tuple[Feature, ...], span: Period, where: str) -> xr.Dataset:
        """Return features of one product, from the cache or made anew."""
        product, time = features[0].product, features[0].time
        granules = self._granules(product, time, span, where)
        timing = () if time == "static" else (span, self._cadence(product))
        key = self._key(
            str(timing),
            load_specs()[product].model_dump_json(),
            *(feature.model_dump_json() for feature in features),
            granules=granules,
        )
        name = f"{product}-static" if time == "static" else f"{product}-{span.start}-{span.days}d"
        data = self._cache.get(name, key, lambda: self._made(features, granules, span, where))
        return data.assign_attrs({f"granules_{product}": " ".join(_names(granules))})

    def _granules(self, product: str, time: str, span: Period, where: str) -> tuple[Granule, ...]:
        if time == "static":
            found = self.archive.granules(product)
        else:
            found = self.archive.granules(product, span) or self._nearest(product, span)
        if not found:
            raise MissingDataError(product, where, f"one granule of {load_specs()[product].title}")
        if time == "every-day":
            _check_every_day(product, found, span, where)
        return found

    def _nearest(self, product: str, span: Period) -> tuple[Granule, ...]:
        """Return granules of a thinned daily product that only just miss a short span.

        A date of MCD43 stands for 16 days, of which its name says the ninth.
        """
        if not self.archive.has(product) or self._cadence(product).length > 1:
            return ()
        slack = timedelta(days=int(self._cadence(product).spacing / 2))
        near = self.archive.granules(product, type(span)(span.start - slack, span.end + slack))
        return near if span.days <= 8 else ()

    def _cadence(self, product: str) -> Cadence:
        if product not in self._cadences:
            periods = [granule.period for granule in self.archive.granules(product)]
            timed = [period for period in periods if period is not None]
            self._cadences[product] = Cadence.of(timed) if timed else Cadence(length=1, spacing=1)
        return self._cadences[product]

    def _made(
        self,
        features: tuple[Feature, ...],
        granules: tuple[Granule, ...],
        span: Period,
        where: str,
    ) -> xr.Dataset:
        """Make features of one product and one way through time."""
        product = features[0].product
        if features[0].time == "static":
            tiles = static(features, granules, self._decode)
        else:
            tiles = over_time(features, granules, span, self._cadence(product), self._decode)
        if not tiles:
            raise _untouched(product, where, self.region.name)
        arrays = to_fine(features, tiles, self.area, self.weights)
        return _dataset(self.area, features, arrays)

    def _decode(self, granule: Granule, variables: Sequence[str]) -> Mapping[str, Field]:
        return decode(granule, self.area, variables)


def _dataset(
    area: GeoBox, features: Sequence[Feature], arrays: Sequence[NDArray[np.float32]]
) -> xr.Dataset:
    affine = area.affine
    y = affine.f + affine.e * (np.arange(area.shape.y) + 0.5)
    x = affine.c + affine.a * (np.arange(area.shape.x) + 0.5)
    variables = {
        feature.name: (("y", "x"), array, {"units": feature.units, "long_name": feature.long_name})
        for feature, array in zip(features, arrays, strict=True)
    }
    coords = {"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})}
    return xr.Dataset(variables, coords, {"crs": str(area.crs)})


def _group_key(feature: Feature) -> tuple[str, str]:
    return feature.product, feature.time


def _joined(parts: Iterable[xr.Dataset], names: Sequence[str]) -> xr.Dataset:
    """Put variables of one grid into one dataset, in the order of names."""
    variables: dict[str, xr.DataArray] = {}
    attributes: dict[str, str] = {}
    for part in parts:
        variables |= {str(name): array for name, array in part.data_vars.items()}
        attributes |= part.attrs
    return xr.Dataset({name: variables[name] for name in names}, attrs=attributes)


def _check_any_valid(data: xr.Dataset, features: Iterable[Feature], where: str) -> None:
    for feature in features:
        if not np.isfinite(data[feature.name].to_numpy()).any():
            raise MissingDataError(
                feature.product,
                where,
                f"at least one valid 1 km cell of {feature.name}; the granules hold none",
            )


def _check_every_day(product: str, granules: Iterable[Granule], span: Period, where: str) -> None:
    found = len({granule.period for granule in granules})
    if found < span.days:
        raise MissingDataError(
            product, where, f"a file for each of the {span.days} days; found {found}"
        )


def _untouched(product: str, where: str, region: str) -> MissingDataError:
    return MissingDataError(product, where, f"a granule that covers a part of the area {region}")


def _names(granules: Iterable[Granule]) -> list[str]:
    return [granule.path.name for granule in granules]


def _days(period: Period) -> str:
    return f"{period.start} to {period.end - timedelta(days=1)}"

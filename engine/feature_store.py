"""The features of a region, month by month: from granules to the fine grid, each made once."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from engine import products
from engine.bands import Band, bands, stacked, whole
from engine.climatology import MIN_ANOMALY, filled_features, has_gaps
from engine.composites import MIN_SUPPORT
from engine.errors import InputError, MissingDataError, wanted_for
from engine.feature_cache import FeatureCache, digest
from engine.feature_data import LEVEL, check_any_valid, grid_dataset, joined_features
from engine.feature_groups import days_of, grouped, is_still, label_of, untouched
from engine.feature_sources import SourceFinder
from engine.features import FEATURES, PRESETS, Feature
from engine.gaps import FILLED_WEIGHT, LONGEST_GAP
from engine.granules import Granule
from engine.making import inertia, plain
from engine.months import eight_day_periods
from engine.own_features import own_data, own_exists, own_features
from engine.predictors import months_by_name, predictor_path
from engine.products.pixels import pixel_side
from engine.regrid import WeightCache
from engine.stages import MIN_VALID, Fine, Times, over_time, static, to_fine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.archive import Archive
    from engine.feature_sources import Sources
    from engine.granules import Field
    from engine.making import Decode, Make
    from engine.months import Month, Period
    from engine.predictors import UserPredictor
    from engine.region import Region

_VERSION = "2"
"""Part of the names of stored features; to be raised when their making changes."""


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
    bridging
        Whether short gaps in a month's 8-day series are bridged between neighbours in time.
    climatology
        Whether what is then still missing is filled from the same month of other years; never
        without bridging.
    memory
        Bytes that the making of a feature may take on its product's grid, about; an area that is
        too large is made band by band, with the same values. Without it all is made at once.
    """

    def __init__(
        self,
        archive: Archive,
        region: Region,
        folder: Path,
        weights: WeightCache | None = None,
        *,
        bridging: bool = True,
        climatology: bool = True,
        memory: int | None = None,
    ) -> None:
        self.archive, self.region, self.folder = archive, region, folder
        self.area = region.area()
        self.weights = WeightCache(folder / "weights") if weights is None else weights
        self.features = {**FEATURES, **own_features(region.predictors)}
        """Every feature by name, in order: the standard ones, then the region's own."""
        self._own = {name: own for own in region.predictors for name in own.features}
        self.bridging, self.climatology = bridging, bridging and climatology
        self.memory = memory
        self._cache = FeatureCache(folder)
        self._sources = SourceFinder(archive)

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
        data = joined_features(self._parts(features, month), names)
        check_any_valid(data, features, str(month))
        return data.assign_attrs(month=str(month), region=self.region.name)

    def fill_levels(self, month: Month, names: Sequence[str]) -> xr.Dataset:
        """Return how far the features of a month had to be filled.

        Parameters
        ----------
        month
            The month.
        names
            Which features, without SIF.

        Returns
        -------
        Dataset (y, x)
            For each feature, as uint8, what most of the cell is made of: 0 observed at full
            quality, 1 observed at less, 2 interpolated in time, 3 climatological; 0 where the
            feature is missing, too.
        """
        features = [self._feature(name) for name in names]
        parts = self._parts(features, month)
        known = {str(name): variable for part in parts for name, variable in part.data_vars.items()}
        none = np.zeros(tuple(self.area.shape), np.uint8)
        levels = {name: known.get(f"{LEVEL}{name}") for name in names}
        return xr.Dataset(
            {
                name: (("y", "x"), none if level is None else level.to_numpy())
                for name, level in levels.items()
            }
        )

    def granules(self, month: Month, names: Iterable[str]) -> tuple[Granule, ...]:
        """Return every file that a month of some standard features may depend on.

        What the archive lacks is not in it; nor are the region's own predictors and SIF.
        """
        features = [
            self.features[name] for name in names if name in FEATURES and name not in self._own
        ]
        return tuple(
            granule
            for feature in features
            if feature.time != "reconstructed"
            for granule in self._sources.of_month(
                feature, month, bridging=self.bridging, climatology=self.climatology
            )
        )

    def products(self, name: str) -> tuple[str, ...]:
        """Return the products that a standard feature comes from, as far as there is a choice."""
        return self._sources.products(self.features[name])

    def months(self, name: str) -> tuple[Month, ...] | None:
        """Return the months that the archive has a feature for; None where any will do."""
        own = self._own.get(name)
        if own is not None:
            return months_by_name(self.archive.root, own.file) if own.monthly else None
        return self._sources.months(self.features[name])

    def eight_days(self, features: Sequence[Feature], period: Period) -> xr.Dataset:
        """Return features of one 8-day period, with no gap bridged.

        Parameters
        ----------
        features
            Means over time; they need not be features of soil moisture.
        period
            The days.

        Returns
        -------
        Dataset (y, x)
            Float32 on the fine grid with units, NaN where missing, in the order given.
        """
        parts = [
            self._group(group, period, days_of(period), bridging=False)
            for group in grouped(features)
        ]
        return joined_features(parts, [feature.name for feature in features])

    def decode(
        self, granule: Granule, variables: Sequence[str], area: GeoBox | None = None
    ) -> Mapping[str, Field]:
        """Read variables of a granule, as far as it covers the area, or a part of it."""
        spec = self.region.spec(granule.product)
        return products.decode(granule, area or self.area, variables, spec=spec)

    def _feature(self, name: str) -> Feature:
        feature = self.features.get(name)
        if feature is None or feature.time == "reconstructed":
            allowed = (k for k, v in self.features.items() if v.time != "reconstructed")
            raise InputError("features", repr(name), ", ".join(allowed))
        return feature

    def _has(self, name: str) -> bool:
        if name in self._own:
            return own_exists(self._own[name], self.archive.root)
        return name in self.features and self._sources.has(self.features[name])

    def _parts(self, features: Sequence[Feature], month: Month) -> list[xr.Dataset]:
        """Return features of a month, together with their levels of filling."""
        own = {
            self._own[one.name].name: self._own[one.name]
            for one in features
            if one.name in self._own
        }
        standard = [one for one in features if one.name not in self._own]
        plainly = [one for one in standard if one.memory is None]
        parts = [self._monthly(group, month) for group in grouped(plainly)]
        parts += [self._remembered(one, month) for one in standard if one.memory is not None]
        return parts + [self._own_group(predictor, month) for predictor in own.values()]

    def _remembered(self, feature: Feature, month: Month) -> xr.Dataset:
        """Return a feature that is a sum over another one's months."""
        if feature.memory is None:
            raise ValueError(f"{feature.name} remembers nothing")
        other = FEATURES[feature.memory.feature]
        sums: NDArray[np.float32] = np.zeros(tuple(self.area.shape), np.float32)
        names: list[str] = []
        for lag, weight in enumerate(feature.memory.weights):
            if weight:
                then = month.shift(-lag)
                part = self._group((other,), then.period, str(then), bridging=self.bridging)
                sums += np.float32(weight) * part[other.name].to_numpy()
                names += [part.attrs[f"granules_{other.product}"]]
        made = Fine(values=sums, level=np.zeros(sums.shape, np.uint8))
        data = grid_dataset(self.area, [feature], [made])
        return data.assign_attrs({f"granules_{other.product}": " ".join(names)})

    def _monthly(self, features: tuple[Feature, ...], month: Month) -> xr.Dataset:
        """Return a month of features of one product, long gaps filled from other years."""
        names = [feature.name for feature in features]
        made = self._group(features, month.period, str(month), bridging=self.bridging)
        if not self.climatology or not has_gaps(made, names):
            return made
        others = self._sources.other_years(features[0], month, bridging=self.bridging)
        if not others:
            return made
        known = {
            month: self._sources.find(features[0], month.period, str(month), bridging=self.bridging)
        }
        keys = [
            self._key_of(features, found, one.period, bridging=self.bridging)
            for one, found in (known | others).items()
        ]
        data = self._cache.get(
            f"{known[month].product}-{month}-filled",
            digest(str(MIN_ANOMALY), *keys),
            lambda: filled_features(made, self._unfilled(features, others), names),
        )
        return data.assign_attrs(made.attrs)

    def _unfilled(
        self, features: tuple[Feature, ...], months: Iterable[Month]
    ) -> Iterator[xr.Dataset]:
        """Yield months of features as far as they were seen or bridged."""
        for month in months:
            with suppress(MissingDataError):
                yield self._group(features, month.period, str(month), bridging=self.bridging)

    def _own_group(self, predictor: UserPredictor, month: Month) -> xr.Dataset:
        """Return the features of one of the region's own predictors."""
        path = predictor_path(predictor, self.archive.root, month)
        granule = Granule(path=path, product=predictor.name, period=None)
        key = self._key(predictor.model_dump_json(), granules=(granule,))
        name = f"{predictor.name}-{month if predictor.monthly else 'static'}"
        with wanted_for(str(month)):
            data = self._cache.get(
                name,
                key,
                lambda: own_data(predictor, self.archive.root, self.area, month, self.weights),
            )
        return data.assign_attrs({f"granules_{predictor.name}": path.name})

    def _key(self, *parts: str, granules: tuple[Granule, ...]) -> str:
        """Return a hash of everything that some features' values depend on."""
        area = (tuple(self.area.shape), tuple(self.area.affine), str(self.area.crs))
        settings = (_VERSION, area, MIN_VALID, MIN_SUPPORT, LONGEST_GAP, FILLED_WEIGHT)
        return digest(str(settings), *parts, self.archive.fingerprint(granules))

    def _group(
        self, features: tuple[Feature, ...], span: Period, where: str, *, bridging: bool
    ) -> xr.Dataset:
        """Return features of one product, from the cache or made anew."""
        first = features[0]
        found = self._sources.find(first, span, where, bridging=bridging)
        key = self._key_of(features, found, span, bridging=bridging)
        label = label_of(found) if is_still(first) else f"{span.start}-{span.days}d"
        name, product = f"{found.product}-{label}", found.product
        with wanted_for(where):
            data = self._cache.get(name, key, lambda: self._made(features, found, span, where))
        used = {product: found.granules}
        if found.partner is not None:
            used[found.partner] = found.partners
        return data.assign_attrs(
            {f"granules_{one}": " ".join(_names(granules)) for one, granules in used.items()}
        )

    def _key_of(
        self, features: tuple[Feature, ...], found: Sources, span: Period, *, bridging: bool
    ) -> str:
        """Return a hash of everything that features of one product depend on."""
        cadence = self._sources.cadence
        timing = () if is_still(features[0]) else (span, cadence(found.product), bridging)
        return self._key(
            str(timing),
            *(self.region.spec(one).model_dump_json() for one in found.products),
            *(feature.model_dump_json() for feature in features),
            granules=found.everything,
        )

    def _made(
        self, features: tuple[Feature, ...], found: Sources, span: Period, where: str
    ) -> xr.Dataset:
        """Make features of one product and one way through time."""
        cut = self._bands(features, found)
        parts = [self._made_on(band, features, found, span) for band in cut]
        if not any(parts):
            raise untouched(found.product, where, self.region.name)
        return grid_dataset(self.area, features, stacked(parts, cut))

    def _bands(self, features: tuple[Feature, ...], found: Sources) -> tuple[Band, ...]:
        if self.memory is None:
            return whole(self.area)
        pixel = pixel_side(found.granules[0], self.region.spec(found.product))
        return bands(self.area, self.memory, features, pixel, bridging=bool(found.around))

    def _made_on(
        self, band: Band, features: tuple[Feature, ...], found: Sources, span: Period
    ) -> list[Fine] | None:
        """Make features of a part of the area; None where no granule touches it."""
        decode = partial(self.decode, area=band.read)
        if is_still(features[0]):
            tiles = static(features, found.granules, decode)
        else:
            times = self._times(found, span)
            tiles = over_time(features, times, band.read, self._make(features, found, decode))
        return to_fine(features, tiles, band.area, self.weights) if tiles else None

    def _times(self, found: Sources, span: Period) -> Times:
        return Times(
            granules=found.granules,
            around=found.around,
            span=span,
            cadence=self._sources.cadence(found.product),
            bridging=bool(found.around),
        )

    def _make(self, features: tuple[Feature, ...], found: Sources, decode: Decode) -> Make:
        """Return how these features are made of one granule."""
        if features[0].partner is None:
            return plain(features, decode)
        partners_of = partial(self._sources.partners_of, partners=found.partners)
        return inertia(features[0], decode, partners_of, self.weights)


def _names(granules: Iterable[Granule]) -> list[str]:
    return [granule.path.name for granule in granules]

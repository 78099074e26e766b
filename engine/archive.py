"""An archive: granules below a folder, at any depth, as they were downloaded."""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import InputError, MissingDataError, wanted_for
from engine.granules import Granule
from engine.months import Month, month_range
from engine.predictors import MONTH, months_by_name
from engine.products import decode, load_specs, recognise
from engine.products.coarse_field import coarse_field_days, coarse_field_layers
from engine.products.marks import is_marked
from engine.products.names import identity, rank, split
from engine.products.spec import spec_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.granules import Field
    from engine.months import Period
    from engine.products.spec import ProductSpec
    from engine.region import CoarseField

    type Floats = NDArray[np.floating]

_log = logging.getLogger(__name__)

NOTICE = "SYNTHETIC.txt"
"""A file of this name at the root says that the whole archive is made up."""

SOIL_MOISTURE = "soil_moisture"
"""Our name of what coarse products are there for."""

MIN_SHARE = 0.9
"""Least share of a month's files, and of a cell's valid values among them."""


class Archive:
    """The granules below a folder.

    Parameters
    ----------
    root
        The folder. It is walked once, when something is first asked.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def granules(self, product: str, period: Period | None = None) -> tuple[Granule, ...]:
        """Return a product's granules that share a day with a period, sorted by time.

        Of several versions of one observation only the highest is returned. Static granules
        belong to every period.
        """
        spec_of(product)
        found = self._by_product.get(product, ())
        if period is None:
            return found
        return tuple(
            granule
            for granule in found
            if granule.period is None or granule.period.shared_days(period)
        )

    def latest(self, product: str, period: Period) -> tuple[Granule, ...]:
        """Return the granules, one for each tile, that were current in a period, sorted by tile.

        Of a yearly map that is the one of the same year, else the latest earlier one; a later
        one is never taken. Which year it is stands in its granule's ``period``.
        """
        current: dict[str, Granule] = {}
        for granule in self.granules(product):
            if granule.period is None or granule.period.start < period.end:
                current[granule.tile or ""] = granule
        return tuple(current[tile] for tile in sorted(current))

    def months(self, product: str) -> tuple[Month, ...]:
        """Return every month that a granule of the product shares a day with, in order."""
        periods = {granule.period for granule in self.granules(product) if granule.period}
        months = {
            month
            for period in periods
            for month in month_range(Month.of(period.start), Month.of(period.end))
            if month.period.shared_days(period)
        }
        return tuple(sorted(months))

    def has(self, product: str) -> bool:
        """Tell whether there is any granule of a product."""
        return bool(self.granules(product))

    @cached_property
    def synthetic(self) -> bool:
        """Whether the archive, or the first granule of any product, says that it is made up."""
        if (self.root / NOTICE).is_file():
            return True
        return any(is_marked(granules[0].path) for granules in self._by_product.values())

    @staticmethod
    def fingerprint(granules: Iterable[Granule]) -> str:
        """Return a hash that changes when a file is added, removed, replaced or touched."""
        digest = hashlib.sha256()
        for granule in granules:
            status = granule.path.stat()
            line = f"{granule.path.name}\0{status.st_size}\0{status.st_mtime_ns}\n"
            digest.update(line.encode())
        return digest.hexdigest()

    @cached_property
    def _by_product(self) -> Mapping[str, tuple[Granule, ...]]:
        specs = load_specs()
        best: dict[tuple[object, ...], Granule] = {}
        for path in self._files():
            file = recognise(path, specs)
            if file is None:
                continue
            spec = specs[file.product]
            for granule in split(file, spec):
                key = identity(granule, spec)
                best[key] = _better(granule, best.get(key), spec)
        by_product: dict[str, list[Granule]] = defaultdict(list)
        for granule in sorted(best.values(), key=_order):
            by_product[granule.product].append(granule)
        return {
            product: tuple(_without_lists(granules)) for product, granules in by_product.items()
        }

    def _files(self) -> Iterator[Path]:
        if not self.root.is_dir():
            raise InputError("archive", f"there is no folder {self.root.name}", "a folder")
        for folder, folders, names in os.walk(self.root, onerror=_tell, followlinks=True):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder, name) for name in names if not name.startswith("."))


def _tell(error: OSError) -> None:
    """Say that a folder cannot be read, lest its files be taken for missing."""
    name = Path(error.filename or "").name
    _log.warning("the folder %s is passed over: %s", name, error.strerror)


def _better(one: Granule, other: Granule | None, spec: ProductSpec) -> Granule:
    """Return the file to prefer of two that hold the same observation."""
    if other is None:
        return one
    worse, better = sorted((one, other), key=lambda granule: rank(granule, spec))
    if worse.version != better.version and spec.versions and worse.version not in spec.versions:
        _log.warning("%s is set aside for %s", worse.path.name, better.path.name)
    return better


def _without_lists(granules: Sequence[Granule]) -> Iterator[Granule]:
    """Drop a .vrt, which only lists other files, where the folder of its files is there."""
    folders = {granule.path.parent for granule in granules}
    folders |= {folder.parent for folder in folders}
    for granule in granules:
        if granule.path.suffix != ".vrt" or granule.path.with_suffix("") not in folders:
            yield granule


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseMonth:
    """One month of coarse soil moisture."""

    values: NDArray[np.float32]
    """``(y, x)`` mean, m3 m-3; NaN where missing."""
    sd: NDArray[np.float32]
    """``(y, x)`` standard deviation over the month's layers, m3 m-3."""
    count: NDArray[np.int32]
    """``(y, x)`` valid layers."""
    granules: tuple[Granule, ...]
    """The files, in order of time."""


def soil_moisture_month(
    archive: Archive, coarse: GeoBox, month: Month, source: str | CoarseField
) -> CoarseMonth:
    """Average the coarse soil moisture of a UTC month.

    Parameters
    ----------
    archive
        Where the files are.
    coarse
        M09 cells wanted.
    month
        The month.
    source
        A product such as ``SPL4SMGP``, of which 90 % of the month's files must be there, or a
        file of one's own.

    Raises
    ------
    MissingDataError
        Where files are missing, or do not cover the area.
    """
    if isinstance(source, str):
        return _product_month(archive, coarse, month, source)
    with wanted_for(str(month)):
        return _own_month(archive, coarse, month, source)


def soil_moisture_months(archive: Archive, source: str | CoarseField) -> tuple[Month, ...]:
    """Return the months of which there is any coarse soil moisture, in order."""
    if isinstance(source, str):
        return archive.months(source)
    if source.monthly:
        return months_by_name(archive.root, source.file)
    path = archive.root / source.file
    days = coarse_field_days(path, source.spec) if path.is_file() else ()
    return tuple(sorted({Month.of(day) for day in days}))


def coarse_variable_month(
    archive: Archive, coarse: GeoBox, month: Month, product: str, variable: str
) -> CoarseMonth:
    """Average another variable of a coarse product in the same way.

    Parameters
    ----------
    archive, coarse, month
        As in :func:`soil_moisture_month`.
    product
        Such as ``SPL4SMGP``.
    variable
        Our name of the variable.

    Raises
    ------
    MissingDataError
        As in :func:`soil_moisture_month`.
    """
    return _product_month(archive, coarse, month, product, variable)


def _product_month(
    archive: Archive, coarse: GeoBox, month: Month, product: str, variable: str = SOIL_MOISTURE
) -> CoarseMonth:
    spec = spec_of(product)
    granules = archive.granules(product, month.period)
    _warn_of_mixture(granules, month)
    expected = spec.files_per_day * month.days
    needed = math.ceil(MIN_SHARE * expected)
    if len(granules) < needed:
        raise MissingDataError(
            product, str(month), f"at least {needed} of {expected} files, {len(granules)} are there"
        )
    used: list[Granule] = []
    with wanted_for(str(month)):
        statistics = _statistics(_layers(granules, coarse, variable, used), tuple(coarse.shape))
    if len(used) < needed:
        raise MissingDataError(
            product,
            str(month),
            f"at least {needed} of {expected} files that cover the area, {len(used)} do",
        )
    statistics.mean[statistics.count < MIN_SHARE * len(used)] = np.nan
    return _coarse_month(statistics, used, month)


def _layers(
    granules: Sequence[Granule], coarse: GeoBox, variable: str, used: list[Granule]
) -> Iterator[Floats]:
    """Yield each granule's layer on the wanted cells, and note those that touch them."""
    for granule in granules:
        field = decode(granule, coarse, (variable,)).get(variable)
        if field is not None:
            used.append(granule)
            yield _placed(field, coarse)


def _own_month(archive: Archive, coarse: GeoBox, month: Month, source: CoarseField) -> CoarseMonth:
    name = source.file.replace(MONTH, str(month))
    path = archive.root / name
    if not path.is_file():
        raise MissingDataError(source.product, str(month), f"the file {name} below the archive")
    days = (month.period.start, month.period.end)
    fields = coarse_field_layers(path, source.spec, coarse, days)
    layers = (_placed(field, coarse) for field in fields)
    statistics = _statistics(layers, tuple(coarse.shape))
    granule = Granule(path=path, product=source.product, period=month.period)
    return _coarse_month(statistics, [granule], month)


@dataclass(frozen=True, slots=True)
class _Statistics:
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    count: NDArray[np.int32]


def _coarse_month(
    statistics: _Statistics, granules: Sequence[Granule], month: Month
) -> CoarseMonth:
    missing = ~np.isfinite(statistics.mean)
    if missing.all():
        raise MissingDataError(granules[0].product, str(month), "valid values in the area")
    return CoarseMonth(
        values=statistics.mean.astype(np.float32),
        sd=np.where(missing, np.nan, statistics.sd).astype(np.float32),
        count=statistics.count,
        granules=tuple(granules),
    )


def _statistics(layers: Iterable[Floats], shape: tuple[int, ...]) -> _Statistics:
    """Return mean, standard deviation and count of valid values, one layer at a time (Welford)."""
    mean, squares = np.zeros(shape), np.zeros(shape)
    count = np.zeros(shape, np.int32)
    for layer in layers:
        valid = np.isfinite(layer)
        count += valid
        step = np.where(valid, layer - mean, 0.0)
        mean += step / np.maximum(count, 1)
        squares += np.where(valid, step * (layer - mean), 0.0)
    seen = count > 0
    return _Statistics(
        mean=np.where(seen, mean, np.nan),
        sd=np.sqrt(np.where(seen, squares / np.maximum(count, 1), np.nan)),
        count=count,
    )


def _placed(field: Field, coarse: GeoBox) -> Floats:
    """Put a window of M09 cells into the wanted ones; NaN where it has none."""
    column, row = ~coarse.affine @ (field.geobox.affine.c, field.geobox.affine.f)
    top, left = round(row), round(column)
    height, width = field.values.shape
    target = np.full(tuple(coarse.shape), np.nan)
    rows = slice(max(0, top), min(coarse.shape.y, top + height))
    columns = slice(max(0, left), min(coarse.shape.x, left + width))
    if rows.start < rows.stop and columns.start < columns.stop:
        target[rows, columns] = field.values[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return target


def _warn_of_mixture(granules: Sequence[Granule], month: Month) -> None:
    versions = sorted({granule.version for granule in granules if granule.version})
    if len(versions) > 1:
        _log.warning(
            "%s %s mixes the science versions %s",
            granules[0].product,
            month,
            ", ".join(versions),
        )


def _order(granule: Granule) -> tuple[str, str]:
    start = granule.period.start.isoformat() if granule.period else ""
    return (start, granule.path.name)

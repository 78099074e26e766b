"""Fluorescence that comes as daily files of soundings: a region's part of them, on cells."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from engine.errors import GranuleError
from engine.grids import BBox, outline
from engine.months import Period, eight_day_period
from engine.products.names import recognise
from engine.troposif import (
    cells_of,
    grid_soundings,
    gridded_name,
    read_soundings,
    write_gridded,
)
from processes.fetch.errors import BrokenFileError
from processes.fetch.offers import Offer
from processes.fetch.ranges import RangeFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odc.geo.geobox import GeoBox

    from engine.troposif import Soundings
    from processes.fetch.client import Client
    from processes.fetch.listings import ListingFinder
    from processes.fetch.wanted import Wanted

_DAY = re.compile(r"TROPOSIF_L2B_(\d{4}-\d{2}-\d{2})\.nc")
_ENOUGH = 0.5
"""Least share of a period's days."""


class SoundingsFinder:
    """Offers a period's cells where there are enough of its days."""

    def __init__(self, listings: ListingFinder) -> None:
        self._listings = listings

    def find(self, wanted: Wanted) -> Sequence[Offer]:
        """Return an offer for every period that is lacking."""
        starts = sorted(place.start for place in wanted.lacking if place.start)
        periods = [eight_day_period(start) for start in starts]
        days = self._days(wanted, periods)
        offers = (_offer(wanted, period, days) for period in periods)
        return [offer for offer in offers if offer is not None]

    def _days(
        self, wanted: Wanted, periods: Sequence[Period]
    ) -> Mapping[date, tuple[str, int | None]]:
        found: dict[date, tuple[str, int | None]] = {}
        months = {(day.year, day.month) for period in periods for day in _days_of(period)}
        for year, month in sorted(months):
            folder = wanted.source.url.format(year=year, month=f"{month:02d}")
            for name, file in self._listings.listed(folder).items():
                if match := _DAY.fullmatch(name):
                    found[date.fromisoformat(match[1])] = file
        return found


def _offer(
    wanted: Wanted, period: Period, days: Mapping[date, tuple[str, int | None]]
) -> Offer | None:
    files = [days[day] for day in _days_of(period) if day in days]
    name = gridded_name(period)
    granule = recognise(Path(name), {wanted.spec.id: wanted.spec})
    if granule is None or len(files) < _ENOUGH * period.days:
        return None
    source = wanted.source
    sizes = (source.file_bytes if size is None else size for _, size in files)
    return Offer(
        product=wanted.spec.id,
        name=name,
        url=files[0][0],
        size=round(sum(sizes) * source.read_share),
        granule=granule,
        way="soundings",
        parts=tuple(address for address, _ in files),
        login=source.login,
    )


def _days_of(period: Period) -> list[date]:
    return [period.start + timedelta(days=number) for number in range(period.days)]


def gather_soundings(
    client: Client, offer: Offer, area: GeoBox, path: Path, arrived: Callable[[int], None]
) -> int:
    """Write a period's cells; return the bytes that came for them.

    Parameters
    ----------
    client
        Reads the daily files by ranges.
    offer
        Says where they lie.
    area
        Fine grid of the region.
    path
        NetCDF to write.
    arrived
        Told how many bytes came.
    """
    lon, lat = outline(area)
    cells = cells_of(BBox(*map(float, (lon.min(), lat.min(), lon.max(), lat.max()))))
    came = 0
    days: list[Soundings] = []
    for url in offer.parts:
        before = came
        file = RangeFile(client, url, offer.login, lambda there: arrived(before + there))  # noqa: B023
        days.append(_soundings(file, url, cells))
        came += file.came
    period = offer.granule.period
    if period is None:
        raise BrokenFileError(offer.name, "its name has no date", "the first of 8 days")
    write_gridded(grid_soundings(days, cells), period, len(days), path)
    return came


def _soundings(file: RangeFile, url: str, cells: GeoBox) -> Soundings:
    name = url.rpartition("/")[2]
    try:
        with h5py.File(file, "r") as opened:
            return read_soundings(opened, name, cells)
    except (OSError, GranuleError) as error:
        raise BrokenFileError(name, "it cannot be read", "TROPOSIF L2B as NetCDF-4") from error

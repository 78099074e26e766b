"""Read stations, whatever they come in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import GranuleError, InputError
from engine.stations.ismn import read_ismn, read_ismn_by_folder
from engine.stations.selection import Wanted, check_not_swapped, joined
from engine.stations.sources import Limits, read_file
from engine.stations.table_csv import csv_table
from engine.stations.table_geojson import geojson_table
from engine.stations.table_series import series_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.stations.moisture import SoilConstants
    from engine.stations.series import StationSeries

_INLINE = Path("stations")
_INLINE_BYTES = 32 * 2**20
_JSON = frozenset({".json", ".geojson"})
_TABLES = frozenset({".csv", ".txt"}) | _JSON


def read_stations(
    path: Path,
    wanted: Wanted | None = None,
    *,
    soil: SoilConstants | None = None,
    limits: Limits | None = None,
) -> tuple[StationSeries, ...]:
    """Read the stations of a file or a folder.

    Parameters
    ----------
    path
        An ISMN download, as a folder or a zip archive; or our station table as CSV or GeoJSON.
    wanted
        Which sensors; all soil moisture where not given.
    soil
        Constants for values by mass or relative to field capacity that come without them.
    limits
        How large the source may be.

    Returns
    -------
    tuple of StationSeries
        Soil moisture in m3 m-3, times in UTC; sorted by network, station, sensor and depth.

    Raises
    ------
    GranuleError
        Naming file, line and field of what is wrong.
    InputError
        Where the file is of none of these kinds.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".zip":
        return read_ismn(path, wanted, limits)
    if suffix not in _TABLES:
        raise InputError(
            "stations",
            f"{path.name} is of no known kind",
            "a folder or zip archive of the ISMN, or a table in .csv or .geojson",
        )
    return _read_table(path, read_file(path, limits or Limits()), wanted, soil)


def read_stations_in_parts(
    path: Path,
    wanted: Wanted | None = None,
    *,
    soil: SoilConstants | None = None,
    limits: Limits | None = None,
) -> Iterator[tuple[StationSeries, ...]]:
    """Read the stations of a file or a folder as :func:`read_stations` does, part by part.

    A large archive never is in memory as a whole. All sensors of a station in one folder come
    together; a table is one part.
    """
    if path.is_dir() or path.suffix.lower() == ".zip":
        yield from read_ismn_by_folder(path, wanted, limits)
    else:
        yield read_stations(path, wanted, soil=soil, limits=limits)


def parse_stations(
    text: str, wanted: Wanted | None = None, *, soil: SoilConstants | None = None
) -> tuple[StationSeries, ...]:
    """Read stations from a text that came with a request, CSV or GeoJSON.

    Raises
    ------
    InputError
        Naming line and field of what is wrong.
    """
    data = text.encode("utf-8", "replace")
    if len(data) > _INLINE_BYTES:
        raise InputError(
            "stations", f"{len(data)} bytes of text", f"at most {_INLINE_BYTES}; register a network"
        )
    try:
        return _read_table(_INLINE, data, wanted, soil)
    except GranuleError as error:
        raise InputError("stations", error.wrong, error.allowed) from error


def _read_table(
    path: Path, data: bytes, wanted: Wanted | None, soil: SoilConstants | None
) -> tuple[StationSeries, ...]:
    is_json = path.suffix.lower() in _JSON or data.lstrip()[:1] == b"{"
    table = geojson_table(path, data) if is_json else csv_table(path, data)
    series = series_of(table, soil)
    wanted = wanted or Wanted()
    check_not_swapped(path, (one.station for one in series), wanted.bbox)
    return joined(cut for one in series if (cut := wanted.cut(one)) is not None)

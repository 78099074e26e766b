"""Stations of the International Soil Moisture Network, from a folder or a zip archive.

References
----------
Dorigo, W. et al. (2021). The International Soil Moisture Network. doi:10.5194/hess-25-5749-2021
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from engine.errors import GranuleError
from engine.stations.ismn_file import open_text, parse_name, read_series
from engine.stations.ismn_spec import ismn_spec
from engine.stations.selection import Wanted, check_not_swapped, joined
from engine.stations.sources import source_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from engine.stations.series import StationSeries
    from engine.stations.sources import Limits, SourceFile


def read_ismn(
    path: Path, wanted: Wanted | None = None, limits: Limits | None = None
) -> tuple[StationSeries, ...]:
    """Read the sensors of an ISMN download.

    Sensors are chosen by file name, then by the first line, and only then is a file read whole.
    What came in several files is one series. A sensor's depths are those of its file name, which
    are exact; the first line rounds them.

    Parameters
    ----------
    path
        The zip archive as downloaded, or the folder that it was unpacked to.
    wanted
        Which sensors; all soil moisture where not given.
    limits
        How large an archive may be.

    Returns
    -------
    tuple of StationSeries
        Sorted by network, station, sensor and depth.

    Raises
    ------
    GranuleError
        Naming the file, and the line, that is not what it should be.
    """
    wanted = wanted or Wanted()
    with source_files(path, ismn_spec().suffix, limits) as files:
        if not files:
            raise GranuleError(path, "there is no file of the ISMN", f"files {ismn_spec().suffix}")
        return joined(_wanted_series(files, wanted))


def read_ismn_by_folder(
    path: Path, wanted: Wanted | None = None, limits: Limits | None = None
) -> Iterator[tuple[StationSeries, ...]]:
    """Read an ISMN download folder by folder, so that one folder at a time is in memory.

    Parameters
    ----------
    path, wanted, limits
        As for :func:`read_ismn`.

    Yields
    ------
    tuple of StationSeries
        Of a folder, which is a station's or, in some downloads, a network's; series of one
        sensor are joined within it.

    Raises
    ------
    GranuleError
        Naming the file, and the line, that is not what it should be.
    """
    wanted = wanted or Wanted()
    with source_files(path, ismn_spec().suffix, limits) as files:
        if not files:
            raise GranuleError(path, "there is no file of the ISMN", f"files {ismn_spec().suffix}")
        for _, members in groupby(files, key=lambda file: file.path.parent):
            series = joined(_wanted_series([*members], wanted))
            if series:
                yield series


def _wanted_series(files: Sequence[SourceFile], wanted: Wanted) -> Iterator[StationSeries]:
    for file in files:
        series = _read(file, wanted)
        if series is not None:
            yield series


def _read(file: SourceFile, wanted: Wanted) -> StationSeries | None:
    name = parse_name(file.path)
    if name is None or not wanted.takes_layer(name.depth_from, name.depth_to):
        return None
    if wanted.variables is not None and name.variable.name not in wanted.variables:
        return None
    text = open_text(file.path, name, file.read())
    check_not_swapped(file.path, [text.station], wanted.bbox)
    if not wanted.takes_station(text.station):
        return None
    return wanted.cut(read_series(text))

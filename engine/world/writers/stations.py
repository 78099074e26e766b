"""Stations as text: ISMN's header and values, its CEOP, and our own table.

Line ends differ from file to file, as they do in what people really get.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from engine.world.operators.stations import FILL, Site, faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.world.operators.stations import StationRecord

NETWORK = "VADOSE-SYNTHETIC"
"""Says in every line, or in the first one, that there is no such network."""
SENSOR = "Synthetic_Probe-1"
_LINE_ENDS = ("\n", "\r\n", "\r", "\n\r")
_ZONE = ("+08:00", np.timedelta64(8, "h"))
_COLUMNS = (
    "station_id", "network", "lat", "lon", "elev_m", "time", "tz",
    "depth_from_m", "depth_to_m", "value", "unit", "qflag",
)  # fmt: skip


def write_stations(records: Sequence[StationRecord], folder: Path, mark: str) -> None:
    """Write every third station as header and values, as CEOP, and into the table.

    Parameters
    ----------
    records
        Of all stations.
    folder
        Receives ``ismn/`` and ``stations.csv``.
    mark
        Text that says that the data are synthetic.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SYNTHETIC.txt").write_text(f"{mark}\n", encoding="utf-8")
    table = [record for record in records if record.site.number % 3 == 0]
    for record in records:
        kind = record.site.number % 3
        if kind:
            _write_ismn(record, folder / "ismn", ceop=kind == 2)
    if table:
        _write_table(table, folder / "stations.csv")


def write_faults(sites: Sequence[Site], path: Path) -> None:
    """Write what only the truth knows of the stations."""
    rows = list(faults(sites))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _write_ismn(record: StationRecord, folder: Path, *, ceop: bool) -> None:
    site, times = record.site, record.times
    first, last = (str(day).replace("-", "") for day in times[[0, -1]].astype("datetime64[D]"))
    layer = f"{site.depth[0]:.6f}_{site.depth[1]:.6f}"
    name = f"{NETWORK}_{NETWORK}_{site.name}_sm_{layer}_{SENSOR}_{first}_{last}.stm"
    path = folder / NETWORK / site.name / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = list(_ceop_lines(record) if ceop else _header_lines(record))
    end = _LINE_ENDS[site.number % len(_LINE_ENDS)]
    path.write_bytes((end.join(lines) + end).encode("ascii"))
    _write_static(site, path.parent)


def _place(site: Site) -> str:
    top, bottom = site.depth
    where = f"{site.latitude:.5f} {site.longitude:.5f} {site.elevation:.1f}"
    return f"{NETWORK} {NETWORK} {site.name} {where} {top:.4f} {bottom:.4f}"


def _header_lines(record: StationRecord) -> Iterator[str]:
    yield f"{_place(record.site)} {SENSOR}"
    stamps = _stamps(record.times)
    for stamp, value, flag in zip(stamps, record.values, record.flags, strict=True):
        yield f"{stamp} {value:9.4f} {flag} M"


def _ceop_lines(record: StationRecord) -> Iterator[str]:
    place = _place(record.site)
    stamps = _stamps(record.times)
    for stamp, value, flag in zip(stamps, record.values, record.flags, strict=True):
        yield f"{stamp} {stamp} {place} {value:9.4f} {flag} M"


def _write_static(site: Site, folder: Path) -> None:
    """Write the table of what does not change, as the ISMN sends it along."""
    top, bottom = site.depth
    head = "quantity_name;unit;depth_from[m];depth_to[m];value;description;quantity_source_name"
    rows = [
        head,
        f"land cover classification;[-];;;10;Cropland, rainfed;{NETWORK}",
        f"elevation;[m];{top:.2f};{bottom:.2f};{site.elevation:.1f};;{NETWORK}",
    ]
    name = f"{NETWORK}_{NETWORK}_{site.name}_static_variables.csv"
    (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")


def _write_table(records: Sequence[StationRecord], path: Path) -> None:
    """Write our own table in Beijing time, every other station in percent by volume."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(_COLUMNS) + "\r\n")
        for k, record in enumerate(records):
            unit, factor = (("m3/m3", 1.0), ("%vol", 100.0))[k % 2]
            file.writelines(f"{line}\r\n" for line in _table_lines(record, unit, factor))


def _table_lines(record: StationRecord, unit: str, factor: float) -> Iterator[str]:
    site = record.site
    zone, ahead = _ZONE
    place = f"{site.name},{NETWORK},{site.latitude:.5f},{site.longitude:.5f},{site.elevation:.1f}"
    layer = f"{site.depth[0]:g},{site.depth[1]:g}"
    stamps = np.char.replace(np.datetime_as_string(record.times + ahead, unit="m"), "T", " ")
    for stamp, value, flag in zip(stamps, record.values, record.flags, strict=True):
        text = f"{FILL:g}" if value == FILL else f"{value * factor:.4g}"
        yield f'{place},{stamp},{zone},{layer},{text},{unit},"{flag}"'


def _stamps(times: NDArray[np.datetime64]) -> NDArray[np.str_]:
    """Return times as the ISMN writes them, ``YYYY/MM/DD HH:MM``."""
    texts = np.datetime_as_string(times, unit="m")
    return np.char.replace(np.char.replace(texts, "-", "/"), "T", " ")

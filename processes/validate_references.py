"""What maps are validated with: stations of networks or of the request, and other maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from engine.comparison import ComparisonProduct, load_comparisons
from engine.errors import InputError
from engine.stations import (
    SoilConstants,
    Wanted,
    parse_stations,
    read_stations_in_parts,
)
from engine.stations.selection import looks_swapped
from engine.validation.stations import daily_means, heat_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.grids import BBox
    from engine.progress import Progress
    from engine.region import Network, Region
    from engine.stations import Station, StationSeries
    from engine.validation.rules import Rules
    from engine.validation.stations import Calendar, SensorDays
    from processes.settings import Settings
    from processes.validate_inputs import ValidateInputs

    type _Parts = Iterator[tuple[StationSeries, ...]]

COMPARISON_FOLDER = "comparison"
"""Below the archive: other maps, and specs of one's own."""
_VARIABLES = ("soil_moisture", "soil_temperature")


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSource:
    """Where stations come from."""

    title: str
    """For people."""
    caution: str
    """What a reader should know."""
    network: Network | None
    """A registered network; None for what came with the request."""


def station_sources(inputs: ValidateInputs, region: Region | None) -> tuple[StationSource, ...]:
    """Return where the stations of a request come from; none where nobody names any.

    Raises
    ------
    InputError
        Where a network is not the region's.
    """
    if isinstance(inputs.stations, str) and not _is_name(inputs.stations, region):
        return (StationSource(title="stations of the request", caution="", network=None),)
    networks = {} if region is None else {one.name: one for one in region.networks}
    asked = inputs.stations
    names = (asked,) if isinstance(asked, str) else asked
    unknown = [name for name in names or () if name not in networks]
    if unknown:
        raise InputError(
            "stations",
            f"{unknown[0]!r} is no network of the region, and no table",
            ", ".join(networks) or "our table as CSV, or GeoJSON: the region has no networks",
        )
    chosen = [networks[name] for name in names] if names else [*networks.values()]
    return tuple(StationSource(title=one.title, caution=one.caution, network=one) for one in chosen)


def daily_sensors(
    sources: Sequence[StationSource],
    inputs: ValidateInputs,
    settings: Settings,
    *,
    area: BBox,
    calendar: Calendar,
    rules: Rules,
    progress: Progress,
) -> tuple[SensorDays, ...]:
    """Read all stations and make their daily means, one folder in memory at a time.

    Parameters
    ----------
    sources
        Where they come from.
    inputs
        The request.
    settings
        Where networks lie.
    area
        Where stations must lie, degrees.
    calendar
        The days wanted.
    rules
        Of matching.
    progress
        Told what is read.

    Raises
    ------
    InputError
        Where no station lies in the area.
    GranuleError
        Where a file is not what it should be.
    """
    found: list[SensorDays] = []
    seen: list[Station] = []
    wanted = Wanted(variables=_VARIABLES, layer=rules.wider_depth)
    for number, source in enumerate(sources):
        progress(number / len(sources), f"reading {source.title}")
        for part in _parts(source, inputs, settings, wanted):
            moisture = [one for one in part if one.variable == "soil_moisture"]
            seen += [one.station for one in moisture]
            found += [
                daily_means(one, calendar, rules, heat_of(one, part))
                for one in moisture
                if _lies_in(one.station, area)
            ]
    if not found:
        _complain(seen, area)
    return tuple(found)


def comparison_products(
    inputs: ValidateInputs, settings: Settings, calendar: Calendar
) -> tuple[ComparisonProduct, ...]:
    """Return the other maps of a request; by default those that the archive has.

    Raises
    ------
    InputError
        Where one is unknown.
    """
    root = settings.archive_folder / COMPARISON_FOLDER
    if inputs.reference is None and not root.is_dir():
        return ()
    specs = load_comparisons([root] if root.is_dir() else [])
    if inputs.reference is not None:
        unknown = [name for name in inputs.reference if name not in specs]
        if unknown:
            raise InputError("reference", repr(unknown[0]), ", ".join(specs))
        products = [ComparisonProduct(root, specs[name]) for name in inputs.reference]
        for one in products:
            if not set(one.months) & set(calendar.months):
                raise InputError(
                    "reference",
                    f"the archive has no month of {one.spec.id} in common with the maps",
                    f"files {one.spec.file_pattern} below {COMPARISON_FOLDER}/",
                )
        return tuple(products)
    every = (ComparisonProduct(root, spec) for spec in specs.values())
    return tuple(one for one in every if set(one.months) & set(calendar.months))


def _parts(
    source: StationSource, inputs: ValidateInputs, settings: Settings, wanted: Wanted
) -> _Parts:
    if source.network is None:
        yield parse_stations(str(inputs.stations), wanted)
        return
    path = settings.archive_folder / source.network.path
    if not path.exists():
        raise InputError(
            "stations",
            f"the archive lacks {source.network.path!r} of the network {source.network.name!r}",
            "a file or folder below the archive",
        )
    soil = SoilConstants(
        bulk_density=source.network.bulk_density, theta_fc=source.network.field_capacity
    )
    yield from read_stations_in_parts(path, wanted, soil=soil)


def _is_name(text: str, region: Region | None) -> bool:
    """Tell a network's name from the text of a table."""
    known = region is not None and any(one.name == text for one in region.networks)
    return known or not any(mark in text for mark in ",;{\n\t")


def _lies_in(station: Station, area: BBox) -> bool:
    inside = area.west <= station.lon <= area.east
    return inside and area.south <= station.lat <= area.north


def _complain(seen: Sequence[Station], area: BBox) -> NoReturn:
    """Say why there is no station."""
    box = ", ".join(f"{value:g}" for value in area)
    allowed = f"sensors of soil moisture to 10 cm within {box}"
    if not seen:
        raise InputError("stations", "there is no sensor of soil moisture to 10 cm", allowed)
    swapped = [one for one in seen if looks_swapped(one, area)]
    if swapped:
        one = swapped[0]
        raise InputError(
            "stations", f"lat {one.lat:g} and lon {one.lon:g} of {one} look swapped", allowed
        )
    first = seen[0]
    raise InputError(
        "stations",
        f"none of {len(set(seen))} stations lies in the area; the first one, {first}, is at "
        f"lat {first.lat:g}, lon {first.lon:g}",
        allowed,
    )

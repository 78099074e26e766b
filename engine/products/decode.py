"""Decode a granule by the format of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.errors import GranuleError
from engine.granules import Field
from engine.products.geotiff import decode_geotiff
from engine.products.hdf4_eos import decode_hdf4_eos
from engine.products.hdf5_ease2 import decode_hdf5_ease2
from engine.products.hdf5_eos import decode_hdf5_eos
from engine.products.netcdf_lonlat import decode_netcdf_lonlat
from engine.products.spec import spec_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odc.geo.geobox import GeoBox

    from engine.granules import Granule, Part, Pixels
    from engine.products.spec import Format, ProductSpec, VariableSpec

    type Decoder = Callable[
        [Granule, ProductSpec, Sequence[VariableSpec], GeoBox], Mapping[str, Field]
    ]

DECODERS: Mapping[Format, Decoder] = {
    "hdf5-ease2": decode_hdf5_ease2,
    "hdf4-eos": decode_hdf4_eos,
    "hdf5-eos": decode_hdf5_eos,
    "geotiff": decode_geotiff,
    "netcdf-lonlat": decode_netcdf_lonlat,
}


def decode(
    granule: Granule,
    area: GeoBox,
    variables: Sequence[str] | None = None,
    *,
    spec: ProductSpec | None = None,
) -> Mapping[str, Field]:
    """Read the part of a granule that covers an area.

    Parameters
    ----------
    granule
        The file.
    area
        Any grid; its outline, with a margin of one source pixel, is what is read.
    variables
        Our names of the variables; None reads all of the product.
    spec
        How to read it; the spec of ``granule.product`` unless given.

    Returns
    -------
    mapping of str to Field
        Each on the file's own grid; empty where the granule does not touch the area. Where a
        product has a file for each variable, only the file's own.

    Raises
    ------
    GranuleError
        Where the file is not what its name says.
    """
    spec = spec_of(granule.product) if spec is None else spec
    _check_version(granule, spec)
    suffix = granule.path.suffix.lower()
    if suffix not in spec.formats:
        raise GranuleError(
            granule.path,
            f"{suffix!r} is no suffix of {spec.id}",
            ", ".join(spec.formats),
        )
    wanted = {variable.name: variable for variable in _held(granule, spec, variables)}
    fields = DECODERS[spec.formats[suffix]](granule, spec, tuple(wanted.values()), area)
    return {
        name: per_day(field, granule) if wanted[name].summed else field
        for name, field in fields.items()
    }


def _check_version(granule: Granule, spec: ProductSpec) -> None:
    if granule.version is None or not spec.versions or granule.version in spec.versions:
        return
    raise GranuleError(
        granule.path,
        f"its version is {granule.version}",
        f"{spec.id} of version {' or '.join(spec.versions)}",
    )


def _held(
    granule: Granule, spec: ProductSpec, names: Sequence[str] | None
) -> tuple[VariableSpec, ...]:
    """Return those of some variables that the file holds, as far as its name tells."""
    match = spec.match(granule.path)
    only = match.groupdict().get("variable") if match else None
    return tuple(one for one in spec.select(names) if only is None or only in one.source)


def per_day(field: Field, granule: Granule) -> Field:
    """Divide sums over a granule's days by how many they are."""
    if granule.period is None:
        raise GranuleError(granule.path, "its name tells no days", "the days that it sums over")
    days = np.float32(granule.period.days)

    def make(part: Part) -> Pixels:
        values, weight = field.pixels(part)
        return values / days, weight

    return Field.in_parts(make, geobox=field.geobox, units=field.units)

"""Decode a granule by the format of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import GranuleError
from engine.products.geotiff import decode_geotiff
from engine.products.hdf4_eos import decode_hdf4_eos
from engine.products.hdf5_ease2 import decode_hdf5_ease2
from engine.products.netcdf_lonlat import decode_netcdf_lonlat
from engine.products.spec import spec_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odc.geo.geobox import GeoBox

    from engine.granules import Field, Granule
    from engine.products.spec import Format, ProductSpec, VariableSpec

    type Decoder = Callable[
        [Granule, ProductSpec, Sequence[VariableSpec], GeoBox], Mapping[str, Field]
    ]

DECODERS: Mapping[Format, Decoder] = {
    "hdf5-ease2": decode_hdf5_ease2,
    "hdf4-eos": decode_hdf4_eos,
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
        Each on the file's own grid; empty where the granule does not touch the area.

    Raises
    ------
    GranuleError
        Where the file is not what its name says.
    """
    spec = spec_of(granule.product) if spec is None else spec
    suffix = granule.path.suffix.lower()
    if suffix not in spec.formats:
        raise GranuleError(
            granule.path,
            f"{suffix!r} is no suffix of {spec.id}",
            ", ".join(spec.formats),
        )
    return DECODERS[spec.formats[suffix]](granule, spec, spec.select(variables), area)

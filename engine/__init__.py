"""The science of vadose: granules become months, months features, features and a model a map.

Conventions, stated once for the whole package:

* arrays are ordered ``(time, y, x)``, row 0 is north;
* a bounding box is ``(west, south, east, north)`` in degrees, WGS 84;
* months and periods are half-open, ``[start, end)``, in UTC;
* every grid is an :class:`odc.geo.geobox.GeoBox`;
* every variable carries its UDUNITS text in ``attrs["units"]``;
* missing values are NaN in memory and -9999 on disk.
"""

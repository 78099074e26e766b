"""Media types of a catalogue's files, and for how long they may be kept."""

from __future__ import annotations

from pathlib import PurePosixPath

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PNG = "image/png"
JSON = "application/json"
GEOJSON = "application/geo+json"
PARQUET = "application/vnd.apache.parquet"
XML = "application/xml"
JSON_LD = "application/ld+json"
CSV = "text/csv"
GEOPACKAGE = "application/geopackage+sqlite3"
ZIP = "application/zip"
ZARR = "application/vnd.zarr; version=3"

_MEDIA_TYPES = {
    ".tif": COG,
    ".png": PNG,
    ".jpg": "image/jpeg",
    ".json": JSON,
    ".geojson": GEOJSON,
    ".html": "text/html; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".parquet": PARQUET,
    ".xml": XML,
    ".jsonld": JSON_LD,
    ".csv": f"{CSV}; charset=utf-8",
    ".gpkg": GEOPACKAGE,
    ".zip": ZIP,
}
_OTHER = "application/octet-stream"
_NOT_ITEMS = frozenset({"catalog.json", "collection.json", "metrics.json", "zarr.json"})
_IMMUTABLE = frozenset({".tif", ".png", ".jpg", ".onnx"})


def media_type(name: str, *, items: bool = True) -> str:
    """Return the media type of a file by its name.

    Parameters
    ----------
    name
        With or without folders.
    items
        Whether JSON files beside a catalogue's own two are GeoJSON.

    Examples
    --------
    >>> media_type("maps/a/a.json"), media_type("catalog.json")
    ('application/geo+json', 'application/json')
    """
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if items and suffix == ".json" and path.name not in _NOT_ITEMS and not _is_asset(path):
        return GEOJSON
    return _MEDIA_TYPES.get(suffix, _OTHER)


def cache_control(name: str) -> str:
    """Return for how long caches may keep a file: a year if its name stands for its bytes."""
    path = PurePosixPath(name)
    inside = any(folder.suffix == ".zarr" for folder in path.parents)
    lasting = inside or path.suffix.lower() in _IMMUTABLE
    return "public, max-age=31536000, immutable" if lasting else "public, max-age=60"


def _is_asset(path: PurePosixPath) -> bool:
    """Whether a JSON file in an item's folder is one of its assets, and no version of the item.

    >>> _is_asset(PurePosixPath("maps/a/a_provenance_v1.json"))
    True
    >>> _is_asset(PurePosixPath("maps/a/a_v1.json"))
    False
    """
    item = path.parent.name
    return path.stem.startswith(f"{item}_") and not path.stem.startswith(f"{item}_v")

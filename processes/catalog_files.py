"""Serve published files: byte ranges, entity tags, right media types, nothing hidden."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from stac.media import cache_control, media_type

if TYPE_CHECKING:
    import os

    from starlette.responses import Response
    from starlette.types import Scope

PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Reports bring their styles and pictures along and need nothing else, least of all scripts."""

EXPOSED_HEADERS = (
    "Accept-Ranges",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
)
"""Headers that scripts of other origins may read."""


class CatalogFiles(StaticFiles):
    """The files below one folder.

    Files that are immutable by name may be kept by caches for a year, JSON for a minute. Names
    that begin with a dot are files that are being written; they do not exist for readers.

    Parameters
    ----------
    folder
        The root, which no path leaves.
    items
        Whether JSON files other than ``catalog.json`` and ``collection.json`` are GeoJSON.
    """

    def __init__(self, folder: Path, *, items: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(directory=folder)
        self._items = items

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer a request for one file."""
        if any(part.startswith(".") for part in PurePosixPath(path).parts):
            raise HTTPException(404)
        return await super().get_response(path, scope)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with a file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        name = Path(full_path).as_posix()
        response.headers["Cache-Control"] = cache_control(name)
        if response.status_code != 304:
            response.headers["Content-Type"] = media_type(name, items=self._items)
        if name.lower().endswith(".html"):
            response.headers["Content-Security-Policy"] = PAGE_POLICY
        return response

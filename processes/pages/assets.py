"""What pages are made of besides their text: styles, scripts, pictures; all of it from here."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

FOLDER = Path(__file__).with_name("static")
"""Folder of our own assets."""

_VERSIONED = re.compile(r"(?P<version>[0-9a-f]{12})/(?P<path>.+)")
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@cache
def version_of_assets() -> str:
    """Return a name for the present content of all assets.

    Pages put it into their addresses, so caches may keep an asset for ever, and a module that
    imports another by a relative address gets one of its own version.
    """
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


class Assets(StaticFiles):
    """The assets, with how long they may be kept."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with an asset; one that is asked for by its present version may be kept."""
        found = _VERSIONED.fullmatch(path)
        response = await super().get_response(found["path"] if found else path, scope)
        lasting = found is not None and found["version"] == version_of_assets()
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if lasting else "no-cache"
        )
        media_type = _MEDIA_TYPES.get(Path(path).suffix)
        if media_type is not None and response.status_code != 304:
            response.headers["Content-Type"] = f"{media_type}; charset=utf-8"
        return response

"""STAC Browser at ``/browser``: its built files, and the address of our catalogue for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from processes.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.types import Scope

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self' data:; "
    "worker-src 'self' blob: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing of other hosts. The program styles its elements itself, and decodes COGs in workers that
it makes out of its own text."""

CONFIGURATION = "config.js"
"""What the built page asks for first: settings of the place where it runs."""

_NOT_BUILT = (
    "STAC Browser is not built here; `make browser` builds it. The same catalogue for programs is "
    "at /catalog/catalog.json and, for searches, at /stac/"
)

_LASTING = ("js/", "css/", "img/", "fonts/")
"""Folders whose files carry a hash of their content in their names."""


class CatalogBrowser(StaticFiles):
    """The built files of STAC Browser.

    Parameters
    ----------
    folder
        What ``make browser`` built, or nothing yet.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self._folder = folder

    async def check_config(self) -> None:
        """Leave it to each request whether there is something to serve."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, or with the settings, or say that it is not built."""
        if not (self._folder / "index.html").is_file():
            raise HTTPException(404, _NOT_BUILT)
        if path == CONFIGURATION:
            return _configuration(Request(scope))
        response = await super().get_response(path, scope)
        response.headers.update(_headers(path))
        return response


def _headers(path: str) -> Mapping[str, str]:
    if path.startswith(_LASTING):
        return {"Cache-Control": "public, max-age=31536000, immutable"}
    return {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}


def _configuration(request: Request) -> Response:
    """Say where the catalogue is, by the address that the request came to."""
    base = Service.of(request).base(request)
    settings = {"catalogUrl": f"{base}/stac/", "catalogTitle": "Vadose"}
    return Response(
        f"window.STAC_BROWSER_CONFIG = {json.dumps(settings)};\n",
        media_type="text/javascript",
        headers={"Cache-Control": "no-cache"},
    )


async def browser_root(request: Request) -> Response:
    """Send a reader to the page, whose files lie beside it."""
    return RedirectResponse(f"{Service.of(request).base(request)}/browser/")

"""The tiles beside the service's first answers: they take seconds to load, and few ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool

from processes.catalog_place import service_catalog
from processes.loading import LOADING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from processes.settings import Settings


class Tiles:
    """The application; loaded by the first who asks for a tile.

    Parameters
    ----------
    settings
        Where the catalogue is, and the address that links carry.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._application: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request below the mount."""
        application = self._application
        if application is None:
            application = await run_in_threadpool(self._loaded)
        await application(self._addressed(scope), receive, send)

    def _loaded(self) -> ASGIApp:
        with LOADING:
            if self._application is None:
                from processes.tiles.api import create_tiles  # noqa: PLC0415

                self._application = create_tiles(service_catalog(self._settings))
            return self._application

    def _addressed(self, scope: Scope) -> Scope:
        """Return a request that knows the public address, which links in answers begin with."""
        # Without its router, the request finds names in the application below the mount.
        inside = {name: value for name, value in scope.items() if name != "router"}
        if self._settings.url is None:
            return {**inside, "app_root_path": scope["root_path"]}
        address = urlsplit(str(self._settings.url))
        headers = [header for header in scope["headers"] if header[0] != b"host"]
        return {
            **inside,
            "app_root_path": f"{address.path.rstrip('/')}{scope['root_path']}",
            "scheme": address.scheme,
            "headers": [*headers, (b"host", address.netloc.encode())],
        }

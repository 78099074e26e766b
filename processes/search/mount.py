"""The STAC API beside the service's first answers: it takes seconds to load, and few ask for it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from engine.errors import VadoseError
from processes.catalog_place import service_catalog
from processes.loading import LOADING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from processes.search.index import CatalogIndex
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0
"""Pause before the catalogue is looked at again that could not be read."""
STOP_SECONDS = 2.0
"""Longest wait for that look at the end."""


class Search:
    """The API; whoever asks before it is loaded waits for it.

    Parameters
    ----------
    settings
        Where catalogue and database are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._index: CatalogIndex | None = None
        self._application: ASGIApp | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._complaint = ""

    def start(self) -> None:
        """Bring the index up to the catalogue, and load the API, while others are served."""
        self._thread = threading.Thread(target=self._prepare, name="search", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give the connections back."""
        self._stopping.set()
        if self._thread is not None:
            # A bucket that does not answer is asked for minutes: nobody waits for that.
            self._thread.join(STOP_SECONDS)
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request below the mount."""
        application = self._application
        if application is None:
            application = await run_in_threadpool(self._loaded)
        await application(scope, receive, send)

    def _prepare(self) -> None:
        synced = self._sync()
        if self._stopping.is_set():
            return
        try:
            self._loaded()
        except VadoseError as error:
            LOGGER.warning("nothing can be searched until it is asked again: %s", error)
        while not synced and not self._stopping.wait(AGAIN_SECONDS):
            synced = self._sync()

    def _sync(self) -> bool:
        """Bring the index up to the catalogue; whether both could be reached."""
        with LOADING:
            from processes.search.sync import sync_index  # noqa: PLC0415

        try:
            changes = sync_index(service_catalog(self._settings), self._opened())
        except (VadoseError, OSError) as error:
            if str(error) != self._complaint:
                LOGGER.warning("the catalogue cannot be searched as it is: %s", error)
            self._complaint = str(error)
            return False
        LOGGER.info("the catalogue can be searched; %d changes since the last time", changes)
        return True

    def _opened(self) -> CatalogIndex:
        with LOADING:
            from processes.search.index import CatalogIndex  # noqa: PLC0415

        with self._lock:
            if self._index is None:
                self._index = CatalogIndex.open(self._settings.job_database)
            return self._index

    def _loaded(self) -> ASGIApp:
        index = self._opened()
        with LOADING, self._lock:
            if self._application is None:
                from processes.search.api import create_search  # noqa: PLC0415

                self._application = create_search(self._settings, index)
            return self._application

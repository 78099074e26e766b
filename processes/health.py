"""``/health``: whether the service lives, and whether it can do its work.

*Live* means that it answers at all: nothing is asked, so that nobody restarts a service because a
database is away. *Ready* asks what the service needs, and names what is missing. Without database,
catalogue or room on the disk it is *unavailable* (503); without a scheduler, or without the keys of
a token's issuer, it is *degraded* (200): what is published can be read, and jobs wait.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from processes.checks import (
    Check,
    State,
    check_catalog,
    check_disk,
    check_jobs,
    check_scheduler,
)
from processes.jobs.model import JobFilter
from processes.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from starlette.requests import Request
    from starlette.responses import Response

    from processes.jobs.protocol import JobStore
    from processes.settings import Settings

LOGGER = logging.getLogger(__name__)

PATIENCE_SECONDS = 3.0
"""How long something may take to answer before it counts as not there."""
FRESH_SECONDS = 1.0
"""How long an answer is given again, however many ask."""
ESSENTIAL = ("database", "catalogue", "disk")
"""What nothing works without."""
_NEVER_STORED = {"Cache-Control": "no-store"}


class Readiness:
    """Asks what the service needs, each at most once at a time, and none for too long.

    Parameters
    ----------
    checks
        By name.
    """

    def __init__(self, checks: Mapping[str, Callable[[], Check]]) -> None:
        self._checks = checks
        self._pool = ThreadPoolExecutor(max_workers=len(checks), thread_name_prefix="health")
        self._asked: dict[str, Future[Check]] = {}
        self._lock = threading.Lock()
        self._last: tuple[Check, ...] = ()
        self._fresh_until = 0.0

    @classmethod
    def of(cls, settings: Settings, store: JobStore) -> Readiness:
        """Return the readiness of a service."""
        checks: dict[str, Callable[[], Check]] = {
            "database": partial(check_jobs, store),
            "catalogue": partial(check_catalog, settings),
            "disk": partial(check_disk, settings),
            "scheduler": partial(check_scheduler, settings),
        }
        if settings.access:
            from processes.access.check import SignIn  # noqa: PLC0415  (loads cryptography)

            checks["sign-in"] = SignIn.of(settings).check
        return cls(checks)

    def look(self) -> tuple[Check, ...]:
        """Return what is found now, or was found a moment ago."""
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                found = self._ask()
                self._tell_changes(found)
                self._last, self._fresh_until = found, time.monotonic() + FRESH_SECONDS
            return self._last

    def close(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> tuple[Check, ...]:
        for name, check in self._checks.items():
            if name not in self._asked:
                self._asked[name] = self._pool.submit(check)
        wait(self._asked.values(), PATIENCE_SECONDS)
        return tuple(self._answer(name) for name in self._checks)

    def _answer(self, name: str) -> Check:
        asked = self._asked[name]
        if not asked.done():
            found = f"no answer within {PATIENCE_SECONDS:g} s"
            return Check(name=name, state=State.FAILED, found=found)
        del self._asked[name]
        try:
            return asked.result()
        except Exception:
            LOGGER.exception("health: the check of the %s stumbled", name)
            return Check(name=name, state=State.FAILED, found="it could not be checked")

    def _tell_changes(self, found: tuple[Check, ...]) -> None:
        before = {check.name: check.state for check in self._last}
        for check in found:
            if check.state is State.FAILED and before.get(check.name) is not State.FAILED:
                LOGGER.error("health: %s: %s (%s)", check.name, check.found, check.cause)
            elif check.state is not State.FAILED and before.get(check.name) is State.FAILED:
                LOGGER.info("health: %s: well again, %s", check.name, check.found)


def health(request: Request) -> Response:
    """Answer that the service is up and its jobs can be read."""
    Service.of(request).store.find(JobFilter(limit=1))
    return JSONResponse({"status": "ok", "version": version("vadose")})


async def live(_request: Request) -> Response:
    """Answer; that is all that is asked."""
    return JSONResponse({"status": "alive"}, headers=_NEVER_STORED)


def ready(request: Request) -> Response:
    """Answer with what the service needs, and whether it is there."""
    readiness: Readiness = request.app.state.readiness
    found = readiness.look()
    missing = {check.name for check in found if check.state is State.FAILED}
    unavailable = not missing.isdisjoint(ESSENTIAL)
    status = "unavailable" if unavailable else "degraded" if missing else "ready"
    return JSONResponse(
        {"status": status, "checks": [check.document() for check in found]},
        status_code=503 if unavailable else 200,
        headers=_NEVER_STORED | ({"Retry-After": "5"} if unavailable else {}),
    )

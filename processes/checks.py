"""Whether what the service needs is there: each thing by itself, and what to do where it is not.

``vadose doctor`` makes all of these checks, ``/health/ready`` those that a running service can
lose. What a check finds is fit for everybody; what only an operator may know (hosts, paths, the
words of a driver) is its ``cause``.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from engine.errors import InputError, VadoseError
from processes.catalog_place import service_catalog
from processes.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import JsonValue

    from processes.jobs.protocol import JobStore
    from processes.settings import Settings
    from stac.store import CatalogStore

CONNECT_SECONDS = 2.0
"""How long a scheduler may take to be connected to."""
_GIB = 2**30
_IMPATIENT: Mapping[str, Any] = {
    # As settings of the store they join those of the environment; as "client_options" they would
    # stand in place of AWS_ALLOW_HTTP.
    "config": {"timeout": "3s", "connect_timeout": "2s"},
    "retry_config": {"max_retries": 0},
}
"""How a bucket is asked whether it is there: once."""


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    """It works, or is of no use yet, but somebody should look."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found of one thing."""

    name: str
    """The thing."""
    state: State = State.OK
    """How it is."""
    found: str
    """What was seen, in words for everybody."""
    advice: str = ""
    """What to do about it."""
    cause: str = field(default="", repr=False)
    """What was seen, in words for operators alone."""

    def document(self, *, for_operators: bool = False) -> dict[str, JsonValue]:
        """Return the check as JSON."""
        said = {"name": self.name, "state": str(self.state), "found": self.found}
        optional = {"advice": self.advice, "cause": self.cause if for_operators else ""}
        return {**said, **{name: text for name, text in optional.items() if text}}


def check_jobs(store: JobStore) -> Check:
    """Ask an open store of jobs for something small."""
    name = "database"
    try:
        waiting = store.waiting()
    except StoreUnavailableError as error:
        return Check(
            name=name,
            state=State.FAILED,
            found="the database of the jobs does not answer",
            advice="start it, or mend VADOSE_JOBS_DATABASE; the service goes on by itself",
            cause=error.reason,
        )
    return Check(name=name, found=f"{waiting} jobs in line")


def check_scheduler(settings: Settings) -> Check:
    """Connect to the scheduler, and show our certificate where that is needed."""
    name = "scheduler"
    if settings.scheduler is None:
        return Check(name=name, found="the service starts one of its own")
    kind, _, place = settings.scheduler.partition("://")
    host, _, port = place.rstrip("/").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS) as connection:
            if kind == "tls":
                _exchange_certificates(connection, settings)
            return Check(name=name, found="it answers")
    except ssl.SSLError as error:
        return Check(
            name=name,
            state=State.FAILED,
            found="scheduler and service do not take each other's certificates; jobs wait",
            advice="renew the files of VADOSE_TLS_…, all of one authority",
            cause=f"{settings.scheduler}: {error}",
        )
    except (OSError, ValueError) as error:
        return Check(
            name=name,
            state=State.FAILED,
            found="the scheduler does not answer; jobs are accepted and wait",
            advice="start it, or mend VADOSE_SCHEDULER; jobs go on by themselves",
            cause=f"{settings.scheduler}: {error}",
        )


def _exchange_certificates(connection: socket.socket, settings: Settings) -> None:
    """Do as Dask does, up to the first byte: only who was let in gets one."""
    context = ssl.create_default_context(cafile=settings.tls_authority)
    context.check_hostname = False
    context.load_cert_chain(str(settings.tls_certificate), settings.tls_key)
    with context.wrap_socket(connection) as encrypted:
        encrypted.recv(1)


def check_catalog(settings: Settings) -> Check:
    """Look for the root document of the catalogue."""
    name = "catalogue"
    try:
        catalog = _impatient_catalog(settings)
        there = catalog.size("catalog.json") is not None
        # Of a bucket that is not there a document is not there either; but its list cannot be had.
        _ = there or catalog.names("")
    except (VadoseError, OSError) as error:
        return Check(
            name=name,
            state=State.FAILED,
            found="the storage of the catalogue does not answer",
            advice="mend VADOSE_CATALOG, the variables AWS_…, or the storage",
            cause=f"{settings.catalog_place}: {error}",
        )
    found = "its root document is there" if there else "nothing is published yet"
    return Check(name=name, found=found)


def _impatient_catalog(settings: Settings) -> CatalogStore:
    from stac.s3_store import S3Catalog  # noqa: PLC0415  (obstore takes a moment to load)

    catalog = service_catalog(settings)
    if isinstance(catalog, S3Catalog):
        return S3Catalog(catalog.bucket, catalog.prefix, None, **_IMPATIENT)
    return catalog


def check_disk(settings: Settings) -> Check:
    """Write a small file to the data folder, and measure what is free beside it."""
    name = "disk"
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        _write_and_remove(settings.data / f".probe-{uuid4().hex}")
        free = shutil.disk_usage(settings.data).free
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return Check(
            name=name,
            state=State.FAILED,
            found="the disk is full" if full else "the data folder cannot be written",
            advice=_SPACE if full else "let the service's user write to VADOSE_DATA",
            cause=str(error),
        )
    if free < settings.least_free:
        found = f"the disk is full: {free / _GIB:.1f} GiB are free"
        wanted = f"VADOSE_LEAST_FREE wants {settings.least_free / _GIB:.1f} GiB"
        return Check(name=name, state=State.FAILED, found=found, advice=_SPACE, cause=wanted)
    return Check(name=name, found=f"{free / _GIB:.0f} GiB are free")


_SPACE = (
    "make room: features/ can be removed whole and is built again, or set VADOSE_KEEP_JOBS_DAYS"
)
_PROBE = b"vadose\n" * 1024


def _write_and_remove(path: Path) -> None:
    try:
        with path.open("wb") as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)


def failed(name: str, error: InputError, advice: str = "") -> Check:
    """Return the check of something that a setting names wrongly."""
    found = f"{error.field}: {error.wrong}"
    return Check(
        name=name, state=State.FAILED, found=found, advice=advice or f"allowed: {error.allowed}"
    )

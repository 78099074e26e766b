"""What has to be so before the service starts; all that is not is told at once."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from engine.errors import InputError
from processes.errors import InvalidSettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import AnyHttpUrl

    from processes.settings import Settings

_SCHEDULER = re.compile(r"(?P<kind>tcp|tls)://(?P<host>[^/\s]+):\d+/?")


def check_start(settings: Settings) -> None:
    """Refuse to serve with settings that contradict each other or name what is not there.

    Raises
    ------
    InvalidSettingsError
        Names every setting at fault.
    """
    if problems := list(setting_problems(settings)):
        raise InvalidSettingsError(problems)


def setting_problems(settings: Settings) -> Iterator[InputError]:
    """Give what is wrong with settings, as far as they tell without a service being asked."""
    yield from _address_problems(settings)
    yield from _access_problems(settings)
    yield from _cluster_problems(settings)
    for check in (
        *(_check_database, _check_catalog, _check_secret),
        *(_check_face, _check_region, _check_traces),
    ):
        yield from _found_by(check, settings)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen at.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _address_problems(settings: Settings) -> Iterator[InputError]:
    guarded = settings.access or settings.public_without_access
    if not guarded and not is_loopback(settings.host):
        yield InputError(
            "VADOSE_HOST",
            f"{settings.host!r:.60} can be reached by others, and anybody may do anything",
            "127.0.0.1, or VADOSE_ACCESS=true, or VADOSE_PUBLIC_WITHOUT_ACCESS=true where "
            "something in front of the service guards it",
        )


def _access_problems(settings: Settings) -> Iterator[InputError]:
    for field, address in (("ISSUER", settings.oidc_issuer), ("JWKS", settings.oidc_jwks)):
        if address is not None and not _is_safe(address):
            yield InputError(f"VADOSE_OIDC_{field}", str(address), "an address by https")
    if settings.oidc_issuer is not None and not settings.oidc_audience:
        name, wrong = "VADOSE_OIDC_AUDIENCE", "it is not set, so tokens for others would do"
        yield InputError(name, wrong, "what tokens for this service say as aud")
    if settings.oidc_issuer is not None and not settings.access:
        wrong = "it is not set, so tokens would not be looked at"
        yield InputError("VADOSE_ACCESS", wrong, "true with VADOSE_OIDC_ISSUER")


def _is_safe(address: AnyHttpUrl) -> bool:
    return address.scheme == "https" or is_loopback((address.host or "").strip("[]"))


def _cluster_problems(settings: Settings) -> Iterator[InputError]:
    if settings.scheduler is None:
        return
    if settings.jobs_database is None:
        yield InputError(
            "VADOSE_JOBS_DATABASE",
            "with VADOSE_SCHEDULER the jobs cannot be in a file, which other machines do not see",
            "postgresql://USER:PASSWORD@HOST/DATABASE",
        )
    yield from scheduler_problems(settings.scheduler, settings)


def scheduler_problems(address: str, settings: Settings) -> Iterator[InputError]:
    """Give what is wrong with the address of a scheduler, or with how it is encrypted."""
    allowed = "the address of a Dask scheduler, such as tls://host:8786"
    if not (found := _SCHEDULER.fullmatch(address)):
        yield InputError("VADOSE_SCHEDULER", repr(address), allowed)
    elif found["kind"] == "tls":
        yield from _tls_problems(settings)
    elif not is_loopback(found["host"].strip("[]")):
        wrong = f"{address!r}: others reach it, and who reaches it can run anything"
        yield InputError("VADOSE_SCHEDULER", wrong, f"{allowed}, with VADOSE_TLS_…")


def _tls_problems(settings: Settings) -> Iterator[InputError]:
    files = ("tls_authority", "tls_certificate", "tls_key")
    for name in files:
        path: Path | None = getattr(settings, name)
        if path is None or not path.is_file():
            wrong = "it is not set" if path is None else f"{path} is no file"
            yield InputError(f"VADOSE_{name.upper()}", wrong, "a file of PEM, with tls://")


def _found_by(check: Callable[[Settings], object], settings: Settings) -> Iterator[InputError]:
    try:
        check(settings)
    except InputError as error:
        named = error.field.startswith("VADOSE_")
        yield (
            error
            if named
            else InputError(f"VADOSE_{error.field.upper()}", error.wrong, error.allowed)
        )


# What each of these needs is loaded when it is asked: a worker asks for none of it.


def _check_database(settings: Settings) -> None:
    from processes.jobs.store_database import Database  # noqa: PLC0415

    Database.at(settings.job_database).close()


def _check_catalog(settings: Settings) -> None:
    from processes.catalog_place import service_catalog  # noqa: PLC0415

    service_catalog(settings)


def _check_traces(settings: Settings) -> None:
    from processes.telemetry.traces import tracer  # noqa: PLC0415

    if settings.traces is not None:
        tracer(settings)


def _check_secret(settings: Settings) -> None:
    from processes.callbacks import Signer  # noqa: PLC0415

    Signer.of(settings)


def _check_face(settings: Settings) -> None:
    from processes.behind import Behind  # noqa: PLC0415

    Behind(settings)


def _check_region(settings: Settings) -> None:
    from engine.region import load_region  # noqa: PLC0415

    load_region(settings.region, [settings.region_folder])

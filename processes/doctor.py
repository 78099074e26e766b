"""``vadose doctor``: all that can be known without asking the service, and what to do about it."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from engine.archive import Archive
from engine.errors import InputError, VadoseError
from engine.models.store import ModelStore
from engine.products import load_specs
from processes.checks import (
    Check,
    State,
    check_catalog,
    check_disk,
    check_scheduler,
    failed,
)
from processes.configuration import unknown_variables
from processes.errors import StoreUnavailableError
from processes.jobs.migrate import found_version
from processes.jobs.schema import VERSION
from processes.start import setting_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import JsonValue

    from processes.settings import Settings

LEAST_PYTHON = (3, 12)
_PARTS = ("pygeoapi", "dask", "rasterio", "onnxruntime", "sqlalchemy", "pystac")
"""Packages whose versions are worth telling."""
_MARKS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red"}


def examine(settings: Settings) -> tuple[Check, ...]:
    """Look at everything, in the order in which it should be mended."""
    return (
        _versions(),
        *_settings(settings),
        *_access(settings),
        check_disk(settings),
        _archive(settings),
        _models(settings),
        check_catalog(settings),
        _database(settings),
        check_scheduler(settings),
    )


def is_well(checks: Sequence[Check]) -> bool:
    """Whether nothing failed."""
    return all(check.state is not State.FAILED for check in checks)


def checks_table(checks: Sequence[Check]) -> Table:
    """Return checks as a table."""
    table = Table("", "what", "found", "to do", box=None)
    for check in checks:
        found = f"{check.found} ({check.cause})" if check.cause else check.found
        mark = Text(str(check.state), style=_MARKS[check.state])
        table.add_row(mark, check.name, Text(found), Text(check.advice))
    return table


def checks_document(checks: Sequence[Check]) -> dict[str, JsonValue]:
    """Return checks as JSON."""
    listed: list[JsonValue] = [check.document(for_operators=True) for check in checks]
    return {"well": is_well(checks), "checks": listed}


def _versions() -> Check:
    name = "versions"
    if sys.version_info < LEAST_PYTHON:
        wanted = ".".join(map(str, LEAST_PYTHON))
        found = f"Python {sys.version.split()[0]}"
        return Check(
            name=name, state=State.FAILED, found=found, advice=f"use Python {wanted} or newer"
        )
    if missing := list(_missing_packages()):
        found = f"not installed: {', '.join(missing)}"
        return Check(name=name, state=State.FAILED, found=found, advice="make install")
    listed = ", ".join(f"{part} {version(part)}" for part in _PARTS)
    return Check(name=name, found=f"vadose {version('vadose')}, {listed}")


def _missing_packages() -> Iterator[str]:
    """Give the packages that vadose names, whatever their version, and that are not there."""
    for requirement in requires("vadose") or ():
        if "extra ==" in requirement:
            continue
        package = requirement.split(";")[0].split("[")[0].split(">")[0].split("=")[0].split("<")[0]
        try:
            version(package.strip())
        except PackageNotFoundError:
            yield package.strip()


def _settings(settings: Settings) -> Iterator[Check]:
    problems = list(setting_problems(settings))
    yield from (failed("settings", problem) for problem in problems)
    unknown = list(unknown_variables())
    if unknown:
        yield Check(
            name="settings",
            state=State.WARNING,
            found=f"no such settings: {', '.join(unknown)}",
            advice="`vadose config` lists those that there are",
        )
    if not problems and not unknown:
        yield Check(name="settings", found="nothing contradicts")


def _access(settings: Settings) -> Iterator[Check]:
    if settings.access:
        from processes.access.check import SignIn  # noqa: PLC0415  (loads cryptography)

        yield SignIn.of(settings).check()
    elif settings.public_without_access:
        found = "there is no access control, and the service may listen beyond loopback"
        advice = "set VADOSE_ACCESS unless something in front of the service guards it"
        yield Check(name="sign-in", state=State.WARNING, found=found, advice=advice)


def _archive(settings: Settings) -> Check:
    name = "archive"
    advice = "`vadose fetch` brings granules, `vadose world` makes some; or set VADOSE_ARCHIVE"
    archive = Archive(settings.archive_folder)
    try:
        products = [product for product in load_specs() if archive.has(product)]
    except InputError as error:
        return failed(name, error, advice)
    if not products:
        found = f"{settings.archive_folder} holds no granule that is known by its name"
        return Check(name=name, state=State.WARNING, found=found, advice=advice)
    more = "`vadose inventory` tells which maps it allows"
    kind = "synthetic" if archive.synthetic else "genuine"
    return Check(name=name, found=f"{kind}, {len(products)} products; {more}")


def _models(settings: Settings) -> Check:
    name = "models"
    models = ModelStore(settings.model_folder)
    try:
        cards = models.cards()
        for card in cards:
            models.load(card.id)
    except (VadoseError, OSError) as error:
        return Check(
            name=name,
            state=State.FAILED,
            found=str(error),
            advice="restore the model's files from a backup, or remove them and train again",
        )
    return Check(name=name, found=f"{len(cards)} stored, each as its card says")


def _database(settings: Settings) -> Check:
    """Look at the version of the tables; nothing is made or renewed by looking."""
    name = "database"
    try:
        found = found_version(settings.job_database)
    except InputError as error:
        return failed(name, error)
    except StoreUnavailableError as error:
        return Check(
            name=name,
            state=State.FAILED,
            found="the database of the jobs does not answer",
            advice="start it, or mend VADOSE_JOBS_DATABASE",
            cause=error.reason,
        )
    if found is None:
        return Check(name=name, found="empty; the service makes its tables when it starts")
    if found > VERSION:
        return Check(
            name=name,
            state=State.FAILED,
            found=f"a later program wrote it: tables {found}, this program has {VERSION}",
            advice="use that program, or restore a backup",
        )
    if found < VERSION:
        found = f"tables {found}; the service renews them to {VERSION} when it starts"
        return Check(name=name, state=State.WARNING, found=found, advice="back it up before")
    return Check(name=name, found=f"tables {found}, as this program wants them")

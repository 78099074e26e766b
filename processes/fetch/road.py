"""From settings to a plan: the steps that the command takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.archive import Archive
from engine.errors import InputError
from engine.months import Month
from engine.region import load_region
from processes.fetch.client import Client
from processes.fetch.fetching import check_space
from processes.fetch.login import gather_credentials, remedy
from processes.fetch.plan import Planner, check_login
from processes.fetch.sources import load_logins, load_sources
from processes.intervals import MonthInterval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.region import Region
    from processes.fetch.client import Patience
    from processes.fetch.plan import Plan
    from processes.settings import Settings


def open_client(settings: Settings, patience: Patience | None = None) -> Client:
    """Return a client with what the settings know of logins and credentials."""
    logins = load_logins(settings.source_folder)
    return Client(logins, gather_credentials(logins, settings), patience)


def planned(
    settings: Settings, period: str, products: Iterable[str] | None, client: Client
) -> Plan:
    """Make a plan.

    Parameters
    ----------
    settings
        Where the archive lies, and the region: a name, or the path of a file ``.yaml``.
    period
        Months; an end that is open reaches to the first or last month of which there may be
        anything.
    products
        Names; None means all that the region's maps need.
    client
        Asks providers.

    Raises
    ------
    InputError
        Where region, period or a product is none.
    ProviderError
        Where no provider answers; see :meth:`Planner.plan`.
    """
    region = _region(settings)
    sources = load_sources(settings.source_folder)
    months = MonthInterval.parse(period, "period").within(_possible(), "period")
    folder = settings.archive_folder
    if folder.exists() and not folder.is_dir():
        raise InputError("archive", f"{folder.name} is no folder", "a folder, or a new name")
    archive = Archive(folder) if folder.exists() else None
    return Planner(client, sources).plan(archive, region, months, products)


def check(plan: Plan, settings: Settings, client: Client) -> None:
    """Refuse a plan that cannot be carried out, before anything is fetched.

    Raises
    ------
    InputError
        Where a login is needed and there is none.
    SpaceError
        Where the disk is too small.
    """
    given = {name: one.given for name, one in client.credentials.items()}
    check_login(plan, given, {name: remedy(one) for name, one in client.logins.items()})
    check_space(plan, settings.archive_folder)


def _region(settings: Settings) -> Region:
    name = settings.region
    by_path = Path(name) if name.endswith((".yaml", ".yml")) else name
    return load_region(by_path, [settings.region_folder])


def _possible() -> tuple[Month, ...]:
    """Return the first month of SMAP, and the one before this: ends of an open period."""
    return Month(2015, 4), Month.of(datetime.now(UTC)).shift(-1)

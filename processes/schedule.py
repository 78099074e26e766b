"""The months that the archive allows and the catalogue has not, asked for of the service.

New months are made by the model of the official series, where there is one: an archive that has
grown would else train another, whose maps are another series.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.inventory.maps import Verdict
from processes.catalog_place import service_catalog
from processes.definitions import find_process
from processes.execute_request import request_hash
from processes.inventory import take
from processes.jobs.model import ACTIVE, Delivery, JobFilter
from processes.jobs.store import open_store
from processes.map_series import month_of
from processes.validation import read_inputs
from stac.products import product
from stac.read import items_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import JsonValue

    from engine.months import Month
    from processes.jobs.store import SqlJobStore
    from processes.settings import Settings

PROCESS = "downscale-smap"
"""The process that is scheduled."""
OWNER = "schedule"
"""Whose scheduled jobs are."""
_PRODUCT = "soil-moisture"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMonths:
    """What is to be made."""

    region: str
    """The region."""
    months: tuple[Month, ...]
    """The months, in order."""
    model: str | None
    """The model of the official series; None where nothing is official yet."""

    @property
    def sentence(self) -> str:
        """The months in words."""
        if not self.months:
            return f"{self.region}: nothing is new"
        listed = ", ".join(f"{first}/{last}" for first, last in runs(self.months))
        return f"{self.region}: {len(self.months)} new months, {listed}"


def new_months(settings: Settings) -> NewMonths:
    """Return the months that maps can be made of and that are not published.

    Raises
    ------
    InputError
        Where the region is unknown, or the archive empty or unreadable.
    """
    inventory = take(settings)
    possible = [one.month for one in inventory.maps if one.verdict is not Verdict.NONE]
    published, model = _official(settings, inventory.region)
    months = tuple(month for month in possible if month not in published)
    return NewMonths(region=inventory.region, months=months, model=model)


def request_months(settings: Settings, wanted: NewMonths) -> list[str]:
    """Ask the service for months, and return the jobs.

    While jobs of an earlier time are at work, nothing is asked for: what they leave, the next time
    does.
    """
    if not wanted.months:
        return []
    with closing(open_store(settings.job_database)) as store:
        if _at_work(store):
            return []
        return [_request(store, settings, wanted, *run) for run in runs(wanted.months)]


def runs(months: Iterable[Month]) -> list[tuple[Month, Month]]:
    """Return months without gaps as their first and last.

    >>> from engine.months import Month
    >>> [f"{a}/{b}" for a, b in runs(map(Month.parse, ["2020-01", "2020-02", "2020-05"]))]
    ['2020-01/2020-02', '2020-05/2020-05']
    """
    found: list[tuple[Month, Month]] = []
    for month in months:
        if found and found[-1][1].next() == month:
            found[-1] = (found[-1][0], month)
        else:
            found.append((month, month))
    return found


def _official(settings: Settings, region: str) -> tuple[set[Month], str | None]:
    """Return the months of a region that are official, and the model of the last."""
    items = [
        item
        for item in items_of(service_catalog(settings), product(_PRODUCT).collection)
        if item.properties.get("vadose:region") == region
        and item.properties.get("vadose:product") == _PRODUCT
    ]
    by_month = {month_of(item): item for item in items}
    if not by_month:
        return set(), None
    return set(by_month), str(by_month[max(by_month)].properties["vadose:model"]["id"])


def _at_work(store: SqlJobStore) -> bool:
    return store.find(JobFilter(statuses=ACTIVE, owner=OWNER, limit=1))[1] > 0


def _request(
    store: SqlJobStore, settings: Settings, wanted: NewMonths, first: Month, last: Month
) -> str:
    process = find_process(PROCESS)
    inputs: dict[str, JsonValue] = {"region": wanted.region, "datetime": f"{first}/{last}"}
    if wanted.model is not None:
        inputs["model"] = wanted.model
    checked = read_inputs(process.inputs, inputs)
    work = process.check(checked, settings)
    job, _ = store.create(
        process.id,
        inputs,
        Delivery(),
        steps=process.first,
        request_hash=request_hash(process, checked, Delivery(), None, OWNER),
        owner=OWNER,
        work=work,
    )
    return job.id

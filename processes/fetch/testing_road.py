"""What tests of fetching walk on: from settings to an archive, without waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processes.fetch.client import Patience
from processes.fetch.fetching import Fetched, fetch
from processes.fetch.road import check, open_client, planned

if TYPE_CHECKING:
    from pathlib import Path

    from processes.fetch.offers import Offer
    from processes.fetch.plan import Plan
    from processes.settings import Settings


class Quiet:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.failed: dict[str, str] = {}

    def began(self, offer: Offer) -> None:
        """Keep nothing."""

    def arrived(self, offer: Offer, there: int) -> None:
        """Keep nothing."""

    def ended(self, offer: Offer, failure: str | None) -> None:
        """Keep how it ended."""
        if failure is None:
            self.came.append(offer.name)
        else:
            self.failed[offer.name] = failure


class Road:
    """The way from settings to an archive, without waiting between tries."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.waits: list[float] = []
        self.watcher = Quiet()

    def plan(self, period: str, *products: str) -> Plan:
        """Make a plan."""
        with open_client(self.settings, self._patience()) as client:
            return planned(self.settings, period, products or None, client)

    def fetch(self, period: str, *products: str) -> Fetched:
        """Make a plan and carry it out."""
        with open_client(self.settings, self._patience()) as client:
            plan = planned(self.settings, period, products or None, client)
            check(plan, self.settings, client)
            return fetch(plan, self.settings.archive_folder, client, self.watcher)

    def granules(self) -> dict[str, Path]:
        """Return what is in the archive by name; notes and what is hidden are left out."""
        return {
            path.name: path
            for path in sorted(self.settings.archive_folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".json"
        }

    def _patience(self) -> Patience:
        return Patience(tries=4, first=0.01, sleep=self.waits.append)


def walk(settings: Settings, period: str) -> None:
    """Fetch: what a process of its own does."""
    Road(settings).fetch(period)

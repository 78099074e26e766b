"""A plan and its progress, for people and for programs."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from processes.fetch.offers import shown
from processes.fetch.wording import amount, duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pydantic import JsonValue
    from rich.console import Console, RenderableType
    from rich.progress import TaskID

    from processes.fetch.offers import Offer
    from processes.fetch.plan import Plan, Share

_FEW = 4
"""Empty places that are named; more are counted."""


def document(plan: Plan, *, offers: bool = True) -> JsonValue:
    """Return a plan as JSON, with every file or without."""
    return {
        "region": plan.region.name,
        "months": [str(month) for month in plan.months],
        "files": len(plan.offers),
        "bytes": plan.size,
        "seconds": round(plan.seconds),
        "products": [_share(share, offers=offers) for share in plan.shares],
    }


def _share(share: Share, *, offers: bool) -> JsonValue:
    licence, citation = share.wanted.source.terms
    told: dict[str, JsonValue] = {
        "product": share.product,
        "title": share.wanted.spec.title,
        "provider": share.wanted.source.provider,
        "licence": licence,
        "citation": citation,
        "first": share.first,
        "lacking": share.wanted.places,
        "files": len(share.offers),
        "bytes": share.size,
        "tiles": list(share.wanted.tiles),
        "missing": [str(place) for place in share.missing],
        "note": share.note,
        "mixed": {str(month): [*sorted(names)] for month, names in share.mixed.items()},
    }
    if offers:
        told["offers"] = [
            {"name": one.name, "url": shown(one.url), "bytes": one.size, "exact": one.exact}
            for one in share.offers
        ]
    return told


def table(plan: Plan) -> RenderableType:
    """Return a plan for a terminal."""
    months = plan.months
    heading = Text(plan.region.title, style="bold")
    heading.append(f", {months[0]} to {months[-1]}", style="not bold")
    lacking = [share for share in plan.shares if share.wanted.lacking]
    if not lacking:
        return Group(heading, Text("nothing is lacking"))
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("product", no_wrap=True)
    grid.add_column("from")
    for name in ("lacking", "to fetch", "size", "time"):
        grid.add_column(name, no_wrap=True, justify="right")
    for share in lacking:
        grid.add_row(*_row(share))
    total = (amount(plan.size), duration(plan.seconds))
    grid.add_row("all", "", "", str(len(plan.offers)), *total, style="bold")
    return Group(heading, Padding(grid, (1, 0)), *_notes(plan))


def _row(share: Share) -> tuple[str, ...]:
    numbers = (str(share.wanted.places), str(len(share.offers)))
    costs = (amount(share.size), duration(share.seconds)) if share.offers else ("", "")
    return (share.product, share.wanted.source.provider, *numbers, *costs)


def _notes(plan: Plan) -> list[RenderableType]:
    lines = [
        f"{share.product}: {_places(share)}{share.note}" for share in plan.shares if share.missing
    ]
    lines += [
        f"{share.product}: {month} mixes the science versions {', '.join(sorted(versions))}"
        for share in plan.shares
        for month, versions in share.mixed.items()
    ]
    return [Text(line, style="yellow") for line in lines]


def _places(share: Share) -> str:
    if len(share.missing) > _FEW or not share.missing[0].start:
        return f"{len(share.missing)} of its places stay empty: "
    return f"{', '.join(map(str, share.missing))} stay empty: "


def terms(plan: Plan) -> RenderableType | None:
    """Return the terms of what an archive gets for the first time; None where all is known."""
    grid = Table.grid(padding=(0, 2, 1, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    new = [share for share in plan.shares if share.first]
    for share in new:
        licence, citation = share.wanted.source.terms
        text = Text(f"{licence}\n")
        text.append(citation, style="dim")
        if share.wanted.source.citation is None:
            text.append(f" https://doi.org/{share.wanted.spec.doi}", style="dim")
        grid.add_row(Text(share.product, style="bold"), text)
    return Group(Text("Terms of use, and what to cite", style="bold"), grid) if new else None


class Bars:
    """A bar for all, and one for each file that is coming."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._all = self._progress.add_task(f"0 of {len(plan.offers)} files", total=plan.size)
        self._total, self._done = len(plan.offers), 0
        self._tasks: dict[str, TaskID] = {}
        self._there: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def began(self, offer: Offer) -> None:
        """Show a file's bar."""
        with self._lock:
            task = self._progress.add_task(f"  {offer.name}", total=offer.size)
            self._tasks[offer.name] = task

    def arrived(self, offer: Offer, there: int) -> None:
        """Move its bar, and that of all."""
        with self._lock:
            before = self._there.get(offer.name, 0)
            self._there[offer.name] = there
            self._progress.update(self._tasks[offer.name], completed=there)
            self._progress.advance(self._all, there - before)

    def ended(self, offer: Offer, failure: str | None) -> None:
        """Take its bar away."""
        with self._lock:
            self._progress.remove_task(self._tasks.pop(offer.name))
            self._done += failure is None
            self._progress.update(self._all, description=f"{self._done} of {self._total} files")


class Lines:
    """Progress as lines of JSON, one for each file that ends.

    Parameters
    ----------
    write
        Takes a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()

    def tell(self, event: str, **members: JsonValue) -> None:
        """Write what happened."""
        with self._lock:
            self._write(json.dumps({"event": event, **members}, ensure_ascii=False))

    def began(self, offer: Offer) -> None:
        """Leave it untold."""

    def arrived(self, offer: Offer, there: int) -> None:
        """Leave it untold."""

    def ended(self, offer: Offer, failure: str | None) -> None:
        """Tell that a file is there, or why not."""
        if failure is None:
            self.tell("file", product=offer.product, name=offer.name, place=offer.place)
        else:
            self.tell("failed", product=offer.product, name=offer.name, reason=failure)

"""The command ``vadose fetch``."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  (typer reads it)
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from processes.logs import configure_logging
from processes.settings import Settings

if TYPE_CHECKING:
    from processes.fetch.client import Client
    from processes.fetch.plan import Plan

_EXAMPLE = "2018-05/2021-12"


def fetch(
    *,
    period: Annotated[str, typer.Option(help=f"Months, such as {_EXAMPLE}; an end may be ..")],
    region: Annotated[
        str | None,
        typer.Option(help="Region by name, or its file .yaml.", show_default="henan"),
    ] = None,
    products: Annotated[
        str | None,
        typer.Option(help="Products, separated by commas.", show_default="all that the maps need"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of everything vadose writes.", show_default="data")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="Folder of the granules.", show_default="DATA/archive")
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option(help="Folder of further facts on providers.", show_default="DATA/sources"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be fetched, and stop.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Look again for what is new, until stopped.")
    ] = False,
    every: Annotated[float, typer.Option(help="Hours between two looks.", min=0.01)] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line an event.")] = False,
) -> None:
    """Bring what an archive lacks of what a region's maps need, from those who provide it."""
    settings = Settings.load(data=data, archive=archive, region=region, sources=sources)
    configure_logging("WARNING")
    names = None if products is None else [name.strip() for name in products.split(",")]
    asked = _Asked(settings=settings, period=period, products=names, as_json=as_json)
    if follow and not dry_run:
        _follow(asked, 3600 * every)
    else:
        _look(asked, dry_run=dry_run)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the command was asked for."""

    settings: Settings
    period: str
    products: list[str] | None
    as_json: bool


def _follow(asked: _Asked, seconds: float) -> None:
    """Look again and again; a provider that fails today may answer tomorrow."""
    from processes.fetch.errors import IncompleteError, ProviderError  # noqa: PLC0415

    while True:
        try:
            _look(asked, dry_run=False)
        except (IncompleteError, ProviderError) as error:
            typer.echo(f"vadose: {error}", err=True)
        time.sleep(seconds)


def _look(asked: _Asked, *, dry_run: bool) -> None:
    """Make a plan, and carry it out unless it is only to be told."""
    from processes.fetch.road import open_client, planned  # noqa: PLC0415

    with open_client(asked.settings) as client:
        plan = planned(asked.settings, asked.period, asked.products, client)
        if dry_run:
            _tell(plan, as_json=asked.as_json)
        else:
            _carry_out(plan, asked, client)
    if plan.failure is not None:
        raise plan.failure


def _tell(plan: Plan, *, as_json: bool) -> None:
    from processes.fetch.showing import document, table, terms  # noqa: PLC0415

    if as_json:
        typer.echo(json.dumps(document(plan), indent=2, ensure_ascii=False))
        return
    console = Console()
    console.print(table(plan))
    if (shown := terms(plan)) is not None:
        console.print(shown)


def _carry_out(plan: Plan, asked: _Asked, client: Client) -> None:
    from processes.fetch.fetching import fetch as carry_out  # noqa: PLC0415
    from processes.fetch.road import check  # noqa: PLC0415
    from processes.fetch.showing import Bars, Lines, document  # noqa: PLC0415

    archive = asked.settings.archive_folder
    check(plan, asked.settings, client)
    if asked.as_json:
        lines = Lines(typer.echo)
        lines.tell("plan", plan=document(plan, offers=False))
        done = carry_out(plan, archive, client, lines)
        lines.tell("done", files=done.files, bytes=done.transferred)
        return
    _tell(plan, as_json=False)
    with Bars(plan, Console(stderr=True)) as bars:
        done = carry_out(plan, archive, client, bars)
    if done.files or any(share.wanted.there for share in plan.shares):
        _tell_maps(asked)


def _tell_maps(asked: _Asked) -> None:
    """Show what the archive has now, and which maps it allows."""
    from processes.inventory import table, take  # noqa: PLC0415

    console = Console()
    console.print(table(take(asked.settings, asked.period), console.width))

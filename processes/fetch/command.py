"""The command ``vadose fetch``."""

from __future__ import annotations

import json
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line an event.")] = False,
) -> None:
    """Bring what an archive lacks of what a region's maps need, from those who provide it."""
    settings = Settings.load(data=data, archive=archive, region=region, sources=sources)
    configure_logging("WARNING")
    from processes.fetch.road import open_client, planned  # noqa: PLC0415

    names = None if products is None else [name.strip() for name in products.split(",")]
    with open_client(settings) as client:
        plan = planned(settings, period, names, client)
        if dry_run:
            _tell(plan, as_json=as_json)
        else:
            _carry_out(plan, settings, client, as_json=as_json)


def _tell(plan: Plan, *, as_json: bool) -> None:
    from processes.fetch.showing import document, table, terms  # noqa: PLC0415

    if as_json:
        typer.echo(json.dumps(document(plan), indent=2, ensure_ascii=False))
        return
    console = Console()
    console.print(table(plan))
    if (shown := terms(plan)) is not None:
        console.print(shown)


def _carry_out(plan: Plan, settings: Settings, client: Client, *, as_json: bool) -> None:
    from processes.fetch.fetching import fetch as carry_out  # noqa: PLC0415
    from processes.fetch.road import check  # noqa: PLC0415
    from processes.fetch.showing import Bars, Lines, document  # noqa: PLC0415

    check(plan, settings, client)
    if as_json:
        lines = Lines(typer.echo)
        lines.tell("plan", plan=document(plan, offers=False))
        done = carry_out(plan, settings.archive_folder, client, lines)
        lines.tell("done", files=done.files, bytes=done.transferred)
        return
    _tell(plan, as_json=False)
    with Bars(plan, Console(stderr=True)) as bars:
        done = carry_out(plan, settings.archive_folder, client, bars)
    typer.echo(f"{done.files} files are in {settings.archive_folder}")

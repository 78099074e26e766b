"""The commands of ``vadose`` by which a service is looked after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from processes.logs import configure_logging
from processes.settings import Settings

_Data = Annotated[
    Path | None, typer.Option(help="Folder of everything vadose writes.", show_default="data")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def config(*, data: _Data = None, as_json: _Json = False) -> None:
    """Print the settings, where each comes from, and no secret."""
    from processes.configuration import (  # noqa: PLC0415
        settings_document,
        settings_table,
        unknown_variables,
    )

    settings = Settings.load(data=data)
    if as_json:
        typer.echo(json.dumps(settings_document(settings), indent=2, ensure_ascii=False))
    else:
        _wide_console().print(settings_table(settings))
    for name in unknown_variables():
        typer.echo(f"vadose: no such setting: {name}", err=True)


def doctor(*, data: _Data = None, as_json: _Json = False) -> None:
    """Check settings, disk, archive, models, catalogue, database, scheduler; say what to do.

    Ends with code 1 where something failed.
    """
    settings = Settings.load(data=data)
    configure_logging("CRITICAL")
    from processes.doctor import (  # noqa: PLC0415
        checks_document,
        checks_table,
        examine,
        is_well,
    )

    checks = examine(settings)
    if as_json:
        typer.echo(json.dumps(checks_document(checks), indent=2, ensure_ascii=False))
    else:
        Console().print(checks_table(checks))
    if not is_well(checks):
        raise typer.Exit(1)


def _wide_console() -> Console:
    """Return a console that breaks no value, which may be copied from there."""
    console = Console(soft_wrap=True)
    console.width = max(console.width, 200)
    return console

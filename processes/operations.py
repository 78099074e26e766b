"""The commands of ``vadose`` by which a service is looked after."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.errors import InputError
from processes.access.callers import Role
from processes.access.keys import KeyFile
from processes.audit import audit
from processes.command_errors import one_line_errors
from processes.logs import configure_logging
from processes.settings import Settings

key = typer.Typer(help="Make, list and withdraw API keys.", no_args_is_help=True)
_MOST_DAYS = 36_500

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


@key.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose it is; jobs are theirs by this name.")],
    *,
    role: Annotated[str, typer.Option(help="reader, executor or admin.")] = "executor",
    days: Annotated[
        float | None, typer.Option(help="After how many days it ends.", show_default="never")
    ] = None,
    data: _Data = None,
) -> None:
    """Make an API key; it is printed here and nowhere else, ever."""
    with one_line_errors():
        given = Role.named(role)
        if given is None:
            raise InputError("role", repr(role), ", ".join(one.label for one in Role))
        if days is not None and not 0 < days < _MOST_DAYS:
            raise InputError("days", f"{days:g}", f"more than 0 and less than {_MOST_DAYS}")
        expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
        stored, text = _key_file(data).add(name, given, expires)
        audit("key-added", key=stored.id, name=name, role=role)
        typer.echo(text)


@key.command("list")
def list_keys(*, data: _Data = None, as_json: _Json = False) -> None:
    """List the API keys: whose they are and what they allow, not what they are."""
    with one_line_errors():
        keys = _key_file(data).keys()
        if as_json:
            shown = [one.model_dump(mode="json", exclude={"sha256"}) for one in keys]
            typer.echo(json.dumps(shown, indent=2))
            return
        table = Table("id", "name", "role", "made", "ends", box=None)
        for one in keys:
            ends = "" if one.expires is None else f"{one.expires:%Y-%m-%d %H:%M}"
            table.add_row(one.id, one.name, one.role, f"{one.created:%Y-%m-%d %H:%M}", ends)
        _wide_console().print(table)


@key.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `vadose key list` tells it.")],
    *,
    data: _Data = None,
) -> None:
    """Withdraw an API key, at once."""
    with one_line_errors():
        withdrawn = _key_file(data).revoke(key_id)
        audit("key-revoked", key=withdrawn.id, name=withdrawn.name)
        typer.echo(f"the key {withdrawn.id} of {withdrawn.name} is withdrawn")


def backup(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Archive to write, .tar.")],
    *,
    data: _Data = None,
) -> None:
    """Write jobs, catalogue, models, regions and keys to one file, while the service runs on."""
    settings = Settings.load(data=data)
    configure_logging(settings.log_level, form=settings.log_format)
    from processes.backup import make_backup  # noqa: PLC0415

    manifest = make_backup(settings, path)
    audit("backup", file=path.name, files=len(manifest.files))
    typer.echo(f"{path}: {manifest.summary}")


def restore(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="What `vadose backup` wrote.")],
    *,
    data: _Data = None,
) -> None:
    """Restore a backup into an empty place: another folder, database or bucket, or the same."""
    settings = Settings.load(data=data)
    configure_logging(settings.log_level, form=settings.log_format)
    from processes.restore import restore_backup  # noqa: PLC0415

    manifest = restore_backup(settings, path)
    audit("restore", file=path.name, files=len(manifest.files))
    typer.echo(f"{path}: {manifest.summary} restored")


def schedule(
    *,
    data: _Data = None,
    archive: Annotated[
        Path | None, typer.Option(help="Folder of the granules.", show_default="DATA/archive")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Region by name.", show_default="henan")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell the months, and ask for none.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Ask the service for the months that the archive allows and the catalogue has not.

    For cron, a systemd timer or a Kubernetes CronJob: it ends at once, and a run too many asks for
    nothing. The service does the work.
    """
    settings = Settings.load(data=data, archive=archive, region=region)
    configure_logging("WARNING", form=settings.log_format)
    from processes.schedule import new_months, request_months  # noqa: PLC0415

    wanted = new_months(settings)
    asked = [] if dry_run else request_months(settings, wanted)
    if as_json:
        months = [str(month) for month in wanted.months]
        typer.echo(json.dumps({"months": months, "jobs": asked}, indent=2))
        return
    typer.echo(wanted.sentence)
    for job_id in asked:
        typer.echo(f"job {job_id}")


def _key_file(data: Path | None) -> KeyFile:
    settings = Settings.load(data=data)
    configure_logging(settings.log_level, form=settings.log_format)
    return KeyFile(settings.key_file)


def _wide_console() -> Console:
    """Return a console that breaks no value, which may be copied from there."""
    console = Console(soft_wrap=True)
    console.width = max(console.width, 200)
    return console

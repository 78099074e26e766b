"""The command ``vadose``."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from engine.errors import InputError
from processes.command_errors import one_line_errors
from processes.fetch.command import fetch
from processes.logs import configure_logging
from processes.operations import backup, config, doctor, key, restore, schedule
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue

    from engine.inventory.maps import Inventory
    from engine.progress import Progress as Receiver
    from stac.store import CatalogStore

app = typer.Typer(
    help="SMAP soil moisture at 1 km, monthly, as a service with a catalogue.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
catalog = typer.Typer(help="Look after a catalogue.", no_args_is_help=True)
app.add_typer(catalog, name="catalog")
app.add_typer(key, name="key")

_STDERR = Console(stderr=True)

type _Data = Annotated[
    Path | None, typer.Option(help="Folder of everything vadose writes.", show_default="data")
]
type _Archive = Annotated[
    Path | None, typer.Option(help="Folder of the granules.", show_default="DATA/archive")
]
type _Region = Annotated[
    str | None, typer.Option(help="Region of requests without one.", show_default="henan")
]
type _Host = Annotated[
    str | None, typer.Option(help="Address to listen at.", show_default="127.0.0.1")
]
type _Port = Annotated[
    int | None, typer.Option(help="Port to listen at; 0 takes a free one.", show_default="5000")
]


@app.callback(invoke_without_command=True)
def main(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    """Print the version, or leave it to the command."""
    if show_version:
        typer.echo(f"vadose {version('vadose')}")
        raise typer.Exit


@app.command()
def serve(
    *,
    data: _Data = None,
    archive: _Archive = None,
    region: _Region = None,
    host: _Host = None,
    port: _Port = None,
    url: Annotated[str | None, typer.Option(help="Public address of the service.")] = None,
) -> None:
    """Start the service."""
    with one_line_errors():
        settings = Settings.load(
            data=data, archive=archive, region=region, host=host, port=port, url=url
        )
        configure_logging(settings.log_level, form=settings.log_format)
        from processes.serving import serve as serve_until_stopped  # noqa: PLC0415

        serve_until_stopped(settings)


@app.command()
def worker(
    *,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler, such as tls://host:8786.")
    ] = None,
    data: _Data = None,
    archive: _Archive = None,
    region: _Region = None,
) -> None:
    """Work for a service that runs elsewhere: it needs the same database and the same folders."""
    with one_line_errors():
        settings = Settings.load(scheduler=scheduler, data=data, archive=archive, region=region)
        configure_logging(settings.log_level, form=settings.log_format)
        from processes.serving import work  # noqa: PLC0415

        work(settings)


@app.command()
def scheduler(
    *,
    host: _Host = None,
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8786,
) -> None:
    """Run a Dask scheduler for a service and workers elsewhere; beyond loopback with mutual TLS."""
    with one_line_errors():
        settings = Settings.load()
        configure_logging(settings.log_level, form=settings.log_format)
        from processes.serving import place  # noqa: PLC0415

        place(settings, host or "127.0.0.1", port)


@app.command()
def run(
    *,
    process: Annotated[str, typer.Argument(help="Its name, such as downscale-smap.")],
    inputs: Annotated[str, typer.Argument(help="File of the inputs as JSON, or - for standard in")],
    data: _Data = None,
    archive: _Archive = None,
    region: _Region = None,
    force: Annotated[
        bool, typer.Option("--force", help="Make months again that are there already.")
    ] = False,
) -> None:
    """Run a process here and now, without a service; the results go to standard output."""
    with one_line_errors():
        settings = Settings.load(data=data, archive=archive, region=region)
        configure_logging("WARNING")
        document = _run(process, _read_inputs(inputs), settings, force=force)
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


@app.command()
def inventory(
    *,
    data: _Data = None,
    archive: _Archive = None,
    region: Annotated[
        str | None,
        typer.Option(help="Region by name, or its file .yaml.", show_default="henan"),
    ] = None,
    datetime: Annotated[
        str | None,
        typer.Option(help="YYYY-MM/YYYY-MM, open ends as ..", show_default="all of the archive"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    picture: Annotated[Path | None, typer.Option(help="PNG to write.")] = None,
) -> None:
    """Tell what an archive holds of what a region's maps need, and which maps can be made."""
    with one_line_errors():
        settings = Settings.load(data=data, archive=archive, region=region)
        configure_logging("WARNING")
        from processes.inventory import document, table, take  # noqa: PLC0415

        taken = take(settings, datetime)
        if picture is not None:
            _draw(taken, picture)
        if as_json:
            typer.echo(json.dumps(document(taken), indent=2, ensure_ascii=False))
        else:
            console = Console()
            console.print(table(taken, console.width))


@app.command()
def report(
    *,
    model: Annotated[str, typer.Argument(help="Identifier of a stored model.")],
    data: _Data = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="DATA/models")
    ] = None,
) -> None:
    """Write a stored model's report again, as a page and as JSON."""
    with one_line_errors():
        settings = Settings.load(data=data)
        configure_logging("WARNING")
        from engine.models.store import ModelStore  # noqa: PLC0415
        from engine.report.writing import write_report  # noqa: PLC0415

        for path in write_report(ModelStore(settings.model_folder), model, out):
            typer.echo(path)


@app.command()
def world(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    preset: Annotated[str, typer.Option(help="Size of the world: tiny, small or henan.")] = "small",
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
    smap_errors: Annotated[
        str, typer.Option(help="How SMAP errs: realistic, good or coarse (27 km).")
    ] = "realistic",
    sif_stress: Annotated[
        float, typer.Option(help="Share of its SIF that a dry canopy loses at once; 0 to 1.")
    ] = 0.55,
    shared_rain_error: Annotated[
        float,
        typer.Option(help="Error of rain that SMAP and CHIRPS share, as sd of its logarithm."),
    ] = 0.0,
) -> None:
    """Write a synthetic world: granules in the genuine formats, and the truth they observe."""
    with one_line_errors():
        configure_logging("WARNING")
        from engine.world import build_world, load_preset  # noqa: PLC0415

        knobs = load_preset(
            preset,
            smap_errors=smap_errors,
            sif_stress=sif_stress,
            shared_rain_error=shared_rain_error,
        )
        with _progress_bar(f"world {preset}") as progress:
            build_world(knobs, seed, out, progress=progress)
        typer.echo(f"the world {preset}, seed {seed}, is in {out}")


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo"),
    stop: Annotated[
        bool, typer.Option("--exit", help="Stop after the table instead of serving on.")
    ] = False,
    port: _Port = None,
    preset: Annotated[str, typer.Option(help="Size of the world: tiny or small.")] = "small",
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
) -> None:
    """Show the main job from end to end on a synthetic world."""
    with one_line_errors():
        configure_logging("WARNING")
        from processes.demo import Demo  # noqa: PLC0415

        # So that the service, which is a child, is ended however we are asked to end.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        Demo(data=data, preset=preset, seed=seed, port=port, console=Console()).run(stop=stop)


_Place = Annotated[
    str | None,
    typer.Argument(
        help="Folder of catalog.json, or s3://BUCKET/PREFIX.", show_default="the service's"
    ),
]


@catalog.command()
def validate(
    place: _Place = None,
    *,
    files: Annotated[
        bool, typer.Option(help="Read all files, too, for checksums and COGs.")
    ] = True,
) -> None:
    """Check a catalogue, offline: schemas, links, checksums, COGs."""
    with one_line_errors():
        from stac.validate import validate_catalog  # noqa: PLC0415

        store, name = _catalog_at(place)
        problems = validate_catalog(store, files=files)
        for problem in problems:
            typer.echo(str(problem))
        if problems:
            raise typer.Exit(1)
        typer.echo(f"{name} is valid")


@catalog.command()
def rebuild(place: _Place = None) -> None:
    """Mend a catalogue from its items: collections, root, links, mirror, cubes, searches."""
    with one_line_errors():
        from stac.cube import refresh_cubes, sweep_cubes  # noqa: PLC0415
        from stac.departures import refresh_departures  # noqa: PLC0415
        from stac.mirror import refresh_mirror  # noqa: PLC0415
        from stac.rebuild import rebuild_catalog  # noqa: PLC0415

        store, _ = _catalog_at(place)
        done = rebuild_catalog(store)
        for collection_id, count in done.items.items():
            refresh_departures(store, collection_id)
            refresh_cubes(store, collection_id)
            sweep_cubes(store, collection_id)
            refresh_mirror(store, collection_id)
            typer.echo(f"{collection_id}: {count} items")
        for line in done.left_out:
            typer.echo(f"left out: {line}", err=True)
        _let_find_all(place)


@catalog.command()
def remove(
    collection: Annotated[str, typer.Argument(help="Collection of the item.")],
    item: Annotated[str, typer.Argument(help="Its id.")],
    place: _Place = None,
) -> None:
    """Take an item out of a catalogue, with all of its versions and files."""
    with one_line_errors():
        from stac.cube import refresh_cubes  # noqa: PLC0415
        from stac.departures import refresh_departures  # noqa: PLC0415
        from stac.mirror import refresh_mirror  # noqa: PLC0415
        from stac.rebuild import remove_item  # noqa: PLC0415

        store, name = _catalog_at(place)
        remove_item(store, collection, item)
        refresh_departures(store, collection, {item})
        refresh_cubes(store, collection)
        refresh_mirror(store, collection)
        _let_find_all(place)
        typer.echo(f"{item} is no longer in {name}")


def _catalog_at(place: str | None) -> tuple[CatalogStore, str]:
    """Open a catalogue that is there: the service's, or another one."""
    from processes.catalog_place import service_catalog  # noqa: PLC0415
    from stac.s3_store import open_catalog  # noqa: PLC0415

    settings = Settings.load()
    store = service_catalog(settings) if place is None else open_catalog(place)
    name = str(place or settings.catalog_place)
    if store.size("catalog.json") is None and not any(store.entries("")):
        raise InputError("place", f"{name} holds no catalog.json", "a catalogue's folder or bucket")
    return store, name


def _let_find_all(place: str | None) -> None:
    """Let the service's searches know, if it is the service's catalogue."""
    settings = Settings.load()
    if place is not None:
        return
    if isinstance(settings.job_database, str) or settings.job_database.is_file():
        from processes.catalog_place import let_find_all  # noqa: PLC0415

        let_find_all(settings)


def _draw(taken: Inventory, picture: Path) -> None:
    from engine.inventory.picture import draw_inventory  # noqa: PLC0415

    try:
        draw_inventory(taken, picture)
    except OSError as error:
        raise InputError("picture", f"{picture}: {error.strerror}", "a file to write") from None


def _run(process: str, inputs: JsonValue, settings: Settings, *, force: bool) -> JsonValue:
    from processes.definitions import find_process  # noqa: PLC0415
    from processes.delivery import results_document  # noqa: PLC0415
    from processes.run import run_process  # noqa: PLC0415
    from processes.validation import read_inputs  # noqa: PLC0415

    found = find_process(process)
    checked = read_inputs(found.inputs, inputs)
    with _progress_bar(process) as progress:
        outputs = run_process(process, checked, settings, str(uuid4()), progress, force=force)
    return results_document(process, outputs, lambda path: _locate(path, settings))


def _locate(path: str, settings: Settings) -> str:
    """Return where a published file is: its address if the service has one, else its path."""
    if settings.url is not None:
        return f"{str(settings.url).rstrip('/')}/{path}"
    kind, _, rest = path.partition("/")
    if kind == "jobs":
        run_id, _, rest = rest.removeprefix("/").partition("/files/")
        return str((settings.work_folder / run_id / "catalog" / rest).absolute())
    return str((settings.data / kind / rest).absolute())


def _read_inputs(name: str) -> JsonValue:
    """Read inputs as they are, or inside ``{"inputs": …}`` as the service takes them."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        document: JsonValue = json.loads(text)
    except OSError as error:
        raise InputError("inputs", f"{name}: {error.strerror}", "a file of JSON, or -") from None
    except ValueError:
        raise InputError("inputs", f"{name} is no JSON", "a JSON object") from None
    if isinstance(document, dict) and set(document) == {"inputs"}:
        return document["inputs"]
    return document


@contextmanager
def _progress_bar(title: str) -> Iterator[Receiver]:
    """Give a receiver that moves a bar on standard error."""
    columns = (TextColumn(title), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=_STDERR) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda fraction, message: bar.update(task, completed=fraction, description=message)
        bar.update(task, completed=1.0, description="done")


for command in (fetch, schedule, config, doctor, backup, restore):
    app.command()(one_line_errors()(command))

"""``vadose demo``: a synthetic world, the service, both reconstructions over HTTP, and a score."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import httpx
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from engine.errors import InputError
from engine.files import atomic_path
from engine.world import build_world
from processes.errors import ServiceError
from processes.scoring import Scored, score_maps
from processes.serving import listen
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from socket import socket

    from rich.console import Console

    from engine.world import World

    type Json = dict[str, Any]

START_SECONDS = 120
"""Longest wait for the service to answer."""
POLL_SECONDS = 0.5
"""Time between two looks at a job."""
HOST = "127.0.0.1"


class DemoError(ServiceError, RuntimeError):
    """The service did not do what the demonstration asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Where to look, as addresses or as files."""

    catalog: str
    """The catalogue's root."""
    picture: str
    """The map of the month with the greatest contrasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One demonstration.

    Parameters
    ----------
    data
        Folder to work in; a world that is there already is used.
    preset, seed
        Which world.
    port
        Port of the service; a free one is taken where the usual one is in use, unless given.
    console
        Where to talk.
    """

    data: Path
    preset: str
    seed: int
    port: int | None
    console: Console

    def run(self, *, stop: bool) -> None:
        """Show everything; serve on until interrupted unless told to stop."""
        started = time.monotonic()
        # A port that is not to be had is told before minutes of work.
        with self.listener() as listener:
            port = int(listener.getsockname()[1])
            world = self._world()
        with self._service(world, port) as client:
            address = str(client.base_url).rstrip("/")
            self._execute(client, world, "reconstruct-sif")
            items = self._execute(client, world, "downscale-smap")
            scored = self._score(world, items)
            # What is served is gone after the end; what is on disk stays.
            place = self.data if stop else address
            self._tell(world, scored, _shown(items, address, place), time.monotonic() - started)
            if not stop:
                self._serve_on(address)

    def _world(self) -> World:
        with self._bar(f"world {self.preset}, seed {self.seed}") as advance:
            return build_world(self.preset, self.seed, self.data, progress=advance)

    @contextmanager
    def _service(self, world: World, port: int) -> Iterator[httpx.Client]:
        """Start the service in a process of its own; end it afterwards."""
        address = f"http://{HOST}:{port}"
        settings = Settings.load(
            data=self.data,
            archive=world.archive,
            regions=world.region.parent,
            region=world.region.stem,
            host=HOST,
            port=port,
            url=address,
        )
        log = self.data / "work" / "service.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            service = subprocess.Popen(
                [sys.executable, "-m", "processes", "serve"],
                env=os.environ | settings.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                # A Ctrl-C is for us; we end the service ourselves, with its jobs.
                start_new_session=True,
            )
        try:
            with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
                _wait_until_up(client, service, log)
                yield client
        finally:
            service.terminate()
            service.wait()

    def listener(self) -> socket:
        """Listen at the port asked for, else at the usual one, else at any that is free."""
        if self.port is not None:
            return listen(HOST, self.port)
        try:
            return listen(HOST, Settings.load().port)
        except InputError:
            return listen(HOST, 0)

    def _execute(self, client: httpx.Client, world: World, process: str) -> Sequence[Json]:
        """Execute a process for all months of the world; return its items."""
        interval = f"{world.months[0]}/{world.months[-1]}"
        body = {"inputs": {"datetime": interval}, "response": "document"}
        headers = {"Prefer": "respond-async"}
        reply = client.post(f"/processes/{process}/execution", json=body, headers=headers)
        job = _checked(reply)
        address = reply.headers["Location"]
        with self._bar(process) as advance:
            while job["status"] in ("accepted", "running"):
                advance(job["progress"] / 100, job["message"])
                time.sleep(POLL_SECONDS)
                job = _checked(client.get(address))
        if job["status"] != "successful":
            raise DemoError(f"{process} {job['status']}: {job['message']}")
        results = _checked(client.get(f"{address}/results"))
        items: Sequence[Json] = results["items"]["value"]["features"]
        return items

    def _score(self, world: World, items: Sequence[Json]) -> Mapping[str, Scored]:
        with self._bar("scores against the truth") as advance:
            return score_maps(world, items, self.data / "features", progress=advance)

    def _tell(
        self, world: World, scored: Mapping[str, Scored], shown: Shown, seconds: float
    ) -> None:
        self.console.print(_table(world, scored))
        self.console.print(f"catalogue  {shown.catalog}", soft_wrap=True)
        self.console.print(f"a picture  {shown.picture}", soft_wrap=True)
        document = {
            "synthetic": True,
            "world": {"preset": self.preset, "seed": self.seed},
            "units": "m3 m-3",
            "months": [str(month) for month in world.months],
            "layers": {name: asdict(score) for name, score in scored.items()},
            "catalog": shown.catalog,
            "picture": shown.picture,
            "seconds": round(seconds, 1),
        }
        with atomic_path(self.data / "demo.json") as path:
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    def _serve_on(self, address: str) -> None:
        self.console.print(f"service    {address}/?f=html, until Ctrl-C", soft_wrap=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            self.console.print("stopped")

    @contextmanager
    def _bar(self, title: str) -> Iterator[_Advance]:
        columns = (
            TextColumn(f"{title:<26}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        with Progress(*columns, console=self.console) as bar:
            advance = _Advance(bar)
            yield advance
            advance(1.0, "done")


class _Advance:
    """A receiver of progress that moves a bar."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=1.0)

    def __call__(self, fraction: float, message: str) -> None:
        self._bar.update(self._task, completed=fraction, description=message)


def _shown(items: Sequence[Json], address: str, place: Path | str) -> Shown:
    """Return where catalogue and picture are: below the service's address or the data folder."""
    contrasts = [item["assets"]["soil_moisture"]["bands"][0]["statistics"] for item in items]
    telling = max(range(len(items)), key=lambda number: contrasts[number]["stddev"])
    picture = str(items[telling]["assets"]["sheet"]["href"])
    return Shown(
        catalog=f"{place}/catalog/catalog.json",
        picture=picture.replace(address, str(place), 1),
    )


def _wait_until_up(client: httpx.Client, service: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.poll() is None:
        try:
            if client.get("/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise DemoError(f"the service did not start; {log} says why")


def _checked(reply: httpx.Response) -> Json:
    document: Json = reply.json()
    if not reply.is_success:
        raise DemoError(f"{reply.request.url.path}: {document.get('detail', reply.text)}")
    return document


def _table(world: World, scored: Mapping[str, Scored]) -> Table:
    first, last = world.months[0], world.months[-1]
    table = Table(
        title=f"Soil moisture against the 1 km truth, {first} to {last} (synthetic)",
        caption="RMSE and off SMAP (largest difference of a 9 km mean) in m3 m-3; edges: "
        "steps across 9 km edges over steps within, without the map's border. The last two are "
        "properties, not accuracy: the conserving layer equals SMAP by construction.",
        box=SIMPLE_HEAD,
    )
    table.add_column("layer", no_wrap=True)
    for name in ("RMSE", "R", "sub-grid R", "off SMAP", "edges"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, score in scored.items():
        table.add_row(
            name,
            f"{score.rmse:.4f}",
            f"{score.correlation:.3f}",
            f"{score.subgrid_correlation:.3f}",
            f"{score.conservation_error:.1e}",
            f"{score.edge_ratio:.2f}",
        )
    return table

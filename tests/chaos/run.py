"""Kill every part of the service, again and again, while it works: ``make chaos ROUNDS=20``.

A real service (web server, scheduler, two workers, a fork server, its keepers and children) works
on jobs of 14 months over the tiny synthetic world, with its jobs in a real PostgreSQL where there
is one. In each round one part is killed with SIGKILL at a random moment; the database is stopped as
by a failing machine and comes back after some seconds, and the launcher, too, is killed and started
again. After each round work must go on within 30 s of the part's return, the job must still be on
its way or have succeeded, and the catalogue must be valid. A job that has succeeded must have all
its months, and must have done each of its steps once, however many attempts were lost.

``--quick`` is the form that the test suite runs: jobs of four months, shorter leases, and less time
between two kills.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from killing import Chaos, tell
from service import Service

from engine.world import build_world
from processes.jobs.store import open_store
from processes.jobs.sweep import sweep_temporaries
from processes.serving import free_port
from processes.settings import Settings
from processes.testing import PostgreSQL

ALL_MONTHS = {"datetime": "../.."}
FEW_MONTHS = {"datetime": "2020-03/2020-06", "training": "2020-03/2020-06"}


def main() -> int:
    """Do what the command line says; return 0 where the service survived."""
    parser = argparse.ArgumentParser(description="Kill parts of the service while it works.")
    parser.add_argument("rounds", type=int, nargs="?", default=20)
    parser.add_argument("--quick", action="store_true", help="short jobs, short leases")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--data", type=Path, help="folder to work in and keep")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = arguments.data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="vadose-chaos-"))
        )
        database = _database(stack)
        tell(f"seed {arguments.seed}; jobs in {'SQLite' if database is None else 'PostgreSQL'}")
        settings = _settings(folder, database, quick=arguments.quick)
        service = Service(settings, folder / "service.log")
        service.start()
        store = stack.enter_context(closing(open_store(settings.job_database)))
        chaos = Chaos(
            service=service,
            store=store,
            database=database,
            body={"inputs": FEW_MONTHS if arguments.quick else ALL_MONTHS},
            longest_pause=0.8 if arguments.quick else 3.0,
            chance=random.Random(arguments.seed),  # noqa: S311  (no secret)
        )
        try:
            chaos.run(arguments.rounds)
        except BaseException:
            tell((folder / "service.log").read_text()[-20_000:])
            service.kill()
            raise
        service.stop()
        chaos.report()
        for kept in (settings.catalog_folder, settings.model_folder, settings.feature_folder):
            tell(f"{sweep_temporaries(kept, 0)} files half-written in {kept.name}, swept")
    return 0


def _database(stack: ExitStack) -> PostgreSQL | None:
    try:
        return stack.enter_context(PostgreSQL.find())
    except pytest.skip.Exception as error:
        tell(f"{error}; SQLite instead, which cannot be killed")
        return None


def _settings(folder: Path, database: PostgreSQL | None, *, quick: bool) -> Settings:
    world = build_world("tiny", 7, folder)
    settings: dict[str, object] = {
        "data": folder,
        "regions": world.region.parent,
        "region": world.region.stem,
        "port": free_port(),
        # A job of many rounds is hit more often than one should be in years.
        "most_attempts": 1000,
    }
    if database is not None:
        settings["jobs_database"] = database.url(database.new_database())
    if quick:
        settings |= {"lease": 6, "heartbeat": 1}
    return Settings.load(**settings)


if __name__ == "__main__":
    sys.exit(main())

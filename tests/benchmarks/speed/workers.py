"""Twelve months side by side: two workers of Dask against one. It tells something on idle cores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster
from pairing import Ratio, compared
from published import henan
from scale import Area, learn

from engine.heap import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GOAL = 0.6
"""Wall time of two workers ÷ that of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    months: int
    rounds: int


FULL, QUICK = Size(months=12, rounds=3), Size(months=4, rounds=1)


def worker_ratios(size: Size) -> Iterator[Ratio]:
    """Let one worker of a cluster make some months of Henan, then both, each with one thread."""
    with TemporaryDirectory() as folder:
        learn(Path(folder))
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=folder
            ) as cluster,
            Client(cluster) as client,
        ):
            # Loads libraries and models in both, as a worker does once.
            client.run(make_month, folder, size.months)
            both = tuple(client.scheduler_info()["workers"])
            seconds: dict[int, list[float]] = {1: [], 2: []}
            for _ in range(size.rounds):
                for workers in (both[:1], both):
                    seconds[len(workers)].append(_wall(client, folder, size.months, workers))
    yield compared(
        "two_workers_vs_one",
        seconds[1],
        seconds[2],
        work=f"{size.months} months of Henan, features to COGs, wall time of two workers of Dask",
        against="one worker",
        unit="s",
        goal=GOAL,
        below=True,
    )


def make_month(folder: str, number: int) -> None:
    """Make a month, features included."""
    area = _area(folder)
    area.month(number, area.features(number), threads=1)


@cache
def _area(folder: str) -> Area:
    keep_freed_memory()
    return henan(Path(folder))


def _wall(client: Client, folder: str, months: int, workers: Sequence[str]) -> float:
    started = perf_counter()
    client.gather(
        [
            client.submit(
                make_month, folder, one, pure=False, workers=[workers[one % len(workers)]]
            )
            for one in range(months)
        ]
    )
    return perf_counter() - started

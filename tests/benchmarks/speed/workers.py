"""Twelve months side by side: two workers of Dask against one. It tells something on idle cores."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster
from pairing import Ratio, compared
from published import henan
from scale import learn

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL = 0.6
"""Wall time of two workers ÷ that of one."""


def worker_ratios(months: int) -> Iterator[Ratio]:
    """Make some months of Henan by one worker, then by two, each with one thread."""
    with TemporaryDirectory() as folder:
        learn(Path(folder))
        seconds = {count: [_wall(folder, months, count)] for count in (1, 2)}
    yield compared(
        "two_workers_vs_one",
        seconds[1],
        seconds[2],
        work=f"{months} months of Henan, features to COGs, wall time of two workers of Dask",
        against="one worker",
        unit="s",
        goal=GOAL,
        below=True,
    )


def make_month(folder: str, number: int) -> None:
    """Make a month, features included."""
    area = henan(Path(folder))
    area.month(number, area.features(number), threads=1)


def _wall(folder: str, months: int, workers: int) -> float:
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, local_directory=folder
        ) as cluster,
        Client(cluster) as client,
    ):
        # Loads the libraries in every worker.
        client.run(make_month, folder, months)
        started = perf_counter()
        client.gather([client.submit(make_month, folder, one, pure=False) for one in range(months)])
        return perf_counter() - started

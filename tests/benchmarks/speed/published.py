"""Months of Henan from their stored features to the catalogue, as two workers make them.

The features of a month lie in the feature store's files. Each of two processes, with one thread,
reads those of every other month, makes all layers (`scale.Area`) and publishes them: COGs,
pictures, provenance, item, collection, each checked against its schema. Both publish into one
catalogue, and what is told of many months at once (cube, departures from other years) comes last.

Run as a program it makes some of the months, and prints what that took.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final

import xarray as xr
from fields import FEATURES
from pairing import Ratio, compared, most_memory
from regridding import HENAN
from scale import Area, learn

from engine.feature_cache import FeatureCache
from engine.grids import coarse_window, fine_of
from engine.heap import keep_freed_memory
from engine.months import Month
from stac.products import product
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    months: int
    rows: int
    """That the model learns from."""


MONTHS: Final = 44
"""Of a full run."""
FULL, QUICK = Size(months=MONTHS, rows=20_000), Size(months=2, rows=8_000)
WORKERS: Final = 2
_GOAL: Final = 300.0
"""Seconds that all of them are to take."""
_LEAST_MEMORY: Final = 2000.0
_FIRST: Final = Month(2018, 5)
_SERIES: Final = toy_series("henan-synthetic", settings={"analysis": "blend"})


def published_ratios(size: Size) -> Iterator[Ratio]:
    """Make and publish some months by two processes, and tell wall time and memory."""
    months = size.months
    with TemporaryDirectory() as name:
        folder = Path(name)
        learn(folder, size.rows)
        area = henan(folder)
        for number in range(months):
            stored_features(folder, area, number)
        started = perf_counter()
        costs = _side_by_side(folder, months)
        published = perf_counter() - started
        gather(folder, months)
        seconds = perf_counter() - started
    cpu = sum(cost["cpu"] for cost in costs)
    work = f"{months} months of Henan, features to catalogue, {WORKERS} processes"
    yield compared(
        "henan_wall",
        [_GOAL * months / MONTHS],
        [seconds],
        work=f"{work}; {cpu / months:.2f} s of CPU a month, {seconds - published:.0f} s for all",
        against=f"5 minutes for {MONTHS}",
        unit="s",
        # A few months take little more than the start of the processes.
        goal=1.0 if months == MONTHS else None,
        below=True,
    )
    yield compared(
        "henan_memory",
        [_LEAST_MEMORY],
        [max(cost["peak"] for cost in costs)],
        work=f"{work}; the larger one",
        against="2 GB",
        unit="MB",
        goal=1.0,
        below=True,
    )


def henan(folder: Path) -> Area:
    """Return Henan's fine cells."""
    return Area(folder, fine_of(coarse_window(HENAN)))


def stored_features(folder: Path, area: Area, number: int) -> list[NDArray[Any]]:
    """Read the features of a month, made up where they are not there."""

    def made() -> xr.Dataset:
        shape = tuple(area.area.shape)
        layers = zip(FEATURES, area.features(number), strict=True)
        return xr.Dataset({one.name: (("y", "x"), layer.reshape(shape)) for one, layer in layers})

    data = FeatureCache(folder / "features").get("made-up", str(number), made)
    return [data[one.name].to_numpy().ravel() for one in FEATURES]


def make_and_publish(folder: Path, area: Area, number: int) -> None:
    """Bring a month from its features into the catalogue."""
    made = area.layers(number, stored_features(folder, area, number), threads=1)
    layers = product("soil-moisture").layers
    coords = {axis: area.area.coords[axis].values for axis in ("y", "x")}
    data = xr.Dataset(
        {
            name: xr.DataArray(values, coords, ("y", "x"), attrs={"units": layers[name].units})
            for name, values in made.items()
        },
        attrs={"analysis": "blend"},
    )
    catalog = LocalCatalog(folder / "catalog")
    publish_month(catalog, _SERIES, _FIRST.shift(number), data, toy_provenance())


def gather(folder: Path, months: int) -> None:
    """Tell what is told of many months at once."""
    from stac.cube import refresh_cubes  # noqa: PLC0415 - loads Zarr, which no month needs
    from stac.departures import refresh_departures  # noqa: PLC0415

    catalog = LocalCatalog(folder / "catalog")
    names = [_SERIES.item_id(_FIRST.shift(number)) for number in range(months)]
    for _ in refresh_departures(catalog, _SERIES.official_collection, names):
        pass
    refresh_cubes(catalog, _SERIES.official_collection)


def _side_by_side(folder: Path, months: int) -> list[dict[str, float]]:
    """Let the processes share the months; return what each took."""
    running = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder), str(first), str(months)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(WORKERS)
    ]
    told = [one.communicate()[0] for one in running]
    if any(one.returncode for one in running):
        raise RuntimeError("a process that makes months has failed; it says why above")
    return [json.loads(text) for text in told]


def _run(folder: str, first: str, months: str) -> None:
    keep_freed_memory()
    area = henan(Path(folder))
    for number in range(int(first), int(months), WORKERS):
        make_and_publish(Path(folder), area, number)
    print(json.dumps({"cpu": process_time(), "peak": most_memory()}))  # noqa: T201


if __name__ == "__main__":
    _run(*sys.argv[1:])

"""How fast vadose is, beside what people would use instead: `make bench`.

Prints a table, and writes all ratios with their spread to ``build/bench.json``. See ``README.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import forests
import pipeline
import published
import regridding
import scale
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from engine.files import atomic_path
from engine.models.card import library_versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pairing import Ratio

_WIDTH = 130
SECTIONS = ("regridding", "forests", "pipeline", "published", "scale", "workers")
ASKED = ("regridding", "forests", "pipeline", "published")
"""Sections of a quick run, which is to take three minutes, unless others are named."""


def main() -> None:
    """Run the benchmark."""
    arguments = _read_arguments()
    console = Console(width=_WIDTH)
    start = perf_counter()
    ratios: list[Ratio] = []
    for section in arguments.sections or (ASKED if arguments.quick else SECTIONS):
        begun = perf_counter()
        ratios += _ratios(section, quick=arguments.quick)
        console.print(f"{section}: {perf_counter() - begun:.0f} s")
    console.print(_table(ratios))
    result = {
        "synthetic": "true: timed on made-up data",
        "quick": arguments.quick,
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": os.getloadavg()[0],
        },
        "versions": library_versions(),
        "seconds": round(perf_counter() - start, 1),
        "ratios": {one.name: one.told() for one in ratios},
    }
    with atomic_path(arguments.out) as path:
        path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"all of it: {arguments.out}")


def _ratios(section: str, *, quick: bool) -> Iterator[Ratio]:
    if section == "forests":
        return forests.forest_ratios(forests.QUICK if quick else forests.FULL)
    if section == "regridding":
        return regridding.regrid_ratios(regridding.QUICK if quick else regridding.FULL)
    if section == "published":
        return published.published_ratios(published.QUICK if quick else published.FULL)
    if section == "scale":
        return scale.scale_ratios(scale.QUICK if quick else scale.FULL)
    if section == "workers":
        import workers  # noqa: PLC0415 - Dask takes seconds to load

        return workers.worker_ratios(workers.QUICK if quick else workers.FULL)
    return pipeline.pipeline_ratios(pipeline.QUICK if quick else pipeline.FULL)


def _table(ratios: list[Ratio]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for title in ("what", "against", "ours", "theirs", "", "ratio", "spread", "goal"):
        words = title in {"what", "against", ""}
        table.add_column(title, justify="left" if words else "right", no_wrap=True)
    for one in ratios:
        aim = "" if one.goal is None else f"{'≤' if one.below else '≥'} {one.goal:g}"
        mark = {True: " ✓", False: " ✗", None: ""}[one.reached]
        spread = f"{one.least:.3g}–{one.most:.3g}"
        costs = (f"{one.ours:.3g}", f"{one.theirs:.3g}")
        ratio = f"{one.ratio:.3g}"
        table.add_row(one.name, one.against, *costs, one.unit, ratio, spread, aim + mark)
    return table


def _processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less data, under three minutes")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--sections", nargs="+", choices=SECTIONS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

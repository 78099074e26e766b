"""What the science is worth, against a known truth: `make science`.

Prints a table for every question and writes all of it to ``build/science.json``, section by
section, so that a run that is cut short leaves what it has found. See ``README.md``.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from bench import SECTIONS, Bench
from gates import judged
from kept import Kept
from plan import read_plan
from report import Report

from engine.models.card import library_versions

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the benchmark."""
    arguments = _read_arguments()
    start = perf_counter()
    plan = read_plan(arguments.preset)
    report = Report(arguments.out)
    bench = Bench(
        preset=arguments.preset,
        seed=arguments.seed,
        plan=plan,
        worlds=arguments.worlds,
        threads=arguments.threads,
        report=report,
        kept=Kept(
            arguments.out.with_suffix("") / f"{arguments.preset}-{arguments.seed}",
            any_code=arguments.any_code,
        ),
    )
    bench.result = {
        "synthetic": "true: scores against a made-up world whose truth is known; no observation",
        "preset": arguments.preset,
        "seed": arguments.seed,
        "complete": False,
        "caps": plan.caps(),
        "versions": {"python": platform.python_version(), **library_versions()},
        "seconds": {},
    }
    report.head(bench.result)
    for section in arguments.sections:
        report.section(section)
        begun, saved = perf_counter(), bench.kept.saved
        run: Callable[[], None] = getattr(bench, section)
        run()
        bench.result["seconds"][section] = round(
            perf_counter() - begun + bench.kept.saved - saved, 1
        )
        bench.save()
    bench.result["gates"] = judged(bench.result)
    bench.result["complete"] = set(arguments.sections) == set(SECTIONS)
    bench.result["seconds"]["all"] = round(perf_counter() - start + bench.kept.saved, 1)
    bench.result["other_code"] = sorted(bench.kept.foreign)
    bench.save()
    report.gates(bench.result)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make science", description=__doc__)
    parser.add_argument("--preset", default="henan")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("build/science.json"))
    parser.add_argument("--worlds", type=Path, default=Path("build/worlds"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--any-code",
        action="store_true",
        help="take up what an earlier run has finished even where other code made it",
    )
    parser.add_argument("--sections", nargs="*", choices=SECTIONS, default=list(SECTIONS))
    return parser.parse_args()


if __name__ == "__main__":
    main()

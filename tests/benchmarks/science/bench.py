"""One run of the benchmark: its worlds and rows, made once, and its sections."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from layers import interval_coverage, make_maps, score_layers
from one_up import world_one_up
from paper import beside_the_paper
from plan import MAIN_SMAP, Plan
from real import north_america, samples, south_africa
from sif import arms, negative_control, reconstruction
from worlds import PAPER, STANDARD, Cube, WorldName, with_place_names, world

from engine.ablation import with_columns
from engine.features import FEATURES
from engine.files import atomic_path
from engine.models.card import library_versions
from engine.models.comparison import compare
from engine.models.importance import importance
from engine.models.pilot import measured_splits
from engine.provenance import SIF

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kept import Kept
    from report import Report

    from engine.models.candidates import Candidate
    from engine.models.comparison import Comparison
    from engine.models.splits import SplitName, Splits
    from engine.models.table import Table
    from engine.world.presets import SmapErrors

SECTIONS = (
    "comparison",
    "canary",
    "sif_effect",
    "importance",
    "layers",
    "sif_reconstruction",
    "scale_up",
    "real",
    "paper",
)
KEYS = {"spatial-block": "block", "block-year": "block_year"}
"""Names of splits in the file, where they differ from the engine's."""
STILL = ("static", "yearly")
"""Kinds of predictors that name a cell."""
_BY_HEART = "rf"
"""Algorithm that the canary is tried on."""


@dataclass(kw_only=True)
class Bench:
    """One run."""

    preset: str
    seed: int
    plan: Plan
    worlds: Path
    threads: int
    report: Report
    kept: Kept
    result: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cubes: dict[WorldName, Cube] = {}
        self._rows: tuple[Table, Splits] | None = None

    @property
    def cube(self) -> Cube:
        """Return the world that was asked for."""
        return self.world(WorldName(preset=self.preset, seed=self.seed))

    def world(self, name: WorldName) -> Cube:
        """Return a world; it is made once."""
        if name not in self._cubes:
            self.report.step(f"world {name}")
            self._cubes.clear()
            self._cubes[name] = world(name, self.worlds, **self._how_made(name))
        return self._cubes[name]

    def _how_made(self, name: WorldName) -> dict[str, Any]:
        own = name == WorldName(preset=self.preset, seed=self.seed)
        return {
            "smap_errors": tuple(one for one in self.plan.errors(name) if one != MAIN_SMAP),
            "sif_trees": None if own else self.plan.sif_trees,
        }

    def _make_worlds(self, names: Sequence[WorldName]) -> None:
        """Make worlds that are not there, some at once: each keeps a core busy, and some 3 GB."""
        names = [name for name in names if not (self.worlds / str(name)).exists()]
        with ProcessPoolExecutor(self.threads, mp_context=get_context("spawn")) as pool:
            made = [pool.submit(world, n, self.worlds, **self._how_made(n)) for n in names]
            for name, one in zip(names, made, strict=True):
                one.result()
                self.report.step(f"world {name} is there")

    def rows(self) -> tuple[Table, Splits]:
        """Return the rows with every column, and their splits, the same for everything."""
        if self._rows is None:
            table = self.cube.table().usable()
            standard = [f.name for f in table.features if f.name in STANDARD]
            splits, _ = measured_splits(
                with_columns(table, standard), seed=self.seed, threads=self.threads
            )
            self._rows = table, splits
        return self._rows

    def columns(self, *, sif: bool, names: tuple[str, ...] = STANDARD) -> Table:
        """Return the rows with a set of predictors, with SIF or without."""
        table, _ = self.rows()
        kept = [f.name for f in table.features if f.name in names and (sif or f.name != SIF)]
        return with_columns(table, kept)

    # One section each.

    def comparison(self) -> None:
        """Compare five algorithms, with SIF and without, in five splits."""
        _, splits = self.rows()
        made = compare(
            {"with": self.columns(sif=True), "without": self.columns(sif=False)},
            {name: self.plan.compared(name) for name in self.plan.algorithms},
            splits,
            wanted=lambda algorithm, _, split: (
                "costs as much as all others together"
                if algorithm == "stacking" and split not in self.plan.stacking_splits
                else None
            ),
            threads=self.threads,
            progress=self.report.progress,
            resamples=self.plan.resamples,
            predict=self.kept.predictions,
        )
        self.result["comparison"] = nested(made)
        self.result["comparison_notes"] = {
            "intervals": made.intervals,
            "left_out": made.left_out,
            "splits": {split.name: split.definition for split in splits.found.values()},
            "rows": len(self.rows()[0]),
            "block_side_km": splits.side / 1000,
        }
        self.report.comparison(self.result)

    def canary(self) -> None:
        """Add predictors that are nothing but the place's name.

        Terrain and soil name a place already; what a name alone gives away is seen without them.
        A forest is asked, since it can learn rows by heart.
        """
        _, splits = self.rows()
        whole = self.columns(sif=True)
        moving = [f.name for f in whole.features if FEATURES[f.name].time not in STILL]
        changing = with_columns(whole, moving)
        made = compare(
            {
                "all": whole,
                "all, canary": with_place_names(whole, splits.side),
                "changing": changing,
                "changing, canary": with_place_names(changing, splits.side),
            },
            {_BY_HEART: self.plan.compared(_BY_HEART)},
            splits,
            wanted=lambda _algorithm, _set, split: (
                None if split in ("random", "spatial-block") else "not asked"
            ),
            threads=self.threads,
            progress=self.report.progress,
            resamples=self.plan.resamples,
            predict=self.kept.predictions,
        )
        self.result["canary"] = {
            "algorithm": _BY_HEART,
            "r2_gain": r2_gains(made, _BY_HEART, ("all", "changing")),
        }
        self.report.canary(self.result["canary"])

    def sif_effect(self) -> None:
        """Ask what SIF is worth, and in a world where it knows of no stress."""
        _, splits = self.rows()
        candidate = self.plan.compared(self.plan.layers)
        # The first is the one that all else is seeded with: two of its arms were compared already.
        seeds = (candidate.seed, *range(1, self.plan.sif_seeds))
        asked = [split for split in self.plan.sif_splits if split in splits.found]
        effects = {KEYS.get(split, split): self._arms(candidate, split, seeds) for split in asked}
        for algorithm in self.plan.sif_algorithms:
            if algorithm != self.plan.layers:
                other = self.plan.compared(algorithm)
                effects |= {
                    f"{KEYS.get(split, split)}_{algorithm}": self._arms(other, split, seeds)
                    for split in asked[:1]
                }
        self.result["sif_effect"] = effects
        if self.plan.negative:
            name = WorldName(preset=self.plan.turned, seed=self.seed, stress=False)
            self.result["sif_effect"]["without_stress_link"] = negative_control(
                self.world(name),
                candidate,
                self.plan,
                seeds,
                threads=self.threads,
                predict=self.kept.predictions,
                progress=self.report.progress,
            )
        self.report.sif_effect(self.result["sif_effect"])

    def _arms(
        self, candidate: Candidate, split: SplitName, seeds: tuple[int, ...]
    ) -> dict[str, Any]:
        table, splits = self.rows()
        return arms(
            table,
            candidate,
            splits,
            split,
            resamples=self.plan.resamples,
            seeds=seeds,
            threads=self.threads,
            predict=self.kept.predictions,
            progress=self.report.progress,
        )

    def importance(self) -> None:
        """Ask what the models lean on."""
        made = {}
        for algorithm in dict.fromkeys(("rf", self.plan.layers)):
            made[algorithm] = self.kept.part(
                f"importance-{algorithm}", self._inputs(), partial(self._importance_of, algorithm)
            )
        self.result["importance"] = made
        self.report.importance(made)

    def _importance_of(self, algorithm: str) -> dict[str, Any]:
        _, splits = self.rows()
        return importance(
            self.columns(sif=True),
            self.plan.compared(algorithm),
            splits,
            repeats=self.plan.repeats,
            progress=self.report.progress,
            resamples=self.plan.resamples,
        ).model_dump()

    def layers(self) -> None:
        """Score maps against the truth, in all worlds and with all errors of SMAP."""
        self.result |= {"layers": {}, "weights": {}, "interval": {"worlds": {}}}
        names = self.plan.worlds(self.preset, self.seed)
        self._make_worlds(names)
        for name in names:
            for errors in self.plan.errors(name):
                title = f"{name}-{errors}"
                inputs = self._inputs() | {"coverage_months": self.plan.coverage_months}
                made = self.kept.part(
                    f"layers-{title}", inputs, partial(self._layers_of, name, errors, title)
                )
                self.result["layers"][title] = made["layers"]
                self.result["weights"][title] = made["weights"]
                self.result["interval"]["worlds"][title] = made["interval"]
                self.report.layers(title, self.result)
                self.save()
        first = self.result["interval"]["worlds"][
            f"{WorldName(preset=self.preset, seed=self.seed)}-{MAIN_SMAP}"
        ]
        self.result["interval"] |= first

    def _layers_of(self, name: WorldName, errors: SmapErrors, title: str) -> dict[str, Any]:
        cube = self.world(name)
        self.report.step(f"maps of {title}")
        columns = [v.name for v in cube.predictors if v.name in STANDARD]
        candidate = self.plan.candidate(self.plan.layers)
        maps = make_maps(cube, candidate, columns, errors=errors, threads=self.threads)
        scored = score_layers(maps)
        about = maps.frozen.about
        return {
            "layers": scored,
            "weights": {
                "estimated": about.weights.model_dump() if about.weights else None,
                "with_truth": scored["best"]["weights"],
                "gap_closed": gap_closed(scored),
            },
            "interval": interval_coverage(maps, self.plan.coverage_months),
        }

    def sif_reconstruction(self) -> None:
        """Score SIF at 1 km against eSIF held out, and against the truth."""
        self.result["sif_reconstruction"] = reconstruction(self.cube)
        self.report.reconstruction(self.result["sif_reconstruction"])

    def scale_up(self) -> None:
        """Try the method from 27 km to 9 km."""
        self.result["scale_up"] = {}
        for errors in self.plan.smap:
            self.result["scale_up"][errors] = self.kept.part(
                f"scale-up-{errors}", self._inputs(), partial(self._scale_up_of, errors)
            )
            self.report.one_up(f"world, SMAP {errors}", self.result["scale_up"][errors])

    def _scale_up_of(self, errors: SmapErrors) -> dict[str, Any]:
        forest, candidate = (self.plan.candidate(name) for name in ("rf", self.plan.layers))
        self.report.step(f"one scale up, SMAP {errors}")
        return world_one_up(
            self.cube,
            candidate,
            forest,
            [v.name for v in self.cube.predictors if v.name in STANDARD],
            errors=errors,
            threads=self.threads,
            resamples=self.plan.resamples,
        ).model_dump()

    def real(self) -> None:
        """Look at the real samples, where they are."""
        folder = samples()
        if folder is None:
            self.result["real"] = {"left_out": "the real samples are not at VADOSE_SHARED"}
            return
        self.result["real"] = self.kept.part("real", self._inputs(), partial(self._real, folder))
        self.report.real(self.result["real"])

    def _real(self, folder: Path) -> dict[str, Any]:
        names = [name for name in self.plan.algorithms if name != "stacking"]
        return {
            "south_africa": south_africa(
                folder,
                {name: self.plan.candidate(name) for name in names},
                threads=self.threads,
                resamples=self.plan.resamples,
            ),
            "north_america": north_america(folder, self.plan.resamples),
        }

    def paper(self) -> None:
        """Set our figures beside the paper's."""
        _, splits = self.rows()
        self.result["paper"] = beside_the_paper(
            self.columns(sif=True, names=PAPER),
            self.plan,
            splits,
            self.result,
            threads=self.threads,
            predict=self.kept.predictions,
        )
        self.report.paper(self.result["paper"])

    def _inputs(self) -> dict[str, Any]:
        """Return what parts of a section depend on, beside what their names tell."""
        settings = [self.plan.compared(name) for name in ("rf", self.plan.layers)]
        return {
            "preset": self.preset,
            "seed": self.seed,
            "repeats": self.plan.repeats,
            "resamples": self.plan.resamples,
            "settings": [one.model_dump(mode="json") for one in settings],
            "versions": library_versions(),
        }

    def save(self) -> None:
        """Write what there is."""
        with atomic_path(self.report.path) as path:
            path.write_text(json.dumps(self.result, indent=2) + "\n", encoding="utf-8")


def nested(comparison: Comparison) -> dict[str, Any]:
    """Return the scores by algorithm, set of predictors and split."""
    tree: dict[str, Any] = {}
    for entry in comparison.entries:
        place = tree.setdefault(entry.algorithm, {}).setdefault(entry.predictors, {})
        place[KEYS.get(entry.split, entry.split)] = {
            **entry.scores.model_dump(),
            "rows": entry.rows,
        }
    return tree


def r2_gains(
    comparison: Comparison, algorithm: str, sets: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Return by set of predictors and split what the canary adds to R²."""
    gains: dict[str, dict[str, float]] = {}
    for name in sets:
        for split in ("random", "spatial-block"):
            pair = [comparison.entry(algorithm, one, split) for one in (f"{name}, canary", name)]
            values = [entry.scores.r2.value for entry in pair if entry is not None]
            if len(values) == 2:
                gains.setdefault(name, {})[KEYS.get(split, split)] = values[0] - values[1]
    return gains


def gap_closed(scored: dict[str, dict[str, Any]]) -> float | None:
    """Return how much of the way from raw to the best weights the blend goes, in RMSE."""
    raw, blend, best = (scored[name]["rmse"] for name in ("raw", "blend", "best"))
    return (raw - blend) / (raw - best) if raw > best else None

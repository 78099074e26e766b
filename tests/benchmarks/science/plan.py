"""What a preset's benchmark runs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict
from worlds import WorldName

from engine.errors import InputError
from engine.models.candidates import candidate
from engine.models.splits import SplitName
from engine.world.presets import SmapErrors

if TYPE_CHECKING:
    from engine.models.candidates import Candidate

MAIN_SMAP: SmapErrors = "realistic"


class Plan(BaseModel):
    """One table of ``plan.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: tuple[int, ...]
    turned: str
    noise: tuple[float, ...]
    smap: tuple[SmapErrors, ...]
    negative: bool
    sif_trees: int
    algorithms: tuple[str, ...]
    stacking_splits: tuple[SplitName, ...]
    stacking_rows: int
    rows: int
    layers: str
    sif_algorithms: tuple[str, ...]
    sif_seeds: int
    sif_splits: tuple[SplitName, ...]
    coverage_months: int
    repeats: int
    tuning_seconds: float
    resamples: int
    light: bool
    """Whether models are cut to a few trees: a test that everything runs, whose scores say
    nothing."""

    def candidate(self, algorithm: str) -> Candidate:
        """Return the settings of an algorithm that makes maps: those that ship."""
        settings = candidate("soil-moisture", algorithm)
        if self.light:
            few = {"trees": 10, "trees_in_folds": 10, "most_trees": 30, "patience": 5}
            return settings.model_copy(
                update={name: n for name, n in few.items() if name in type(settings).model_fields}
            )
        return settings

    def compared(self, algorithm: str) -> Candidate:
        """Return the settings of an algorithm that is compared: with the plan's caps on rows."""
        settings = self.candidate(algorithm)
        rows = self.stacking_rows if algorithm == "stacking" else self.rows
        rows = min(rows, settings.rows_in_folds or rows)
        return settings if self.light else settings.model_copy(update={"rows_in_folds": rows})

    def caps(self) -> dict[str, object]:
        """Return every limit that the results depend on."""
        rows = {
            name: {
                key: value
                for key, value in self.compared(name).model_dump().items()
                if key in ("rows", "rows_in_folds", "trees_in_folds", "networks_in_folds")
                and value is not None
            }
            for name in self.algorithms
        }
        return {**self.model_dump(mode="json"), "settings": rows}

    def worlds(self, preset: str, seed: int) -> tuple[WorldName, ...]:
        """Return the worlds whose maps are scored, the one asked for first."""
        seeds = (seed, *(other for other in self.seeds if other != seed))
        return (
            *(WorldName(preset=preset, seed=one) for one in seeds),
            *(WorldName(preset=self.turned, seed=seed, noise=noise) for noise in self.noise),
        )

    def errors(self, name: WorldName) -> tuple[SmapErrors, ...]:
        """Return in what ways SMAP errs in a world, the main one first."""
        return self.smap if name.noise == 1 and name.stress else (MAIN_SMAP,)


def read_plan(preset: str) -> Plan:
    """Return the plan of a preset.

    Raises
    ------
    InputError
        Where there is none.
    """
    text = Path(__file__).with_name("plan.toml").read_text(encoding="utf-8")
    plans = tomllib.loads(text)
    if preset not in plans:
        raise InputError("preset", repr(preset), ", ".join(plans))
    return Plan.model_validate(plans[preset])

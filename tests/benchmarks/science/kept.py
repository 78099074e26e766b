"""What a run has finished, kept so that the next one need not do it again.

Each fit's predictions of held-out rows, and each part of a section, is a file of its own, named by
what went in. A file is taken up where the same code made it: a run that was cut short goes on, and
sections that ask for the same fit share it. Code is told apart by a hash of the engine and of this
benchmark; asked to, a run takes up what other code has made, and says so.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import engine
from engine.files import atomic_path
from engine.models.card import library_versions
from engine.models.crossval import held_out_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from engine.models.candidates import Candidate
    from engine.models.splits import Split, Splits
    from engine.models.table import Table


class Kept:
    """A folder of finished work.

    Parameters
    ----------
    folder
        Where it lies.
    any_code
        Whether what other code has made is taken up, too.
    """

    def __init__(self, folder: Path, *, any_code: bool = False) -> None:
        self._folder, self._any_code = folder, any_code
        self._code = code_hash()
        self._made: set[Path] = set()
        self.saved = 0.0
        """Seconds that other runs had spent on what was taken up."""
        self.foreign: set[str] = set()
        """Hashes of other code that made what was taken up."""

    def part(
        self, name: str, inputs: Mapping[str, Any], make: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a part of a section, made where it is not there.

        Parameters
        ----------
        name
            Of the part, such as ``layers-henan-7-good``.
        inputs
            All that it depends on but the code.
        make
            Makes it; it can be written as JSON.
        """
        path = self._folder / f"{name}-{_digest(json.dumps(inputs, sort_keys=True, default=str))}"
        path = path.with_name(f"{path.name}.json")
        if path.exists():
            there = json.loads(path.read_text(encoding="utf-8"))
            if self._may_take(path, there["code"], there["seconds"]):
                found: dict[str, Any] = there["made"]
                return found
        start = perf_counter()
        made = json.loads(json.dumps(make()))
        about = {"code": self._code, "seconds": perf_counter() - start, "inputs": dict(inputs)}
        self._made.add(path)
        with atomic_path(path) as temporary:
            text = json.dumps({**about, "made": made}, indent=2, default=str)
            temporary.write_text(text + "\n", encoding="utf-8")
        fresh: dict[str, Any] = made
        return fresh

    def predictions(
        self,
        settings: Candidate,
        table: Table,
        split: Split,
        splits: Splits,
        *,
        threads: int = 1,
        seed: int | None = None,
        tuned: Callable[[Candidate, Table, NDArray[np.int64]], Candidate] | None = None,
    ) -> NDArray[np.float64]:
        """Predict held-out rows, see `held_out_predictions`; nothing is predicted twice."""
        if tuned is not None:
            raise ValueError("what a search within a time finds is not the same twice")
        seed = settings.seed if seed is None else seed
        name = _digest(settings.model_dump_json(), str(seed), *_rows(table, split, splits))
        path = self._folder / "predictions" / f"{settings.algorithm}-{name}.npz"
        if path.exists():
            with np.load(path) as there:
                if self._may_take(path, str(there["code"]), float(there["seconds"])):
                    return np.asarray(there["prediction"], dtype=np.float64)
        start = perf_counter()
        made = held_out_predictions(settings, table, split, splits, threads=threads, seed=seed)
        seconds = perf_counter() - start
        self._made.add(path)
        with atomic_path(path) as temporary:
            np.savez(temporary, prediction=made, seconds=seconds, code=self._code)
        return made

    def _may_take(self, path: Path, code: str, seconds: float) -> bool:
        if code != self._code:
            if not self._any_code:
                return False
            self.foreign.add(code)
        if path not in self._made:
            self._made.add(path)
            self.saved += seconds
        return True


def code_hash() -> str:
    """Return a hash of the engine and of this benchmark, tests left out."""
    hashed = hashlib.sha256()
    for folder in (Path(engine.__path__[0]), Path(__file__).parent):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".toml") and not path.name.startswith("test_"):
                hashed.update(path.relative_to(folder).as_posix().encode())
                hashed.update(path.read_bytes())
    return hashed.hexdigest()[:16]


def _rows(table: Table, split: Split, splits: Splits) -> tuple[str | bytes, ...]:
    """Return all that a prediction depends on beside the settings."""
    folds = [part for fold in split.folds for part in (fold.train, fold.test)]
    return (
        json.dumps(library_versions(), sort_keys=True),
        "\n".join(feature.name for feature in table.features),
        table.values.tobytes(),
        table.truth.tobytes(),
        splits.blocks.tobytes(),
        *(np.packbits(part).tobytes() for part in folds),
    )


def _digest(*parts: str | bytes) -> str:
    hashed = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        hashed.update(len(content).to_bytes(8))
        hashed.update(content)
    return hashed.hexdigest()[:24]

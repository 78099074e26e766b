"""A forest's predictions from its ONNX operator, by compiled code that has been compared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.errors import UnknownForestError
from engine.models.compiled.ensemble import read_ensemble
from engine.models.compiled.words import packed

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from engine.models.compiled.ensemble import Ensemble

CLOSE: Final = 1e-6
"""Largest difference from a plain walk, relative to values above 1."""

_ROWS_EACH: Final = 8192
"""Rows below which a second thread is not worth its start."""
_COMPARED: Final = 64
_SHALLOW: Final = 8
"""Depth down to which all rows go to the end without a look on the way."""
_STEPS: Final = 2


class CompiledForest:
    """A forest, packed and compared with a plain walk through its operator.

    Parameters
    ----------
    operator
        Its message, as it stands in the file.
    features
        Columns of the rows to come.
    threads
        Threads within one call.

    Raises
    ------
    UnknownForestError
        Where the operator is not understood, or what was made of it predicts something else.
    ModelError
        Where it is no operator at all.
    """

    def __init__(self, operator: memoryview, features: int, *, threads: int = 1) -> None:
        kernel = _kernel()
        ensemble = read_ensemble(operator)
        if ensemble.feature.max(initial=0) >= features:
            raise UnknownForestError(f"it looks at more than {features} features")
        self._forest, self._predict, self.threads = packed(ensemble), kernel.predict, threads
        large = self._forest.words.size > kernel.LARGE
        self._tile = kernel.LARGE_TILE if large else kernel.TILE
        self._steps = self._forest.depth if self._forest.depth <= _SHALLOW else _STEPS
        self._compare(ensemble, features)

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict rows ``(n, f)``, NaN where missing, as ``(n,)``."""
        result = np.empty(len(rows), dtype=np.float32)
        parts = max(1, min(self.threads, len(rows) // _ROWS_EACH))
        edges = np.linspace(0, len(rows), parts + 1).astype(int)
        places = [slice(*edge) for edge in pairwise(edges)]
        if parts == 1:
            self._fill(rows, result)
            return result
        with ThreadPoolExecutor(parts) as pool:
            for done in [pool.submit(self._fill, rows[at], result[at]) for at in places]:
                done.result()
        return result

    def _fill(self, rows: NDArray[np.float32], result: NDArray[np.float32]) -> None:
        forest = self._forest
        self._predict(forest.words, forest.starts, self._steps, self._tile, rows, result)

    def _compare(self, ensemble: Ensemble, features: int) -> None:
        rows = _near_splits(ensemble, features)
        expected = ensemble.walk(rows)
        difference = np.abs(self(rows) - expected) / np.maximum(np.abs(expected), 1)
        if not difference.max(initial=0) <= CLOSE:
            raise UnknownForestError(
                f"its compiled trees differ from a plain walk by {difference.max():.3g}"
            )


def _kernel() -> ModuleType:
    """Load the compiled code, which takes seconds where it must be compiled first."""
    try:
        return import_module("engine.models.compiled.kernel")
    except Exception as error:  # whatever a compiler may say
        raise UnknownForestError("its trees cannot be compiled here") from error


def _near_splits(ensemble: Ensemble, features: int) -> NDArray[np.float32]:
    """Make rows of values at splits and just above them; a quarter of the rows lack values."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(_COMPARED, features)).astype(np.float32)
    for column in range(features):
        splits = ensemble.split[ensemble.feature == column]
        if splits.size:
            drawn = generator.choice(splits, _COMPARED)
            rows[:, column] = np.where(
                generator.random(_COMPARED) < 0.5, drawn, np.nextafter(drawn, np.float32(np.inf))
            )
    missing = generator.random(rows.shape) < 0.3
    missing[_COMPARED // 4 :] = False
    rows[missing] = np.nan
    return rows

"""Predictions from the ONNX file alone."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import onnxruntime
import xarray as xr

from engine.errors import FeatureMismatchError, ModelError, UnknownForestError
from engine.models.compiled.division import divided
from engine.models.compiled.forest import CompiledForest
from engine.models.graphs.graph import INPUT, OUTPUT, ROWS_PER_CALL
from engine.models.table import MAX_MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from engine.models.card import ModelCard
    from engine.models.compiled.division import Division

_logger = logging.getLogger(__name__)

BATCH: Final = 8192
"""Rows a call where the file does not say: where onnxruntime is fastest with forests."""
CELLS_AT_ONCE: Final = 1 << 18
"""Cells of a map whose features are laid side by side at once, so that a map of any size takes
some tens of megabytes beside its features."""
_KEPT_OPEN: Final = 4


class Session:
    """An ONNX model from ``(n, f)`` to ``(n,)``.

    Forests are predicted by compiled code of our own; onnxruntime does all the rest, and forests
    that the code does not understand.

    Parameters
    ----------
    onnx
        The model file's content.
    threads
        Threads within one call.
    compiled
        Whether our own code is used at all.

    Raises
    ------
    ModelError
        Where the file is no ONNX model.
    """

    def __init__(self, onnx: bytes, *, threads: int = 2, compiled: bool = True) -> None:
        self._forests: dict[str, CompiledForest] = {}
        rest: bytes | None = onnx
        division = divided(onnx) if compiled else None
        if division is not None and (forests := _compiled(division, threads)) is not None:
            self._forests, rest = forests, division.rest
        self._runtime = None if rest is None else _Runtime(rest, threads)

    @property
    def compiled(self) -> bool:
        """Whether it has forests that our own code predicts."""
        return bool(self._forests)

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Predict rows in the order given."""
        rows = np.ascontiguousarray(values, dtype=np.float32)
        said = {name: forest(rows) for name, forest in self._forests.items()}
        if self._runtime is None:
            return said[OUTPUT]
        return self._runtime({INPUT: rows} | {name: one[:, None] for name, one in said.items()})


def parts_of(cells: int) -> Iterator[slice]:
    """Yield the parts in which a map of some cells is predicted."""
    for start in range(0, cells, CELLS_AT_ONCE):
        yield slice(start, start + CELLS_AT_ONCE)


@lru_cache(maxsize=_KEPT_OPEN)
def opened(onnx: bytes, *, threads: int = 2) -> Session:
    """Return the session of a model; the last few stay open, since large forests take a second.

    Parameters
    ----------
    onnx
        The model file's content.
    threads
        Threads within one call.
    """
    return Session(onnx, threads=threads)


class _Runtime:
    """onnxruntime, called batch by batch.

    Parameters
    ----------
    onnx
        A model's content; it may read further inputs beside the features.
    threads
        Threads within one call.
    """

    def __init__(self, onnx: bytes, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError("the file cannot be read as an ONNX model") from error
        self._inputs = tuple(one.name for one in self._session.get_inputs())
        notes = self._session.get_modelmeta().custom_metadata_map
        self._rows_per_call = int(notes.get(ROWS_PER_CALL, BATCH))

    def __call__(self, given: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        count = len(given[INPUT])
        result = np.empty(count, dtype=np.float32)
        for start in range(0, count, self._rows_per_call):
            batch = slice(start, start + self._rows_per_call)
            parts = {name: given[name][batch] for name in self._inputs}
            (output,) = self._session.run([OUTPUT], parts)
            result[batch] = output[:, 0]
        return result


def _compiled(division: Division, threads: int) -> dict[str, CompiledForest] | None:
    """Return compiled forests by name; None where one of them must be left to onnxruntime."""
    try:
        return {
            name: CompiledForest(operator, division.features, threads=threads)
            for name, operator in division.forests.items()
        }
    except UnknownForestError as error:
        _logger.warning("the model's trees are left to onnxruntime, which is slower: %s", error)
        return None


class Predictor:
    """A stored model, applied to maps or rows of its features.

    Parameters
    ----------
    card
        Names and units of the features.
    onnx
        The model file's content.
    threads
        Threads within one call, at most 2 where other work runs beside.
    """

    def __init__(self, card: ModelCard, onnx: bytes, *, threads: int = 2) -> None:
        self.card = card
        self._session = opened(onnx, threads=threads)

    def rows(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Predict rows ``(n, f)`` whose columns are the card's features, in its order.

        Raises
        ------
        FeatureMismatchError
            Where the number of columns differs.
        """
        if values.ndim != 2 or values.shape[1] != len(self.card.features):
            raise FeatureMismatchError(
                self.card.feature_names, (f"an array of shape {values.shape}",)
            )
        return self._session(values)

    def map(self, features: xr.Dataset) -> xr.DataArray:
        """Predict every cell of a map that has at least half of the features.

        Parameters
        ----------
        features
            Variables ``(y, x)`` with ``attrs["units"]``; further variables are not looked at.

        Returns
        -------
        DataArray (y, x), float32, in the target's unit
            NaN where more than half of the features are missing.

        Raises
        ------
        FeatureMismatchError
            Where a feature is absent or in another unit.
        """
        self._check(features)
        template = features[self.card.feature_names[0]]
        layers = [features[name].to_numpy().ravel() for name in self.card.feature_names]
        result = np.full(template.size, np.nan, dtype=np.float32)
        for part in parts_of(template.size):
            rows = np.stack([layer[part] for layer in layers], axis=1).astype(np.float32)
            enough = np.isfinite(rows).mean(axis=1) >= 1 - MAX_MISSING
            result[part][enough] = self._session(rows[enough])
        return xr.DataArray(
            result.reshape(template.shape),
            coords=template.coords,
            dims=template.dims,
            name=self.card.target.name,
            attrs={"units": self.card.target.units},
        )

    def _check(self, features: xr.Dataset) -> None:
        expected = tuple(f"{feature.name} [{feature.units}]" for feature in self.card.features)
        got = tuple(
            f"{name} [{variable.attrs.get('units', 'no units')}]"
            for name, variable in features.data_vars.items()
        )
        if not set(expected) <= set(got):
            raise FeatureMismatchError(expected, got)

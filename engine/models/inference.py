"""Predictions from the ONNX file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import onnxruntime
import xarray as xr

from engine.errors import FeatureMismatchError, ModelError
from engine.models.graphs.graph import INPUT, OUTPUT, ROWS_PER_CALL
from engine.models.table import MAX_MISSING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.models.card import ModelCard

BATCH: Final = 8192
"""Rows a call where the file does not say: where onnxruntime is fastest with forests."""


class Session:
    """An ONNX model from ``(n, f)`` to ``(n,)``.

    Parameters
    ----------
    onnx
        The model file's content.
    threads
        Threads within one call.
    """

    def __init__(self, onnx: bytes, *, threads: int = 2) -> None:
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
        notes = self._session.get_modelmeta().custom_metadata_map
        self.rows_per_call = int(notes.get(ROWS_PER_CALL, BATCH))

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Predict rows in the order given, batch by batch."""
        rows = np.ascontiguousarray(values, dtype=np.float32)
        result = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), self.rows_per_call):
            batch = slice(start, start + self.rows_per_call)
            (output,) = self._session.run([OUTPUT], {INPUT: rows[batch]})
            result[batch] = output[:, 0]
        return result


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
        self._session = Session(onnx, threads=threads)

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
        stacked = np.stack(
            [features[name].to_numpy().ravel() for name in self.card.feature_names], axis=1
        ).astype(np.float32, copy=False)
        enough = np.isfinite(stacked).mean(axis=1) >= 1 - MAX_MISSING
        result = np.full(len(stacked), np.nan, dtype=np.float32)
        result[enough] = self._session(stacked[enough])
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

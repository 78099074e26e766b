"""XGBoost's trees in ONNX decide as XGBoost does, and as an independent converter."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
import xgboost

from engine.models.candidates import XGBoost
from engine.models.graphs.boosting import boosting_graph
from engine.models.graphs.graph import onnx_file
from engine.models.inference import Session
from engine.models.table import Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGET = Variable(name="soil_moisture", units="m3 m-3")


def rows(seed: int, count: int = 1500, missing: float = 0.1) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, 5)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1], 1)
    values[:, 2] = np.round(values[:, 2])
    values[generator.random(values.shape) < missing] = np.nan
    return values


def boosted(values: NDArray[np.float32], **parameters: object) -> xgboost.Booster:
    """Return a booster of a target that depends on values and on what is missing."""
    truth = 0.25 + 0.05 * np.nansum(values[:, :3], axis=1) + 0.1 * np.isnan(values[:, 0])
    parameters = {"max_depth": 6, "nthread": 1, "seed": 1, "eta": 0.1} | parameters
    return xgboost.train(parameters, xgboost.QuantileDMatrix(values, truth), 40)


def exported(booster: xgboost.Booster, features: int = 5) -> Session:
    names = tuple(Variable(name=f"f{number}", units="1") for number in range(features))
    return Session(onnx_file(boosting_graph(booster), names, TARGET))


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_predictions_equal_the_boosters(missing: float) -> None:
    """Rows with and without missing values, whether or not training rows lacked any."""
    booster = boosted(rows(1, missing=missing))
    unseen = rows(2, missing=0.3)
    expected = booster.inplace_predict(unseen)
    np.testing.assert_allclose(exported(booster)(unseen), expected, atol=1e-6)


def test_rows_on_a_split_take_the_boosters_branch() -> None:
    """XGBoost's rule is ``<``: a value equal to the split goes right, its lower neighbour left."""
    booster = boosted(rows(3))
    splits = booster.trees_to_dataframe()["Split"].dropna().to_numpy(dtype=np.float32)
    near = np.concatenate([splits, np.nextafter(splits, np.float32(-np.inf)), [0.0, -0.0]])
    on_edge = np.random.default_rng(0).choice(near, size=(4000, 5)).astype(np.float32)
    expected = booster.inplace_predict(on_edge)
    np.testing.assert_allclose(exported(booster)(on_edge), expected, atol=1e-6)


def test_the_base_score_counts_once() -> None:
    """A booster without a split predicts its base score."""
    booster = boosted(rows(4), gamma=1e9, base_score=0.3)
    expected = booster.inplace_predict(rows(5, count=3))
    np.testing.assert_allclose(exported(booster)(rows(5, count=3)), expected, atol=1e-6)


def test_the_writer_agrees_with_onnxmltools() -> None:
    """An independent converter gives the same model, missing values included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnxmltools import convert_xgboost  # noqa: PLC0415
        from onnxmltools.convert.common.data_types import FloatTensorType  # noqa: PLC0415

        values = rows(6)
        truth = 0.25 + 0.05 * np.nansum(values[:, :3], axis=1)
        model = xgboost.XGBRegressor(n_estimators=30, max_depth=5, n_jobs=1).fit(values, truth)
        other = convert_xgboost(model, initial_types=[("x", FloatTensorType([None, 5]))])
    session = onnxruntime.InferenceSession(other.SerializeToString())
    unseen = rows(7, missing=0.3)
    (expected,) = session.run(None, {"x": unseen})
    np.testing.assert_allclose(exported(model.get_booster())(unseen), expected[:, 0], atol=1e-6)


def test_early_stopping_saves_trees() -> None:
    """A target of pure noise is left after a few trees, a real one is not."""
    generator = np.random.default_rng(8)
    values, folds = rows(8), generator.integers(4, size=1500)
    settings = XGBoost(most_trees=200, patience=10, learning_rate=0.1)
    noise = settings.fit(values, generator.normal(size=1500), folds=folds)
    real = settings.fit(values, np.nansum(values, axis=1), folds=folds)
    assert noise.booster.num_boosted_rounds() < 20 < real.booster.num_boosted_rounds()

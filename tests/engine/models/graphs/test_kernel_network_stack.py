"""Hand-written graphs agree with independent converters of the same estimators, and are fast."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from engine.models.candidates import SupportVectors
from engine.models.candidates.base import Sample
from engine.models.candidates.network import FittedNetworks
from engine.models.candidates.preparation import Preparation
from engine.models.candidates.relevance import relevance
from engine.models.graphs.graph import INPUT, OUTPUT
from engine.models.inference import Session
from engine.models.table import Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = tuple(Variable(name=f"f{number}", units="1") for number in range(6))
TARGET = Variable(name="soil_moisture", units="m3 m-3")
SCALES = np.array([8, 0.2, 400, 0.1, 3, 1])
CENTRES = np.array([300, 0.5, 600, 0.2, 4, 0])


def rows(seed: int, count: int = 800) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return predictors as far from 0 and 1 as kelvins and metres, and a target."""
    z = np.random.default_rng(seed).normal(size=(count, 6))
    values = (z * SCALES + CENTRES).astype(np.float32)
    return values, 0.25 + 0.03 * np.tanh(z[:, 0]) + 0.02 * z[:, 1] * z[:, 2]


def converted(estimator: Any) -> onnxruntime.InferenceSession:
    """Convert by skl2onnx."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skl2onnx import convert_sklearn  # noqa: PLC0415
        from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415

        options = {StandardScaler: {"div": "div"}}
        types = [("x", FloatTensorType([None, 6]))]
        model = convert_sklearn(estimator, initial_types=types, options=options)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def within(values: NDArray[np.float32], limits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep rows in the range of others, where nothing is cut off."""
    return np.clip(values, limits.min(axis=0), limits.max(axis=0))


def test_support_vectors_agree_with_skl2onnx() -> None:
    """The matrix products give what the general converter's operator gives for the same SVR."""
    values, truth = rows(1)
    scale = float(truth.std())
    settings = SupportVectors(cost=5, tube=0.1, width=0.5)
    fitted = settings.fit(values, truth, folds=np.zeros(len(values), dtype=int))
    standard = StandardScaler().fit_transform(values)
    counts = relevance(standard.astype(np.float32), truth)
    scaler = StandardScaler().fit(values)
    scaler.scale_ /= np.sqrt(counts)
    machine = SVR(C=5 * scale, epsilon=0.1 * scale, gamma=0.5, tol=1e-3 * scale)
    machine.fit(scaler.transform(values), truth)
    pipeline = make_pipeline(scaler, machine)
    unseen = within(rows(2)[0], values)
    (expected,) = converted(pipeline).run(None, {"x": unseen})
    found = Session(fitted.to_onnx(FEATURES, TARGET))(unseen)
    # Two fits of one problem stop within a thousandth of the target's spread of each other.
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-3 * scale)
    np.testing.assert_allclose(fitted.predict(unseen), pipeline.predict(unseen), atol=1e-3 * scale)


def test_support_vectors_are_faster_as_products() -> None:
    """The general operator takes three times our CPU time here, and more the more vectors."""
    values, truth = rows(3, count=2000)
    settings = SupportVectors(cost=1, tube=0.0)
    fitted = settings.fit(values, truth, folds=np.zeros(len(values), dtype=int))
    ours = Session(fitted.to_onnx(FEATURES, TARGET), threads=1)
    theirs = converted(make_pipeline(StandardScaler(), SVR(epsilon=0.0)).fit(values, truth))

    def seconds(work: Any) -> float:
        spans = []
        for _ in range(3):
            start = time.process_time()
            work()
            spans.append(time.process_time() - start)
        return min(spans)

    assert fitted.graph().rows_per_call == 64
    assert seconds(lambda: theirs.run(None, {"x": values})) > 1.7 * seconds(lambda: ours(values))


def test_networks_agree_with_skl2onnx() -> None:
    """Scales folded into the products give what scaler and network give apart."""
    values, truth = rows(4)
    sample = Sample(values=values, truth=truth, folds=np.zeros(len(values), dtype=np.int64))
    preparation = Preparation.learnt(sample)
    standard = preparation.target(truth)
    network = MLPRegressor(
        hidden_layer_sizes=(16, 8), max_iter=60, random_state=1, n_iter_no_change=100
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit(preparation.inputs(values), standard.astype(np.float32))
    layers = tuple(zip(network.coefs_, network.intercepts_, strict=True))
    fitted = FittedNetworks(preparation=preparation, networks=(layers,))
    scaler = StandardScaler().fit(values)
    pipeline = make_pipeline(scaler, network)
    unseen = within(rows(5)[0], values)
    (expected,) = converted(pipeline).run(None, {"x": unseen})
    found = Session(fitted.to_onnx(FEATURES, TARGET))(unseen)
    np.testing.assert_allclose(found, preparation.restored(expected[:, 0]), atol=2e-6)


def test_several_networks_give_their_mean() -> None:
    """Two networks of constants 1 and 3 predict 2 standard deviations."""
    values, truth = rows(6)
    sample = Sample(values=values, truth=truth, folds=np.zeros(len(values), dtype=np.int64))
    preparation = Preparation.learnt(sample)

    def constant(value: float) -> tuple[tuple[NDArray[Any], NDArray[Any]], ...]:
        hidden = (np.zeros((6, 2), dtype=np.float32), np.zeros(2, dtype=np.float32))
        return hidden, (np.zeros((2, 1), dtype=np.float32), np.array([value], dtype=np.float32))

    fitted = FittedNetworks(preparation=preparation, networks=(constant(1), constant(3)))
    expected = truth.mean() + 2 * truth.std()
    assert fitted.predict(values[:1])[0] == pytest.approx(expected)
    assert Session(fitted.to_onnx(FEATURES, TARGET))(values[:1])[0] == pytest.approx(expected)


def test_preparation_agrees_with_scikit_learn() -> None:
    """Medians, means and deviations are those of the rows, as SimpleImputer and StandardScaler."""
    from sklearn.impute import SimpleImputer  # noqa: PLC0415

    values, truth = rows(7)
    values[::5, 2] = np.nan
    sample = Sample(values=values, truth=truth, folds=np.zeros(len(values), dtype=np.int64))
    preparation = Preparation.learnt(sample)
    filled = SimpleImputer(strategy="median").fit_transform(values.astype(np.float64))
    expected = (filled - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    np.testing.assert_allclose(preparation.inputs(values), expected, atol=2e-5)


def test_names_of_the_file() -> None:
    """Every graph goes from the features to the prediction, whatever lies between."""
    values, truth = rows(8)
    fitted = SupportVectors().fit(values, truth, folds=np.zeros(len(values), dtype=int))
    session = onnxruntime.InferenceSession(fitted.to_onnx(FEATURES, TARGET))
    assert [one.name for one in session.get_inputs()] == [INPUT]
    assert [one.name for one in session.get_outputs()] == [OUTPUT]

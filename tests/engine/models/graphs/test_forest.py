"""The exported forest repeats scikit-learn's to the last branch."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor

from engine.errors import ParityError
from engine.models.graphs.forest import floor_to_float32, forest_graph
from engine.models.graphs.graph import onnx_file
from engine.models.inference import Session
from engine.models.parity import check_parity, held_out_rows
from engine.models.table import Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGET = Variable(name="soil_moisture", units="m3 m-3")


def rows(seed: int, count: int = 400, features: int = 5, missing: float = 0.0) -> NDArray:
    """Return correlated float32 rows with a share of missing values."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, features)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1], 1)
    values[generator.random(values.shape) < missing] = np.nan
    return values


def forest(values: NDArray, **settings: object) -> RandomForestRegressor:
    """Fit a small forest to a target that depends on values and on what is missing."""
    truth = 0.25 + 0.05 * np.nansum(values[:, :3], axis=1) + 0.1 * np.isnan(values[:, 0])
    settings = {"n_estimators": 20, "min_samples_leaf": 2, "random_state": 0} | settings
    return RandomForestRegressor(**settings).fit(values, truth)


def exported(fitted: RandomForestRegressor) -> bytes:
    """Return the ONNX file of a forest."""
    names = tuple(Variable(name=f"f{i}", units="1") for i in range(fitted.n_features_in_))
    return onnx_file(forest_graph(fitted), names, TARGET, {"synthetic": "true"})


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_predictions_equal_the_estimators(missing: float) -> None:
    """Rows with and without missing values get the estimator's number, in every feature."""
    values = rows(1, missing=missing)
    fitted = forest(values)
    difference = check_parity(fitted, exported(fitted), values)
    assert difference < 1e-6


def test_missing_values_go_where_the_estimator_sends_them() -> None:
    """With a target that depends on what is missing, a dropped direction would be far off."""
    values = rows(2, missing=0.3)
    fitted = forest(values)
    model = onnx.load_from_string(exported(fitted))
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "nodes_missing_value_tracks_true":
            attribute.ints[:] = [0] * len(attribute.ints)
    with pytest.raises(ParityError, match="differs from its estimator"):
        check_parity(fitted, model.SerializeToString(), values)


def test_rows_on_a_threshold_take_the_estimators_branch() -> None:
    """Inputs at each threshold's float32 neighbours decide as float64 thresholds do."""
    values = rows(3, features=3)
    fitted = forest(values)
    thresholds = np.concatenate(
        [tree.tree_.threshold[tree.tree_.feature >= 0] for tree in fitted.estimators_]
    )
    floored = floor_to_float32(thresholds)
    near = np.concatenate([floored, np.nextafter(floored, np.float32(np.inf))])
    on_edge = np.random.default_rng(0).choice(near, size=(3000, 3)).astype(np.float32)
    np.testing.assert_allclose(
        Session(exported(fitted))(on_edge), fitted.predict(on_edge), atol=1e-6
    )


@given(st.floats(-1e30, 1e30))
def test_floored_thresholds_decide_alike(threshold: float) -> None:
    """No float32 lies between a threshold and its floor."""
    floored = floor_to_float32(np.array([threshold]))[0]
    above = np.nextafter(floored, np.float32(np.inf))
    assert float(floored) <= threshold < float(above)


def test_trees_of_one_leaf() -> None:
    """A forest that never splits predicts its mean."""
    values = rows(4)
    fitted = forest(values, max_depth=1, min_samples_leaf=300)
    assert all(tree.tree_.node_count == 1 for tree in fitted.estimators_)
    np.testing.assert_allclose(Session(exported(fitted))(values), fitted.predict(values), atol=1e-6)


def test_a_hand_made_tree() -> None:
    """One split at 0.5: left mean 1, right mean 3, missing values to the left with their like."""
    values = np.array([[0], [0], [1], [1], [np.nan]], dtype=np.float32)
    fitted = RandomForestRegressor(n_estimators=1, bootstrap=False).fit(values, [1, 1, 3, 3, 1])
    predicted = Session(exported(fitted))(np.array([[0.4], [0.6], [np.nan]], dtype=np.float32))
    np.testing.assert_allclose(predicted, [1, 3, 1])


def test_the_writer_agrees_with_skl2onnx() -> None:
    """Without missing values an independent converter gives the same model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skl2onnx import convert_sklearn  # noqa: PLC0415
        from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415
    values = rows(5)
    fitted = forest(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = convert_sklearn(fitted, initial_types=[("x", FloatTensorType([None, 5]))])
    session = onnxruntime.InferenceSession(other.SerializeToString())
    unseen = rows(6, count=2000)
    (expected,) = session.run(None, {"x": unseen})
    np.testing.assert_allclose(Session(exported(fitted))(unseen), expected[:, 0], atol=1e-6)


def test_the_file_names_its_features_and_units() -> None:
    """Whoever finds the file alone can see what to feed it."""
    model = onnx.load_from_string(exported(forest(rows(7))))
    notes = {prop.key: prop.value for prop in model.metadata_props}
    assert json.loads(notes["features"]) == [f"f{i}" for i in range(5)]
    assert json.loads(notes["feature_units"]) == ["1"] * 5
    assert (notes["target"], notes["target_units"]) == ("soil_moisture", "m3 m-3")
    assert notes["synthetic"] == "true"
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 21), ("ai.onnx.ml", 5)]


def test_held_out_rows_lack_every_feature_once() -> None:
    """The rows to compare hold complete ones, some without each feature, and an empty one."""
    missing = np.isnan(held_out_rows(rows(8)))
    assert (missing.sum(axis=1) == 0).any()
    assert missing[missing.sum(axis=1) == 1].any(axis=0).all()
    assert missing.all(axis=1).any()

"""Compiled trees repeat onnxruntime's predictions, or leave them to it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from engine.errors import ModelError, UnknownForestError
from engine.models.candidates.boosting import XGBoost
from engine.models.candidates.forest import RandomForest
from engine.models.candidates.network import NeuralNetworks
from engine.models.candidates.stacking import Stacking
from engine.models.compiled import kernel
from engine.models.compiled.division import divided
from engine.models.compiled.ensemble import read_ensemble
from engine.models.compiled.forest import CompiledForest
from engine.models.compiled.words import packed, ranks
from engine.models.graphs.graph import onnx_file
from engine.models.graphs.trees import Tree, trees_graph
from engine.models.inference import Session
from engine.models.table import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.models.candidates.base import Settings

FEATURES = tuple(Variable(name=f"f{column}", units="1") for column in range(6))
TARGET = Variable(name="soil_moisture", units="m3 m-3")

FOREST = RandomForest(trees=20, min_samples_leaf=2)
BOOSTED = XGBoost(most_trees=60, patience=60, depth=6)
NETWORK = NeuralNetworks(layers=(8,), networks=1, networks_in_folds=1, most_epochs=2)


def rows(seed: int, count: int = 800, missing: float = 0.0) -> NDArray[np.float32]:
    """Return rows of six features, some values equal and some missing."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, 6)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1], 1)
    values[generator.random(values.shape) < missing] = np.nan
    return values


def exported(candidate: Settings, *, missing: float = 0.2) -> bytes:
    """Return the file of a candidate that has learnt from rows with missing values."""
    values = rows(1, missing=missing)
    truth = 0.25 + 0.05 * np.nansum(values[:, :3], axis=1) + 0.1 * np.isnan(values[:, 0])
    fitted = candidate.fit(values, truth, folds=np.arange(len(values)) % 4)
    return fitted.to_onnx(FEATURES, TARGET)


def of_trees(*trees: Tree) -> bytes:
    """Return the file of trees made by hand."""
    return onnx_file(trees_graph(trees), FEATURES, TARGET)


def operator(content: bytes) -> memoryview:
    """Return the message of a file's only operator."""
    division = divided(content)
    assert division is not None
    (message,) = division.forests.values()
    return message


def changed(content: bytes, **attributes: Any) -> memoryview:
    """Return a file's operator with other attributes, as the library for ONNX writes it."""
    node = onnx.NodeProto.FromString(operator(content))
    kept = [one for one in node.attribute if one.name not in attributes]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.extend(
        helper.make_attribute(name, value)
        for name, value in attributes.items()
        if value is not None
    )
    return memoryview(node.SerializeToString())


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize(
    "candidate",
    [FOREST, BOOSTED, Stacking(bases=(FOREST, BOOSTED, NETWORK)), Stacking(bases=(FOREST,))],
    ids=["forest", "boosted", "stack", "stack of one"],
)
def test_predictions_equal_those_of_onnxruntime(candidate: Settings, missing: float) -> None:
    """On rows with and without missing values, of any number."""
    content = exported(candidate)
    ours, theirs = Session(content), Session(content, compiled=False)
    assert (ours.compiled, theirs.compiled) == (True, False)
    for count in (0, 1, 7, 8, 999):
        unseen = rows(2, count=count, missing=missing)
        np.testing.assert_allclose(ours(unseen), theirs(unseen), atol=1e-6, rtol=0)


def test_large_forests_are_walked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles and threads change the time, not a single bit."""
    content, unseen = exported(FOREST), rows(3, count=20000, missing=0.05)
    expected = Session(content, threads=1)(unseen)
    np.testing.assert_array_equal(Session(content, threads=2)(unseen), expected)
    monkeypatch.setattr(kernel, "LARGE", 0)
    np.testing.assert_array_equal(Session(content, threads=1)(unseen), expected)


def test_the_python_of_the_walk_says_the_same(tmp_path: Path) -> None:
    """What numba compiles is also a program of its own."""
    content, unseen = exported(FOREST), rows(4, count=19, missing=0.1)
    model, values, said = (tmp_path / name for name in ("model.onnx", "rows.npy", "said.npy"))
    model.write_bytes(content)
    np.save(values, unseen)
    program = (
        "import sys, pathlib, numpy; from engine.models.inference import Session; "
        "model, rows, said = sys.argv[1:]; "
        "numpy.save(said, Session(pathlib.Path(model).read_bytes())(numpy.load(rows)))"
    )
    command = [sys.executable, "-c", program, str(model), str(values), str(said)]
    subprocess.run(command, check=True, env=os.environ | {"NUMBA_DISABLE_JIT": "1"})
    np.testing.assert_array_equal(np.load(said), Session(content)(unseen))


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=30))
def test_ranks_are_in_the_order_of_values(values: list[float]) -> None:
    """Equal values have equal ranks, a greater one a greater rank; both zeros are equal."""
    numbers = np.array(values, dtype=np.float32)
    above = numbers[:, None] > numbers
    ranked = ranks(numbers)
    np.testing.assert_array_equal(ranked[:, None] > ranked, above)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_tree_is_walked_as_it_is_written(data: st.DataObject) -> None:
    """Trees of any shape, splits at zeros, infinities and the smallest numbers."""
    numbers = [-np.inf, -1.0, -1e-45, -0.0, 0.0, 1e-45, 1.0, np.inf]
    tree = drawn_tree(data, numbers)
    unseen = np.array(
        data.draw(st.lists(st.lists(st.sampled_from([*numbers, np.nan]), min_size=6, max_size=6))),
        dtype=np.float32,
    ).reshape(-1, 6)
    content = of_trees(tree, Tree.leaf(0.5))
    expected = read_ensemble(operator(content)).walk(unseen)
    np.testing.assert_array_equal(Session(content)(unseen), expected.astype(np.float32))
    runtime = Session(content, compiled=False)(unseen)
    np.testing.assert_allclose(runtime, expected, atol=1e-6)


def drawn_tree(data: st.DataObject, numbers: Sequence[float]) -> Tree:
    """Draw a tree: each node's branches stand behind it."""
    left: list[int] = [-1]
    right: list[int] = [-1]
    for _ in range(data.draw(st.integers(0, 12))):
        leaves = [node for node, branch in enumerate(left) if branch < 0]
        node = data.draw(st.sampled_from(leaves))
        left[node], right[node] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
    count = len(left)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return data.draw(st.lists(values, min_size=count, max_size=count))

    return Tree(
        left=np.array(left),
        right=np.array(right),
        feature=np.array(column(st.integers(0, 5))),
        split=np.array(column(st.sampled_from(numbers)), dtype=np.float32),
        missing_left=np.array(column(st.booleans())),
        value=np.array(column(st.sampled_from([0.25, -1.0, 3.0])), dtype=np.float32),
    )


STUMP = Tree(
    left=np.array([1, -1, -1]),
    right=np.array([2, -1, -1]),
    feature=np.array([5, 0, 0]),
    split=np.array([0.5, 0, 0], dtype=np.float32),
    missing_left=np.array([True, False, False]),
    value=np.array([0, 1, 3], dtype=np.float32),
)


WHOLE = (
    of_trees(STUMP, Tree.leaf(0.5)),
    onnx.load_from_string(of_trees(STUMP)).SerializeToString(),  # numbers are not packed
)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"post_transform": 1}, "post_transform 1, not 0"),
        ({"aggregate_function": 0}, "aggregate_function 0, not 1"),
        ({"nodes_hitrates": onnx.numpy_helper.from_array(np.ones(1))}, "nodes_hitrates"),
        ({"nodes_modes": onnx.numpy_helper.from_array(np.array([1], np.uint8))}, "modes"),
        ({"nodes_splits": onnx.numpy_helper.from_array(np.ones(1))}, "float64, not float32"),
        ({"nodes_featureids": [6]}, "more than 6 features"),
        ({"nodes_truenodeids": [2]}, "beyond"),
        ({"nodes_falsenodeids": [0, 0]}, "different lengths"),
        ({"nodes_trueleafs": [0], "nodes_truenodeids": [0]}, "share branches"),
        ({"leaf_weights": None}, "lack leaf_weights"),
        ({"tree_roots": None}, "lack tree_roots"),
        ({"tree_roots": [-1]}, "tree_roots are not all numbers"),
        ({"tree_roots": [2**32]}, "tree_roots are not all numbers"),
        ({"leaf_weights": [1, 2]}, "leaf_weights are 0 tensors"),
        ({"leaf_weights": onnx.TensorProto(data_location="EXTERNAL")}, "in another file"),
        ({"leaf_weights": onnx.TensorProto(data_type=1, dims=[5])}, "leaf_weights cannot be read"),
    ],
)
def test_what_is_not_understood_is_refused(attributes: dict[str, Any], message: str) -> None:
    """Other rules, numbers that lead nowhere, and rounds without an end."""
    with pytest.raises(UnknownForestError, match=message):
        CompiledForest(changed(of_trees(STUMP), **attributes), 6)


def test_files_of_other_writers_are_read_alike() -> None:
    """Where each number has a mark of its own, and tensors hold typed numbers."""
    content = exported(FOREST)
    model = onnx.load_from_string(content)
    (node,) = model.graph.node
    for attribute in node.attribute:
        if attribute.HasField("t") and attribute.t.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(attribute.t).tolist()
            attribute.t.ClearField("raw_data")
            attribute.t.float_data.extend(values)
    rewritten = model.SerializeToString()
    assert len(rewritten) > len(content)
    ours, theirs = (packed(read_ensemble(operator(one))) for one in (content, rewritten))
    np.testing.assert_array_equal(ours.words, theirs.words)
    np.testing.assert_array_equal(ours.starts, theirs.starts)


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_trees_are_packed_alike_however_many_at_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes the memory that is needed meanwhile, nothing else."""
    ensemble = read_ensemble(operator(exported(FOREST)))
    expected = packed(ensemble)
    monkeypatch.setattr("engine.models.compiled.words._TREES_AT_ONCE", at_once)
    made = packed(ensemble)
    np.testing.assert_array_equal(made.words, expected.words)
    np.testing.assert_array_equal(made.starts, expected.starts)
    assert made.depth == expected.depth


def test_loading_takes_little_more_than_the_file() -> None:
    """Neither the library's copy of all numbers nor one of all trees at once."""
    candidate = RandomForest(trees=100, min_samples_leaf=1)
    content = exported(candidate)
    Session(content, threads=1)  # loads the compiled code
    tracemalloc.start()
    try:
        session = Session(content, threads=1)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert session.compiled
    assert kept < 1.5 * len(content)
    assert most < 5 * len(content)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_garbled_files_are_refused_or_read_as_the_library_does(data: st.DataObject) -> None:
    """Cut off or with other bytes in between, they lead to no other error and to no other trees."""
    content = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    garbled = bytes(content[: data.draw(st.integers(0, len(content)) | st.none())])
    try:
        division = divided(garbled)
        forests = division.forests if division else {}
        ensembles = {name: read_ensemble(message) for name, message in forests.items()}
        for message in forests.values():
            CompiledForest(message, division.features if division else 0)
    except ModelError:
        return
    if not ensembles:  # left to the library altogether
        return
    model = onnx.load_from_string(garbled)
    nodes = {node.output[0]: node for node in model.graph.node if node.output}
    for name, ensemble in ensembles.items():
        said = {one.name: one for one in nodes[name].attribute}
        for part, attribute in {
            "roots": "tree_roots",
            "feature": "nodes_featureids",
            "true_id": "nodes_truenodeids",
            "false_id": "nodes_falsenodeids",
        }.items():
            assert getattr(ensemble, part).tolist() == list(said[attribute].ints)
        split = onnx.numpy_helper.to_array(said["nodes_splits"].t)
        np.testing.assert_array_equal(ensemble.split, split)


def test_missing_values_go_right_where_nothing_is_said() -> None:
    """As the operator's description has it."""
    unsaid = changed(of_trees(STUMP), nodes_missing_value_tracks_true=None)
    empty = np.full((3, 6), np.nan, dtype=np.float32)
    assert CompiledForest(unsaid, 6)(empty).tolist() == [3, 3, 3]
    assert CompiledForest(operator(of_trees(STUMP)), 6)(empty).tolist() == [1, 1, 1]


def test_what_is_not_understood_is_left_to_onnxruntime(caplog: pytest.LogCaptureFixture) -> None:
    """It costs time, and the log says why; the values are right all the same."""
    model = onnx.load_from_string(of_trees(STUMP))
    modes = onnx.numpy_helper.from_array(np.array([1], np.uint8), "modes")
    model.graph.node[0].ParseFromString(changed(of_trees(STUMP), nodes_modes=modes))
    with caplog.at_level(logging.WARNING):
        session = Session(model.SerializeToString())
    assert not session.compiled
    assert "left to onnxruntime, which is slower: its nodes have modes [1]" in caplog.text
    on_edge = np.array([[0, 0, 0, 0, 0, 0.5]], dtype=np.float32)  # "less than" sends it right
    assert session(on_edge).tolist() == [3]


def test_a_compiler_that_fails_costs_time_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be compiled, onnxruntime does it all."""
    monkeypatch.setitem(sys.modules, "engine.models.compiled.kernel", None)
    session = Session(of_trees(STUMP))
    assert "cannot be compiled here" in caplog.text
    assert session(np.zeros((1, 6), dtype=np.float32)).tolist() == [1]


def test_code_that_errs_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled trees are compared with a plain walk before anyone relies on them."""

    def wrong(words: Any, starts: Any, steps: Any, tile: Any, rows: Any, result: Any) -> None:  # noqa: ARG001, PLR0917
        result[:] = 2

    monkeypatch.setattr(kernel, "predict", wrong)
    with pytest.raises(UnknownForestError, match="differ from a plain walk by"):
        CompiledForest(operator(of_trees(STUMP)), 6)


def test_forests_too_large_for_the_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many nodes in a tree, or features."""
    ensemble = read_ensemble(operator(of_trees(STUMP)))
    monkeypatch.setattr("engine.models.compiled.words.MOST_PLACES", 2)
    with pytest.raises(UnknownForestError, match="more than 2 nodes and leaves"):
        packed(ensemble)
    monkeypatch.setattr("engine.models.compiled.words.MOST_COLUMNS", 5)
    with pytest.raises(UnknownForestError, match="more than 5 features"):
        packed(ensemble)


def test_models_without_forests_stay_whole() -> None:
    """There is nothing to take apart in a network, and nothing at all in noise."""
    assert divided(exported(NETWORK)) is None
    with pytest.raises(ModelError, match="cannot be read as an ONNX model"):
        divided(b"not a model")

"""Prediction by forests from their ONNX files, and the writing of these files."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost
from fields import FEATURES, TARGET, predictors, target, with_gaps
from pairing import Ratio, compared, cpu_seconds, turns
from sklearn.ensemble import RandomForestRegressor

from engine.models.graphs.boosting import boosting_graph
from engine.models.graphs.forest import forest_graph
from engine.models.graphs.graph import onnx_file
from engine.models.inference import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    type Rows = NDArray[np.float32]

CLOSE = 2e-6
"""Largest difference between the ways, m3 m-3."""

_MICRO = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    trained: int
    """Rows that the models learn from."""
    trees: int
    """Trees of the random forest."""
    boosted: int
    """Boosted trees."""
    rows: int
    """Rows predicted."""
    rounds: int
    """Turns of each way."""


FULL = Size(trained=60_000, trees=200, boosted=500, rows=60_000, rounds=5)
QUICK = Size(trained=12_000, trees=200, boosted=500, rows=50_000, rounds=3)


def forest_ratios(size: Size) -> Iterator[Ratio]:
    """Compare prediction and export of a random forest and of boosted trees."""
    learnt = predictors(10)
    picks = np.random.default_rng(0).choice(len(learnt), size.trained, replace=False)
    values, truth = learnt[picks], target(learnt)[picks]
    unseen = predictors(11)[: size.rows]
    forest = RandomForestRegressor(
        size.trees, min_samples_leaf=5, max_features=0.33, n_jobs=2, random_state=0
    ).fit(values, truth)
    forest.set_params(n_jobs=1)
    yield from _forest(forest, unseen, size)
    yield from _export(forest)
    booster = xgboost.train(
        {"max_depth": 8, "eta": 0.05, "min_child_weight": 5, "nthread": 1, "tree_method": "hist"},
        xgboost.QuantileDMatrix(values, truth),
        size.boosted,
    )
    yield from _boosted(booster, unseen, size)


def _forest(forest: RandomForestRegressor, unseen: Rows, size: Size) -> Iterator[Ratio]:
    content = onnx_file(forest_graph(forest), FEATURES, TARGET)
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    work = f"random forest, {size.trees} trees, {nodes / 1e6:.1f} M nodes, {size.rows} rows"
    ways = {
        "ours": Session(content, threads=1),
        "scikit-learn": forest.predict,
        "onnxruntime": Session(content, threads=1, compiled=False),
    }
    seconds = _measured(ways, unseen, size)
    for other, goal in (("scikit-learn", 3.0), ("onnxruntime", 4.0)):
        name = f"rf_vs_{other.replace('scikit-learn', 'sklearn')}"
        yield _per_row(name, seconds["ours"], seconds[other], work, other, goal, size)
    gappy = with_gaps(unseen, 0.02)
    seconds = _measured({name: ways[name] for name in ("ours", "scikit-learn")}, gappy, size)
    work += ", 2 % of values missing"
    yield _per_row("rf_gaps_vs_sklearn", *seconds.values(), work, "scikit-learn", None, size)


def _boosted(booster: xgboost.Booster, unseen: Rows, size: Size) -> Iterator[Ratio]:
    content = onnx_file(boosting_graph(booster), FEATURES, TARGET)
    work = f"XGBoost, {size.boosted} trees of depth 8, {size.rows} rows"
    ways = {
        "ours": Session(content, threads=1),
        "xgboost": booster.inplace_predict,
        "onnxruntime": Session(content, threads=1, compiled=False),
    }
    seconds = _measured(ways, unseen, size)
    for other, name, goal in (
        ("xgboost", "xgb_vs_native", 3.0),
        ("onnxruntime", "xgb_vs_onnxruntime", None),
    ):
        yield _per_row(name, seconds["ours"], seconds[other], work, other, goal, size)


def _export(forest: RandomForestRegressor) -> Iterator[Ratio]:
    """Compare the time to write a forest, and the size of what is written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skl2onnx import convert_sklearn  # noqa: PLC0415
        from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415

    written: dict[str, bytes] = {}

    def ours() -> None:
        written["ours"] = onnx_file(forest_graph(forest), FEATURES, TARGET)

    def theirs() -> None:
        shape = FloatTensorType([None, len(FEATURES)])
        written["theirs"] = convert_sklearn(
            forest, initial_types=[("x", shape)]
        ).SerializeToString()

    own = [cpu_seconds(ours) for _ in range(3)]
    other = [cpu_seconds(theirs)] * 3  # once: it takes long, and gigabytes
    work = f"random forest to ONNX, {len(forest.estimators_)} trees"
    yield compared(
        "export_vs_skl2onnx", own, other, work=work, against="skl2onnx", unit="s", goal=20
    )
    sizes = [[len(written[name]) / 1e6] for name in ("ours", "theirs")]
    yield compared(
        "export_size_vs_skl2onnx", *sizes, work=work, against="skl2onnx", unit="MB", goal=3
    )


def _measured(ways: dict[str, Callable[[Rows], Any]], rows: Rows, size: Size) -> dict[str, Any]:
    """Let ways take turns, once it is sure that they all say the same."""
    ours, *others = (np.asarray(way(rows)) for way in ways.values())
    for other in others:
        np.testing.assert_allclose(ours, other, atol=CLOSE, rtol=0)
    return turns(
        {name: (lambda way=way: way(rows)) for name, way in ways.items()}, size.rounds, warm=False
    )


def _per_row(  # noqa: PLR0917 - a row of a table
    name: str,
    ours: list[float],
    theirs: list[float],
    work: str,
    against: str,
    goal: float | None,
    size: Size,
) -> Ratio:
    return compared(
        name,
        ours,
        theirs,
        work=work,
        against=against,
        unit="µs a row",
        scale=_MICRO / size.rows,
        goal=goal,
    )

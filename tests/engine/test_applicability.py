"""How unlike a pixel is to what a model has learnt from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from engine.applicability import Applicability
from engine.models.inference import Session
from engine.models.table import Variable

FEATURES = 6
VARIABLES = [Variable(name=f"x{k}", units="1") for k in range(FEATURES)]


def training(rows: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features of very different sizes, a target, and folds."""
    generator = np.random.default_rng(7)
    values = generator.normal(size=(rows, FEATURES)) * 10.0 ** np.arange(-2, 4)
    values[:, 3] += 300
    return values.astype(np.float32), values[:, 0] + values[:, 1], generator.integers(4, size=rows)


@pytest.fixture(scope="module")
def known() -> Applicability:
    return Applicability.learnt(*training())


def pixels() -> np.ndarray:
    """Return rows near and far from the training's, some with gaps."""
    generator = np.random.default_rng(8)
    rows = generator.normal(size=(500, FEATURES)) * 10.0 ** np.arange(-2, 4) * 1.5
    rows[:, 3] += 300
    rows[generator.random(rows.shape) < 0.05] = np.nan
    return rows.astype(np.float32)


def test_the_file_repeats_the_definition(known: Applicability) -> None:
    """Distance to the nearest row ÷ mean distance ÷ threshold, gaps filled with the median."""
    values, *_ = training()
    centre, scale = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    rows = np.where(np.isnan(pixels()), np.median(values, axis=0), pixels())
    nearest = cdist((rows - centre) / scale, (values - centre) / scale).min(axis=1)
    among = cdist((values - centre) / scale, (values - centre) / scale)
    mean = among.sum() / (among.size - len(values))
    assert known.mean_distance == pytest.approx(mean, rel=1e-4)
    made = Session(known.to_onnx(VARIABLES))(pixels())
    np.testing.assert_allclose(made, nearest / mean / known.threshold, atol=1e-3)


def test_training_rows_are_known(known: Applicability) -> None:
    """Each finds itself, so its index is 0; seen from the other folds few are outside."""
    values, _, folds = training()
    own = Session(known.to_onnx(VARIABLES))(values)
    assert own.max() < 0.01
    others = known.between_folds(values, folds)
    assert (others > 0).all()
    assert 0 < (others > 1).mean() < 0.1


def test_the_threshold_is_the_upper_whisker(known: Applicability) -> None:
    """The largest index within 1.5 interquartile ranges of the upper quartile is just inside."""
    values, _, folds = training()
    index = known.between_folds(values, folds)
    low, high = np.quantile(index, [0.25, 0.75])
    assert index[index <= high + 1.5 * (high - low)].max() == pytest.approx(1, abs=1e-6)


def test_what_matters_more_weighs_more() -> None:
    """A step in an important feature leads farther away than one in an idle feature."""
    values, truth, folds = training()
    shares = np.array([0.9, 0.02, 0.02, 0.02, 0.02, 0.02])
    known = Applicability.learnt(values, truth, folds, shares)
    middle = np.tile(np.median(values, axis=0), (2, 1))
    middle[0, 0] += 10 * values[:, 0].std()
    middle[1, 5] += 10 * values[:, 5].std()
    important, idle = Session(known.to_onnx(VARIABLES))(middle)
    assert important > 1.5 * idle > 0


def test_many_rows_are_thinned_alike_each_time() -> None:
    """The sample is bounded, drawn evenly over the folds, and the same for the same seed."""
    values, truth, folds = training(3000)
    first = Applicability.learnt(values, truth, folds, rows=400)
    again = Applicability.learnt(values, truth, folds, rows=400)
    assert len(first.rows) == 400
    assert first.to_onnx(VARIABLES) == again.to_onnx(VARIABLES)
    counts = np.bincount(first.folds)
    assert counts.max() - counts.min() < 60


def test_one_fold_knows_no_other() -> None:
    """Then nothing can be said between folds, and the index itself still can."""
    values, truth, folds = training(100)
    known = Applicability.learnt(values, truth, np.zeros_like(folds))
    assert known.threshold == 1
    assert np.isnan(known.between_folds(values, np.zeros_like(folds))).all()
    assert np.isfinite(Session(known.to_onnx(VARIABLES))(pixels())).all()

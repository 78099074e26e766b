"""One scale up, where the fine field is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.errors import ModelError
from engine.models.candidates import XGBoost
from engine.models.table import Variable
from engine.scale_up import (
    SIDE,
    Fields,
    cells,
    interpolated,
    learn,
    means,
    pixels,
    score,
    with_model,
    without_model,
)

BOOSTING = XGBoost(most_trees=60, patience=8, learning_rate=0.2, depth=4)


@pytest.fixture(scope="module")
def fields() -> Fields:
    """Give two months of a field that a predictor tells half of, the rest being smooth."""
    random = np.random.default_rng(6)
    texture = gaussian_filter(random.normal(size=(60, 60)), 1, mode="wrap")
    texture /= texture.std()
    target, features = [], []
    for _ in range(2):
        smooth = gaussian_filter(random.normal(size=(60, 60)), 9, mode="wrap")
        seen = texture + 0.1 * random.normal(size=texture.shape)
        target.append(0.25 + 0.02 * texture + 0.02 * smooth / smooth.std())
        features.append(np.stack([seen, random.normal(size=texture.shape)]))
    holes = np.stack(target)
    holes[:, 10:13, 20:24] = np.nan
    return Fields(
        times=("2020-01", "2021-01"),
        target=holes,
        features=np.stack(features).astype(np.float32),
        variables=(Variable(name="sand", units="%"), Variable(name="noise", units="1")),
    )


def test_means_need_enough_cells() -> None:
    """Five of nine are too few, six are enough."""
    fine = np.arange(9.0).reshape(1, 3, 3)
    fine[0, 0] = np.nan
    assert means(fine)[0, 0, 0] == pytest.approx(5.5)
    fine[0, 1, 0] = np.nan
    assert np.isnan(means(fine)[0, 0, 0])


def test_pixels_and_back() -> None:
    """Nine equal pixels average to their cell; an interpolated slope stays one inside."""
    fine = np.random.default_rng(1).normal(size=(2, 6, 9))
    np.testing.assert_allclose(cells(pixels(fine)), fine)
    slope = interpolated(np.tile(np.arange(5.0), (4, 1)))[6, 2:-2]
    np.testing.assert_allclose(np.diff(slope), 1 / 3, atol=0.12)


def test_a_predictor_that_knows_is_worth_it(fields: Fields) -> None:
    """Inside coarse cells the model's layers beat all that know SMAP alone."""
    learnt = learn(fields, BOOSTING)
    found = score(fields, without_model(fields) | with_model(fields, learnt), resamples=200)
    inside = {name: layer.inside.r.value for name, layer in found.layers.items()}
    assert set(inside) == {
        "nearest",
        "bilinear",
        "kriging",
        "raw",
        "shrunken",
        "conserving",
        "kriged",
        "daliri",
    }
    assert min(inside["raw"], inside["kriged"]) > inside["kriging"] + 0.2
    whole = {name: layer.whole.rmse.value for name, layer in found.layers.items()}
    assert whole["conserving"] < whole["raw"]
    assert found.deviation_inside < found.deviation
    assert found.layers["raw"].inside.r.lower < inside["raw"] < found.layers["raw"].inside.r.upper


def test_all_layers_are_scored_on_the_same_cells(fields: Fields) -> None:
    """Where a layer has no value none is compared."""
    layers = without_model(fields)
    layers["bilinear"][:, :30] = np.nan
    found = score(fields, layers, resamples=50)
    assert found.cells == int(np.isfinite(fields.target[:, 30:]).sum())


def test_whole_coarse_cells_alone(fields: Fields) -> None:
    """What fills no coarse cell is cut off."""
    cut = Fields(
        times=fields.times,
        target=fields.target[:, :58, :59],
        features=fields.features[..., :58, :59],
        variables=fields.variables,
    ).whole()
    assert cut.target.shape == (2, 57, 57)
    assert cut.features.shape == (2, 2, 57, 57)
    rows = cut.table(coarse=True)
    assert len(rows) == 2 * (57 // SIDE) ** 2


def test_one_place_cannot_be_held_out(fields: Fields) -> None:
    """The error says so."""
    little = Fields(
        times=fields.times,
        target=fields.target[:, :3, :3],
        features=fields.features[..., :3, :3],
        variables=fields.variables,
    )
    with pytest.raises(ModelError, match="spatial-block"):
        learn(little, BOOSTING)

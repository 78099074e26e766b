"""The blend and its neighbours, part by part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.analysis import Analysis, analysed, blend, checked
from engine.background import Background
from engine.errors import GridMismatchError, InputError, ModelError
from engine.grids import COARSE, block_mean, fine_of, spread
from engine.history import as_resolved, fine_detail
from engine.residual import bilinear, edge_ratio, half_residual
from engine.testing_period import ToyPeriod, toy_period
from engine.weights import Weights, estimate_weights

AREA = fine_of(COARSE[340:358, 3120:3138])


@pytest.fixture(scope="module")
def period() -> ToyPeriod:
    return toy_period()


@pytest.fixture(scope="module")
def background(period: ToyPeriod) -> Background:
    return Background.of(period.history, AREA)


def weights(
    *, amplitude: float = 1.2, detail: float = 0.8, grain: float = 0.3, static: float = 0.0
) -> Weights:
    return Weights(
        smap=0.6,
        amplitude=amplitude,
        detail=detail,
        grain=grain,
        static=static,
        smap_between=(0.3, 0.8),
    )


def test_the_blend_is_its_formula(period: ToyPeriod, background: Background) -> None:
    """Mean, SMAP's and the model's changes, and the detail, each with its weight."""
    model, smap = period.history.fine[5], period.history.coarse[5]
    change = model - background.prediction
    cells, told = block_mean(change), smap - background.soil_moisture
    within = change - bilinear(cells)
    shapes = gaussian_filter(within, 1.0, mode="nearest")
    expected = (
        background.prediction
        + 0.2 * bilinear(background.soil_moisture - block_mean(background.prediction))
        + bilinear(0.6 * told + 0.4 * 1.2 * cells)
        + 0.8 * shapes
        + 0.3 * (within - shapes)
    )
    made = blend(model, smap, background, weights(static=0.2))
    np.testing.assert_allclose(made, np.clip(expected, 0.02, 0.6), atol=1e-6)


def test_smap_corrects_only_what_it_resolves(period: ToyPeriod, background: Background) -> None:
    """Changes within its footprint are the model's, and so are means."""
    model, smap = period.history.fine[5], period.history.coarse[5]
    cells = 1.2 * block_mean(model - background.prediction)
    told = smap - background.soil_moisture
    means = block_mean(background.prediction)
    expected = (
        background.prediction
        + 0.2 * bilinear(background.soil_moisture - as_resolved(means, 3))
        + bilinear(cells + 0.6 * (told - as_resolved(cells, 3)))
    )
    wide = weights(static=0.2, detail=0.0, grain=0.0).model_copy(update={"footprint": 3})
    made = blend(model, smap, background, wide)
    np.testing.assert_allclose(made, np.clip(expected, 0.02, 0.6), atol=1e-6)


def test_it_beats_its_parts_on_every_column(period: ToyPeriod, background: Background) -> None:
    """Against the truth: whole error, error of the changes, agreement within the cells."""
    history, truth = period.history, period.truth
    chosen = estimate_weights(history)
    pairs = list(zip(history.fine, history.coarse, strict=True))
    made = np.stack([blend(model, smap, background, chosen) for model, smap in pairs])
    smooth = np.stack([bilinear(smap) for _, smap in pairs])

    def scores(maps: np.ndarray) -> tuple[float, float, float]:
        error = maps - truth
        within = np.corrcoef(fine_detail(maps).ravel(), fine_detail(truth).ravel())[0, 1]
        return float(error.std()), float((error - error.mean(axis=0)).std()), -float(within)

    for other in (history.fine, smooth):
        assert all(ours < theirs for ours, theirs in zip(scores(made), scores(other), strict=True))


def test_where_smap_is_missing_the_models_changes_count(
    period: ToyPeriod, background: Background
) -> None:
    """Without any SMAP the coarse changes are the model's alone."""
    model = period.history.fine[5]
    nothing = np.full(period.history.coarse[5].shape, np.nan)
    made = blend(model, nothing, background, weights(detail=1.0, grain=1.0, amplitude=1.0))
    np.testing.assert_allclose(made, np.clip(model, 0.02, 0.6), atol=1e-6)


def test_each_analysis_is_its_layer(period: ToyPeriod, background: Background) -> None:
    """One month made in five ways; the other layers stay the same."""
    model, smap = period.history.fine[7].astype(np.float64), period.history.coarse[7]
    change = model - background.prediction
    rest = smap - background.soil_moisture - block_mean(change)

    def made(analysis: Analysis) -> np.ndarray:
        layers = analysed(model, smap, analysis, background=background, weights=weights())
        assert layers.analysis == analysis
        assert layers.fell_back is None
        return layers.soil_moisture

    expected = {
        "none": model,
        "shrunken": half_residual(model, smap),
        "temporal-anomaly": np.clip(model + bilinear(rest), 0.02, 0.6),
        "blend": blend(model, smap, background, weights()),
    }
    for analysis, layer in expected.items():
        np.testing.assert_allclose(made(checked(analysis)), layer, atol=1e-6)


def test_the_conserving_layer_repeats_smap_without_edges(
    period: ToyPeriod, background: Background
) -> None:
    """To 1e-4, from the blend's pattern; steps across cells are those of a smooth field."""
    model, smap = period.history.fine[3], period.history.coarse[3]
    layers = analysed(model, smap, "conserving", background=background, weights=weights())
    np.testing.assert_allclose(block_mean(layers.soil_moisture), smap, atol=1e-4)
    blocky = model + spread(smap - block_mean(model))
    assert edge_ratio(layers.conserving) < edge_ratio(blocky)


def test_without_means_the_analysis_falls_back(period: ToyPeriod) -> None:
    """It is the shrunken one, and the reason is told."""
    model, smap = period.history.fine[3], period.history.coarse[3]
    layers = analysed(model, smap)
    assert layers.analysis == "shrunken"
    assert "no means" in (layers.fell_back or "")
    np.testing.assert_array_equal(layers.soil_moisture, half_residual(model, smap))
    assert analysed(model, smap, "none").fell_back is None


def test_beyond_the_training_area_it_falls_back_pixel_by_pixel(
    period: ToyPeriod, background: Background
) -> None:
    """What has a mean is blended, what has none is not, and how much is told."""
    model, smap = period.history.fine[3], period.history.coarse[3]
    holed = replace(background, prediction=background.prediction.copy())
    holed.prediction[:10, :20] = np.nan
    layers = analysed(model, smap, background=holed, weights=weights())
    assert layers.analysis == "blend"
    assert "200 cells" in (layers.fell_back or "")
    assert (~layers.whole).sum() == 200
    assert np.isfinite(layers.soil_moisture).all()
    fallback = half_residual(model, smap)
    np.testing.assert_array_equal(layers.soil_moisture[:10, :20], fallback[:10, :20])


def test_an_unknown_name_is_refused() -> None:
    """The error lists what there is."""
    with pytest.raises(InputError, match="blend, shrunken, conserving, temporal-anomaly, none"):
        checked("kriging")


def test_a_background_comes_back_from_its_file(background: Background) -> None:
    """Equal backgrounds are equal bytes, so a model's hash does not depend on the hour."""
    content = background.to_bytes()
    assert content == background.to_bytes()
    read = Background.from_bytes(content)
    assert read.area == background.area
    np.testing.assert_array_equal(read.prediction, background.prediction)
    np.testing.assert_array_equal(read.soil_moisture, background.soil_moisture)


def test_a_background_is_cut_to_another_area(background: Background) -> None:
    """Cells keep their values; beyond the training area there are none."""
    inner = background.on(fine_of(COARSE[342:350, 3125:3130]))
    np.testing.assert_array_equal(inner.prediction, background.prediction[18:90, 45:90])
    np.testing.assert_array_equal(inner.soil_moisture, background.soil_moisture[2:10, 5:10])
    outer = background.on(fine_of(COARSE[339:342, 3119:3122]))
    assert np.isfinite(outer.soil_moisture).sum() == 4
    np.testing.assert_array_equal(outer.soil_moisture[1:, 1:], background.soil_moisture[:2, :2])
    with pytest.raises(GridMismatchError, match="background"):
        background.on(AREA[4:13, :])


def test_two_months_make_no_background(period: ToyPeriod) -> None:
    """The error says what is needed."""
    names = ("months", "fine", "coarse", "held_out")
    part = {name: getattr(period.history, name)[:2] for name in names}
    short = replace(period.history, **part, effects=None, causes=None, memory=None)
    with pytest.raises(ModelError, match="2 months"):
        Background.of(short, AREA)


def test_a_pixel_that_is_mostly_missing_has_no_mean(period: ToyPeriod) -> None:
    """Half of the months are enough, fewer are not."""
    fine = period.history.fine.copy()
    half = len(fine) // 2
    fine[:half, 0, 0], fine[: half + 1, 0, 1] = np.nan, np.nan
    means = Background.of(replace(period.history, fine=fine), AREA).prediction
    assert np.isfinite(means[0, 0])
    assert np.isnan(means[0, 1])

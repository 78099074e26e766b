"""Soil moisture at 1 km: in the tiny world, and for one real month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from engine.analysis import analysed
from engine.archive import Archive
from engine.downscale import downscale_month, downscaling_task, train_downscaling
from engine.errors import InputError, MissingDataError, ModelError
from engine.feature_store import FeatureStore
from engine.frozen import Frozen
from engine.grids import block_mean
from engine.lessons import month_features
from engine.models.candidates import RandomForest, candidate
from engine.models.store import ModelStore
from engine.months import Month
from engine.provenance import map_granules
from engine.region import load_region
from engine.residual import edge_ratio
from engine.target import coarse_soil_moisture
from engine.testing import shared_path

if TYPE_CHECKING:
    from pathlib import Path

    from engine.models.store import TrainedModel

JUNE = Month(2020, 6)
NAMES = ("sif", "nirv", "nsdsi", "lst_day", "elevation", "precipitation")


def small() -> RandomForest:
    """Return settings for a small forest."""
    return candidate("soil-moisture").model_copy(update={"trees": 40, "trees_in_folds": 20})


@pytest.fixture(scope="module")
def model(
    tiny_store: FeatureStore, tiny_sif_model: TrainedModel, summer: tuple[Month, ...]
) -> TrainedModel:
    return train_downscaling(tiny_store, summer, NAMES, tiny_sif_model, small())


@pytest.fixture(scope="module")
def june(model: TrainedModel, tiny_store: FeatureStore, tiny_sif_model: TrainedModel) -> xr.Dataset:
    return downscale_month(model, tiny_store, JUNE, tiny_sif_model)


@pytest.fixture(scope="module")
def smap(tiny_store: FeatureStore) -> np.ndarray:
    return coarse_soil_moisture(tiny_store, JUNE).to_numpy()


LAYERS = ["soil_moisture", "soil_moisture_raw", "soil_moisture_conserving"]
INTERVAL = ["lower", "upper"]


def test_layers_in_their_units(june: xr.Dataset, tiny_store: FeatureStore) -> None:
    """Float32 on the fine grid, m3 m-3, complete, and physical; and what to think of them."""
    assert list(june) == [*LAYERS, "applicability", *INTERVAL, "quality"]
    assert june["applicability"].dtype == np.float32
    assert june["applicability"].attrs["units"] == "1"
    for layer in june[LAYERS + INTERVAL].values():
        assert layer.dtype == np.float32
        assert layer.shape == tuple(tiny_store.area.shape)
        assert layer.attrs["units"] == "m3 m-3"
        assert np.isfinite(layer).all()
        assert 0.02 <= float(layer.min()) <= float(layer.max()) <= 0.6


def test_the_conserving_layer_repeats_smap(june: xr.Dataset, smap: np.ndarray) -> None:
    """Block means equal SMAP's month to 1e-4, without edges that the model had not."""
    layer = june["soil_moisture_conserving"].to_numpy()
    np.testing.assert_allclose(block_mean(layer), smap, atol=1e-4)
    # So small a window has edges by chance, even in the truth.
    assert edge_ratio(layer) < edge_ratio(june["soil_moisture_raw"].to_numpy()) + 0.03


def test_the_analysis_is_the_blend(june: xr.Dataset, model: TrainedModel, smap: np.ndarray) -> None:
    """With the means and the weights that were frozen with the model; the weights are told."""
    frozen = Frozen.of(model)
    assert frozen is not None
    weights = frozen.about.weights
    assert weights is not None
    raw = june["soil_moisture_raw"].to_numpy()
    made = analysed(raw, smap, background=frozen.background, weights=weights)
    np.testing.assert_array_equal(june["soil_moisture"], made.soil_moisture)
    assert june.attrs["analysis"] == "blend"
    assert june.attrs["weight_smap"] == weights.smap


def test_the_interval_lies_around_the_analysis(june: xr.Dataset) -> None:
    """It is wider where the model only guesses, and there the quality says so."""
    width = (june["upper"] - june["lower"]).to_numpy()
    assert (june["lower"] <= june["soil_moisture"]).all()
    assert (june["upper"] >= june["soil_moisture"]).all()
    outside = june["applicability"].to_numpy() > 1
    np.testing.assert_array_equal((june["quality"].to_numpy() & 4) > 0, outside)
    assert width[outside].mean() > width[~outside].mean()


def test_other_months_than_those_of_the_training_are_flagged(
    model: TrainedModel, tiny_store: FeatureStore, tiny_sif_model: TrainedModel, june: xr.Dataset
) -> None:
    """What was frozen with the model is carried on into them; the quality says so."""
    beyond = 256
    assert not (june["quality"].to_numpy() & beyond).any()
    august = Month(2020, 8)
    assert str(august) not in model.card.training
    made = downscale_month(model, tiny_store, august, tiny_sif_model, uncertainty=False)
    flagged = (made["quality"].to_numpy() & beyond) > 0
    np.testing.assert_array_equal(flagged, np.isfinite(made["soil_moisture_raw"]))


def test_without_uncertainty_there_is_none(
    model: TrainedModel, tiny_store: FeatureStore, tiny_sif_model: TrainedModel, june: xr.Dataset
) -> None:
    """The other layers stay what they are."""
    made = downscale_month(model, tiny_store, JUNE, tiny_sif_model, uncertainty=False)
    assert list(made) == [*LAYERS, "quality"]
    xr.testing.assert_identical(made[LAYERS], june[LAYERS])


@pytest.mark.parametrize(
    ("analysis", "layer"),
    [("none", "soil_moisture_raw"), ("conserving", "soil_moisture_conserving")],
)
def test_other_analyses_are_the_other_layers(
    analysis: str,
    layer: str,
    model: TrainedModel,
    tiny_store: FeatureStore,
    tiny_sif_model: TrainedModel,
) -> None:
    """What the analysis is can be chosen; an interval is known of the blend alone."""
    made = downscale_month(model, tiny_store, JUNE, tiny_sif_model, analysis=analysis)
    np.testing.assert_array_equal(made["soil_moisture"], made[layer])
    assert made.attrs["analysis"] == analysis
    assert not set(INTERVAL) & set(made)


def test_an_unknown_analysis_is_refused(
    model: TrainedModel, tiny_store: FeatureStore, tiny_sif_model: TrainedModel
) -> None:
    """The error lists what there is."""
    with pytest.raises(InputError, match="blend, shrunken, conserving, temporal-anomaly, none"):
        downscale_month(model, tiny_store, JUNE, tiny_sif_model, analysis="kriging")


def test_a_month_does_not_depend_on_the_request(
    june: xr.Dataset,
    model: TrainedModel,
    tiny_store: FeatureStore,
    tiny_sif_model: TrainedModel,
    tmp_path: Path,
) -> None:
    """The stored model gives the same June to whoever asks, with nothing made before."""
    models = ModelStore(tmp_path / "models")
    ids = [models.save(trained).id for trained in (model, tiny_sif_model)]
    stored, stored_sif = (models.load(model_id) for model_id in ids)
    archive, region = Archive(tiny_store.archive.root), tiny_store.region
    fresh = FeatureStore(archive, region, tmp_path / "features")
    xr.testing.assert_identical(downscale_month(stored, fresh, JUNE, stored_sif), june)


def test_sif_is_the_reconstructed_one_at_both_scales(
    tiny_store: FeatureStore, tiny_sif_model: TrainedModel
) -> None:
    """Features come in the order asked for, SIF in its place."""
    features = month_features(tiny_store, JUNE, ("ndvi", "sif", "elevation"), tiny_sif_model)
    assert list(features) == ["ndvi", "sif", "elevation"]


def test_the_card_tells_choices_and_scores(
    model: TrainedModel, tiny_sif_model: TrainedModel, summer: tuple[Month, ...]
) -> None:
    """Months, upstream model, rows, and both splits."""
    card = model.card
    assert card.training == tuple(str(month) for month in summer)
    assert card.upstream == tiny_sif_model.card.id
    assert card.rows.used == 3 * 6 * 7
    assert card.target.description.startswith("SMAP")
    assert card.score("spatial-block") is not None


def test_without_sif_is_recorded(tiny_store: FeatureStore, summer: tuple[Month, ...]) -> None:
    """A request that leaves SIF out says so on the card and needs no SIF model."""
    names, why = NAMES[1:], {"sif": "left out by the request"}
    model = train_downscaling(tiny_store, summer, names, None, small(), omissions=why)
    assert model.card.omissions == why
    assert model.card.upstream is None
    assert np.isfinite(downscale_month(model, tiny_store, JUNE)["soil_moisture"]).all()


def test_the_sif_model_must_be_the_one_of_the_training(
    model: TrainedModel, tiny_store: FeatureStore
) -> None:
    """Another SIF model, or none, would be another feature."""
    with pytest.raises(ModelError, match=r"was trained with sif-rf-.*; got none"):
        downscale_month(model, tiny_store, JUNE)


@pytest.mark.parametrize("names", [(), ("moon",), ("ndvi", "ndvi"), ("sif", "ndvi")])
def test_wrong_features_are_refused(tiny_store: FeatureStore, names: tuple[str, ...]) -> None:
    """None, unknown ones, repeated ones, and SIF without its model."""
    with pytest.raises(InputError, match="features"):
        downscaling_task(tiny_store, [JUNE], names)


def test_months_without_soil_moisture_are_left_out(tiny_store: FeatureStore) -> None:
    """They are on the card; a map of one of them, or training on nothing else, is an error."""
    absent = Month(2022, 6)
    model = train_downscaling(
        tiny_store, [JUNE, Month(2020, 7), absent], ("nirv", "elevation"), None, small()
    )
    assert list(model.card.rows.left_out) == ["2022-06"]
    for act in (
        lambda: downscale_month(model, tiny_store, absent),
        lambda: train_downscaling(tiny_store, [absent], ("nirv",), None, small()),
    ):
        with pytest.raises(MissingDataError, match="SPL4SMGP: nothing usable for 2022-06"):
            act()


def test_the_key_follows_what_is_asked(
    model: TrainedModel,
    tiny_store: FeatureStore,
    tiny_sif_model: TrainedModel,
    summer: tuple[Month, ...],
) -> None:
    """Equal requests find the model; other features, months or omissions do not."""

    def key(*arguments: object, **options: object) -> str:
        return downscaling_task(tiny_store, *arguments, small(), **options).key

    assert key(summer, NAMES, tiny_sif_model) == model.card.key
    others = [
        key(summer[1:], NAMES, tiny_sif_model),
        key(summer, NAMES[:-1], tiny_sif_model),
        key(summer, NAMES[1:], None),
        key(summer, NAMES, tiny_sif_model, omissions={"evi": "left out by the request"}),
    ]
    assert len({model.card.key, *others}) == 5


def test_the_sources_of_a_map_are_listed(tiny_store: FeatureStore) -> None:
    """All of June's SMAP files, and those of each feature's product."""
    granules = map_granules(tiny_store, JUNE, ("sif", "slope", "precipitation"))
    counts = {
        product: sum(granule.product == product for granule in granules)
        for product in ("SPL4SMGP", "SRTM", "CHIRPS", "eSIF")
    }
    assert counts["SPL4SMGP"] == 240
    assert counts["CHIRPS"] == 30
    assert counts["SRTM"] >= 1
    assert 4 <= counts["eSIF"] <= 6


def test_one_real_month(tmp_path: Path) -> None:
    """A single month of SMAP L3 over South Africa trains, scores, conserves; SIF is left out."""
    archive = Archive(shared_path("realdata", "south_africa_2020-01"))
    region = load_region("south-africa")
    store, month = FeatureStore(archive, region, tmp_path), Month(2020, 1)
    why = {"sif": "the archive has none"}
    model = train_downscaling(store, [month], region.features, None, small(), omissions=why)
    card = model.card
    assert not card.synthetic
    assert "SMAP L3" in card.target.description
    random, blocks = card.score("random"), card.score("spatial-block")
    assert random is not None
    assert blocks is not None
    assert random.pooled.rmse < blocks.pooled.rmse < 0.045
    made = downscale_month(model, store, month)
    layer = made["soil_moisture_conserving"].to_numpy()
    means, smap = block_mean(layer, 0.0), coarse_soil_moisture(store, month).to_numpy()
    told = np.isfinite(means)
    assert told.mean() > 0.99
    np.testing.assert_allclose(means[told], smap[told], atol=1e-4)
    assert edge_ratio(layer) == pytest.approx(1, abs=0.05)
    assert {granule.product for granule in map_granules(store, month, card.feature_names)} == {
        "SPL3SMP_E",
        "elevation",
        "land_cover",
        "climate",
    }

"""SIF at 1 km: learnt from eSIF, against the tiny world's truth."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import xarray as xr

from engine.archive import Archive
from engine.errors import MissingDataError, ModelError
from engine.feature_store import FeatureStore
from engine.models.candidates import candidate
from engine.months import Month
from engine.provenance import sif_granules
from engine.sif import UNITS, reconstruct_sif, sif_task, train_sif

if TYPE_CHECKING:
    from pathlib import Path

    from engine.models.store import TrainedModel
    from engine.world import World

JUNE = Month(2020, 6)


@pytest.fixture(scope="module")
def june(tiny_store: FeatureStore, tiny_sif_model: TrainedModel) -> xr.Dataset:
    return reconstruct_sif(tiny_sif_model, tiny_store, JUNE)


def thinned(store: FeatureStore, folder: Path, keep: dict[str, int]) -> FeatureStore:
    """Return a store over a linked archive with so many of June's granules of some products."""
    root = folder / "archive"
    shutil.copytree(store.archive.root, root, copy_function=os.link)
    archive = Archive(root)
    for product, count in keep.items():
        for granule in archive.granules(product, JUNE.period)[count:]:
            granule.path.unlink()
    return FeatureStore(Archive(root), store.region, folder / "features", store.weights)


def test_the_card_scores_every_eight_days(tiny_sif_model: TrainedModel) -> None:
    """Pooled scores are inflated by the seasons, so each period has its own, for all splits."""
    card = tiny_sif_model.card
    assert card.kind == "sif"
    assert card.synthetic
    assert [score.split for score in card.scores] == ["random", "spatial-block", "month"]
    for score in card.scores:
        assert {"2020-05-24", "2020-06-01", "2020-07-27"} <= set(score.by_time)
        assert sum(metrics.n for metrics in score.by_time.values()) == score.pooled.n


def test_the_reconstruction_is_near_the_truth(june: xr.Dataset, tiny_world: World) -> None:
    """What eSIF adds helps, and both layers follow the 1 km truth."""
    with rasterio.open(tiny_world.root / "truth" / f"sif_{JUNE}.tif") as file:
        truth = file.read(1)
    error = {name: float(np.sqrt(((june[name] - truth) ** 2).mean())) for name in june}
    assert error["sif"] < error["sif_raw"] < 0.06
    known = np.isfinite(june["sif"].to_numpy())
    assert np.corrcoef(june["sif"].to_numpy()[known], truth[known])[0, 1] > 0.5


def test_layers_are_complete_and_named(june: xr.Dataset, tiny_store: FeatureStore) -> None:
    """Float32 on the fine grid with units; hardly a pixel is missing."""
    for layer in june.data_vars.values():
        assert layer.dtype == np.float32
        assert layer.shape == tuple(tiny_store.area.shape)
        assert layer.attrs["units"] == UNITS
        assert np.isfinite(layer).mean() > 0.99


def test_a_month_is_made_once(
    june: xr.Dataset, tiny_store: FeatureStore, tiny_sif_model: TrainedModel
) -> None:
    """The second call reads what the first has kept, and it is the same."""
    kept = next(tiny_store.folder.glob(f"sif-{JUNE}-*.npz"))
    written = kept.stat().st_mtime_ns
    xr.testing.assert_identical(reconstruct_sif(tiny_sif_model, tiny_store, JUNE), june)
    assert kept.stat().st_mtime_ns == written


def test_one_missing_period_is_bridged(
    june: xr.Dataset, tiny_store: FeatureStore, tiny_sif_model: TrainedModel, tmp_path: Path
) -> None:
    """With four of five eSIF files the month is there, its model part unchanged."""
    count = len(tiny_store.archive.granules("eSIF", JUNE.period))
    store = thinned(tiny_store, tmp_path, {"eSIF": count - 1})
    made = reconstruct_sif(tiny_sif_model, store, JUNE)
    np.testing.assert_array_equal(made["sif_raw"], june["sif_raw"])
    assert np.abs(made["sif"] - june["sif"]).max() > 0
    assert np.abs(made["sif"] - june["sif"]).mean() < 0.02


@pytest.mark.parametrize(("product", "keep"), [("eSIF", 1), ("MOD11A2", 0)])
def test_half_of_the_month_is_needed(
    product: str,
    keep: int,
    tiny_store: FeatureStore,
    tiny_sif_model: TrainedModel,
    tmp_path: Path,
) -> None:
    """The error names product, month and how many days there should be."""
    store = thinned(tiny_store, tmp_path, {product: keep})
    with pytest.raises(MissingDataError, match=r"2020-06; .* at least 15 of 30 days; found"):
        reconstruct_sif(tiny_sif_model, store, JUNE)


def test_training_lists_the_periods_that_it_lacks(tiny_store: FeatureStore, tmp_path: Path) -> None:
    """A period without eSIF is on the card; a month without any is an error."""
    settings = candidate("sif").model_copy(update={"trees": 5, "trees_in_folds": 5})
    store = thinned(tiny_store, tmp_path, {"eSIF": 3})
    card = train_sif(store, [JUNE], settings).card
    assert card.rows.left_out
    assert all("eSIF" in reason for reason in card.rows.left_out.values())
    with pytest.raises(MissingDataError, match="eSIF"):
        train_sif(store, [Month(2022, 6)], settings)


def test_no_month_to_train_on_is_an_error(tiny_store: FeatureStore) -> None:
    """There must be at least one month."""
    with pytest.raises(ModelError, match="no month"):
        train_sif(tiny_store, [])


def test_the_key_follows_months_and_files(
    tiny_store: FeatureStore,
    tiny_sif_model: TrainedModel,
    summer: tuple[Month, ...],
    tmp_path: Path,
) -> None:
    """Equal requests have equal keys; other months, settings or files have others."""
    settings = tiny_sif_model.card.settings
    key = sif_task(tiny_store, summer, settings).key
    assert key == tiny_sif_model.card.key
    assert key == sif_task(tiny_store, summer[::-1], settings).key
    assert key != sif_task(tiny_store, summer).key
    assert key != sif_task(tiny_store, summer[:2], settings).key
    assert key != sif_task(thinned(tiny_store, tmp_path, {"eSIF": 2}), summer, settings).key


def test_the_sources_of_a_month_are_listed(tiny_store: FeatureStore) -> None:
    """They are those of eSIF and of both MODIS products, each file once."""
    granules = sif_granules(tiny_store, JUNE)
    assert {granule.product for granule in granules} == {"eSIF", "MCD43A4", "MOD11A2"}
    assert len({granule.path for granule in granules}) == len(granules)

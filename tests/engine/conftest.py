"""Models of the tiny world that several tests look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.models.candidates import candidate
from engine.months import Month, month_range
from engine.region import load_region
from engine.sif import train_sif

if TYPE_CHECKING:
    from engine.models.store import TrainedModel
    from engine.world import World

SUMMER = month_range(Month(2020, 5), Month(2020, 7))


@pytest.fixture(scope="session")
def summer() -> tuple[Month, ...]:
    """Give the months that the tiny models are trained on."""
    return SUMMER


@pytest.fixture(scope="session")
def tiny_store(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Give the features of the tiny world; tests may let it make more of them."""
    folder = tmp_path_factory.mktemp("tiny-features")
    return FeatureStore(Archive(tiny_world.archive), load_region(tiny_world.region), folder)


@pytest.fixture(scope="session")
def tiny_sif_model(tiny_store: FeatureStore) -> TrainedModel:
    """Give a small SIF model of the tiny world's summer."""
    settings = candidate("sif").model_copy(update={"trees": 30, "trees_in_folds": 10})
    return train_sif(tiny_store, SUMMER, settings)

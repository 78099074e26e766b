"""Models that cannot be trained, and models that cannot serve a request: what is found and needed.

Each through a run of the process; the last ones over HTTP, as jobs that fail with the reason.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from engine.errors import InputError, ModelError, TamperedModelError
from engine.models.store import ModelStore
from engine.progress import silent
from engine.testing import write_geotiff
from processes.definitions import find_process
from processes.run import run_process
from processes.settings import Settings
from processes.validation import read_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from engine.models.card import ModelCard
    from engine.world import World

FEW = {"sif": "without", "features": ["ndvi", "lst_day", "elevation"]}
MONTH, TRAINING = "2020-04", "2020-03/2020-05"


@pytest.fixture(scope="module")
def settings(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give settings of a data folder that has a model."""
    made = Settings.load(
        data=tmp_path_factory.mktemp("models"),
        archive=tiny_world.archive,
        regions=tiny_world.region.parent,
        region=tiny_world.region.stem,
    )
    run(made, training=TRAINING, **FEW)
    return made


@pytest.fixture
def models(settings: Settings) -> ModelStore:
    return ModelStore(settings.model_folder)


@pytest.fixture
def card(models: ModelStore) -> ModelCard:
    """Give the card of the model without SIF."""
    return next(card for card in models.cards() if "created by hand" not in card.omissions)


def run(settings: Settings, **inputs: Any) -> dict[str, Any]:
    checked = read_inputs(find_process("downscale-smap").inputs, {"datetime": MONTH} | inputs)
    return dict(run_process("downscale-smap", checked, settings, "run-1", silent))


@contextmanager
def also_stored(models: ModelStore, card: ModelCard, **changes: Any) -> Iterator[str]:
    """Store the same model under a card that differs, for a while."""
    model = models.load(card.id)
    other = card.model_copy(
        update=changes | {"key": "by hand", "omissions": {"created by hand": "for a test"}}
    ).identified()
    models.save(type(model)(card=other, onnx=model.onnx, companions=model.companions))
    try:
        yield other.id
    finally:
        for path in models.folder.glob(f"{other.id}.*"):
            path.unlink()


# Too little to learn from


def test_too_few_rows_say_how_many_there_are(settings: Settings) -> None:
    """One month of 42 cells is not enough, and nothing is stored."""
    before = ModelStore(settings.model_folder).ids()
    with pytest.raises(ModelError, match=r"only \d+ rows to learn soil_moisture .*needed: 50"):
        run(settings, training=MONTH, **FEW)
    assert ModelStore(settings.model_folder).ids() == before


def test_too_few_months_for_a_split_are_told_in_card_and_report(
    settings: Settings, card: ModelCard, models: ModelStore
) -> None:
    """A model of one year has no score of years; everything that is read says why."""
    why = "all rows are of 2020; needed: 2 years"
    assert card.splits_left_out["year"] == why
    assert run(settings, model=card.id)["report"]["scores_left_out"]["year"] == why
    assert why in models.report_path(card.id, "html").read_text(encoding="utf-8")


def test_a_predictor_that_never_varies_alone_is_named(settings: Settings) -> None:
    """There is no bare land in this window."""
    wanted = {"sif": "without", "features": ["lc_bare"], "training": TRAINING}
    with pytest.raises(ModelError, match=r"lc_bare is always 0; needed: one that does"):
        run(settings, **wanted)


def test_a_predictor_that_never_varies_is_recorded_beside_others(settings: Settings) -> None:
    """It is left out and stands on the card with its value."""
    wanted = {"sif": "without", "features": ["ndvi", "lc_bare"], "training": TRAINING}
    found = run(settings, **wanted)["model"]["card"]
    assert found["rows"]["constant"] == {"lc_bare": 0}
    assert [feature["name"] for feature in found["features"]] == ["ndvi"]


def test_a_predictor_that_is_missing_for_most_cells_is_named(
    tiny_world: World, settings: Settings, tmp_path: Path
) -> None:
    """A raster of one's own that covers a corner: its share is told, and what is allowed."""
    archive, regions = tmp_path / "archive", tmp_path / "regions"
    archive.mkdir()
    regions.mkdir()
    for path in tiny_world.archive.iterdir():
        (archive / path.name).symlink_to(path)
    content = yaml.safe_load(tiny_world.region.read_text(encoding="utf-8"))
    west, south, east, north = content["bbox"]
    corner = np.random.default_rng(1).random((10, 10)).astype(np.float32)
    pixel = 0.3 * min(east - west, north - south) / 10
    write_geotiff(archive / "own.tif", corner, (west, north), pixel)
    own = {"name": "own", "kind": "continuous", "file": "own.tif"}
    text = yaml.safe_dump(content | {"predictors": [own]})
    (regions / tiny_world.region.name).write_text(text, encoding="utf-8")
    (tmp_path / "features").symlink_to(settings.feature_folder)
    own_settings = Settings.load(
        data=tmp_path, archive=archive, regions=regions, region=tiny_world.region.stem
    )
    wanted = {"sif": "without", "features": ["ndvi", "elevation", "own"], "training": TRAINING}
    with pytest.raises(ModelError, match=r"predictor own is missing in \d+% .*at most 50%"):
        run(own_settings, **wanted)


# Stored models


def test_a_model_with_features_that_the_region_has_not_is_refused(
    settings: Settings, models: ModelStore, card: ModelCard
) -> None:
    """Each of them is named, with its unit, before anything is read."""
    features = (card.features[0].model_copy(update={"name": "radar", "units": "dB"}),)
    with (
        also_stored(models, card, features=features + card.features[1:]) as other,
        pytest.raises(InputError, match=r"model: .* radar in dB \(here there is none\); allowed"),
    ):
        run(settings, model=other)


def test_a_model_with_other_units_is_refused(
    settings: Settings, models: ModelStore, card: ModelCard
) -> None:
    """Both units are told."""
    changed = tuple(
        feature.model_copy(update={"units": "degC"}) if feature.name == "lst_day" else feature
        for feature in card.features
    )
    with (
        also_stored(models, card, features=changed) as other,
        pytest.raises(InputError, match=r"lst_day in degC \(here in K\)"),
    ):
        run(settings, model=other)


def test_a_model_whose_model_of_sif_is_gone_is_refused(
    settings: Settings, models: ModelStore, card: ModelCard
) -> None:
    """It cannot be given what it has learnt from."""
    with (
        also_stored(models, card, upstream="sif-rf-000000000000") as other,
        pytest.raises(InputError, match=r"sif-rf-000000000000, which is not stored"),
    ):
        run(settings, model=other)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"sif": "with"}, r"sif: with is asked for, .*allowed: without"),
        ({"algorithm": "xgboost"}, r"algorithm: xgboost is asked for, .*allowed: rf"),
        ({"features": ["ndvi"]}, r"features: a stored model is given as well"),
    ],
)
def test_a_request_that_contradicts_its_model_is_refused(
    settings: Settings, card: ModelCard, wish: dict[str, Any], message: str
) -> None:
    """A named model is applied as it is; what a request says beside it must be so."""
    with pytest.raises(ValueError, match=message):
        run(settings, model=card.id, **wish)
    assert run(settings, model=card.id, sif="without", algorithm="rf")["items"]


def test_a_changed_file_is_refused_by_its_hash(
    settings: Settings, models: ModelStore, card: ModelCard
) -> None:
    """One flipped bit in the model, its intervals or its means: no map is made of it."""
    for path in (
        models.onnx_path(card.id),
        models.companion_path(card.id, "interval.onnx"),
        models.companion_path(card.id, "background.nc"),
    ):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        try:
            with pytest.raises(TamperedModelError, match=rf"{path.name}: checksum"):
                run(settings, model=card.id, bbox=[112.6, 34.8, 112.8, 35.0])
        finally:
            path.write_bytes(content)


# Over HTTP


def failed(client: httpx.Client, inputs: dict[str, Any]) -> tuple[str, int, str]:
    """Execute, wait for the job to fail, and return its message and what its results answer."""
    body = {"inputs": {"datetime": MONTH} | inputs}
    prefer = {"Prefer": "respond-async"}
    reply = client.post("/processes/downscale-smap/execution", json=body, headers=prefer)
    assert reply.status_code == 201, reply.text
    address = reply.headers["Location"]
    deadline = time.monotonic() + 120
    while (status := client.get(address).json())["status"] in ("accepted", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status["status"] == "failed"
    results = client.get(f"{address}/results")
    return status["message"], results.status_code, results.json()["detail"]


def test_over_http_the_job_fails_with_the_reason(
    settings: Settings, tmp_path: Path, serve_at_work: Callable
) -> None:
    """What the client can mend is 4xx; a damaged store is the service's own failure."""
    data = tmp_path / "data"
    shutil.copytree(settings.model_folder, data / "models")
    (data / "features").symlink_to(settings.feature_folder)
    copied = settings.model_copy(update={"data": data})
    models = ModelStore(copied.model_folder)
    card = models.cards()[0]
    path = models.onnx_path(card.id)
    with serve_at_work(copied) as client:
        message, status, detail = failed(client, FEW | {"training": MONTH})
        assert "needed: 50" in message
        assert "needed: 50" in detail
        assert status == 400
        message, status, _ = failed(client, {"model": card.id, "sif": "with"})
        assert message.startswith("sif: with is asked for")
        assert status == 400
        path.write_bytes(path.read_bytes() + b" ")
        message, status, _ = failed(client, {"model": card.id})
        assert "checksum" in message
        assert status == 500

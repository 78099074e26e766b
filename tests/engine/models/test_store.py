"""The store keeps models whole and notices every change; inference checks its inputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from engine.errors import FeatureMismatchError, ModelError, TamperedModelError
from engine.models.inference import BATCH, Session
from engine.models.store import ModelStore, TrainedModel
from engine.models.training import train
from engine.testing import toy_table, toy_task

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    table = toy_table()
    return train(table, toy_task(table))


@pytest.fixture
def store(tmp_path: Path, model: TrainedModel) -> ModelStore:
    store = ModelStore(tmp_path / "models")
    store.save(model)
    return store


def test_what_is_saved_is_loaded(store: ModelStore, model: TrainedModel) -> None:
    """Card and file come back as they were; nothing else lies in the folder."""
    assert store.load(model.card.id) == model
    names = sorted(path.name for path in store.folder.iterdir())
    assert names == [f"{model.card.id}.json", f"{model.card.id}.onnx"]


def test_saving_twice_changes_nothing(store: ModelStore, model: TrainedModel) -> None:
    """The first card stays, with its time."""
    before = store.card_path(model.card.id).read_bytes()
    store.save(model)
    assert store.card_path(model.card.id).read_bytes() == before


def test_a_model_is_found_by_its_key(store: ModelStore, model: TrainedModel) -> None:
    """The same request finds the model; another finds none and needs training."""
    table = toy_table()
    assert store.find(toy_task(table).key) == model.card
    assert store.find(toy_task(table, seed=9).key) is None


def test_a_changed_onnx_file_is_refused(store: ModelStore, model: TrainedModel) -> None:
    """One flipped bit is enough."""
    path = store.onnx_path(model.card.id)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(TamperedModelError, match=r"\.onnx: checksum"):
        store.load(model.card.id)


def test_companions_are_kept_whole_with_their_model(store: ModelStore, model: TrainedModel) -> None:
    """They come back as they were, make another model of it, and none may be changed or go."""
    whole = model.with_companions({"background.nc": b"means", "interval.onnx": b"width"})
    assert whole.card.id != model.card.id
    assert whole.card.key == model.card.key
    store.save(whole)
    assert store.load(whole.card.id) == whole
    path = store.companion_path(whole.card.id, "background.nc")
    path.write_bytes(b"other")
    with pytest.raises(TamperedModelError, match=r"background\.nc"):
        store.load(whole.card.id)
    path.unlink()
    with pytest.raises(ModelError, match=r"background\.nc is missing"):
        store.load(whole.card.id)


def test_a_card_of_another_version_is_refused_with_advice(
    store: ModelStore, model: TrainedModel
) -> None:
    """Cards of the time when there were forests alone are named, and what to do."""
    path = store.card_path(model.card.id)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 1}))
    with pytest.raises(ModelError, match=r"card of version 1.* reads version 3\. Train"):
        store.load(model.card.id)
    assert store.cards() == ()
    assert store.find(model.card.key) is None


def test_names_of_companions_stay_in_the_folder(model: TrainedModel) -> None:
    """A name cannot lead elsewhere or take a card's place."""
    for name in ("../x.nc", "a/b.nc", "json", "UPPER.nc", ""):
        with pytest.raises(ModelError, match="cannot name a companion"):
            model.with_companions({name: b""})


def test_a_changed_card_is_refused(store: ModelStore, model: TrainedModel) -> None:
    """Scores cannot be improved by hand."""
    path = store.card_path(model.card.id)
    card = json.loads(path.read_text())
    card["scores"][0]["pooled"]["r2"] = 0.99
    path.write_text(json.dumps(card))
    with pytest.raises(TamperedModelError, match=r"\.json: checksum"):
        store.load(model.card.id)


def test_a_forged_model_is_not_saved(store: ModelStore, model: TrainedModel) -> None:
    """The store takes no card that does not fit its file."""
    with pytest.raises(TamperedModelError):
        store.save(TrainedModel(card=model.card, onnx=model.onnx + b" "))


@pytest.mark.parametrize("name", ["nothing", "../models/x", ""])
def test_unknown_ids_are_errors(store: ModelStore, model: TrainedModel, name: str) -> None:
    """The error lists what is stored; no id leads out of the folder."""
    with pytest.raises(ModelError, match=model.card.id):
        store.load(name)


def test_a_card_without_its_file_is_an_error(store: ModelStore, model: TrainedModel) -> None:
    """The missing file is named."""
    store.onnx_path(model.card.id).unlink()
    with pytest.raises(ModelError, match="missing beside its card"):
        store.load(model.card.id)


def test_a_foreign_card_is_named_and_left_out(
    store: ModelStore, model: TrainedModel, caplog: pytest.LogCaptureFixture
) -> None:
    """One unreadable card does not hide the others."""
    store.card_path("stray").write_text("{}")
    assert [card.id for card in store.cards()] == [model.card.id]
    assert "stray.json" in caplog.text


def test_an_empty_store_is_empty(tmp_path: Path) -> None:
    """A folder that is not there yet holds no models."""
    assert ModelStore(tmp_path / "none").cards() == ()


def features(model: TrainedModel, shape: tuple[int, int] = (4, 5)) -> xr.Dataset:
    """Return a map of the model's features."""
    generator = np.random.default_rng(0)
    return xr.Dataset(
        {
            feature.name: (
                ("y", "x"),
                generator.normal(size=shape).astype(np.float32),
                {"units": feature.units},
            )
            for feature in model.card.features
        },
        coords={"y": np.arange(shape[0]), "x": np.arange(shape[1])},
    )


def test_maps_are_predicted_in_any_order_of_variables(model: TrainedModel) -> None:
    """Variables are taken by name; further ones are not looked at."""
    maps = features(model)
    expected = model.predictor().map(maps)
    mixed = maps[list(maps)[::-1]].assign(other=maps["ndvi"])
    xr.testing.assert_identical(model.predictor().map(mixed), expected)
    assert expected.dtype == np.float32
    assert expected.attrs["units"] == "m3 m-3"


def test_cells_with_less_than_half_of_the_features_stay_missing(model: TrainedModel) -> None:
    """Two of four are enough, one of four is not."""
    maps = features(model)
    names = list(maps)
    for name in names[:2]:
        maps[name][0] = np.nan
    for name in names[:3]:
        maps[name][1] = np.nan
    predicted = model.predictor().map(maps)
    assert np.isfinite(predicted[0]).all()
    assert np.isnan(predicted[1]).all()


def test_large_maps_are_predicted_part_by_part(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts do not show."""
    maps = features(model, (9, 7))
    maps["ndvi"][2] = np.nan
    expected = model.predictor().map(maps)
    monkeypatch.setattr("engine.models.inference.CELLS_AT_ONCE", 10)
    xr.testing.assert_allclose(model.predictor().map(maps), expected, atol=1e-7)


def test_another_unit_is_refused(model: TrainedModel) -> None:
    """A feature in another unit is not the model's feature."""
    maps = features(model)
    maps["lst_day"].attrs["units"] = "degC"
    with pytest.raises(FeatureMismatchError, match=r"needs .*lst_day \[K\].* got .*lst_day \[degC"):
        model.predictor().map(maps)


def test_an_absent_feature_is_refused(model: TrainedModel) -> None:
    """The error lists what is needed and what is there."""
    with pytest.raises(FeatureMismatchError, match=r"needs the features .*ndvi"):
        model.predictor().map(features(model).drop_vars("ndvi"))
    with pytest.raises(FeatureMismatchError, match="shape"):
        model.predictor().rows(np.zeros((3, 2), dtype=np.float32))


def test_batches_do_not_show(model: TrainedModel) -> None:
    """A row's value does not depend on the rows around it."""
    rows = np.random.default_rng(1).normal(size=(BATCH + 7, 4)).astype(np.float32)
    session = Session(model.onnx)
    np.testing.assert_allclose(session(rows)[-7:], session(rows[-7:]), atol=1e-7)


def test_a_file_that_is_no_model_is_refused() -> None:
    """The error says so without the runtime's text."""
    with pytest.raises(ModelError, match="cannot be read as an ONNX model"):
        Session(b"not a model")

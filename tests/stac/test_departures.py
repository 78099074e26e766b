"""Anomaly and percentile in the catalogue: of published years alone, told, kept, and taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from PIL import Image

from engine.departures import anomalies, percentiles
from stac.departure_fields import CLIMATOLOGY
from stac.departures import refresh_departures
from stac.documents import collection_key, item_key
from stac.edition import version_of
from stac.publish import publish_month
from stac.rebuild import rebuild_catalog, remove_item
from stac.store import LocalCatalog
from stac.testing import MAY, NOW, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

    from engine.months import Month
    from stac.series import Series

SOIL = "soil-moisture-1km-monthly"
YEARS = (MAY, MAY.shift(12), MAY.shift(24))
SHIFTS = dict(zip(YEARS, (0.0, 0.03, -0.05), strict=True))


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    """Give a catalogue with one May."""
    store = LocalCatalog(tmp_path / "catalog")
    publish(store, MAY)
    return store


def publish(
    store: LocalCatalog, month: Month, shift: float | None = None, series: Series | None = None
) -> None:
    dataset = toy_dataset(shift=SHIFTS.get(month, 0.0) if shift is None else shift)
    publish_month(store, series or toy_series(), month, dataset, toy_provenance(), now=NOW)


def item(store: LocalCatalog, month: Month) -> dict[str, Any]:
    content = store.read(item_key(SOIL, toy_series().item_id(month)))
    return dict(json.loads(content or b""))


def layer(store: LocalCatalog, month: Month, name: str) -> np.ndarray:
    found = item(store, month)
    path = store.root / SOIL / found["id"] / found["assets"][name]["href"]
    with rasterio.open(path) as raster:
        return np.asarray(raster.read(1, masked=True).filled(np.nan))


def snapshot(store: LocalCatalog) -> dict[str, bytes]:
    return {
        str(path.relative_to(store.root)): path.read_bytes()
        for path in sorted(store.root.rglob("*"))
        if path.is_file()
    }


def test_one_year_is_not_compared(catalog: LocalCatalog) -> None:
    """There is nothing to depart from."""
    before = snapshot(catalog)
    assert refresh_departures(catalog, SOIL) == []
    assert snapshot(catalog) == before
    assert CLIMATOLOGY not in item(catalog, MAY)["properties"]


def test_every_year_is_compared_with_all(catalog: LocalCatalog) -> None:
    """Values, years and pictures are in each item; the catalogue stays valid."""
    for month in YEARS[1:]:
        publish(catalog, month)
    publish(catalog, MAY.shift(1))
    changed = refresh_departures(catalog, SOIL, now=NOW)
    assert [one["id"] for one in changed] == [toy_series().item_id(month) for month in YEARS]
    stack = np.stack(
        [toy_dataset(shift=SHIFTS[month])["soil_moisture"].to_numpy() for month in YEARS]
    )
    for number, month in enumerate(YEARS):
        found = layer(catalog, month, "anomaly")
        np.testing.assert_allclose(found, anomalies(stack)[number], atol=1e-6)
        found = layer(catalog, month, "percentile")
        np.testing.assert_allclose(found, percentiles(stack)[number], atol=1e-4)
        said = item(catalog, month)
        years = said["properties"][CLIMATOLOGY]
        assert (years["count"], years["years"]) == (3, [2020, 2021, 2022])
        assert "3 years: 2020, 2021, 2022" in said["assets"]["anomaly"]["description"]
        assert {"anomaly", "percentile"} < set(said["properties"]["renders"])
        assert version_of(said) == 1
    assert CLIMATOLOGY not in item(catalog, MAY.shift(1))["properties"]
    assert validate_catalog(catalog) == []


def test_pictures_of_years_can_be_told_apart(catalog: LocalCatalog) -> None:
    """A dry month is brown, a wet one blue, in the same colours."""
    for month in YEARS[1:]:
        publish(catalog, month)
    refresh_departures(catalog, SOIL)
    colours = {}
    for month in YEARS:
        found = item(catalog, month)
        href = found["assets"]["anomaly_picture"]["href"]
        picture = np.asarray(Image.open(catalog.root / SOIL / found["id"] / href))
        colours[month] = picture[picture[..., 3] == 255][:, :3].mean(axis=0)
    wet, dry = colours[YEARS[1]], colours[YEARS[2]]
    assert wet[2] > wet[0]
    assert dry[0] > dry[2]


def test_twice_changes_nothing(catalog: LocalCatalog) -> None:
    """Neither comparing nor publishing again; nothing is left behind."""
    publish(catalog, YEARS[1])
    refresh_departures(catalog, SOIL)
    before = snapshot(catalog)
    assert refresh_departures(catalog, SOIL) == []
    publish(catalog, MAY)
    publish(catalog, YEARS[1])
    assert refresh_departures(catalog, SOIL) == []
    assert snapshot(catalog) == before


def test_another_year_replaces_what_was_said(catalog: LocalCatalog) -> None:
    """The files of fewer years go; the map keeps its version and its files."""
    publish(catalog, YEARS[1])
    refresh_departures(catalog, SOIL)
    before = item(catalog, MAY)
    publish(catalog, YEARS[2])
    refresh_departures(catalog, SOIL, {toy_series().item_id(YEARS[2])})
    after = item(catalog, MAY)
    assert after["properties"][CLIMATOLOGY]["count"] == 3
    assert after["assets"]["soil_moisture"] == before["assets"]["soil_moisture"]
    folder = catalog.root / SOIL / after["id"]
    assert not (folder / before["assets"]["anomaly"]["href"]).exists()
    files = {path.name for path in folder.iterdir()}
    linked = {asset["href"].removeprefix("./") for asset in after["assets"].values()}
    assert files == {*linked, f"{after['id']}.json"}
    assert validate_catalog(catalog) == []


def test_only_the_months_that_changed_are_looked_at(catalog: LocalCatalog) -> None:
    """June does not make May be compared."""
    publish(catalog, YEARS[1])
    publish(catalog, MAY.shift(1))
    assert refresh_departures(catalog, SOIL, {toy_series().item_id(MAY.shift(1))}) == []
    assert len(refresh_departures(catalog, SOIL, {toy_series().item_id(MAY)})) == 2


def test_a_new_version_is_compared_anew(catalog: LocalCatalog) -> None:
    """The version before keeps what it said, with its files."""
    publish(catalog, YEARS[1])
    refresh_departures(catalog, SOIL)
    before = item(catalog, MAY)
    publish(catalog, MAY, shift=0.08)
    assert CLIMATOLOGY not in item(catalog, MAY)["properties"]
    assert len(refresh_departures(catalog, SOIL)) == 2
    after = item(catalog, MAY)
    assert (version_of(before), version_of(after)) == (1, 2)
    folder = catalog.root / SOIL / after["id"]
    archived = json.loads((folder / f"{after['id']}_v1.json").read_text())
    assert archived["assets"]["anomaly"] == before["assets"]["anomaly"]
    assert (folder / before["assets"]["anomaly"]["href"]).is_file()
    assert validate_catalog(catalog) == []


def test_lost_files_are_made_again(catalog: LocalCatalog) -> None:
    """What vanished comes back under its name."""
    publish(catalog, YEARS[1])
    refresh_departures(catalog, SOIL)
    found = item(catalog, MAY)
    path = catalog.root / SOIL / found["id"] / found["assets"]["percentile"]["href"]
    content = path.read_bytes()
    path.unlink()
    refresh_departures(catalog, SOIL)
    assert path.read_bytes() == content


def test_a_removed_year_is_forgotten(catalog: LocalCatalog) -> None:
    """With one year left, its item says nothing of others any more."""
    publish(catalog, YEARS[1])
    refresh_departures(catalog, SOIL)
    remove_item(catalog, SOIL, toy_series().item_id(YEARS[1]))
    refresh_departures(catalog, SOIL)
    found = item(catalog, MAY)
    assert CLIMATOLOGY not in found["properties"]
    assert {"anomaly", "anomaly_picture"}.isdisjoint(found["assets"])
    assert "anomaly" not in found["properties"]["renders"]
    assert not list((catalog.root / SOIL / found["id"]).glob("*anomaly*"))
    assert validate_catalog(catalog) == []


def test_a_rebuilt_catalogue_keeps_what_items_say(catalog: LocalCatalog) -> None:
    """Rebuilding reads items; it finds theirs whole."""
    publish(catalog, YEARS[1])
    refresh_departures(catalog, SOIL)
    before = item(catalog, MAY)
    (catalog.root / collection_key(SOIL)).unlink()
    assert rebuild_catalog(catalog).left_out == ()
    assert item(catalog, MAY) == before
    assert validate_catalog(catalog) == []


def test_regions_are_not_mixed(catalog: LocalCatalog) -> None:
    """The same month elsewhere is no other year."""
    publish(catalog, YEARS[1], series=toy_series("other-synthetic"))
    assert refresh_departures(catalog, SOIL) == []


def test_who_was_overtaken_changes_nothing(
    catalog: LocalCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another year that is published meanwhile is for its publisher to compare."""
    publish(catalog, YEARS[1])
    lock = catalog.lock
    entered = []

    def late() -> Any:
        if not entered:
            entered.append(True)
            publish(catalog, YEARS[2])
        return lock()

    monkeypatch.setattr(catalog, "lock", late)
    assert refresh_departures(catalog, SOIL) == []
    monkeypatch.undo()
    assert len(refresh_departures(catalog, SOIL)) == 3

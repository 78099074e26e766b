"""MOD16A2, the product that is not gap-filled: when it is there, its gaps, its quality."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.months import Month
from engine.products import decode, recognise
from engine.region import load_region
from engine.world import build_world, cube, load_preset
from engine.world.domain import Domain
from engine.world.land import make_land
from engine.world.observing import observe
from engine.world.operators.observation import Observation
from engine.world.presets import Window
from engine.world.writers.modis_hdf4 import packed, write_modis

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.granules import Field
    from engine.world import Preset, World

    type Seen = Mapping[tuple[str, date], Observation]
    """By product and first day."""

_AMOUNTS = ("ET_500m", "LE_500m", "PET_500m", "PLE_500m")
_CODES = [32762, 32766, 32767]


def _preset(first: str, last: str) -> Preset:
    return load_preset("tiny", evapotranspiration="MOD16A2").model_copy(
        update={
            "first": first,
            "last": last,
            "spin_up_days": 40,
            "window": Window(row=345, column=3133, height=3, width=3),
            "stations": 0,
        }
    )


def _observed(preset: Preset) -> Seen:
    domain = Domain.of(preset.window)
    return {
        (seen.product, seen.time.date()): seen
        for seen in observe(preset, domain, make_land(domain, 3), 3)
        if isinstance(seen, Observation) and seen.product.startswith(("MOD15", "MOD16"))
    }


@pytest.fixture(scope="module")
def summer() -> Seen:
    """Give a wet month of 2021, with clouds of eight days."""
    return _observed(_preset("2021-07", "2021-07"))


@pytest.fixture(scope="module")
def summer_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give the files of the same month."""
    return build_world(_preset("2021-07", "2021-07"), 3, tmp_path_factory.mktemp("summer"))


def _of(seen: Seen, product: str) -> dict[date, Observation]:
    return {day: one for (name, day), one in seen.items() if name == product}


def _in_both(path: Path, seen: Observation, preset: Preset) -> tuple[dict[str, Field], Any]:
    """Return what our reader has of a file, and where its window lies in what was seen."""
    granule = recognise(path)
    assert granule is not None
    assert granule.product == seen.product == "MOD16A2"
    fields = dict(decode(granule, Domain.of(preset.window).area))
    part = fields["evapotranspiration"].geobox
    column, row = (round(n) for n in ~seen.geobox.affine * (part.affine.c, part.affine.f))
    return fields, np.s_[row : row + part.shape.y, column : column + part.shape.x]


def test_collection_6_1_begins_in_2021() -> None:
    """Until the end of 2020 there is the gap-filled product alone, from 2021 the other alone."""
    seen = _observed(_preset("2020-12", "2021-01"))
    filled, forward = _of(seen, "MOD16A2GF"), _of(seen, "MOD16A2")
    assert max(filled) == date(2020, 12, 26)
    assert min(forward) == date(2021, 1, 1)
    assert len(filled) + len(forward) == len(_of(seen, "MOD15A2H"))


def test_sums_and_codes_come_back(summer: Seen, summer_world: World) -> None:
    """Rates within quantisation; towns, waters and clouds by their own numbers, and no others."""
    for path in sorted((summer_world.archive / "MOD16A2").rglob("*.hdf")):
        granule = recognise(path)
        assert granule is not None
        assert granule.period is not None
        seen = summer["MOD16A2", granule.period.start]
        fields, window = _in_both(path, seen, summer_world.preset)
        stored = packed(seen, "ET_500m")[window]
        rate, code = fields["evapotranspiration"].values, fields["evapotranspiration_absence"]
        missing = np.isin(stored, _CODES)
        np.testing.assert_array_equal(code.values, np.where(missing, stored, 0))
        np.testing.assert_array_equal(np.isnan(rate), missing)
        expected = seen.fields["ET_500m"][window] / 8
        np.testing.assert_allclose(rate[~missing], expected[~missing], atol=0.051 / 8)
        assert set(np.unique(stored[missing])) == set(_CODES)


def test_quality_is_that_of_the_leaves(summer: Seen) -> None:
    """The byte is MOD15A2H's of the same period; every tier of it occurs."""
    tiers = set()
    for day, seen in _of(summer, "MOD16A2").items():
        quality = seen.fields["ET_QC_500m"]
        np.testing.assert_array_equal(quality, summer["MOD15A2H", day].fields["FparLai_QC"])
        tiers |= set(np.unique(quality[quality != 255] >> 5))
    assert tiers == {0, 1, 2, 3}


def test_there_is_nothing_where_no_day_was_clear(summer: Seen) -> None:
    """Neither water nor energy, actual nor potential; elsewhere all four."""
    for seen in _of(summer, "MOD16A2").values():
        quality = seen.fields["ET_QC_500m"]
        cloudy = (quality >> 3) & 3 == 1
        assert (cloudy & (quality != 255)).any()
        for name in _AMOUNTS:
            missing = np.isnan(seen.fields[name][quality != 255])
            np.testing.assert_array_equal(missing, cloudy[quality != 255])


def test_the_reader_weighs_by_quality(summer: Seen, summer_world: World) -> None:
    """The main algorithm's leaves count whole, the back-up's half, gaps nothing."""
    path = next((summer_world.archive / "MOD16A2").rglob("*.A2021201.*.hdf"))
    seen = summer["MOD16A2", date(2021, 7, 20)]
    fields, window = _in_both(path, seen, summer_world.preset)
    field, quality = fields["evapotranspiration"], seen.fields["ET_QC_500m"][window]
    there = np.isfinite(field.values)
    for algorithm, weight in {0: 1.0, 1: 1.0, 2: 0.5}.items():
        of_it = there & (quality >> 5 == algorithm)
        assert of_it.any()
        assert (field.weight[of_it] == weight).all()
    assert (field.weight[~there] == 0).all()


def test_the_last_composite_of_a_year_sums_five_days(tmp_path: Path) -> None:
    """From day 361 of 2021; water over energy tells as much, and so does our reader."""
    preset = _preset("2021-12", "2021-12")
    seen = _observed(preset)["MOD16A2", date(2021, 12, 27)]
    water, energy = seen.fields["PET_500m"], seen.fields["PLE_500m"]
    assert np.nanmean(water) / np.nanmean(energy) * 2.45e6 == pytest.approx(5, rel=1e-4)
    path = write_modis(seen, tmp_path, "a test")
    assert path.name.startswith("MOD16A2.A2021361.h27v05.061.")
    fields, window = _in_both(path, seen, preset)
    rate, there = (field := fields["evapotranspiration"]).values, field.weight > 0
    expected = seen.fields["ET_500m"][window] / 5
    np.testing.assert_allclose(rate[there], expected[there], atol=0.051 / 5)


def test_it_serves_as_the_feature(summer_world: World, tmp_path: Path) -> None:
    """An archive with MOD16A2 alone has ``et``; a world without files has the same."""
    archive = Archive(summer_world.archive)
    assert archive.has("MOD16A2")
    assert not archive.has("MOD16A2GF")
    store = FeatureStore(archive, load_region(summer_world.region), tmp_path)
    assert "et" in store.standard
    month = Month(2021, 7)
    names = {granule.product for granule in store.granules(month, ["et"])}
    assert names == {"MOD16A2"}
    forward = store.month(month, ["et"])["et"]
    assert np.isfinite(forward).mean() > 0.8
    assert 1 < float(forward.mean()) < 8
    (unwritten,) = cube(summer_world.preset, summer_world.seed, ["et"])
    np.testing.assert_allclose(unwritten["et"], forward, rtol=1e-5)


def test_worlds_from_before_the_knob_stay_known() -> None:
    """What tells worlds apart names the knob only where it is turned."""
    assert "evapotranspiration" not in load_preset("tiny").model_dump()
    assert _preset("2021-07", "2021-07").model_dump()["evapotranspiration"] == "MOD16A2"

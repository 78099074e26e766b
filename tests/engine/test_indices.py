"""Spectral indices, against an independent library."""

from __future__ import annotations

import numpy as np
import pytest
import spyndex  # type: ignore[import-untyped]

from engine import indices

BANDS = ("nir", "red", "blue", "swir_1240", "swir1", "swir2")
THEIRS = {"N": "nir", "R": "red", "B": "blue", "S1": "swir1", "S2": "swir2"}


@pytest.fixture
def bands() -> dict[str, np.ndarray]:
    """Return reflectances of a thousand pixels."""
    generator = np.random.default_rng(1)
    return {name: generator.uniform(0.02, 0.6, 1000).astype(np.float32) for name in BANDS}


def spyndex_of(name: str, bands: dict[str, np.ndarray]) -> np.ndarray:
    """Compute an index with spyndex, with its own constants."""
    constants = {name: spyndex.constants[name].default for name in ("g", "C1", "C2", "L")}
    params = {theirs: bands[ours] for theirs, ours in THEIRS.items()} | constants
    needed = {key: params[key] for key in spyndex.indices[name].bands}
    return np.asarray(spyndex.computeIndex(index=name, params=needed))


@pytest.mark.parametrize("name", ["NDVI", "NIRv", "NSDSI3"])
def test_indices_agree_with_spyndex(name: str, bands: dict[str, np.ndarray]) -> None:
    """Where the definition is the same the values are."""
    ours = indices.INDICES[name.lower().rstrip("3")](bands)
    assert ours.dtype == np.float32
    assert np.allclose(ours, spyndex_of(name, bands), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", [1, 2, 3])
def test_every_form_of_nsdsi_agrees_with_spyndex(form: int, bands: dict[str, np.ndarray]) -> None:
    """All three normalisations are the published ones."""
    ours = indices.nsdsi(bands["swir1"], bands["swir2"], form)  # type: ignore[arg-type]
    assert np.allclose(ours, spyndex_of(f"NSDSI{form}", bands), rtol=1e-5, atol=1e-6)


def test_evi_agrees_with_spyndex_where_it_is_sound(bands: dict[str, np.ndarray]) -> None:
    """EVI is the published one, or EVI2 where that breaks its own limits."""
    ours = indices.evi(bands["nir"], bands["red"], bands["blue"])
    with np.errstate(divide="ignore"):
        theirs = spyndex_of("EVI", bands)
    denominator = bands["nir"] + 6 * bands["red"] - 7.5 * bands["blue"] + 1
    sound = (denominator > 0.1001) & (np.abs(theirs) < 1.4999)
    assert 0.2 < sound.mean() < 0.99
    assert np.allclose(ours[sound], theirs[sound], rtol=1e-4)
    assert np.allclose(ours[~sound], spyndex_of("EVI2", bands)[~sound], rtol=1e-4)


def test_evi_over_snow_falls_back() -> None:
    """Bright blue makes EVI explode; EVI2 stands in."""
    snow = [np.array([value]) for value in (0.9, 0.9, 1.0)]
    assert indices.evi(*snow) == pytest.approx(0, abs=1e-9)


def test_evi_without_blue_falls_back() -> None:
    """A missing blue band leaves EVI2."""
    nir, red = np.array([0.4]), np.array([0.1])
    assert indices.evi(nir, red, np.array([np.nan])) == pytest.approx(2.5 * 0.3 / 1.64)


def test_gao_uses_the_nearest_band_that_there_is() -> None:
    """1240 nm where it is valid, else 1640 nm, which is NDMI."""
    nir, swir1 = np.array([0.4, 0.4]), np.array([0.2, 0.2])
    water = indices.ndwi_gao(nir, np.array([0.3, np.nan]), swir1)
    assert np.allclose(water, [0.1 / 0.7, 0.2 / 0.6])


def test_nirv_may_subtract_bare_soil() -> None:
    """The original offset of 0.08 is an option."""
    nir, red = np.array([0.5]), np.array([0.1])
    assert indices.nirv(nir, red, offset=0.08) == pytest.approx((0.4 / 0.6 - 0.08) * 0.5)


def test_the_index_of_a_constant_is_constant() -> None:
    """Equal reflectances give equal indices, to the last bit."""
    constant = {name: np.full((3, 4), 0.25, dtype=np.float32) for name in BANDS}
    for index in indices.INDICES.values():
        assert np.unique(index(constant)).size == 1

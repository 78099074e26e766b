"""Area means from the world's cells to the products' lattices, against the engine's regridding."""

from __future__ import annotations

import numpy as np
import pytest

from engine.regrid import area_weights
from engine.world.domain import Domain
from engine.world.operators.sampling import (
    LonLatSampler,
    SinusoidalSampler,
    crop_lattice,
    interval_shares,
    lonlat_lattice,
)
from engine.world.presets import load_preset
from engine.world.random_fields import RandomField, stream


@pytest.fixture(scope="module")
def domain() -> Domain:
    """Give the grids of the tiny world."""
    return Domain.of(load_preset("tiny").window)


@pytest.fixture(scope="module")
def field(domain: Domain) -> np.ndarray:
    """Give a rough field on the simulated cells."""
    return RandomField(domain.shape, 10, 1.5).draw(stream(1, "field"))


def _lonlat(domain: Domain) -> LonLatSampler:
    lattice = lonlat_lattice(-180, 50, 0.05, 2000, 7200)
    return LonLatSampler.of(crop_lattice(lattice, domain.area, 2), domain)


def test_margin_covers_every_lattice_cell(domain: Domain) -> None:
    """The simulated margin reaches beyond two 0.05° cells around the area."""
    ones = _lonlat(domain).to_lattice(np.ones(domain.shape, np.float32))
    np.testing.assert_allclose(ones, 1, atol=1e-5)


def test_lonlat_means_agree_with_the_engine(domain: Domain, field: np.ndarray) -> None:
    """0.05° means agree with the engine's weights, which were written apart."""
    sampler = _lonlat(domain)
    expected, _ = area_weights(domain.fine, sampler.geobox).apply(field)
    np.testing.assert_allclose(sampler.to_lattice(field), expected, atol=2e-3)


@pytest.mark.parametrize("pixels", [1200, 2400])
def test_sinusoidal_means_agree_with_the_engine(
    domain: Domain, field: np.ndarray, pixels: int
) -> None:
    """Nine points a pixel are near the exact mean, and the area is wholly seen."""
    sampler = SinusoidalSampler.of("h27v05", pixels, domain)
    expected, valid = area_weights(domain.fine, sampler.geobox).apply(field)
    got = sampler.to_tile(field)
    assert np.isnan(got[~sampler.seen]).all()
    difference = (got - expected)[sampler.seen & (valid > 0.99)]
    assert np.sqrt(np.mean(difference**2)) < 0.12 * field.std()
    assert abs(difference.mean()) < 2e-3
    _, covered = area_weights(sampler.geobox, domain.area).apply(
        np.where(sampler.seen, 1.0, np.nan)
    )
    np.testing.assert_allclose(covered, 1, atol=1e-5)


def test_interval_shares_keep_the_total() -> None:
    """What source intervals hold is what the targets receive."""
    source, target = np.linspace(0, 7, 12), np.array([0.0, 0.4, 3.0, 6.9, 7.0])
    shares = interval_shares(source, target)
    values = np.arange(11.0)
    total = (shares @ values * np.diff(target)).sum()
    assert total == pytest.approx((values * np.diff(source)).sum(), rel=1e-6)

"""Gaussian random fields."""

from __future__ import annotations

import numpy as np
import pytest

from engine.world.random_fields import RandomField, stream


@pytest.mark.parametrize("length", [2, 12, 60])
def test_fields_have_zero_mean_and_unit_variance(length: float) -> None:
    """Over many draws a cell's values are standard normal, whatever the outer scale."""
    generator = stream(1, "test")
    field = RandomField((24, 30), length)
    draws = np.stack([field.draw(generator) for _ in range(400)])
    assert draws.mean() == pytest.approx(0, abs=0.12)
    assert draws.std() == pytest.approx(1, abs=0.08)


def test_longer_scale_is_smoother() -> None:
    """Neighbours resemble each other more where the outer scale is longer."""

    def likeness(length: float) -> float:
        values = RandomField((64, 64), length).draw(stream(3, "test"))
        return float(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1])

    assert likeness(2) < likeness(8) < likeness(40)


def test_opposite_edges_are_strangers() -> None:
    """The torus is larger than the window, so its wrap is not seen."""
    generator = stream(5, "test")
    field = RandomField((40, 40), 10)
    draws = np.stack([field.draw(generator) for _ in range(300)])
    edges = np.corrcoef(draws[:, 20, 0], draws[:, 20, -1])[0, 1]
    neighbours = np.corrcoef(draws[:, 20, 0], draws[:, 20, 1])[0, 1]
    assert abs(edges) < 0.2
    assert neighbours > 0.8

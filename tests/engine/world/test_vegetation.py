"""Plants: slow structure, fast fluorescence."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from engine.world import vegetation

_ONE = np.ones((1, 1), np.float32)


def _sif(stress: float, response: float) -> float:
    values = vegetation.fluorescence(10 * _ONE, 3 * _ONE, stress * _ONE, 25 * _ONE, response)
    return float(values[0, 0])


def test_fluorescence_answers_stress_at_once_and_structure_slowly() -> None:
    """One day of full stress costs 55 % of the SIF but hardly any leaf area."""
    slow = vegetation.remember_stress(0 * _ONE, _ONE)
    assert _sif(1, 0.55) == pytest.approx(0.45 * _sif(0, 0.55))
    assert float(vegetation.leaf_area(3 * _ONE, slow)[0, 0]) > 0.98 * 3


def test_negative_control_ignores_stress() -> None:
    """With the knob at 0, SIF knows nothing of today's stress."""
    assert _sif(1, 0) == _sif(0, 0)


def test_crops_peak_twice() -> None:
    """Wheat stands in April, maize in August, and the fields are bare between and after."""
    april, june, august, december = (
        vegetation.crop_greenness(date(2019, *day)) for day in ((4, 22), (6, 14), (8, 10), (12, 20))
    )
    assert april > 0.8
    assert august > 0.8
    assert june < 0.5
    assert december < 0.1

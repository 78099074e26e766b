"""A preset's knobs turn what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.errors import InputError
from engine.grids import block_mean
from engine.months import Month
from engine.world import load_preset
from engine.world.domain import Domain
from engine.world.land import make_land
from engine.world.observing import observe
from engine.world.operators.observation import Observation
from engine.world.operators.rain_error import RainError
from engine.world.operators.truth import TrueMonth
from engine.world.presets import Window

if TYPE_CHECKING:
    from engine.grids import FloatArray

_JULY = Month(2020, 7)


def _seen(**knobs: float | str) -> dict[str, FloatArray]:
    """Return July's means of the truth, of SMAP, and of CHIRPS's rain."""
    preset = load_preset("tiny", **knobs).model_copy(
        update={
            "first": "2020-06",
            "last": "2020-07",
            "spin_up_days": 60,
            "window": Window(row=345, column=3133, height=4, width=4),
            "stations": 0,
        }
    )
    domain = Domain.of(preset.window)
    land = make_land(domain, 3)
    layers: dict[str, list[FloatArray]] = {}
    for seen in observe(preset, domain, land, 3):
        if isinstance(seen, TrueMonth) and seen.month == _JULY:
            layers["truth"] = [seen.fields["soil_moisture"]]
        elif isinstance(seen, Observation) and Month.of(seen.time.date()) == _JULY:
            for name in ("sm_surface", "precipitation"):
                if name in seen.fields:
                    layers.setdefault(name, []).append(seen.fields[name])
    return {name: np.mean(fields, axis=0) for name, fields in layers.items()}


@pytest.fixture(scope="module")
def plain() -> dict[str, FloatArray]:
    """Give July as the preset has it."""
    return _seen()


def test_wrong_rain_is_shared(plain: dict[str, FloatArray]) -> None:
    """Where CHIRPS has too much rain, SMAP is too wet; the truth is the same."""
    wrong = _seen(shared_rain_error=0.5)
    np.testing.assert_array_equal(wrong["truth"], plain["truth"])
    rain = wrong["precipitation"] / plain["precipitation"]
    wetter = wrong["sm_surface"] - plain["sm_surface"]
    assert np.abs(np.log(rain)).max() > 0.1
    assert 0.001 < np.abs(wetter).max() < 0.1
    assert np.sign(np.log(rain).mean()) == np.sign(wetter.mean())


def test_an_error_of_rain_is_none_on_average() -> None:
    """Over many months the factor has mean 1 and the size asked for."""
    domain = Domain.of(load_preset("tiny").window)
    error = RainError(domain, 0.3, 7)
    factors = np.stack([error.factor(Month(2000, 1).shift(k))[::8, ::8] for k in range(150)])
    assert factors.mean() == pytest.approx(1, abs=0.05)
    assert np.log(factors).std() == pytest.approx(0.3, abs=0.04)


def test_coarse_smap_resolves_27_km(plain: dict[str, FloatArray]) -> None:
    """Its errors are the same; what is gone is the contrast between neighbouring cells."""
    coarse = _seen(smap_errors="coarse")
    change = (coarse["sm_surface"] - plain["sm_surface"])[1:-1, 1:-1]
    contrast = block_mean(plain["truth"])
    contrast = contrast - contrast.mean()
    assert np.corrcoef(change.ravel(), contrast.ravel())[0, 1] < -0.5


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("smap_errors", "none"),
        ("sif_stress", 2),
        ("shared_rain_error", -1),
        ("evapotranspiration", "MOD16A3"),
        ("sif", 1),
    ],
)
def test_a_knob_has_limits(knob: str, value: float | str) -> None:
    """The error names the knob and what is allowed."""
    with pytest.raises(InputError, match=knob):
        load_preset("tiny", **{knob: value})


def test_henan_is_the_paper_s() -> None:
    """The window and the months of the paper."""
    preset = load_preset("henan")
    assert (preset.window.height, preset.window.width) == (59, 69)
    assert len(preset.months) == 44
    assert str(preset.months[0]) == "2018-05"


def test_predictor_noise_leaves_truth_and_smap_alone(plain: dict[str, FloatArray]) -> None:
    """It reaches CHIRPS and the other predictors; the truth and SMAP stay to the bit."""
    noisy = _seen(predictor_noise=2)
    np.testing.assert_array_equal(noisy["truth"], plain["truth"])
    np.testing.assert_array_equal(noisy["sm_surface"], plain["sm_surface"])
    assert np.abs(np.log(noisy["precipitation"] / plain["precipitation"])).max() > 0.05
    assert "predictor_noise" not in load_preset("tiny").model_dump()

"""Palettes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from pydantic import ValidationError

from engine.colours import Palette, oklab, palette, palettes
from engine.errors import InputError


@pytest.mark.parametrize("name", sorted(palettes()))
def test_steps_look_even_and_only_darken(name: str) -> None:
    """Equal differences of value look equal, and the map can be read in grey.

    Diverging colours do so on either side of the middle.
    """
    colours = palette(name)
    whole = oklab(colours.table())
    half = len(whole) // 2
    for lab in (whole[half:], whole[:half][::-1]) if colours.diverging else (whole,):
        steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
        assert steps.max() < 1.15 * steps.min()
        assert (np.diff(lab[:, 0]) < 0).all()
        assert lab[0, 0] - lab[-1, 0] > 0.5


@pytest.mark.parametrize("name", [n for n, entry in palettes().items() if entry.diverging])
def test_the_middle_of_diverging_colours_is_the_middle_of_their_range(name: str) -> None:
    """The usual is pale, and as much too little looks as strong as as much too much."""
    colours = palette(name)
    low, high = colours.range
    table = oklab(colours.table())
    np.testing.assert_allclose(table[127], table[128])
    pale = oklab(np.array(to_rgb(colours.stops[3])))
    np.testing.assert_allclose(
        oklab(colours.rgba([(low + high) / 2])[0, :3] / 255), pale, atol=0.01
    )
    strength = np.linalg.norm(table[[0, -1]] - pale, axis=1)
    assert strength.max() < 1.25 * strength.min()


@pytest.mark.parametrize("name", sorted(palettes()))
def test_a_palette_ends_at_its_stops(name: str) -> None:
    """The first and the last colour are those of the table."""
    colours = palette(name)
    np.testing.assert_allclose(colours.table()[0], to_rgb(colours.stops[0]), atol=1e-3)
    np.testing.assert_allclose(colours.table()[-1], to_rgb(colours.stops[-1]), atol=1e-3)


def test_oklab_has_its_published_values() -> None:
    """White and red come out as in the colour space's own definition."""
    np.testing.assert_allclose(oklab([1, 1, 1]), [1, 0, 0], atol=1e-3)
    np.testing.assert_allclose(oklab([1, 0, 0]), [0.62796, 0.22486, 0.12585], atol=1e-3)


def test_dry_is_brown_and_wet_is_blue() -> None:
    """Soil moisture looks like soil moisture."""
    dry, wet = palette("soil_moisture").rgba([0.08, 0.42])[:, :3].astype(int)
    assert dry[0] > dry[1] > dry[2]
    assert wet[2] > wet[1] > wet[0]


def test_missing_values_are_transparent_and_others_opaque() -> None:
    """A gap shows what lies below; values beyond the range take its last colour."""
    rgba = palette("soil_moisture").rgba([np.nan, 0.2, -1.0, 9.0, 0.05, 0.45])
    assert rgba[:, 3].tolist() == [0, 255, 255, 255, 255, 255]
    np.testing.assert_array_equal(rgba[2], rgba[4])
    np.testing.assert_array_equal(rgba[3], rgba[5])


def test_diverging_colours_need_a_middle() -> None:
    """An even number of stops has none."""
    given = palette("anomaly").model_dump() | {"stops": ("#000000", "#ffffff")}
    with pytest.raises(ValidationError, match="odd number"):
        Palette.model_validate(given)


def test_an_unknown_palette_names_the_known_ones() -> None:
    """The error lists what there is."""
    with pytest.raises(InputError, match="soil_moisture"):
        palette("jet")

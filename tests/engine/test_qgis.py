"""Styles for QGIS: well-formed, and the colours of every other picture."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from engine.colours import palette, palettes
from engine.qgis import style


@pytest.mark.parametrize("name", palettes())
def test_a_style_has_the_palette_and_its_fixed_range(name: str) -> None:
    """256 colours from the range's low end to its high end, joined by lines."""
    colours = palette(name)
    root = ET.fromstring(style(colours))  # noqa: S314  (our own text)
    ramp = root.find("./pipe/rasterrenderer/rastershader/colorrampshader")
    assert ramp is not None
    items = ramp.findall("item")
    assert [one.get("color") for one in items] == list(colours.hexes())
    values = [float(one.get("value", "nan")) for one in items]
    np.testing.assert_allclose(values, np.linspace(*colours.range, 256), rtol=1e-5, atol=1e-9)
    assert ramp.get("colorRampType") == "INTERPOLATED"
    assert float(ramp.get("minimumValue", "nan")) == colours.range[0]

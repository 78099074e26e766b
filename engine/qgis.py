"""Styles for QGIS: a map in its fixed colours as soon as it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from engine.colours import LEVELS

if TYPE_CHECKING:
    from engine.colours import Palette

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_VERSION = "3.22.0"
"""Oldest QGIS that the style was written for; later ones read it."""


def style(palette: Palette) -> str:
    """Return the style of a raster of one band, as QGIS keeps it in a ``.qml`` file.

    QGIS takes the file beside a raster that has the same name. The colours are those of every
    other picture of the product: 256 of them over a fixed range, joined by straight lines, the
    first and the last for what lies beyond.
    """
    low, high = (f"{value:g}" for value in palette.range)
    qgis = ET.Element("qgis", version=_VERSION, styleCategories="Symbology")
    renderer = ET.SubElement(
        ET.SubElement(qgis, "pipe"),
        "rasterrenderer",
        type="singlebandpseudocolor",
        band="1",
        opacity="1",
        alphaBand="-1",
        nodataColor="",
        classificationMin=low,
        classificationMax=high,
    )
    ramp = ET.SubElement(
        ET.SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="2",
        clip="0",
        minimumValue=low,
        maximumValue=high,
        labelPrecision="2",
    )
    for value, colour in zip(np.linspace(*palette.range, LEVELS), palette.hexes(), strict=True):
        label = f"{value:.2f} {palette.units_label}"
        ET.SubElement(ramp, "item", value=f"{value:.6g}", color=colour, alpha="255", label=label)
    ET.indent(qgis, " ")
    return f"{_DOCTYPE}{ET.tostring(qgis, encoding='unicode')}\n"

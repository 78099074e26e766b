"""The pair of maps in README, from what ``make demo`` left.

``python docs/pictures.py data/demo`` writes it anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from engine.archive import Archive
from engine.feature_store import FeatureStore
from engine.grids import BLOCK
from engine.months import Month
from engine.region import load_region
from engine.target import coarse_soil_moisture
from processes.scoring import read_raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

MONTH = Month(2020, 7)
TARGET = Path(__file__).with_name("map-pair.png")
_ITEM = f"soil-moisture-small-synthetic-{MONTH}"
_MAP = f"catalog/soil-moisture-1km-monthly/{_ITEM}/{_ITEM}_soil_moisture_v1.tif"


def map_pair(data: Path) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return SMAP and the map of the month, both on the fine grid, m3 m-3."""
    region = load_region(data / "regions" / "small-synthetic.yaml")
    store = FeatureStore(Archive(data / "archive"), region, data / "features")
    smap = coarse_soil_moisture(store, MONTH).to_numpy()
    return np.kron(smap, np.ones((BLOCK, BLOCK))), read_raster(str(data / _MAP))


def draw(data: Path) -> None:
    """Write the picture."""
    mpl.use("Agg")
    smap, mapped = map_pair(data)
    low, high = np.nanquantile(mapped, [0.005, 0.995])
    figure, axes = plt.subplots(1, 2, figsize=(9.4, 4.4), layout="constrained")
    titles = (f"SMAP, 9 km, {MONTH}", f"vadose, 1 km, {MONTH}")
    for axis, title, values in zip(axes, titles, (smap, mapped), strict=True):
        image = axis.imshow(values, cmap="YlGnBu", vmin=low, vmax=high, interpolation="nearest")
        axis.set_title(title, fontsize=11)
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=axes, shrink=0.85, pad=0.01)
    bar.set_label("soil moisture, m³ m⁻³; synthetic")
    figure.savefig(TARGET, dpi=100, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    draw(Path(sys.argv[1]))

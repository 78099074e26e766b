"""Pictures of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from engine.colours import palette
from engine.errors import UnitsError
from engine.grids import BBox, coarse_window, fine_of
from engine.quicklook import Caption, overview, thumbnail

if TYPE_CHECKING:
    from pathlib import Path

    from odc.geo.geobox import GeoBox

HENAN = fine_of(coarse_window(BBox(110.35, 31.38, 116.65, 36.37)))
SOUTH = fine_of(coarse_window(BBox(18, -34, 25, -29)))


def halves(geobox: GeoBox) -> xr.DataArray:
    """Return a map that is dry in the west, wet in the east, and has a gap in the north-west."""
    height, width = geobox.shape
    values = np.full((height, width), 0.1, np.float32)
    values[:, width // 2 :] = 0.4
    values[: height // 4, : width // 4] = np.nan
    coords = {name: geobox.coords[name].values for name in ("y", "x")}
    return xr.DataArray(
        values, dims=("y", "x"), coords=coords, name="soil_moisture", attrs={"units": "m3 m-3"}
    )


def caption(*, synthetic: bool) -> Caption:
    return Caption(
        title="Surface soil moisture, Henan",
        month="May 2020",
        source="vadose 0.1.0 · random forest",
        synthetic=synthetic,
    )


def colours_in(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGBA"))


@pytest.mark.parametrize(
    ("geobox", "size"), [(HENAN, (438, 512)), (HENAN[:54, :63], (432, 504)), (SOUTH, None)]
)
def test_a_thumbnail_covers_the_map_within_its_size(
    tmp_path: Path, geobox: GeoBox, size: tuple[int, int] | None
) -> None:
    """Every map becomes a picture of less than 600 pixels with the map's shape."""
    path = tmp_path / "thumbnail.png"
    shape = thumbnail(path, halves(geobox), palette("soil_moisture"), synthetic=False)
    assert max(shape) < 600
    assert size is None or shape == size
    assert colours_in(path).shape[:2] == shape
    assert shape[0] / shape[1] == pytest.approx(geobox.shape.y / geobox.shape.x, rel=0.01)


def test_a_thumbnail_shows_north_up_in_the_palettes_colours(tmp_path: Path) -> None:
    """West is dry, east is wet, the gap is transparent."""
    path = tmp_path / "thumbnail.png"
    colours = palette("soil_moisture")
    thumbnail(path, halves(HENAN), colours, synthetic=False)
    pixels = colours_in(path)
    dry, wet = colours.rgba([0.1, 0.4])
    np.testing.assert_array_equal(pixels[300, 50], dry)
    np.testing.assert_array_equal(pixels[300, 450], wet)
    assert pixels[20, 20, 3] == 0


def reddish(pixels: np.ndarray) -> int:
    """Count pixels of the warning's red, which no palette holds."""
    red, green, blue = (pixels[..., k].astype(int) for k in range(3))
    return int(((red > 150) & (green < 80) & (blue < 80)).sum())


def test_a_synthetic_map_says_so_on_both_pictures(tmp_path: Path) -> None:
    """A synthetic picture carries the warning, a real one does not."""
    colours, layer = palette("soil_moisture"), halves(HENAN)
    counts = {}
    for synthetic in (False, True):
        small, large = tmp_path / f"s{synthetic}.png", tmp_path / f"l{synthetic}.png"
        thumbnail(small, layer, colours, synthetic=synthetic)
        overview(large, layer, colours, caption(synthetic=synthetic))
        counts[synthetic] = reddish(colours_in(small)), reddish(colours_in(large))
    assert counts[False] == (0, 0)
    assert min(counts[True]) > 50


@pytest.mark.parametrize("geobox", [HENAN, HENAN[:54, :63], SOUTH, HENAN[:90, :621]])
def test_a_sheet_shows_map_and_legend(tmp_path: Path, geobox: GeoBox) -> None:
    """Both colours fill much of the picture, whatever the map's shape, and gaps are grey."""
    path = tmp_path / "overview.png"
    colours = palette("soil_moisture")
    shape = overview(path, halves(geobox), colours, caption(synthetic=False))
    pixels = colours_in(path)
    assert pixels.shape[:2] == shape
    for colour in colours.rgba([0.1, 0.4]):
        assert (pixels == colour).all(axis=-1).mean() > 0.05
    assert (pixels == (0xE4, 0xE4, 0xE4, 255)).all(axis=-1).any()


def test_the_same_map_gives_the_same_pictures(tmp_path: Path) -> None:
    """Pictures carry no date and no random name."""
    layer, colours = halves(HENAN), palette("soil_moisture")
    for name in "ab":
        thumbnail(tmp_path / f"{name}t.png", layer, colours, synthetic=True)
        overview(tmp_path / f"{name}o.png", layer, colours, caption(synthetic=True))
    assert (tmp_path / "at.png").read_bytes() == (tmp_path / "bt.png").read_bytes()
    assert (tmp_path / "ao.png").read_bytes() == (tmp_path / "bo.png").read_bytes()


def test_a_layer_in_another_unit_is_refused(tmp_path: Path) -> None:
    """Per cent in a palette of m3 m-3 would all be navy blue."""
    layer = halves(HENAN).assign_attrs(units="%")
    with pytest.raises(UnitsError, match="soil_moisture"):
        thumbnail(tmp_path / "t.png", layer, palette("soil_moisture"), synthetic=False)
    assert not list(tmp_path.iterdir())

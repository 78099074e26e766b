"""Regridding: exact shares of area, against an independent program and brute force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from affine import Affine
from exactextract import exact_extract  # type: ignore[import-untyped]
from exactextract.raster import NumPyRasterSource  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy import sparse

from engine.errors import GridMismatchError
from engine.grids import (
    EASE2_CRS,
    BBox,
    coarse_window,
    covering_window,
    fine_of,
    lonlat,
    sinusoidal_tile,
)
from engine.intervals import overlap_matrix
from engine.regrid import WeightCache, Weights, area_weights, bilinear_weights, total
from engine.testing import lattice_over

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    type Floats = NDArray[np.floating]

ZHENGZHOU = fine_of(coarse_window(BBox(113.5, 34.6, 113.7, 34.8)))
SOUTH = fine_of(coarse_window(BBox(18.5, -34.2, 18.7, -34.0)))


def sinusoidal(area: GeoBox, tile: str, pixels: int) -> GeoBox:
    """Return the part of a MODIS tile that covers an area."""
    whole = sinusoidal_tile(tile, pixels)
    window = covering_window(whole, area, pad=2)
    assert window is not None
    return whole[window]


HOMOLOSINE = "+proj=igh +lat_0=0 +lon_0=0 +datum=WGS84 +units=m"


def homolosine(area: GeoBox, pixel: float = 250.0) -> GeoBox:
    """Return a lattice of the interrupted homolosine that covers an area, as soil maps have."""
    x, y = Transformer.from_crs("EPSG:4326", HOMOLOSINE, always_xy=True).transform(*lonlat(area))
    left, top = (np.floor(x.min() / pixel) - 9) * pixel, (np.ceil(y.max() / pixel) + 9) * pixel
    shape = (int((top - y.min()) / pixel) + 9, int((x.max() - left) / pixel) + 9)
    return GeoBox(shape, Affine(pixel, 0, left, 0, -pixel, top), HOMOLOSINE)


UTM = GeoBox((120, 110), Affine(500, 0, 705_000, 0, -500, 3_880_000), "EPSG:32649")

UTM_COARSE = GeoBox((6, 6), Affine(10_000, 0, 705_000, 0, -10_000, 3_880_000), "EPSG:32649")

SOURCES = {
    "MODIS 500 m": (sinusoidal(ZHENGZHOU, "h27v05", 2400), ZHENGZHOU),
    "MODIS 1 km": (sinusoidal(ZHENGZHOU, "h27v05", 1200), ZHENGZHOU),
    "MODIS 500 m, south": (sinusoidal(SOUTH, "h19v12", 2400), SOUTH),
    "3 arc-seconds": (lattice_over(ZHENGZHOU, 1 / 1200, pad=2), ZHENGZHOU),
    "0.05 degrees": (lattice_over(ZHENGZHOU, 0.05, pad=2), ZHENGZHOU),
    "fine to 0.05 degrees": (ZHENGZHOU, lattice_over(ZHENGZHOU, 0.05, pad=0)[1:-1, 1:-1]),
    "MODIS to 0.05 degrees": (
        sinusoidal(ZHENGZHOU, "h27v05", 2400),
        lattice_over(ZHENGZHOU, 0.05, pad=0)[1:-1, 1:-1],
    ),
    "homolosine 250 m": (homolosine(ZHENGZHOU), ZHENGZHOU),
    "homolosine 250 m, south": (homolosine(SOUTH), SOUTH),
    "UTM": (UTM, ZHENGZHOU),
}

# Areas across an interruption of the homolosine, and across the equator where lobes differ.
TWO_LOBES = fine_of(coarse_window(BBox(-20.1, -10.1, -19.9, -9.95)))
EQUATOR = fine_of(coarse_window(BBox(-100.1, -0.1, -99.9, 0.1)))

SHEARED = [name for name in SOURCES if name.startswith(("MODIS 500", "MODIS 1", "homolosine"))]

each_pair = pytest.mark.parametrize(("source", "target"), SOURCES.values(), ids=list(SOURCES))


def noise(grid: GeoBox, seed: int = 3) -> Floats:
    """Return a field without any smoothness, the hardest to regrid."""
    return np.random.default_rng(seed).normal(size=tuple(grid.shape)).astype(np.float32)


def by_points(values: Floats, source: GeoBox, target: GeoBox, points: int = 60) -> Floats:
    """Average by brute force: look up the source pixel under many points of every cell."""
    fine = GeoBox(
        (target.shape.y * points, target.shape.x * points),
        target.affine @ Affine.scale(1 / points),
        target.crs,
    )
    x, y = Transformer.from_crs("EPSG:4326", str(source.crs), always_xy=True).transform(
        *lonlat(fine)
    )
    column, row = ~source.affine @ (x, y)
    seen = values[np.floor(row).astype(int), np.floor(column).astype(int)]
    return np.asarray(
        seen.reshape(target.shape.y, points, target.shape.x, points).mean(axis=(1, 3))
    )


def by_exactextract(values: Floats, source: GeoBox, target: GeoBox) -> Floats:
    """Average with exactextract, over cells drawn as polygons on the source's own plane."""
    left, bottom, right, top = source.boundingbox
    raster = NumPyRasterSource(
        values.astype(float), xmin=left, ymin=bottom, xmax=right, ymax=top, name="v"
    )
    to_source = Transformer.from_crs(str(target.crs), str(source.crs), always_xy=True)
    along = np.linspace(0, 1, 17)
    ones, zeros = np.ones_like(along), np.zeros_like(along)
    columns = np.concatenate([along, ones, along[::-1], zeros])
    rows = np.concatenate([zeros, along, ones, along[::-1]])
    cells = []
    for row, column in np.ndindex(*target.shape):
        ring = to_source.transform(*(target.affine @ (column + columns, row + rows)))
        polygon = {"type": "Polygon", "coordinates": [np.transpose(ring).tolist()]}
        cells.append({"type": "Feature", "geometry": polygon, "properties": {}})
    results: Any = exact_extract(raster, cells, ["mean"])
    means = [result["properties"]["mean"] for result in results]
    return np.reshape(means, tuple(target.shape))


@each_pair
def test_a_constant_stays_that_constant(source: GeoBox, target: GeoBox) -> None:
    """Every fully covered cell of a constant field has that value, whatever the grids."""
    mean, valid = area_weights(source, target).apply(np.full(tuple(source.shape), 0.31))
    assert np.allclose(mean, 0.31, rtol=1e-6, atol=0)
    assert (valid > 0.85).all()


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "UTM"])
def test_covered_cells_have_weights_that_sum_to_one(name: str) -> None:
    """The shares of a fully covered cell add up to the cell."""
    source, target = SOURCES[name]
    _, valid = area_weights(source, target).apply(np.ones(tuple(source.shape)))
    assert np.allclose(valid, 1, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("strips", "limit"), [(8, 3e-3), (64, 1e-4)])
@pytest.mark.parametrize("name", SHEARED)
def test_area_means_agree_with_exactextract(name: str, strips: int, limit: float) -> None:
    """On noise, sheared grids agree with the exact polygon overlay, the closer the more strips."""
    source, target = SOURCES[name]
    values = noise(source)
    mean, _ = area_weights(source, target, strips).apply(values)
    difference = mean - by_exactextract(values, source, target)
    assert np.sqrt((difference**2).mean()) < limit * mean.std()


@each_pair
def test_area_means_agree_with_brute_force(source: GeoBox, target: GeoBox) -> None:
    """Looking up 3600 points of every cell gives the same means, up to that method's error."""
    values = noise(source)
    mean, _ = area_weights(source, target).apply(values)
    difference = mean - by_points(values, source, target)
    assert np.sqrt((difference**2).mean()) < (0.03 if source is UTM else 0.015) * values.std()


@pytest.mark.parametrize("area", [TWO_LOBES, EQUATOR], ids=["interruption", "equator"])
def test_lobes_are_laid_over_one_by_one(area: GeoBox) -> None:
    """Cells across a border of lobes are whole, and made of the right pixels of both."""
    source = homolosine(area)
    weights = area_weights(source, area)
    mean, valid = weights.apply(np.full(tuple(source.shape), 0.31))
    assert np.allclose(mean, 0.31, rtol=1e-6, atol=0)
    assert np.allclose(valid, 1, rtol=0, atol=1e-5)
    values = noise(source)
    mean, _ = weights.apply(values)
    difference = mean - by_points(values, source, area)
    assert np.sqrt((difference**2).mean()) < 0.015 * values.std()


@pytest.mark.parametrize("name", ["MODIS 500 m", "3 arc-seconds", "fine to 0.05 degrees"])
def test_a_plane_stays_a_plane(name: str) -> None:
    """A plane over longitude and latitude keeps its values at cell centres."""
    source, target = SOURCES[name]
    lon, lat = lonlat(source)
    mean, _ = area_weights(source, target).apply(2 * lon - 3 * lat)
    lon, lat = lonlat(target)
    step = abs(2 * (lon[0, 1] - lon[0, 0])) + abs(3 * (lat[1, 0] - lat[0, 0]))
    assert np.abs(mean - (2 * lon - 3 * lat)).max() < 0.1 * step


@given(
    west=st.floats(-170, 165),
    south=st.floats(-55, 54),
    pixels=st.sampled_from([1200, 2400]),
    seed=st.integers(0, 9),
)
def test_nothing_is_lost_or_made(west: float, south: float, pixels: int, seed: int) -> None:
    """Anywhere on earth, the total over an area is the total over its cells.

    Each pixel inside the area is shared out whole: its shares of cells add up to its own area.
    """
    target = fine_of(coarse_window(BBox(west, south, west + 1, south + 1)))
    tile, row, column = _tile_of(target, pixels)
    source = tile[row - 4 : row + 4, column - 4 : column + 4]
    weights = area_weights(source, target)
    values = noise(source, seed)
    sums = weights.sums(values)
    share = np.asarray(weights.matrices[0].sum(axis=0)).reshape(tuple(source.shape))
    assert np.allclose(share, share[4, 4], rtol=2e-3)
    expected = float((share * values).sum(dtype=np.float64))
    assert float(sums.numerator.sum(dtype=np.float64)) == pytest.approx(expected, abs=1e-4)


def _tile_of(target: GeoBox, pixels: int) -> tuple[GeoBox, int, int]:
    """Return the MODIS tile under the middle of an area, and the pixel there, off the rim."""
    lon, lat = lonlat(target)
    middle = tuple(size // 2 for size in target.shape)
    first = sinusoidal_tile("h00v00", pixels)
    to_tile = Transformer.from_crs("EPSG:4326", str(first.crs), always_xy=True)
    column, row = ~first.affine @ to_tile.transform(lon[middle], lat[middle])
    name = f"h{int(column // pixels):02d}v{int(row // pixels):02d}"
    inside = [int(np.clip(place % pixels, 4, pixels - 4)) for place in (row, column)]
    return sinusoidal_tile(name, pixels), inside[0], inside[1]


def test_two_tiles_make_one_area() -> None:
    """The sums of two halves of a source add up to those of the whole."""
    source, target = SOURCES["MODIS 500 m"]
    values = noise(source)
    whole, valid = area_weights(source, target).apply(values)
    half = source.shape.x // 2
    parts = [np.s_[:, :half], np.s_[:, half:]]
    sums = total(area_weights(source[part], target).sums(values[part]) for part in parts)
    mean, covered = sums.mean()
    assert np.allclose(mean, whole, rtol=0, atol=1e-5)
    assert np.allclose(covered, valid, rtol=0, atol=1e-5)


def test_interpolation_prints_no_blocks() -> None:
    """Steps across the edges of 0.05 degree pixels are like those within them."""
    source, target = SOURCES["0.05 degrees"]
    fine, _ = bilinear_weights(source, target).apply(noise(source))
    lon, _ = lonlat(target)
    column = np.floor((~source.affine @ (lon, lon))[0]).astype(int)
    across = np.diff(column, axis=1) > 0
    steps = np.abs(np.diff(fine, axis=1))
    assert 0.5 < steps[across].mean() / steps[~across].mean() < 1.5
    blocks, _ = area_weights(source, target).apply(noise(source))
    steps = np.abs(np.diff(blocks, axis=1))
    assert steps[across].mean() / steps[~across].mean() > 1.5


def test_a_cell_needs_half_of_its_area_valid() -> None:
    """With three of four pixels missing a cell is missing; with two it is the others' mean."""
    source = GeoBox((2, 4), Affine(1, 0, 0, 0, -1, 2), "EPSG:4326")
    target = GeoBox((1, 2), Affine(2, 0, 0, 0, -2, 2), "EPSG:4326")
    nan = np.nan
    values = np.array([[1.0, nan, nan, nan], [3.0, nan, nan, 5.0]])
    mean, valid = area_weights(source, target).apply(values)
    assert mean[0, 0] == pytest.approx(2, abs=1e-3)
    assert np.isnan(mean[0, 1])
    assert np.allclose(valid, [[0.5, 0.25]], atol=1e-3)
    mean, _ = area_weights(source, target).apply(values, min_valid=0.2)
    assert mean[0, 1] == pytest.approx(5)


def test_quality_weighs_values() -> None:
    """A pixel of half quality counts half, one of no quality not at all."""
    source = GeoBox((1, 3), Affine(1, 0, 0, 0, -1, 1), "EPSG:4326")
    target = GeoBox((1, 1), Affine(3, 0, 0, 0, -1, 1), "EPSG:4326")
    mean, valid = area_weights(source, target).apply(
        np.array([[1.0, 4.0, 100.0]]), weight=np.array([[1.0, 0.5, 0.0]])
    )
    assert mean.item() == pytest.approx(2)
    assert valid.item() == pytest.approx(2 / 3, rel=1e-6)


def test_dates_go_together() -> None:
    """A stack of dates gives what each date gives alone, gaps and all."""
    source, target = SOURCES["MODIS 1 km"]
    stack = np.stack([noise(source, seed) for seed in range(3)])
    stack[1, 5:30, 5:30] = np.nan
    weights = area_weights(source, target)
    mean, valid = weights.apply(stack)
    for k in range(3):
        one, covered = weights.apply(stack[k])
        assert np.array_equal(mean[k], one, equal_nan=True)
        assert np.array_equal(valid[k], covered)


def test_an_upside_down_source_gives_the_same() -> None:
    """A source whose rows run northward needs no turning."""
    source, target = SOURCES["0.05 degrees"]
    flip = Affine.translation(0, source.shape.y) @ Affine.scale(1, -1)
    flipped = GeoBox(source.shape, source.affine @ flip, source.crs)
    values = noise(source)
    mean, _ = area_weights(source, target).apply(values)
    again, _ = area_weights(flipped, target).apply(values[::-1])
    assert np.allclose(mean, again, rtol=0, atol=1e-6)


def test_a_source_elsewhere_gives_nothing() -> None:
    """Where no pixel touches a cell the mean is missing and the valid share is zero."""
    mean, valid = area_weights(sinusoidal_tile("h19v08", 1200)[:9, :9], ZHENGZHOU).apply(
        np.ones((9, 9))
    )
    assert np.isnan(mean).all()
    assert (valid == 0).all()


def test_a_whole_tile_is_quick_to_build() -> None:
    """A full 2400 × 2400 tile needs no crop: pixels outside the area have no weight."""
    tile = sinusoidal_tile("h27v05", 2400)
    whole = area_weights(tile, ZHENGZHOU)
    cropped, target = SOURCES["MODIS 500 m"]
    values = noise(tile)
    window = covering_window(tile, ZHENGZHOU, pad=2)
    assert window is not None
    expected, _ = area_weights(cropped, target).apply(values[window])
    assert np.array_equal(whole.apply(values)[0], expected)


def test_values_on_another_grid_are_refused() -> None:
    """The error names both shapes."""
    source, target = SOURCES["0.05 degrees"]
    with pytest.raises(GridMismatchError, match="values"):
        area_weights(source, target).apply(np.ones((2, 2)))


@given(
    st.lists(st.floats(0.1, 3), min_size=1, max_size=8),
    st.lists(st.floats(0.1, 3), min_size=1, max_size=8),
    st.floats(-5, 5),
)
def test_intervals_share_their_length(ours: list[float], theirs: list[float], at: float) -> None:
    """Shared lengths are never negative and add up to the part that both cover."""
    source = at + np.concatenate([[0], np.cumsum(ours)])
    target = np.concatenate([[0], np.cumsum(theirs)])
    shared = overlap_matrix(source, target).toarray() * np.diff(target)[:, None]
    both = max(0, min(source[-1], target[-1]) - max(source[0], target[0]))
    assert (shared >= 0).all()
    assert shared.sum() == pytest.approx(both, abs=1e-9)
    flipped = overlap_matrix(source[::-1], target).toarray() * np.diff(target)[:, None]
    assert np.allclose(flipped[:, ::-1], shared, rtol=0, atol=1e-9)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32649"])
def test_bilinear_repeats_a_plane(crs: str) -> None:
    """Between the centres of a source, a plane over its own coordinates is exact."""
    source = lattice_over(ZHENGZHOU, 0.05, pad=2) if crs == "EPSG:4326" else UTM_COARSE
    x, y = _centres(source)
    origin, unit = (x[0, 0], y[0, 0]), source.affine.a
    plane = 2 * (x - origin[0]) / unit - 3 * (y - origin[1]) / unit
    mean, valid = bilinear_weights(source, ZHENGZHOU).apply(plane)
    to_source = Transformer.from_crs(EASE2_CRS, crs, always_xy=True)
    x, y = to_source.transform(*_centres(ZHENGZHOU))
    plane = 2 * (x - origin[0]) / unit - 3 * (y - origin[1]) / unit
    assert np.allclose(mean, plane, rtol=0, atol=1e-4)
    assert np.allclose(valid, 1, atol=1e-6)


def _centres(grid: GeoBox) -> tuple[Floats, Floats]:
    columns, rows = np.meshgrid(np.arange(grid.shape.x) + 0.5, np.arange(grid.shape.y) + 0.5)
    x, y = grid.affine @ (columns, rows)
    return np.asarray(x), np.asarray(y)


def test_bilinear_holds_the_rim_and_ends_there() -> None:
    """Half a pixel inside the rim the outer centres are held; beyond it nothing is made up."""
    source = GeoBox((2, 2), Affine(4, 0, 0, 0, -4, 8), EASE2_CRS)
    target = GeoBox((10, 10), Affine(1, 0, -1, 0, -1, 9), EASE2_CRS)
    values = np.array([[1.0, 5.0], [1.0, 5.0]])
    mean, valid = bilinear_weights(source, target).apply(values)
    assert np.isnan(mean[0]).all()
    assert np.isnan(mean[:, -1]).all()
    assert np.allclose(mean[1, 1:-1], [1, 1, 1.5, 2.5, 3.5, 4.5, 5, 5])
    assert valid[0, 0] == 0
    constant, _ = bilinear_weights(source, target).apply(np.full((2, 2), 0.3))
    assert np.allclose(constant[1:-1, 1:-1], 0.3, rtol=1e-6)


def test_weights_are_built_once(tmp_path: Path) -> None:
    """A second cache on the same folder reads what the first one wrote, bit by bit."""
    for kind, name in [("area", "MODIS 500 m"), ("area", "0.05 degrees"), ("bilinear", "UTM")]:
        source, target = SOURCES[name]
        first = getattr(WeightCache(tmp_path), kind)(source, target)
        again = getattr(WeightCache(tmp_path), kind)(source, target)
        assert _same(first, again)
    assert len(list(tmp_path.iterdir())) == 3


def test_damaged_weights_are_built_anew(tmp_path: Path) -> None:
    """A truncated file of weights is replaced, not believed."""
    source, target = SOURCES["MODIS 500 m"]
    first = WeightCache(tmp_path).area(source, target)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    assert _same(first, WeightCache(tmp_path).area(source, target))
    assert path.stat().st_size > 1000


def test_weights_stay_in_memory() -> None:
    """Asked twice, a cache without a folder gives the very same weights."""
    cache = WeightCache()
    source, target = SOURCES["0.05 degrees"]
    assert cache.area(source, target) is cache.area(source, target)


def _same(one: Weights, other: Weights) -> bool:
    return all(
        (a != b).nnz == 0 and a.dtype == b.dtype
        for a, b in zip(one.matrices, other.matrices, strict=True)
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_one_pass_adds_up_what_products_do(weighted: bool) -> None:
    """To the last bit, missing values and quality weights included; arrays may be read-only."""
    source, target = SOURCES["MODIS 500 m"]
    weights = area_weights(source, target)
    generator = np.random.default_rng(5)
    values = generator.normal(size=(3, *source.shape)).astype(np.float32)
    values[generator.random(values.shape) < 0.2] = np.nan
    values[1, :9] = np.inf
    values.flags.writeable = False
    quality = generator.choice([0.0, 0.5, 1.0, np.nan], size=source.shape) if weighted else None
    ours, theirs = weights.sums(values, quality), weights._sums_by_products(values, quality)
    for part in ("numerator", "denominator", "covered"):
        np.testing.assert_array_equal(getattr(ours, part), getattr(theirs, part))


def test_matrices_too_large_for_32_bits_go_by_products() -> None:
    """They are slower, and say the same."""
    source, target = SOURCES["MODIS 1 km"]
    weights = area_weights(source, target)
    (matrix,) = weights.matrices
    places = (matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64))
    wide = sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    wide.indices, wide.indptr = places
    values = np.random.default_rng(6).normal(size=source.shape).astype(np.float32)
    slower = replace(weights, matrices=(wide,))
    np.testing.assert_array_equal(slower.apply(values)[0], weights.apply(values)[0])

"""The recipes do what they say: every program that is here runs its recipe as it is written."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import xarray as xr

from engine.grids import lonlat
from processes.settings import Settings
from stac.cube import refresh_cubes
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import AREA, MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HERE = "http://localhost:5000"
TEXT = files("stac").joinpath("RECIPES.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PLACE = (113.1, 34.1)
ELSEWHERE = ("leafmap", "qgis")
"""Programs that bring more along than the tests need; their recipes run where they are."""
_ELSE = re.compile("|".join(ELSEWHERE))


def blocks(language: str, *, speaking_of: str = "") -> list[str]:
    return [text for name, text in BLOCKS if name == language and speaking_of in text]


def expected() -> list[float]:
    """Return what was published for the place, month by month."""
    lon, lat = lonlat(AREA)
    row, column = np.abs(lat[:, 0] - PLACE[1]).argmin(), np.abs(lon[0] - PLACE[0]).argmin()
    return [
        float(toy_dataset(shift=0.02 * number)["soil_moisture"][row, column]) for number in range(3)
    ]


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, serve_apart: Callable[..., Any]
) -> Iterator[str]:
    """Serve three months of Henan."""
    settings = Settings.load(data=tmp_path_factory.mktemp("cooked"))
    catalog = LocalCatalog(settings.catalog_folder)
    series = toy_series(region="henan")
    made = toy_provenance(synthetic=False, tiles_href=f"{HERE}/tiles")
    for number in range(3):
        moved = toy_dataset(shift=0.02 * number)
        publish_month(catalog, series, MAY.shift(number), moved, made)
    refresh_cubes(catalog, series.official_collection)
    with serve_apart(settings) as found:
        yield found


@pytest.fixture
def run(address: str, tmp_path: Path) -> Callable[[list[str], str], str]:
    """Give the means to hand a recipe to a program, and to see what it prints."""

    def hand(program: list[str], recipe: str) -> str:
        here = recipe.replace(HERE, address)
        done = subprocess.run(
            [*program, here], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return hand


def check_series(printed: str) -> None:
    """Find the three months' values, in their order."""
    numbers = [float(found) for found in re.findall(r"\b0\.\d{3,}", printed)]
    np.testing.assert_allclose(numbers[-3:], expected(), atol=2e-6)


@pytest.mark.parametrize(
    "recipe", [r for r in blocks("python") if not any(n in r for n in ELSEWHERE)]
)
def test_python_finds_the_series(run: Callable[[list[str], str], str], recipe: str) -> None:
    """From COGs, from Zarr and from a table: the same numbers, those that were published."""
    check_series(run([sys.executable, "-W", "ignore", "-c"], recipe))


def test_the_shell_finds_the_series(run: Callable[[list[str], str], str], tmp_path: Path) -> None:
    """And the map of a month, as NetCDF."""
    (recipe,) = blocks("sh", speaking_of="curl -s")
    assert shutil.which("curl")
    printed = run(["bash", "-euc"], recipe)
    check_series("\n".join(row.split(",")[2] for row in printed.splitlines()[1:]))
    with xr.open_dataset(tmp_path / "may.nc") as found:
        value = found.soil_moisture.sel(
            longitude=PLACE[0], latitude=PLACE[1], method="nearest"
        ).item()
    np.testing.assert_allclose(value, expected()[0], atol=1e-7)


def test_gdal_reads_in_place(run: Callable[[list[str], str], str], address: str) -> None:
    """By its programs where they are; by its library, under the same names, in any case."""
    (recipe,) = blocks("sh", speaking_of="gdal")
    if shutil.which("gdallocationinfo"):
        printed = run(["bash", "-euc"], recipe)
        assert f"{expected()[0]:.6f}" in printed
    names = sorted(set(re.findall(r"'(/vsicurl/.*?|STACIT:.*?)'", recipe)))
    assert len(names) == 2
    program = (
        "import sys, rasterio; from rasterio.warp import transform\n"
        "with rasterio.open(sys.argv[1]) as file:\n"
        f"    (x,), (y,) = transform('EPSG:4326', file.crs, [{PLACE[0]}], [{PLACE[1]}])\n"
        "    print(next(file.sample([(x, y)]))[0])"
    )
    for name in names:
        command = [sys.executable, "-c", program, name.replace(HERE, address)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        np.testing.assert_allclose(float(done.stdout), expected()[0], atol=1e-6)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_elsewhere_is_python(run: Callable[[list[str], str], str], name: str) -> None:
    """It compiles, and runs where the program is."""
    (recipe,) = blocks("python", speaking_of=name)
    compile(recipe, name, "exec")
    if importlib.util.find_spec(name) is not None:
        run([sys.executable, "-W", "ignore", "-c"], recipe)


def test_r_is_right(run: Callable[[list[str], str], str]) -> None:
    """R reads its recipes, and runs those that need nothing but R, where it is."""
    recipes = blocks("r")
    assert len(recipes) == 2
    for recipe in recipes:
        assert recipe.count("(") == recipe.count(")")
    if shutil.which("Rscript"):
        check_series(run(["Rscript", "-e"], recipes[1]))


def test_every_address_is_served(address: str) -> None:
    """Whatever the text names, in prose or in recipes; searches with what they are asked."""
    found = set(re.findall(r"http://localhost:5000[^\s'\"`)]*", TEXT))
    plain = {
        one for one in found if not one.endswith(("/position", "/coverage", "/items/", "2020-05"))
    }
    assert len(plain) >= 4
    for one in sorted(plain):
        assert httpx.get(one.replace(HERE, address), timeout=60).status_code == 200, one

"""Regions in YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.errors import InputError
from engine.grids import BBox, coarse_window
from engine.products.spec import spec_of
from engine.region import CoarseField, Region, load_region, region_names

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = "name: here\ntitle: Here\nbbox: [110, 31, 111, 32]\n"


def write(folder: Path, text: str, name: str = "here.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_henan_is_the_area_of_the_paper():
    """59 by 69 coarse cells, SMAP L4, and all features."""
    region = load_region("henan")
    assert region.coarse() == coarse_window(BBox(110.35, 31.38, 116.65, 36.37))
    assert tuple(region.area().shape) == (59 * 9, 69 * 9)
    assert region.soil_moisture == "SPL4SMGP"
    assert region.soil_moisture_title.startswith("SMAP L4")
    assert region.features is None
    assert region.sif
    assert not region.synthetic


def test_south_africa_names_its_own_data():
    """The real month is SMAP L3 without fluorescence, and says so."""
    region = load_region("south-africa")
    assert isinstance(region.soil_moisture, CoarseField)
    assert "L3" in region.soil_moisture_title
    assert not region.sif
    features = [name for predictor in region.predictors for name in predictor.features]
    assert list(region.features or ()) == features
    assert "era5_land" not in features


def test_a_region_needs_little():
    """Name, title and bbox are enough."""
    region = Region(name="here", title="Here", bbox=(110, 31, 111, 32))
    assert region.bbox == BBox(110, 31, 111, 32)
    assert region.predictors == ()


def test_extra_folders_come_first(tmp_path):
    """A folder of one's own may hold new regions and replace those that ship."""
    write(tmp_path, MINIMAL)
    write(tmp_path, MINIMAL.replace("here", "henan"), "henan.yaml")
    assert load_region("here", [tmp_path]).title == "Here"
    assert load_region("henan", [tmp_path]).title == "Here"
    assert region_names([tmp_path]) == ("henan", "here", "south-africa")


def test_a_path_is_read_as_such(tmp_path):
    """A Path is a file, wherever it lies."""
    assert load_region(write(tmp_path, MINIMAL)).name == "here"


def test_a_string_is_never_a_path(tmp_path):
    """A request cannot name files of the server."""
    path = write(tmp_path, MINIMAL)
    for name in (str(path), "../henan", "henan.yaml"):
        with pytest.raises(InputError, match=r"no region '.*'; allowed: henan, south-africa"):
            load_region(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "colour: red\n", "here.yaml, colour: Extra inputs"),
        (MINIMAL.replace("name: here", "name: Not A Slug"), "here.yaml, name"),
        (MINIMAL.replace("[110, 31, 111, 32]", "[111, 31, 110, 32]"), "bbox: .*antimeridian"),
        (MINIMAL.replace("[110, 31, 111, 32]", "[110, 31, 111]"), "bbox: .*not four"),
        (MINIMAL + "soil_moisture: SMOS\n", "soil_moisture: .*one of SPL4SMGP"),
        (MINIMAL + "soil_moisture: MOD11A2\n", "soil_moisture: .*one of SPL4SMGP"),
        (MINIMAL + "soil_moisture: {product: X, file: x.nc}\n", "soil_moisture"),
        ("- a\n- b\n", "here.yaml is no mapping"),
        ("a: [b\n", "here.yaml cannot be read"),
        ("", "here.yaml is no mapping"),
    ],
)
def test_a_broken_region_is_explained(tmp_path, text, message):
    """File, key and rule are named."""
    with pytest.raises(InputError, match=message):
        load_region(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    """The file's name is told, not the machine's path."""
    with pytest.raises(InputError, match=r"region: gone.yaml cannot be read") as caught:
        load_region(tmp_path / "gone.yaml")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("file", ["/etc/passwd", "../secret.nc", "x_{year}.nc", "*.nc"])
def test_a_coarse_file_stays_below_the_archive(file):
    """Only {month} is replaced, and no way leads out of the archive."""
    with pytest.raises(ValueError, match=r"below the archive|only placeholder"):
        CoarseField(product="X", title="x", file=file, variable="sm")


def test_a_coarse_file_is_in_m3_m3():
    """Nothing else is soil moisture here."""
    with pytest.raises(ValueError, match="m3 m-3"):
        CoarseField(product="X", title="x", file="x.nc", variable="sm", units="percent")


def test_predictors_need_names_of_their_own():
    """Two predictors cannot give one feature."""
    own = {"name": "depth", "file": "a.tif", "kind": "continuous"}
    with pytest.raises(ValueError, match="feature names of its own"):
        Region.model_validate(
            {"name": "x", "title": "x", "bbox": [0, 0, 1, 1], "predictors": [own, own]}
        )


class TestProducts:
    """What is special about an archive's files."""

    def region(self, products) -> Region:
        """Return a region with some peculiarities."""
        return Region(name="here", title="Here", bbox=(110, 31, 111, 32), products=products)

    def test_a_product_is_as_published_unless_said(self):
        """Without a word every spec is the published one."""
        assert self.region({}).spec("MOD11A2") is spec_of("MOD11A2")

    def test_a_further_collection_may_be_accepted(self):
        """Version 006 is added to 061, for this product only."""
        region = self.region({"MOD11A2": {"versions": ["006"]}})
        assert region.spec("MOD11A2").versions == ("061", "006")
        assert region.spec("MCD43A4").versions == ("061",)

    def test_units_of_silent_files_may_be_told(self):
        """Soil texture in percent is taken at its word."""
        spec = self.region({"SoilGrids": {"units": "%"}}).spec("SoilGrids")
        assert {variable.stored_units.silent for variable in spec.variables} == {"%"}

    @pytest.mark.parametrize(
        ("products", "message"),
        [
            ({"MOD99": {}}, "'MOD99'; allowed: CHIRPS"),
            ({"SoilGrids": {"units": "furlong"}}, "units of SoilGrids: 'furlong'; allowed: g kg-1"),
            ({"MOD11A2": {"units": "K"}}, "units of MOD11A2: 'K'; allowed: none"),
            ({"MOD11A2": {"scale": 2}}, "Extra inputs"),
        ],
    )
    def test_a_wrong_word_is_explained(self, products, message):
        """Products, units and keys are checked when the region is read."""
        with pytest.raises(ValueError, match=message):
            self.region(products)


NETWORK = {"name": "cma", "title": "CMA", "path": "stations/cma.csv", "bulk_density": 1.4}


class TestNetworks:
    """Stations that are registered with a region."""

    def region(self, *networks) -> Region:
        """Return a region with some networks."""
        return Region(name="here", title="Here", bbox=(110, 31, 111, 32), networks=networks)

    def test_a_network_has_a_place_below_the_archive(self):
        """Name, path and constants of the soil are kept as written."""
        (network,) = self.region(NETWORK).networks
        assert (network.name, network.path) == ("cma", "stations/cma.csv")
        assert (network.bulk_density, network.field_capacity) == (1.4, None)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"path": "../secret"}, "a path below the archive"),
            ({"path": "cma_{month}.csv"}, "for all months"),
            ({"name": "CMA network"}, "pattern"),
            ({"field_capacity": 32.0}, "less than 1"),
            ({"folder": "x"}, "Extra inputs"),
        ],
    )
    def test_a_wrong_word_is_explained(self, changed, message):
        """Paths that lead out, months in names and odd constants are refused."""
        with pytest.raises(ValueError, match=message):
            self.region({**NETWORK, **changed})

    def test_every_network_has_a_name_of_its_own(self):
        """Two networks of one name cannot be told apart."""
        with pytest.raises(ValueError, match="a name of its own"):
            self.region(NETWORK, NETWORK)

    def test_synthetic_worlds_register_their_stations(self, tiny_world):
        """The region of a world names both kinds of its stations, and they are there."""
        networks = load_region(tiny_world.region).networks
        assert [network.name for network in networks] == ["ismn", "table"]
        assert all((tiny_world.archive / network.path).exists() for network in networks)

"""Land cover, evapotranspiration, leaf area and albedo, as their files hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engine.archive import Archive
from engine.errors import GranuleError
from engine.grids import BBox, coarse_window, fine_of
from engine.months import Month
from engine.products import class_fields, decode, load_specs, recognise
from engine.products.spec import spec_of
from engine.testing import write_modis

if TYPE_CHECKING:
    from pathlib import Path

    from engine.granules import Field

ZHENGZHOU = fine_of(coarse_window(BBox(113.5, 34.6, 113.8, 34.9)))
CORNER = (21820, -8660)
SHAPE = (800, 800)

LAND_COVER = "MCD12Q1.A2019001.h27v05.061.2022169161021.hdf"
GAP_FILLED = "MOD16A2GF.A2019185.h27v05.061.2020042123456.hdf"
FORWARD = "MOD16A2.A2021185.h27v05.061.2021195040506.hdf"
LEAVES = "MOD15A2H.A2019185.h27v05.061.2020042123456.hdf"
ALBEDO = "MCD43A3.A2019182.h27v05.061.2020042123456.hdf"

ET_SAYS = {
    "units": "kg/m^2/8day",
    "scale_factor": 0.1,
    "add_offset": 0.0,
    "_FillValue": 32767,
    "valid_range": [-32767, 32700],
}
LAI_SAYS = {"units": "m^2/m^2", "scale_factor": 0.1, "add_offset": 0.0, "_FillValue": 255}
ALBEDO_SAYS = {
    "units": "albedo, no units",
    "scale_factor": 0.001,
    "add_offset": 0.0,
    "_FillValue": 32767,
}


def tiled(numbers: list[int], dtype: str) -> Any:
    """Repeat some numbers along every row."""
    return np.resize(np.array(numbers, dtype), SHAPE)


def write(path: Path, **layers: tuple[Any, dict[str, Any]]) -> Path:
    """Write a cut-out of h27v05 that holds Zhengzhou, its grid named as the product's are."""
    grid = {
        "MCD12Q1": "MCD12Q1",
        "MOD16A2": "MOD_Grid_MOD16A2",
        "MOD16A2GF": "MOD_Grid_MOD16A2",
        "MOD15A2H": "MOD_Grid_MOD15A2H",
        "MCD43A3": "MOD_Grid_BRDF",
    }[path.name.split(".")[0]]
    return write_modis(path, layers, grid=grid, tile_pixels=2400, corner=CORNER)


def read(path: Path, variables: list[str] | None = None) -> dict[str, Field]:
    granule = recognise(path)
    assert granule is not None
    return dict(decode(granule, ZHENGZHOU, variables))


def by_number(field: Field, stored: Any) -> dict[int, tuple[float, float]]:
    """Return value and weight of each stored number, which must be the same wherever it is."""
    left = round(field.geobox.affine.c / field.geobox.affine.a) - CORNER[0]
    top = round(-field.geobox.affine.f / field.geobox.affine.a) - CORNER[1]
    height, width = field.values.shape
    window = stored[top : top + height, left : left + width]
    found = {}
    for number in np.unique(window):
        values = np.unique(field.values[window == number])
        weights = np.unique(field.weight[window == number])
        assert values.size == weights.size == 1
        found[int(number)] = (float(values[0]), float(weights[0]))
    return found


class TestLandCover:
    """MCD12Q1."""

    CODES = tiled([*range(1, 18), 255, 20], "uint8")

    def write(self, path: Path, quality: Any = 0) -> Path:
        """Write codes with some quality."""
        flags = np.broadcast_to(np.asarray(quality, np.uint8), SHAPE)
        return write(
            path, LC_Type1=(self.CODES, {"_FillValue": 255}), QC=(flags, {"_FillValue": 255})
        )

    def test_codes_are_read_as_they_are(self, tmp_path):
        """IGBP's 17 codes come through; fill and a code that IGBP has not are missing."""
        field = read(self.write(tmp_path / LAND_COVER))["land_cover"]
        found = by_number(field, self.CODES)
        assert {code: found[code] for code in range(1, 18)} == {
            code: (code, 1.0) for code in range(1, 18)
        }
        assert np.isnan(found[255][0])
        assert np.isnan(found[20][0])

    def test_quality_accepts_what_was_classified(self, tmp_path):
        """Land and water by label or by mask, labels kept and forests changed; no guesses."""
        quality = tiled(list(range(11)), "uint8")
        field = read(self.write(tmp_path / LAND_COVER, quality))["land_cover"]
        left = round(field.geobox.affine.c / field.geobox.affine.a) - CORNER[0]
        top = round(-field.geobox.affine.f / field.geobox.affine.a) - CORNER[1]
        height, width = field.values.shape
        window = np.s_[top : top + height, left : left + width]
        coded = (self.CODES[window] >= 1) & (self.CODES[window] <= 17)
        accepted = np.isin(quality[window], [0, 2, 3, 8, 9])
        np.testing.assert_array_equal(field.weight > 0, coded & accepted)

    def test_groups_of_classes_share_the_land(self, tmp_path):
        """Each code belongs to exactly one group, so the shares of a pixel sum to one."""
        codes = read(self.write(tmp_path / LAND_COVER))["land_cover"]
        classes = spec_of("MCD12Q1").variables[0].classes
        assert sorted(code for group in classes.values() for code in group) == list(range(1, 18))
        shares = class_fields(codes, classes)
        assert list(shares) == ["crop", "forest", "shrub_grass", "urban", "water", "bare"]
        total = np.sum([field.values for field in shares.values()], axis=0)
        np.testing.assert_array_equal(total[codes.weight > 0], 1)
        assert np.isnan(total[codes.weight == 0]).all()
        assert by_number(shares["crop"], self.CODES)[14] == (1.0, 1.0)
        assert by_number(shares["forest"], self.CODES)[8] == (1.0, 1.0)
        assert by_number(shares["forest"], self.CODES)[9] == (0.0, 1.0)
        assert {field.units for field in shares.values()} == {"1"}

    def test_a_map_without_a_class_is_refused(self, tmp_path):
        """A tile of fill alone is a broken one: every pixel of the earth has a class."""
        path = write(
            tmp_path / LAND_COVER,
            LC_Type1=(tiled([255], "uint8"), {"_FillValue": 255}),
            QC=(tiled([0], "uint8"), {}),
        )
        with pytest.raises(GranuleError, match="LC_Type1 holds fill or invalid values only"):
            read(path)

    def test_the_map_of_the_year_counts_else_the_latest_before(self, tmp_path):
        """2019 takes its own map, 2021 that of 2020, 2017 none; each tile for itself."""
        for name in ("A2018001.h27v05", "A2019001.h27v05", "A2020001.h27v05", "A2018001.h26v05"):
            (tmp_path / f"MCD12Q1.{name}.061.2022169161021.hdf").touch()
        archive = Archive(tmp_path)

        def years(month: Month) -> dict[str, int]:
            found = archive.latest("MCD12Q1", month.period)
            return {granule.tile: granule.period.start.year for granule in found}

        assert years(Month(2019, 1)) == {"h26v05": 2018, "h27v05": 2019}
        assert years(Month(2019, 12)) == {"h26v05": 2018, "h27v05": 2019}
        assert years(Month(2021, 6)) == {"h26v05": 2018, "h27v05": 2020}
        assert years(Month(2017, 12)) == {}

    def test_a_map_is_a_year_long(self, tmp_path):
        """A map belongs to each month of its year."""
        (tmp_path / LAND_COVER).touch()
        months = Archive(tmp_path).months("MCD12Q1")
        assert (months[0], months[-1], len(months)) == (Month(2019, 1), Month(2019, 12), 12)


class TestEvapotranspiration:
    """MOD16A2GF and MOD16A2."""

    STORED = tiled([0, 80, 400, -8, 32700, *range(32761, 32768), 32750], "int16")

    def write(self, path: Path, quality: Any = 0) -> Path:
        """Write sums with some quality."""
        flags = np.broadcast_to(np.asarray(quality, np.uint8), SHAPE)
        return write(path, ET_500m=(self.STORED, ET_SAYS), ET_QC_500m=(flags, {}))

    @pytest.mark.parametrize(
        ("doy", "days"), [("2019185", 8), ("2019361", 5), ("2020361", 6), ("2019001", 8)]
    )
    def test_sums_become_daily_means_of_their_real_length(self, tmp_path, doy, days):
        """Eight days, but five or six at the end of the year."""
        path = self.write(tmp_path / GAP_FILLED.replace("2019185", doy))
        field = read(path)["evapotranspiration"]
        found = by_number(field, self.STORED)
        assert found[80][0] == pytest.approx(8 / days)
        assert found[-8][0] == pytest.approx(-0.8 / days)
        assert found[32700][0] == pytest.approx(3270 / days)
        assert field.units == "mm day-1"

    def test_seven_codes_are_no_amounts(self, tmp_path):
        """None of the fill codes becomes 3276 mm, and no number between them and the range."""
        field = read(self.write(tmp_path / GAP_FILLED))["evapotranspiration"]
        found = by_number(field, self.STORED)
        for number in [*range(32761, 32768), 32750]:
            assert np.isnan(found[number][0])
            assert found[number][1] == 0

    def test_what_the_codes_say_can_be_asked(self, tmp_path):
        """Towns, water and bare ground are told apart; where there is an amount the code is 0."""
        codes = read(self.write(tmp_path / GAP_FILLED))["evapotranspiration_absence"]
        found = by_number(codes, self.STORED)
        assert {number for number, (code, _) in found.items() if code} == set(range(32761, 32768))
        assert found[80] == (0.0, 1.0)
        shares = class_fields(codes, spec_of("MOD16A2GF").variables[1].classes)
        meaning = {
            label: [n for n, (share, _) in by_number(field, self.STORED).items() if share]
            for label, field in shares.items()
        }
        assert meaning == {
            "unclassified": [32761],
            "urban": [32762],
            "wetland": [32763],
            "snow": [32764],
            "bare": [32765],
            "water": [32766],
            "unknown": [32767],
        }

    def test_quality_of_the_gap_filled_product_is_ignored(self, tmp_path):
        """Its byte tells only whether filled leaf area was used."""
        field = read(self.write(tmp_path / GAP_FILLED, 255))["evapotranspiration"]
        assert by_number(field, self.STORED)[80] == (1.0, 1.0)

    @pytest.mark.parametrize(
        ("quality", "weight"),
        [
            (0b000_00_0_0_0, 1.0),  # main algorithm, clear
            (0b001_11_0_1_0, 1.0),  # saturated, cloud undefined but assumed clear, other sensor
            (0b010_00_0_0_1, 0.5),  # back-up, for geometry
            (0b011_00_0_0_1, 0.5),  # back-up, for other reasons
            (0b100_00_0_0_1, 0.0),  # not produced
            (0b000_01_0_0_0, 0.0),  # cloudy
            (0b000_10_0_0_0, 0.0),  # mixed
            (0b000_00_1_0_0, 0.0),  # dead detector
        ],
    )
    def test_quality_of_the_forward_product_has_two_tiers(self, tmp_path, quality, weight):
        """Main algorithm 1, back-up 0.5, clouds and dead detectors nothing."""
        field = read(self.write(tmp_path / FORWARD, quality))["evapotranspiration"]
        assert by_number(field, self.STORED)[80][1] == weight

    def test_both_products_read_alike(self, tmp_path):
        """The same numbers mean the same in both."""
        filled = read(self.write(tmp_path / GAP_FILLED))["evapotranspiration"]
        forward = read(self.write(tmp_path / FORWARD))["evapotranspiration"]
        np.testing.assert_array_equal(filled.values, forward.values)


class TestLeafArea:
    """MOD15A2H."""

    STORED = tiled([0, 1, 35, 100, 101, 248, *range(249, 256)], "uint8")

    def write(self, path: Path, quality: int = 0) -> Path:
        """Write leaf area with one quality."""
        flags = np.full(SHAPE, quality, np.uint8)
        return write(path, Lai_500m=(self.STORED, LAI_SAYS), FparLai_QC=(flags, {}))

    def test_leaf_area_is_a_tenth_of_its_number(self, tmp_path):
        """0 to 10; seven codes and what lies between are missing."""
        field = read(self.write(tmp_path / LEAVES))["lai"]
        found = by_number(field, self.STORED)
        assert [found[n][0] for n in (0, 1, 35, 100)] == pytest.approx([0, 0.1, 3.5, 10])
        assert all(np.isnan(found[n][0]) for n in (101, 248, *range(249, 256)))
        assert field.units == "m2 m-2"

    @pytest.mark.parametrize(
        ("quality", "weight"), [(0, 1.0), (0b00100000, 1.0), (0b01100001, 0.5), (0b10000001, 0.0)]
    )
    def test_the_back_up_algorithm_counts_half(self, tmp_path, quality, weight):
        """Tiers of FparLai_QC."""
        field = read(self.write(tmp_path / LEAVES, quality))["lai"]
        assert by_number(field, self.STORED)[35][1] == weight

    def test_towns_are_told_apart_from_water(self, tmp_path):
        """250 is urban, 254 water."""
        codes = read(self.write(tmp_path / LEAVES))["lai_absence"]
        shares = class_fields(codes, spec_of("MOD15A2H").variables[1].classes)
        assert by_number(shares["urban"], self.STORED)[250] == (1.0, 1.0)
        assert by_number(shares["urban"], self.STORED)[254] == (0.0, 1.0)
        assert by_number(shares["water"], self.STORED)[254] == (1.0, 1.0)


class TestAlbedo:
    """MCD43A3."""

    STORED = tiled([0, 153, 1000, 1001, 32766, 32767], "int16")

    def test_albedo_is_a_thousandth_of_its_number(self, tmp_path):
        """Both kinds, 0 to 1; no surface reflects more light than it gets."""
        path = write(
            tmp_path / ALBEDO,
            Albedo_BSA_shortwave=(self.STORED, ALBEDO_SAYS),
            Albedo_WSA_shortwave=(self.STORED // 2, ALBEDO_SAYS),
            BRDF_Albedo_Band_Mandatory_Quality_shortwave=(tiled([0], "uint8"), {}),
        )
        fields = read(path)
        black = by_number(fields["albedo_bsa"], self.STORED)
        assert [black[n][0] for n in (0, 153, 1000)] == pytest.approx([0, 0.153, 1])
        assert all(np.isnan(black[n][0]) for n in (1001, 32766, 32767))
        white = by_number(fields["albedo_wsa"], self.STORED)
        assert white[153][0] == pytest.approx(0.076)

    def test_magnitude_inversions_count_half(self, tmp_path):
        """Mandatory quality 0 is 1, 1 is 0.5, the rest nothing."""
        quality = tiled([0, 1, 2, 255], "uint8")
        path = write(
            tmp_path / ALBEDO,
            Albedo_BSA_shortwave=(tiled([153], "int16"), ALBEDO_SAYS),
            BRDF_Albedo_Band_Mandatory_Quality_shortwave=(quality, {}),
        )
        field = read(path, ["albedo_bsa"])["albedo_bsa"]
        assert {n: w for n, (_, w) in by_number(field, quality).items()} == {
            0: 1.0,
            1: 0.5,
            2: 0.0,
            255: 0.0,
        }


@pytest.mark.parametrize("name", [LAND_COVER, GAP_FILLED, FORWARD, LEAVES, ALBEDO])
def test_names_are_recognised(tmp_path, name):
    """Each published name leads to its own product, and to collection 6.1."""
    granule = recognise(tmp_path / name)
    assert granule is not None
    assert granule.product == name.split(".")[0]
    assert granule.version in load_specs()[granule.product].versions

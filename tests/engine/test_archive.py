"""The archive and a month of coarse soil moisture."""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import xarray as xr

from engine.archive import Archive, soil_moisture_month, soil_moisture_months
from engine.errors import GranuleError, InputError, MissingDataError
from engine.grids import COARSE
from engine.months import Month, Period, eight_day_period
from engine.products import decode
from engine.region import CoarseField, load_region
from engine.testing import shared_path, write_smap

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = COARSE[330:334, 3109:3112]
FEBRUARY = Month(2019, 2)
TIMES = tuple(f"{hour:02d}3000" for hour in range(1, 24, 3))


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def fill_month(root: Path, month: Month = FEBRUARY, *, files: int | None = None) -> None:
    """Write the first so many 3-hourly files of a month; each holds its own number / 1000."""
    stamps = [f"{month}-{day:02d}".replace("-", "") for day in range(1, month.days + 1)]
    for number, (day, time) in enumerate((day, time) for day in stamps for time in TIMES):
        if files is None or number < files:
            values = np.full((4, 3), number / 1000, np.float32)
            write_smap(root / f"SMAP_L4_SM_gph_{day}T{time}_Vv8010_001.h5", values, WINDOW)


class TestGranules:
    """Finding files by their names."""

    def test_granules_are_found_at_any_depth_in_order_of_time(self, tmp_path):
        """Folders do not matter, unknown files are ignored, stamps decide the order."""
        touch(
            tmp_path,
            "b/SMAP_L4_SM_gph_20190201T013000_Vv8010_001.h5",
            "a/deep/SMAP_L4_SM_gph_20190201T223000_Vv8010_001.h5",
            "SMAP_L4_SM_gph_20190131T223000_Vv8010_001.h5",
            "notes.txt",
            ".trash/SMAP_L4_SM_gph_20190202T013000_Vv8010_001.h5",
            ".SMAP_L4_SM_gph_20190203T013000_Vv8010_001.h5",
        )
        names = [granule.path.name[15:28] for granule in Archive(tmp_path).granules("SPL4SMGP")]
        assert names == ["20190131T2230", "20190201T0130", "20190201T2230"]

    def test_a_period_selects_what_shares_a_day_with_it(self, tmp_path):
        """An 8-day file belongs to both months that it touches."""
        touch(tmp_path, *(f"eSIF_2019{doy:03d}.nc" for doy in (17, 25, 33, 57)))
        archive = Archive(tmp_path)
        january, february = (
            [granule.period for granule in archive.granules("eSIF", month.period)]
            for month in (Month(2019, 1), FEBRUARY)
        )
        across = eight_day_period(date(2019, 1, 25))
        assert across in january
        assert across in february
        assert [len(january), len(february)] == [2, 3]
        assert archive.months("eSIF") == (Month(2019, 1), FEBRUARY, Month(2019, 3))

    def test_a_period_that_ends_with_the_month_does_not_touch_the_next(self, tmp_path):
        """Periods are half-open."""
        touch(tmp_path, "chirps-v2.0.2019.01.31.tif")
        archive = Archive(tmp_path)
        assert archive.months("CHIRPS") == (Month(2019, 1),)
        assert archive.granules("CHIRPS", FEBRUARY.period) == ()

    def test_of_two_versions_the_higher_is_taken(self, tmp_path):
        """Duplicates of one stamp give one granule."""
        touch(
            tmp_path,
            "old/SMAP_L4_SM_gph_20190201T013000_Vv7031_001.h5",
            "SMAP_L4_SM_gph_20190201T013000_Vv8010_001.h5",
            "new/SMAP_L4_SM_gph_20190201T013000_Vv8010_002.h5",
        )
        (granule,) = Archive(tmp_path).granules("SPL4SMGP")
        assert granule.path.name.endswith("Vv8010_002.h5")

    def test_tiles_of_one_day_are_all_kept(self, tmp_path):
        """An area may need several tiles."""
        name = "MCD43A4.A2019001.{}.061.2019010040506.hdf"
        touch(tmp_path, *(name.format(tile) for tile in ("h27v05", "h26v05", "h28v05")))
        granules = Archive(tmp_path).granules("MCD43A4")
        assert [granule.tile for granule in granules] == ["h26v05", "h27v05", "h28v05"]

    def test_static_granules_belong_to_every_period(self, tmp_path):
        """Elevation has no date."""
        touch(tmp_path, "srtm_59_05.tif", "srtm_59_06.tif")
        archive = Archive(tmp_path)
        period = Period(date(1999, 1, 1), date(1999, 1, 2))
        assert len(archive.granules("SRTM", period)) == 2
        assert archive.months("SRTM") == ()
        assert archive.has("SRTM")
        assert not archive.has("CHIRPS")

    def test_unknown_products_and_folders_are_errors(self, tmp_path):
        """What is asked for must exist; the machine's paths stay private."""
        with pytest.raises(InputError, match=r"product: 'SMOS'; allowed: .*SPL4SMGP"):
            Archive(tmp_path).granules("SMOS")
        with pytest.raises(InputError, match=r"no folder nowhere") as caught:
            Archive(tmp_path / "nowhere").has("SRTM")
        assert str(tmp_path) not in str(caught.value)

    def test_the_fingerprint_sees_a_replaced_file(self, tmp_path):
        """Names, sizes and times make the hash; the folder does not."""
        touch(tmp_path, "srtm_59_05.tif", "srtm_59_06.tif")
        granules = Archive(tmp_path).granules("SRTM")
        before = Archive.fingerprint(granules)
        assert before == Archive.fingerprint(granules)
        assert before != Archive.fingerprint(granules[:1])
        os.utime(granules[0].path, ns=(1, 1))
        assert before != Archive.fingerprint(granules)


class TestCollections:
    """Files of another version than the one that is known."""

    KNOWN = "MOD11A2.A2019185.h27v05.061.2019194040506.hdf"

    @pytest.mark.parametrize("version", ["006", "062"])
    def test_the_known_collection_goes_before_others(self, tmp_path, version, caplog):
        """An older and a later collection are set aside, and that is told."""
        other = self.KNOWN.replace("061", version)
        touch(tmp_path, self.KNOWN, other)
        (granule,) = Archive(tmp_path).granules("MOD11A2")
        assert granule.path.name == self.KNOWN
        assert f"{other} is set aside for {self.KNOWN}" in caplog.text

    @pytest.mark.parametrize("version", ["006", "062"])
    def test_another_collection_alone_is_refused_when_read(self, tmp_path, version):
        """It is not overlooked, so that nobody wonders why a month is missing."""
        name = self.KNOWN.replace("061", version)
        touch(tmp_path, name)
        (granule,) = Archive(tmp_path).granules("MOD11A2")
        message = rf"^{name}: its version is {version}; expected MOD11A2 of version 061"
        with pytest.raises(GranuleError, match=message):
            decode(granule, WINDOW)


class TestSynthetic:
    """Archives that are made up."""

    def test_a_notice_at_the_root_says_so(self, tmp_path):
        """The folder may carry SYNTHETIC.txt."""
        touch(tmp_path, "srtm_59_05.tif")
        assert not Archive(tmp_path).synthetic
        touch(tmp_path, "SYNTHETIC.txt")
        assert Archive(tmp_path).synthetic

    def test_a_marked_granule_says_so(self, tmp_path):
        """One product's first file with the mark is enough."""
        fill_month(tmp_path, files=2)
        assert not Archive(tmp_path).synthetic
        for path in tmp_path.glob("*.h5"):
            with h5py.File(path, "a") as file:
                file.attrs["synthetic"] = "true: made by a test"
        assert Archive(tmp_path).synthetic

    @pytest.mark.parametrize("product", ["SPL4SMGP", "MCD43A4", "eSIF", "CHIRPS", "SRTM"])
    def test_every_format_carries_the_mark(self, tiny_world, tmp_path, product):
        """Without the notice, any one file of the synthetic world gives it away."""
        granule = Archive(tiny_world.root / "archive").granules(product)[0]
        (tmp_path / granule.path.name).symlink_to(granule.path)
        assert Archive(tmp_path).synthetic


class TestSoilMoistureMonth:
    """Averaging a month of SMAP L4."""

    def test_the_mean_of_all_files_of_the_month(self, tmp_path):
        """Mean, standard deviation and count are those of the 224 fields of February."""
        fill_month(tmp_path)
        fill_month(tmp_path, Month(2019, 3), files=8)
        month = soil_moisture_month(Archive(tmp_path), WINDOW, FEBRUARY, "SPL4SMGP")
        numbers = np.arange(224) / 1000
        np.testing.assert_allclose(month.values, numbers.mean(), rtol=1e-6)
        np.testing.assert_allclose(month.sd, numbers.std(), rtol=1e-6)
        assert (month.count == 224).all()
        assert len(month.granules) == 224
        assert month.values.dtype == np.float32
        assert month.values.shape == (4, 3)

    def test_ninety_percent_of_the_files_are_enough(self, tmp_path):
        """202 of 224 files make a month."""
        fill_month(tmp_path, files=202)
        month = soil_moisture_month(Archive(tmp_path), WINDOW, FEBRUARY, "SPL4SMGP")
        assert (month.count == 202).all()

    def test_fewer_files_are_an_error_that_counts(self, tmp_path):
        """The message names the month, what is needed and what is there."""
        fill_month(tmp_path, files=201)
        message = r"SPL4SMGP: .* 2019-02; looked for at least 202 of 224 files, 201 are there"
        with pytest.raises(MissingDataError, match=message):
            soil_moisture_month(Archive(tmp_path), WINDOW, FEBRUARY, "SPL4SMGP")

    def test_files_elsewhere_do_not_count(self, tmp_path):
        """An area outside the archive is missing data, not an empty map."""
        fill_month(tmp_path)
        with pytest.raises(MissingDataError, match=r"202 of 224 files that cover the area, 0 do"):
            soil_moisture_month(Archive(tmp_path), COARSE[800:804, 90:93], FEBRUARY, "SPL4SMGP")

    def test_cells_that_the_files_lack_are_missing(self, tmp_path):
        """A window that covers part of the area fills that part."""
        fill_month(tmp_path)
        wider = COARSE[329:335, 3110:3114]
        month = soil_moisture_month(Archive(tmp_path), wider, FEBRUARY, "SPL4SMGP")
        there = np.zeros((6, 4), bool)
        there[1:5, :2] = True
        np.testing.assert_array_equal(np.isfinite(month.values), there)
        np.testing.assert_array_equal(np.isfinite(month.sd), there)
        np.testing.assert_array_equal(month.count == 224, there)

    def test_a_cell_needs_ninety_percent_of_the_fields(self, tmp_path):
        """A cell with fill in every seventh file is no monthly mean."""
        fill_month(tmp_path)
        for path in sorted(tmp_path.glob("*.h5"))[::7]:
            with h5py.File(path, "a") as file:
                file["Geophysical_Data/sm_surface"][0, 0] = -9999
        month = soil_moisture_month(Archive(tmp_path), WINDOW, FEBRUARY, "SPL4SMGP")
        assert np.isnan(month.values[0, 0])
        assert np.isfinite(month.values).sum() == 11

    def test_a_mixture_of_science_versions_is_logged(self, tmp_path, caplog):
        """Forcing changes with the version; the log says so."""
        fill_month(tmp_path)
        first = min(tmp_path.glob("*.h5"))
        first.rename(first.with_name(first.name.replace("Vv8010", "Vv7031")))
        soil_moisture_month(Archive(tmp_path), WINDOW, FEBRUARY, "SPL4SMGP")
        assert "2019-02 mixes the science versions v7031, v8010" in caplog.text

    def test_a_broken_file_is_named(self, tmp_path):
        """One truncated file stops the month."""
        fill_month(tmp_path)
        path = sorted(tmp_path.glob("*.h5"))[100]
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(GranuleError, match=rf"{path.name}: .* \(for 2019-02\)$"):
            soil_moisture_month(Archive(tmp_path), WINDOW, FEBRUARY, "SPL4SMGP")


def write_own(path: Path, *, times: int = 3, start: str = "2020-01-30", units: str = "m3 m-3"):
    """Write a coarse field of several days: layer k holds k / 10, with a hole in the last."""
    values = np.repeat(np.arange(times, dtype=np.float32) / 10, 12).reshape(times, 4, 3)
    values[-1, 0, 0] = np.nan
    y, x = (WINDOW.coordinates[name].values for name in ("y", "x"))
    array = xr.DataArray(
        values,
        {"time": np.arange(times), "y": y, "x": x},
        ("time", "y", "x"),
        attrs={"units": units},
    )
    array["time"].attrs["units"] = f"days since {start}"
    array.to_dataset(name="soil_moisture").to_netcdf(path, engine="h5netcdf")


class TestOwnField:
    """A user's own coarse soil moisture."""

    SOURCE = CoarseField(product="OWN", title="Own", file="own.nc", variable="soil_moisture")

    def test_the_days_of_the_month_are_averaged(self, tmp_path):
        """Of a file across two months each month takes its own days; holes are left out."""
        write_own(tmp_path / "own.nc")
        archive = Archive(tmp_path)
        assert soil_moisture_months(archive, self.SOURCE) == (Month(2020, 1), Month(2020, 2))
        january, february = (
            soil_moisture_month(archive, WINDOW, Month(2020, n), self.SOURCE) for n in (1, 2)
        )
        np.testing.assert_allclose(january.values, 0.05, rtol=1e-6)
        assert (january.count == 2).all()
        assert np.isnan(february.values[0, 0])
        assert february.values[1, 1] == pytest.approx(0.2)
        assert [granule.product for granule in january.granules] == ["OWN"]

    def test_monthly_files_are_found_by_name(self, tmp_path):
        """{month} in the name stands for YYYY-MM."""
        write_own(tmp_path / "own_2020-01.nc", start="2020-01-01")
        write_own(tmp_path / "own_2020-03.nc", start="2020-03-01")
        source = self.SOURCE.model_copy(update={"file": "own_{month}.nc"})
        archive = Archive(tmp_path)
        assert soil_moisture_months(archive, source) == (Month(2020, 1), Month(2020, 3))
        with pytest.raises(MissingDataError, match=r"OWN: .*2020-02; .*own_2020-02.nc"):
            soil_moisture_month(archive, WINDOW, Month(2020, 2), source)

    def test_a_month_that_the_file_lacks_is_missing(self, tmp_path):
        """No day in the month is missing data."""
        write_own(tmp_path / "own.nc")
        with pytest.raises(MissingDataError, match=r"OWN: nothing usable for 2021-01"):
            soil_moisture_month(Archive(tmp_path), WINDOW, Month(2021, 1), self.SOURCE)

    def test_an_area_elsewhere_is_missing(self, tmp_path):
        """So is another area."""
        write_own(tmp_path / "own.nc")
        with pytest.raises(MissingDataError, match="valid values in the area"):
            soil_moisture_month(
                Archive(tmp_path), COARSE[800:804, 90:93], Month(2020, 1), self.SOURCE
            )

    def test_units_are_checked(self, tmp_path):
        """A file in percent is refused, with the month it was wanted for."""
        write_own(tmp_path / "own.nc", units="percent")
        message = r"own.nc: soil_moisture has units 'percent'.*\(for 2020-01\)"
        with pytest.raises(GranuleError, match=message):
            soil_moisture_month(Archive(tmp_path), WINDOW, Month(2020, 1), self.SOURCE)

    def test_the_grid_is_checked_to_a_thousandth_of_a_cell(self, tmp_path):
        """Coordinates 18 m off are another grid."""
        write_own(tmp_path / "own.nc")
        with h5py.File(tmp_path / "own.nc", "a") as file:
            file["x"][:] += 18
        with pytest.raises(GranuleError, match=r"own.nc: x is off the grid by up to 0.002 cells"):
            soil_moisture_month(Archive(tmp_path), WINDOW, Month(2020, 1), self.SOURCE)

    @pytest.mark.parametrize(
        ("units", "message"),
        [(None, "time has units ''"), ("fortnights since 2020-01-01", "time has units 'fortni")],
    )
    def test_time_needs_units(self, tmp_path, units, message):
        """Layers without a readable date cannot be given to months."""
        write_own(tmp_path / "own.nc")
        with h5py.File(tmp_path / "own.nc", "a") as file:
            del file["time"].attrs["units"]
            if units:
                file["time"].attrs["units"] = units
        with pytest.raises(GranuleError, match=message):
            soil_moisture_month(Archive(tmp_path), WINDOW, Month(2020, 1), self.SOURCE)

    def test_the_real_month_of_south_africa(self):
        """Mean of 31 real days, equal to what xarray makes of the file, on the very cells."""
        region = load_region("south-africa")
        archive = Archive(shared_path("realdata", "south_africa_2020-01"))
        assert soil_moisture_months(archive, region.soil_moisture) == (Month(2020, 1),)
        assert not archive.synthetic
        month = soil_moisture_month(archive, region.coarse(), Month(2020, 1), region.soil_moisture)
        with xr.open_dataset(archive.root / "smap_l3e_9km_2020-01.nc", engine="h5netcdf") as file:
            mean = (
                file["soil_moisture"]
                .mean("time")
                .sel(
                    {name: region.coarse().coordinates[name].values for name in ("x", "y")},
                    method="nearest",
                    tolerance=10,
                )
            )
        np.testing.assert_allclose(month.values, mean, atol=1e-6)
        assert month.values.shape == (48, 59)
        assert np.isfinite(month.values).sum() > 2500
        assert 0.05 < np.nanmean(month.values) < 0.15

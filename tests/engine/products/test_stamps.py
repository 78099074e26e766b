"""Files that were renamed to another day or copied over another file."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import pytest

from engine.errors import GranuleError
from engine.grids import COARSE, fine_of
from engine.months import Period
from engine.products import decode, recognise
from engine.products.stamps import cf_times, check_stamp, iso_days, modis_days
from engine.region import load_region
from engine.testing import shared_path

if TYPE_CHECKING:
    from engine.world import World

CORE = """
GROUP = INVENTORYMETADATA
  OBJECT = LOCALGRANULEID
    NUM_VAL = 1
    VALUE = "MCD43A4.A2020161.h27v05.061.2020170040506.hdf"
  END_OBJECT = LOCALGRANULEID
  OBJECT = RANGEBEGINNINGDATE
    NUM_VAL = 1
    VALUE = "2020-06-01"
  END_OBJECT = RANGEBEGINNINGDATE
  OBJECT = RANGEENDINGDATE
    NUM_VAL = 1
    VALUE = "2020-06-16"
  END_OBJECT = RANGEENDINGDATE
END
"""


@pytest.mark.parametrize(
    ("pattern", "named", "held"),
    [
        (
            "SMAP_L4_SM_gph_20200810T013000_*.h5",
            ("20200810", "20200510"),
            "it holds 2020-08-10; expected 2020-05-10, as its name says",
        ),
        (
            "MCD43A4.A2020161.*.hdf",
            ("A2020161", "A2020129"),
            "it holds 2020-06-09; expected 2020-05-08, as its name says",
        ),
        (
            "MOD11A2.A2020161.*.hdf",
            ("A2020161", "A2020129"),
            "it holds 2020-06-09; expected 2020-05-08 to 2020-05-15, as its name says",
        ),
        (
            "eSIF_*_2020161.nc",
            ("2020161", "2020129"),
            "it holds 2020-06-09; expected 2020-05-08 to 2020-05-15, as its name says",
        ),
    ],
)
def test_a_renamed_file_is_refused(
    tiny_world: World, tmp_path: Path, pattern: str, named: tuple[str, str], held: str
) -> None:
    """A file that says it holds other days than its name does is named with both."""
    source = next(tiny_world.archive.rglob(pattern))
    area = load_region(tiny_world.region).area()
    genuine, renamed = recognise(source), recognise(tmp_path / source.name.replace(*named))
    assert genuine is not None
    assert renamed is not None
    assert decode(genuine, area)
    shutil.copy(source, renamed.path)
    with pytest.raises(GranuleError, match=f"{renamed.path.name}: {held}"):
        decode(renamed, area)


def test_a_real_file_holds_the_day_of_its_name() -> None:
    """The time of a genuine SMAP file is the one of its name."""
    source = shared_path("realdata", "smap_l4", "SMAP_L4_SM_aup_input.h5")
    with h5py.File(source) as file:
        (time,) = cf_times(file["time"][:], file["time"].attrs["units"].decode()) or ()
    assert time.isoformat(timespec="minutes") == "2020-01-28T14:58"


@pytest.mark.parametrize("time", [None, -9999.0, float("nan"), 1e30])
def test_a_file_that_tells_no_time_is_believed(tmp_path: Path, time: float | None) -> None:
    """Without a time, or with none that means anything, the name is all there is."""
    path = tmp_path / "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5"
    window = COARSE[330:342, 3109:3119]
    with h5py.File(path, "w") as file:
        a, (height, width) = window.affine, window.shape
        file["x"] = [a.c + a.a * (column + 0.5) for column in range(width)]
        file["y"] = [a.f + a.e * (row + 0.5) for row in range(height)]
        data = file.create_dataset("Geophysical_Data/sm_surface", (height, width), "f4")
        data[:] = 0.2
        data.attrs["units"] = "m3 m-3"
        if time is not None:
            file["time"] = [time]
            file["time"].attrs["units"] = "seconds since 2000-01-01 11:58:55.816"
    granule = recognise(path)
    assert granule is not None
    assert decode(granule, fine_of(window))


def test_modis_metadata_tell_the_day() -> None:
    """The file's first name counts; without one the range of dates; without any, nothing."""
    ranged = CORE.replace("LOCALGRANULEID", "OTHER")
    day, days = modis_days(CORE), modis_days(ranged)
    assert day == Period(date(2020, 6, 9), date(2020, 6, 10))
    assert days == Period(date(2020, 6, 1), date(2020, 6, 17))
    assert modis_days("GROUP = INVENTORYMETADATA END") is None


def test_days_that_are_none_say_nothing() -> None:
    """Texts that are no dates, units that are no time axis."""
    assert iso_days(None) is None
    assert iso_days("2020-06-09", "then") is None
    assert cf_times([1], "K") is None
    assert cf_times([1], "days since 2020-13-01") is None


def test_one_shared_day_is_enough() -> None:
    """A range around the day of the name, as MCD43 states it, is no contradiction."""
    granule = recognise(Path("MCD43A4.A2020161.h27v05.061.2020170040506.hdf"))
    assert granule is not None
    check_stamp(granule, modis_days(CORE.replace("LOCALGRANULEID", "OTHER")))

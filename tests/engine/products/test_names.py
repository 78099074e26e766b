"""Published file names."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.months import Period
from engine.products import load_specs, recognise
from engine.products.names import identity, rank

DAY = Period(date(2019, 7, 1), date(2019, 7, 2))
EIGHT = Period(date(2019, 7, 4), date(2019, 7, 12))


@pytest.mark.parametrize(
    ("name", "product", "period", "tile", "version"),
    [
        ("SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5", "SPL4SMGP", DAY, None, "v8010"),
        ("SMAP_L4_SM_gph_20190701T223000_Vb1010_001.h5", "SPL4SMGP", DAY, None, "b1010"),
        ("SMAP_L4_SM_gph_20190701T013000_Vv7031_001.h5.nc4", "SPL4SMGP", DAY, None, "v7031"),
        ("SMAP_L4_SM_gph_20190701T013000_Vv7031_001_subsetted.nc4", "SPL4SMGP", DAY, None, "v7031"),
        ("MCD43A4.A2019182.h27v05.061.2019191040506.hdf", "MCD43A4", DAY, "h27v05", "061"),
        ("MOD11A2.A2019185.h00v08.061.2019194040506.hdf", "MOD11A2", EIGHT, "h00v08", "061"),
        ("eSIF_2019185.nc", "eSIF", EIGHT, None, None),
        ("TROPOMI_eSIF_0.05deg_20190704.tif", "eSIF", EIGHT, None, None),
        ("esif-2019-07-04-v1.nc4", "eSIF", EIGHT, None, None),
        ("SIF.8day.A2019185.tiff", "eSIF", EIGHT, None, None),
        ("chirps-v2.0.2019.07.01.tif", "CHIRPS", DAY, None, "2.0"),
        ("chirps-v2.0.2019.07.01.tif.gz", "CHIRPS", DAY, None, "2.0"),
        ("chirps-v3.0.rnl.2019.07.01.tif", "CHIRPS", DAY, None, "3.0"),
        ("chirps-v3.0.sat.2019.07.01.cog", "CHIRPS", DAY, None, "3.0"),
        ("srtm_59_05.tif", "SRTM", None, "srtm_59_05", None),
        ("N34E113.hgt", "SRTM", None, "N34E113", None),
        ("S34E018.SRTMGL1.hgt", "SRTM", None, "S34E018", None),
    ],
)
def test_published_names_are_recognised(name, product, period, tile, version):
    """A granule's product, days, tile and version are read from its name."""
    granule = recognise(Path("deep") / "folder" / name)
    assert granule is not None
    assert (granule.product, granule.period) == (product, period)
    assert (granule.tile, granule.version) == (tile, version)


@pytest.mark.parametrize(
    "name",
    [
        "README.txt",
        "SMAP_L4_SM_aup_20190701T030000_Vv8010_001.h5",
        "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5.xml",
        "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5.part",
        "MOD11A1.A2019182.h27v05.061.2019191040506.hdf",
        "chirps-v2.0.2019.days_p25.nc",
        "GOSIF_2019185.tif",
        "N34E113.hgt.7z",
        "clay_5-15cm_mean.tif",
        "clay_0-5cm_Q0.5.tif",
        "bdod_0-5cm_mean.tif",
        "tileSG-023-056_1-2.tif",
        "MCD12Q1.A2019032.h27v05.061.2020191040506.hdf",
        "MOD16A3GF.A2019001.h27v05.061.2020191040506.hdf",
    ],
)
def test_other_names_are_ignored(name):
    """Files of no known product, sidecars and unfinished downloads are no granules."""
    assert recognise(Path(name)) is None


@pytest.mark.parametrize(
    "name",
    [
        "MOD11A2.A2019186.h27v05.061.2019194040506.hdf",
        "MCD43A4.A2019366.h27v05.061.2019191040506.hdf",
        "chirps-v2.0.2019.02.29.tif",
    ],
)
def test_a_name_with_an_impossible_date_is_logged_and_ignored(name, caplog):
    """A name that looks right but has no possible date leaves a warning."""
    assert recognise(Path(name)) is None
    assert name in caplog.text


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (
            "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5",
            "SMAP_L4_SM_gph_20190701T013000_Vv8010_002.h5",
        ),
        (
            "SMAP_L4_SM_gph_20190701T013000_Vv4011_003.h5",
            "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5",
        ),
        (
            "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.nc4",
            "SMAP_L4_SM_gph_20190701T013000_Vv8010_001.h5",
        ),
        (
            "MOD11A2.A2019185.h27v05.061.2019194040506.hdf",
            "MOD11A2.A2019185.h27v05.061.2020194040506.hdf",
        ),
        ("chirps-v2.0.2019.07.01.tif", "chirps-v3.0.sat.2019.07.01.tif"),
        ("chirps-v3.0.sat.2019.07.01.tif", "chirps-v3.0.rnl.2019.07.01.tif"),
        ("eSIF_2019185.tif", "eSIF_2019185.nc"),
    ],
)
def test_the_better_of_two_versions_ranks_higher(worse, better):
    """Versions, then variants, then counters, then formats decide between equal observations."""
    first, second = recognise(Path(worse)), recognise(Path(better))
    assert first is not None
    assert second is not None
    spec = load_specs()[first.product]
    assert identity(first, spec) == identity(second, spec)
    assert rank(first, spec) < rank(second, spec)


def test_three_hourly_files_of_a_day_differ():
    """Two stamps of one day are two observations."""
    spec = load_specs()["SPL4SMGP"]
    granules = [
        recognise(Path(f"SMAP_L4_SM_gph_20190701T{time}_Vv8010_001.h5"))
        for time in ("013000", "043000")
    ]
    assert identity(granules[0], spec) != identity(granules[1], spec)

"""The ISMN's real sample files, against plain text tools and against the ``ismn`` package."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.stations import StationSeries, Wanted, read_ismn
from engine.stations.ismn_file import open_text, parse_name, read_series
from engine.testing import shared_path

RECORDS = json.loads(Path(__file__).with_name("ismn_package.json").read_text(encoding="utf-8"))


def content(name: str) -> bytes:
    """Return a sample's bytes; ``archive!member`` names a file in a zip archive."""
    outer, _, member = name.partition("!")
    path = shared_path("realdata", "ismn", *outer.split("/"))
    if not member:
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(member)


def series(name: str) -> StationSeries:
    path = Path(name)
    announced = parse_name(path)
    assert announced is not None
    return read_series(open_text(path, announced, content(name)))


def counted_by_awk(data: bytes) -> dict[str, int]:
    """Count flags with tr, awk, sort and uniq, which know nothing of our reader.

    Lines with values begin with a date; the flag is the 4th field of a line with values alone,
    the 14th of a line that also names the station.
    """
    script = r"""tr '\r' '\n' |
        awk '$1 ~ /^[0-9][0-9][0-9][0-9]\// { print (NF > 10) ? $14 : $4 }' | sort | uniq -c"""
    found = subprocess.run(["sh", "-c", script], input=data, capture_output=True, check=True)
    return {flag: int(rows) for rows, flag in map(str.split, found.stdout.decode().splitlines())}


@pytest.mark.parametrize("name", RECORDS)
def test_flags_are_counted_as_text_tools_count_them(name: str) -> None:
    """Every row of every real file is read: rows per flag equal an independent count."""
    assert series(name).flags.counts() == counted_by_awk(content(name))


@pytest.mark.parametrize(("name", "record"), RECORDS.items())
def test_values_are_those_of_the_ismn_package(name: str, record: dict[str, object]) -> None:
    """Places, times, values and flags are what the ISMN's own reader says."""
    ours = series(name)
    assert ours.flags.counts() == record["flags"]
    assert len(ours) == record["rows"]
    assert ours.repeats == 0
    assert [str(ours.times[0]), str(ours.times[-1])] == [record["first"], record["last"]]
    assert (ours.station.lat, ours.station.lon) == (record["lat"], record["lon"])
    assert ours.station.elevation == record["elevation"]
    assert ours.values.mean(dtype=float) == pytest.approx(record["mean"], abs=1e-8)
    assert ours.values.std(dtype=float) == pytest.approx(record["sd"], abs=1e-8)
    good = ours.values[ours.good]
    assert (float(good.mean(dtype=float)) if good.size else None) == (
        pytest.approx(record["good_mean"], abs=1e-8) if good.size else record["good_mean"]
    )


def test_every_line_end_occurs_in_the_samples() -> None:
    """The samples are a test of line ends: all three kinds are among them."""
    kinds = {end for name in RECORDS for end in re.findall(rb"\n\r|\r\n|\r", content(name)[:2000])}
    assert kinds == {b"\r", b"\n\r", b"\r\n"}


def test_both_formats_of_one_download_agree() -> None:
    """A download as CEOP and as header and values gives the same series, row by row."""
    zips = shared_path("realdata", "ismn", "zip_archives")
    headed = read_ismn(zips / "header" / "Data_seperate_files_header_20170810_20180809.zip")
    ceop = read_ismn(zips / "ceop" / "Data_seperate_files_20170810_20180809.zip")
    assert [one.key for one in headed] == [one.key for one in ceop]
    for one, other in zip(headed, ceop, strict=True):
        assert one.station == other.station
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.flags.expanded(), other.flags.expanded())


def test_a_folder_and_its_archive_agree() -> None:
    """An unpacked download gives what the archive gives."""
    root = shared_path("realdata", "ismn")
    folder = read_ismn(root / "Data_seperate_files_header_20170810_20180809")
    archive = read_ismn(
        root / "zip_archives" / "header" / "Data_seperate_files_header_20170810_20180809.zip"
    )
    assert [(one.key, len(one)) for one in folder] == [(one.key, len(one)) for one in archive]


def test_pieces_of_one_sensor_are_joined() -> None:
    """Two files of one sensor are one series; rows that are in both are counted, once kept."""
    narbonne = next(
        one for one in read_ismn(shared_path("realdata", "ismn")) if one.station.name == "Narbonne"
    )
    assert len(narbonne) == narbonne.repeats == 741


def test_sensors_are_chosen_before_they_are_read() -> None:
    """Depths are compared to the centimetre, so that a sensor at 2 inches is one at 5 cm."""
    path = shared_path(
        "realdata", "ismn", "zip_archives", "multinetwork", "header_values",
        "Data_header_values.zip",
    )  # fmt: skip
    surface = read_ismn(path, Wanted(layer=(0.0, 0.05)))
    assert len(surface) == 8
    assert {one.depth_to for one in surface} == {0.05, 0.0508}
    assert all(one.lies_within(0, 0.05) for one in surface)
    assert read_ismn(path, Wanted(layer=(0.0, 0.04))) == ()
    maqu = read_ismn(path, Wanted(networks=("MAQU",)))
    assert [str(one.station) for one in maqu] == ["MAQU/CST_01", "MAQU/CST_02"]

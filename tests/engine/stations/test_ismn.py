"""ISMN files made for a test: every line end, joined pieces, and everything that can be wrong."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engine.errors import GranuleError
from engine.grids import BBox
from engine.months import Period
from engine.stations import Labels, Wanted, read_ismn

if TYPE_CHECKING:
    from pathlib import Path

NAME = "NET_NET_Here_sm_0.000000_0.050000_Probe_A_20190101_20191231.stm"
HEADER = "NET NET Here 34.75 113.62 110.00 0.00 0.05 Probe_A"
ROWS = (
    "2019/07/01 00:00   0.2310 G M",
    "2019/07/01 01:00   0.2320 D03,D05 M",
    "2019/07/01 02:00   -9999.0000 M M",
    "2019/07/01 03:00   0.2340 G",
)
CEOP = [
    f"{row[:16]} {row[:16]} NET NET Here 34.75 113.62 110.00 0.00 0.05 {row[16:]}" for row in ROWS
]


def write(folder: Path, lines: list[str], *, end: str = "\n", name: str = NAME) -> Path:
    path = folder / "NET" / "Here" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + end).encode())
    return folder


@pytest.mark.parametrize("end", ["\r", "\n\r", "\r\n", "\n", " \r\n\r\n"])
@pytest.mark.parametrize("lines", [[HEADER, *ROWS], CEOP], ids=["header", "ceop"])
def test_any_line_end_and_either_format_gives_the_same(
    tmp_path: Path, lines: list[str], end: str
) -> None:
    """Line ends and formats differ, the series does not; -9999 is missing, its flag stays."""
    (series,) = read_ismn(write(tmp_path, lines, end=end))
    assert str(series.station) == "NET/Here"
    assert (series.station.lat, series.station.lon, series.station.elevation) == (
        34.75,
        113.62,
        110,
    )
    assert (series.sensor, series.depth_from, series.depth_to) == ("Probe_A", 0.0, 0.05)
    assert (series.variable, series.units) == ("soil_moisture", "m3 m-3")
    np.testing.assert_allclose(series.values, [0.231, 0.232, np.nan, 0.234])
    assert [str(time) for time in series.times[:2]] == [
        "2019-07-01T00:00:00",
        "2019-07-01T01:00:00",
    ]
    assert series.flags.expanded().tolist() == ["G", "D03,D05", "M", "G"]
    assert series.original_flags.expanded().tolist() == ["M", "M", "M", ""]
    assert series.good.tolist() == [True, False, False, True]


def test_a_mixture_of_line_ends_loses_no_row(tmp_path: Path) -> None:
    r"""The header may end in ``\n\r`` and the rows in ``\r\n``, as in real files."""
    path = write(tmp_path, [HEADER])
    text = f"{HEADER}\n\r{ROWS[0]}\r\r\n{ROWS[1]}\r\n{ROWS[2]}\n{ROWS[3]}\r"
    (path / "NET" / "Here" / NAME).write_bytes(text.encode())
    (series,) = read_ismn(path)
    assert len(series) == 4


def test_rows_may_come_in_any_order_and_exact_repeats_count_once(tmp_path: Path) -> None:
    """Unsorted rows are sorted, and a row that says the same twice is left out once."""
    (series,) = read_ismn(write(tmp_path, [HEADER, ROWS[3], ROWS[0], ROWS[1], ROWS[0]]))
    assert len(series) == 3
    assert series.repeats == 1
    assert (np.diff(series.times) > np.timedelta64(0, "s")).all()


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    """Area, period, variable and network choose; variables of no use are passed over."""
    write(tmp_path, [HEADER, *ROWS])
    write(tmp_path, [HEADER, "2019/07/01 00:00 21.5 G M"], name=NAME.replace("_sm_", "_ts_"))
    write(tmp_path, ["nothing of ours"], name=NAME.replace("_sm_", "_sweq_"))
    july = Period(date(2019, 7, 1), date(2019, 8, 1))
    near = BBox(113, 34, 114, 35)
    assert len(read_ismn(tmp_path)) == 1
    assert len(read_ismn(tmp_path, Wanted(variables=None))) == 2
    (soil,) = read_ismn(tmp_path, Wanted(variables=("soil_temperature",), bbox=near, period=july))
    assert (soil.units, soil.values.tolist()) == ("degC", [21.5])
    assert read_ismn(tmp_path, Wanted(bbox=BBox(0, 0, 1, 1))) == ()
    assert read_ismn(tmp_path, Wanted(networks=("SCAN",))) == ()
    assert read_ismn(tmp_path, Wanted(period=Period(date(2018, 1, 1), date(2019, 1, 1)))) == ()


def test_two_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """Pieces of one sensor may overlap only where they agree."""
    write(tmp_path, [HEADER, *ROWS])
    write(
        tmp_path,
        [HEADER, ROWS[0].replace("0.2310", "0.3")],
        name=NAME.replace("20191231", "20190731"),
    )
    with pytest.raises(GranuleError, match=r"time 2019-07-01T00:00:00Z is there twice"):
        read_ismn(tmp_path)


BAD = {
    "cut off in a line": ([HEADER, *ROWS[:2], "2019/07/01 02:00   0.2"], "line 4: .*cut off"),
    "cut off after the header": ([HEADER], "no values"),
    "header lacks a field": ([HEADER.rsplit(" ", 1)[0], *ROWS], "first line has 8 fields"),
    "swapped coordinates": (
        [HEADER.replace("34.75 113.62", "113.62 34.75"), *ROWS],
        "lat: 113.62 is beyond .*swapped",
    ),
    "no coordinates": (
        [HEADER.replace("34.75 113.62", "0.0 0.0"), *ROWS],
        "lat and lon: both are 0",
    ),
    "coordinates are no numbers": (
        [HEADER.replace("34.75", "34,75"), *ROWS],
        "lat, lon and elevation",
    ),
    "depth differs from the name": (
        [HEADER.replace("0.05 P", "0.50 P"), *ROWS],
        "depth to is '0.50'",
    ),
    "a date that does not exist": ([HEADER, "2019/02/30 00:00 0.2 G M"], "line 2: date is"),
    "a time that does not exist": ([HEADER, "2019/02/20 25:00 0.2 G M"], "line 2: time is"),
    "a value that is no number": (
        [HEADER, ROWS[0], ROWS[1].replace("0.2320", "0.2.3")],
        "line 3: value",
    ),
    "a decimal comma": ([HEADER, ROWS[0].replace("0.2310", "0,2310")], "decimal point"),
    "columns moved": ([HEADER, "2019/07/01 00:00 0.23 0.24 G"], "line 2: flag is '0.24'"),
    "too many fields": ([HEADER, ROWS[0] + " M M", ROWS[1]], "line 2 has 7 fields"),
    "percent": ([HEADER, *(row.replace("0.2", "23.") for row in ROWS)], "look like percent"),
    "one time with two values": (
        [HEADER, *ROWS, ROWS[0].replace("0.2310", "0.3310")],
        "line 6: time 2019-07-01T00:00:00Z is there twice, with 0.231 and 0.331",
    ),
    "two places in one file": (
        [*CEOP[:2], CEOP[2].replace("34.75", "35.75")],
        "line 3: lat is '35.75' and was '34.75'",
    ),
    "a web page": (["<!DOCTYPE html><html><body>log in</body></html>"], "web page"),
    "nothing": ([""], "empty"),
    "a zip archive": (["PK\x03\x04..."], "zip archive"),
    "zero bytes": ([HEADER, ROWS[0], "\0" * 40], "zero bytes"),
}


@pytest.mark.parametrize(("lines", "message"), BAD.values(), ids=list(BAD))
def test_a_bad_file_is_named_with_what_is_wrong(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    """The error names the file, the line and the field; nothing is skipped in silence."""
    with pytest.raises(GranuleError, match=message) as caught:
        read_ismn(write(tmp_path, lines))
    assert NAME in str(caught.value)


def test_coordinates_swapped_within_range_are_found_by_the_area(tmp_path: Path) -> None:
    """Where both numbers could be a latitude, the area tells."""
    lines = [HEADER.replace("34.75 113.62", "4.75 36.62"), *ROWS]
    with pytest.raises(GranuleError, match="swapped they would lie in the area"):
        read_ismn(write(tmp_path, lines), Wanted(bbox=BBox(4, 36, 5, 37)))


def test_a_strange_name_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    """A data file must be called as the ISMN calls it, and there must be one."""
    with pytest.raises(GranuleError, match="no file of the ISMN"):
        read_ismn(tmp_path)
    with pytest.raises(GranuleError, match="its name is not one of the ISMN's"):
        read_ismn(write(tmp_path, [HEADER, *ROWS], name="copy of data.stm"))


def test_labels_behave_like_their_texts() -> None:
    """Numbered texts count, compare, slice and rename like a list of texts."""
    labels = Labels.of(["G", "U", "G", ""])
    assert labels.counts() == {"G": 2, "U": 1, "": 1}
    assert labels.equal("G").tolist() == [True, False, True, False]
    assert not labels.equal("X").any()
    renamed = labels.renamed({"": "U"})
    assert renamed.expanded().tolist() == ["G", "U", "G", "U"]
    assert renamed[1:].counts() == {"U": 2, "G": 1}


@pytest.mark.parametrize("lines", [[HEADER, *ROWS[:2]], CEOP[:2]], ids=["header", "ceop"])
def test_a_file_cut_off_anywhere_is_refused_or_is_whole_up_to_there(
    tmp_path: Path, lines: list[str]
) -> None:
    """Whatever byte a file ends at, no value or flag is read that is not in the whole file."""
    path = write(tmp_path, lines, end="\r\n") / "NET" / "Here" / NAME
    whole = path.read_bytes()
    (full,) = read_ismn(tmp_path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            (part,) = read_ismn(tmp_path)
        except GranuleError as error:
            assert NAME in str(error)  # noqa: PT017
        else:
            rows = len(part)
            np.testing.assert_array_equal(part.values, full.values[:rows])
            np.testing.assert_array_equal(part.flags.expanded(), full.flags.expanded()[:rows])

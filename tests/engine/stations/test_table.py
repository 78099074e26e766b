"""Our own station table, as CSV and as GeoJSON, in files and in requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import GranuleError, InputError
from engine.grids import BBox
from engine.stations import SoilConstants, StationSeries, Wanted, parse_stations, read_stations

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "station_id,lat,lon,elev_m,time,tz,depth_from_m,depth_to_m,value,unit,qflag"
FIELDS = {
    "station_id": "57083",
    "lat": "34.72",
    "lon": "113.65",
    "elev_m": "110.4",
    "time": "2019-07-01 08:00",
    "tz": "Asia/Shanghai",
    "depth_from_m": "0",
    "depth_to_m": "0.1",
    "value": "0.231",
    "unit": "m3/m3",
    "qflag": "G",
}


def row(**changes: str) -> str:
    return ",".join({**FIELDS, **changes}.values())


def table(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def one(text: str, soil: SoilConstants | None = None) -> StationSeries:
    (series,) = parse_stations(text, soil=soil)
    return series


def test_a_row_becomes_volume_and_utc() -> None:
    """Place, depth, flag and value are kept; Beijing's clock becomes UTC."""
    series = one(table(row()))
    assert str(series.station) == "57083"
    assert (series.station.lat, series.station.lon, series.station.elevation) == (
        34.72,
        113.65,
        110.4,
    )
    assert (series.depth_from, series.depth_to, series.units) == (0.0, 0.1, "m3 m-3")
    assert str(series.times[0]) == "2019-07-01T00:00:00"
    assert series.values.dtype == np.float32
    assert series.good.all()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_dialects_do_not_matter(tmp_path: Path, mark: str, separator: str, end: str) -> None:
    """Byte order mark, separator and line ends change nothing."""
    text = table(row(), row(time="2019-07-01 09:00", value="0.232"))
    path = tmp_path / "stations.csv"
    path.write_bytes((mark + text.replace(",", separator).replace("\n", end)).encode())
    (series,) = read_stations(path)
    np.testing.assert_allclose(series.values, [0.231, 0.232])


def test_mixed_line_ends_quotes_blanks_and_column_order() -> None:
    """Columns stand in any order, fields in quotes and blanks; Chinese names are names."""
    names = HEADER.split(",")
    flipped = ",".join(reversed(names)) + "\r\n"
    fields = [f' "{FIELDS[name]}" ' if name == "tz" else FIELDS[name] for name in reversed(names)]
    text = flipped + ",".join(fields).replace(' "', '"').replace("57083", " 郑州 ") + "\r\r\n"
    assert one(text).station.name == "郑州"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("0.25", "m3/m3", 0.25),
        ("0.25", "m³/m³", 0.25),
        ("0.25", "m3 m-3", 0.25),
        ("25", "%vol", 0.25),
        ("25", "vol%", 0.25),
        ("20", "%grav", 0.27),
        ("75", "%FC", 0.24),
        ("110", "%fc", 0.352),
        ("2.5e-1", "m3/m3", 0.25),
    ],
)
def test_units_become_volume(value: str, unit: str, expected: float) -> None:
    """By mass: times bulk density; relative to field capacity: times that."""
    soil = SoilConstants(bulk_density=1.35, theta_fc=0.32)
    assert one(table(row(value=value, unit=unit)), soil).values[0] == pytest.approx(expected)


def test_constants_of_rows_come_before_those_beside_the_table() -> None:
    """A row's own bulk density counts; the given one fills the empty fields."""
    header = HEADER + ",bulk_density_g_cm3"
    text = table(
        row(value="20", unit="%grav") + ",1.5",
        row(value="20", unit="%grav", time="2019-07-01 09:00") + ",",
        header=header,
    )
    series = one(text, SoilConstants(bulk_density=1.2))
    np.testing.assert_allclose(series.values, [0.30, 0.24], rtol=1e-6)
    with pytest.raises(InputError, match="line 3: unit is '%grav' but bulk_density_g_cm3 is empty"):
        one(text)


@pytest.mark.parametrize(
    ("time", "tz", "utc"),
    [
        ("2019-07-01 08:00", "Asia/Shanghai", "2019-07-01T00:00:00"),
        ("2019-07-01T08:00:30", "+08:00", "2019-07-01T00:00:30"),
        ("2019-07-01 08:00", "UTC+8", "2019-07-01T00:00:00"),
        ("2019/7/1 8:00", "+0800", "2019-07-01T00:00:00"),
        ("2019-07-01 00:00", "UTC", "2019-07-01T00:00:00"),
        ("2019-07-01T00:00:00Z", "", "2019-07-01T00:00:00"),
        ("2019-07-01T05:30:00+05:30", "", "2019-07-01T00:00:00"),
        ("2019-06-30 20:00", "America/New_York", "2019-07-01T00:00:00"),
        ("2019-01-01 19:00", "America/New_York", "2019-01-02T00:00:00"),
        ("2019-06-30 14:30", "-09:30", "2019-07-01T00:00:00"),
    ],
)
def test_clocks_become_utc(time: str, tz: str, utc: str) -> None:
    """Names follow summer time, offsets do not; a time may carry its own offset."""
    assert str(one(table(row(time=time, tz=tz))).times[0]) == utc


@given(
    st.datetimes(pd.Timestamp(1992, 1, 1), pd.Timestamp(2029, 12, 31)),
    st.sampled_from(["Asia/Shanghai", "Europe/Vienna", "America/Denver", "Australia/Adelaide"]),
)
def test_local_times_come_back(moment: pd.Timestamp, zone: str) -> None:
    """A UTC minute written on a local clock, with its offset or its zone, is read as itself."""
    utc = pd.Timestamp(moment).floor("min").tz_localize("UTC")
    local = utc.tz_convert(zone)
    offset = one(table(row(time=local.isoformat(), tz="")))
    assert pd.Timestamp(offset.times[0], tz="UTC") == utc
    try:
        named = one(table(row(time=f"{local:%Y-%m-%d %H:%M}", tz=zone)))
    except InputError as error:
        assert "twice or never" in str(error)  # noqa: PT017
    else:
        assert pd.Timestamp(named.times[0], tz="UTC") == utc


def test_missing_values_stay_as_missing_rows() -> None:
    """Empty, NaN and the usual numbers mean missing; an empty flag means unchecked."""
    hours = enumerate(["", "NaN", "-9999", "999999", "-999.0", "0.2"])
    series = one(table(*(row(time=f"2019-07-01 {h:02}:00", value=v, qflag="") for h, v in hours)))
    assert np.isfinite(series.values).tolist() == [False] * 5 + [True]
    assert series.flags.counts() == {"U": 6}
    assert series.original_flags.counts() == {"": 6}


def test_impossible_values_need_a_flag() -> None:
    """A spike that its provider flagged is kept with the flag; an unflagged one is refused."""
    spike = row(time="2019-07-01 09:00", value="1.7", qflag="C02")
    series = one(table(row(), spike))
    assert series.values[1] == pytest.approx(1.7)
    assert series.good.tolist() == [True, False]
    with pytest.raises(InputError, match=r"line 3: value '1.7 m3/m3' is 1.7 m3 m-3, flagged G"):
        one(table(row(), spike.replace("C02", "G"), row(time="2019-07-01 10:00")))


def test_sensors_stations_and_depths_are_told_apart() -> None:
    """Rows of several stations, depths and sensors may be mixed."""
    header = HEADER + ",network,sensor"
    text = table(
        row() + ",CMA,a",
        row(depth_from_m="0.1", depth_to_m="0.2") + ",CMA,a",
        row(station_id="57084", lat="34.8") + ",CMA,",
        row(time="2019-07-01 07:00", depth_to_m="0.10") + ",CMA,a",
        row() + ",CMA,b",
        header=header,
    )
    found = [(str(s.station), s.sensor, s.depth_to, len(s)) for s in parse_stations(text)]
    assert found == [
        ("CMA/57083", "a", 0.1, 2),
        ("CMA/57083", "a", 0.2, 1),
        ("CMA/57083", "b", 0.1, 1),
        ("CMA/57084", "", 0.1, 1),
    ]
    assert len(parse_stations(text, Wanted(layer=(0, 0.1)))) == 3
    assert parse_stations(text, Wanted(bbox=BBox(0, 0, 1, 1))) == ()


@given(st.permutations(range(12)), st.integers(0, 11))
def test_order_and_repeats_do_not_matter(order: list[int], repeated: int) -> None:
    """Any order of rows, with any row repeated, gives one and the same series."""
    rows = [row(time=f"2019-07-01 {h:02}:00", value=f"{0.2 + h / 100:.2f}") for h in range(12)]
    series = one(table(*(rows[k] for k in order), rows[repeated]))
    np.testing.assert_allclose(series.values, 0.2 + np.arange(12) / 100, rtol=1e-6)
    assert series.repeats == 1


BAD = {
    "swapped": (table(row(lat="113.65", lon="34.72")), "line 2: lat: 113.65 .* look swapped"),
    "beyond the globe": (table(row(lat="91", lon="91")), "line 2: lat: 91; "),
    "no place": (table(row(lat="0", lon="0")), "both are 0"),
    "empty place": (table(row(lat="")), "line 2: lat is ''"),
    "copied line": (table(row(), row(station_id="57084")), "lat and lon of 57083 and 57084"),
    "moved station": (
        table(row(), row(lat="34.73", time="2019-07-01 09:00")),
        "line 3: lat of station '57083' is 34.73 and was 34.72 in line 2",
    ),
    "percent as fraction": (
        table(*(row(time=f"2019-07-01 {h:02}:00", value="23.1") for h in range(5))),
        "line 2: unit is 'm3/m3' but half of the values exceed 23.1, so they look like percent",
    ),
    "fraction as percent": (table(row(unit="%vol")), "look like fractions"),
    "unknown unit": (table(row(unit="kPa")), "unit is 'kPa'; .*m3/m3, %vol, %grav, %FC"),
    "no bulk density": (table(row(unit="%grav", value="18")), "bulk_density_g_cm3 is empty"),
    "no field capacity": (table(row(unit="%FC", value="80")), "theta_fc_m3_m3 is empty"),
    "two values at a time": (
        table(row(), row(value="0.3")),
        "line 3: time 2019-07-01T00:00:00Z is there twice, with 0.231 and 0.3",
    ),
    "abbreviated zone": (table(row(tz="CST")), "tz is 'CST'"),
    "zone that climbs out": (table(row(tz="../../etc/passwd")), "line 2: tz is"),
    "unknown zone": (table(row(tz="Asia/Zhengzhou")), "tz is 'Asia/Zhengzhou'"),
    "folder as zone": (table(row(tz="America/")), "tz is 'America/'"),
    "offset beyond the globe": (table(row(tz="+25:00")), "tz is '"),
    "two zones": (table(row(time="2019-07-01T08:00Z")), "both give a zone"),
    "no zone": (table(row(tz="")), "neither gives a zone"),
    "hour that is there twice": (
        table(row(time="2019-10-27 02:30", tz="Europe/Vienna")),
        "clocks of Europe/Vienna show 2019-10-27T02:30:00 twice or never",
    ),
    "hour that never was": (
        table(row(time="2019-03-31 02:30", tz="Europe/Vienna")),
        "twice or never",
    ),
    "day that never was": (table(row(time="2019-02-29 08:00")), "time is '2019-02-29 08:00'"),
    "day first": (table(row(time="01/07/2019 08:00")), "time is '01/07/2019 08:00'"),
    "no clock time": (table(row(time="2019-07-01")), "time is '2019-07-01'"),
    "another century": (table(row(time="0219-07-01 08:00")), "time is"),
    "centimetres": (table(row(depth_to_m="10")), "depth_to_m is '10'.*10 cm is 0.1"),
    "depths upside down": (table(row(depth_from_m="0.2")), "depth: from 0.2 m to 0.1 m"),
    "negative depth": (table(row(depth_from_m="-0.1")), "depth_from_m is '-0.1'"),
    "decimal comma": (table(row(value='"0,231"')), "decimal point"),
    "too many fields": (table(row(), row(value="0,231")), "line 3 has 12 fields"),
    "cut off": (table(row(), row()[:60]), "line 3 has 8 fields"),
    "cut off before its flag": (table(row(), row()[:-2]).rstrip(), "line 3 has 10 fields"),
    "a short line beside a long one": (table(row()[:-2], row() + ",1"), "line 2 has 10 fields"),
    "underscore": (table(row(value="0_231")), "value is '0_231'"),
    "infinite": (table(row(value="inf")), "value is 'inf'"),
    "odd flag": (table(row(qflag="<b>")), "qflag is '<b>'"),
    "open quote": (table(row(qflag='"G'), row()), "line 2 has a double quote"),
    "no station": (table(row(station_id="")), "station: it has no name"),
    "no rows": (HEADER + "\n", "it has no rows"),
    "empty": ("", "is empty"),
    "web page": ("<!DOCTYPE html>\n<html>", "web page"),
    "binary": (table(row(qflag="\0")), "zero bytes"),
    "missing column": (table(row(), header=HEADER.replace(",tz", "")), "lacks the column 'tz'"),
    "unknown column": (table(row() + ",1", header=HEADER + ",ph"), "unknown column 'ph'"),
    "repeated column": (table(row() + ",1", header=HEADER + ",lat"), "repeats the column 'lat'"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=list(BAD))
def test_a_bad_table_is_refused_by_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    """In a request the input is named, in a file the file; line and column in both."""
    with pytest.raises(InputError, match=message):
        parse_stations(text)
    path = tmp_path / "stations.csv"
    path.write_bytes(text.encode())
    with pytest.raises(GranuleError, match=message) as caught:
        read_stations(path)
    assert str(caught.value).startswith("stations.csv: ")


def test_line_numbers_are_those_of_an_editor() -> None:
    """Empty lines count, so that the error leads to the line."""
    with pytest.raises(InputError, match="line 5: tz is 'CST'"):
        parse_stations(f"{HEADER}\r\n{row()}\r\n\r\n\r\n{row(tz='CST')}\r\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (table(row(station_id="郑州")).encode("gbk"), "line 2 is not in UTF-8"),
        (table(row()).encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + bytes(99), "Excel workbook"),
        (b"\x1f\x8b" + bytes(99), "gzip"),
    ],
)
def test_files_that_are_no_utf8_text_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    """What a spreadsheet saved in its own way is named for what it is."""
    path = tmp_path / "stations.csv"
    path.write_bytes(data)
    with pytest.raises(GranuleError, match=message):
        read_stations(path)


def test_swapped_coordinates_are_found_by_the_area() -> None:
    """Where both numbers could be a latitude, the area tells."""
    text = table(row(lat="36.62", lon="-4.75"))
    with pytest.raises(InputError, match="look swapped"):
        parse_stations(text, Wanted(bbox=BBox(36, -5, 37, -4)))


@pytest.mark.parametrize("soil", [{"bulk_density": 1300.0}, {"theta_fc": 32.0}])
def test_constants_have_a_range(soil: dict[str, float]) -> None:
    """Kilograms per cubic metre and percent are told apart from what is wanted."""
    with pytest.raises(InputError, match=r"g cm-3|not percent"):
        SoilConstants(**soil)


def feature(**changes: object) -> dict[str, object]:
    properties = {
        "station_id": 57083,
        "time": ["2019-07-01T00:00Z", "2019-07-01T01:00Z"],
        "value": [23.1, None],
        "unit": "%vol",
        "depth_from_m": 0,
        "depth_to_m": 0.1,
        **changes,
    }
    point = {"type": "Point", "coordinates": [113.65, 34.72, 110.4]}
    return {"type": "Feature", "geometry": point, "properties": properties}


def collection(*features: dict[str, object]) -> str:
    return json.dumps({"type": "FeatureCollection", "name": "CMA", "features": features})


def test_geojson_says_the_same_as_csv(tmp_path: Path) -> None:
    """A feature with lists, or with single values, is read like the rows of a table."""
    text = collection(feature(), feature(time="2019-07-01T02:00Z", value=25, qflag="G"))
    series = one(text)
    assert str(series.station) == "57083"
    assert series.station.elevation == 110.4
    np.testing.assert_allclose(series.values, [0.231, np.nan, 0.25])
    assert series.flags.counts() == {"U": 2, "G": 1}
    path = tmp_path / "stations.geojson"
    path.write_text("\ufeff" + text, encoding="utf-8")
    np.testing.assert_array_equal(read_stations(path)[0].values, series.values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (collection(feature(value=[1.0])), "features.0.properties: .*value has 1 members"),
        (collection(feature(ph=7)), "features.0.properties.ph: Extra inputs"),
        (collection(feature(unit=None)), "features.0.properties.unit"),
        (collection(feature(value=[True, 1])), "features.0.properties.value"),
        (collection(feature(), feature(value=[0.5, 0.4])), "time .* is there twice"),
        (collection(feature(value=[0.5, 0.4])), "features.0, value 0: .*look like fractions"),
        (collection(), "features: "),
        (collection(feature(time=[], value=[])), "it has no values"),
        (collection(feature()).replace("Point", "Polygon"), "geometry"),
        (collection(feature()).replace("23.1", "NaN"), "NaN is no number"),
        ('{"type": "Feature"}', "type: Input should be 'FeatureCollection'"),
        ("{" * 5000, "it is no JSON"),
        ('{"a":' * 100_000, "it is no JSON"),
    ],
)
def test_bad_geojson_is_refused_by_member(text: str, message: str) -> None:
    """The error names the feature and the member."""
    with pytest.raises(InputError, match=message):
        parse_stations(text)


def test_large_requests_are_refused() -> None:
    """Text beyond 32 MiB belongs into a registered network."""
    with pytest.raises(InputError, match="register a network"):
        parse_stations("x" * (2**25 + 1))

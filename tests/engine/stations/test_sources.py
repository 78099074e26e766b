"""Archives made to do harm."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from engine.errors import GranuleError, InputError
from engine.stations import Limits, read_ismn, read_stations, read_stations_in_parts
from engine.stations.sources import source_files

if TYPE_CHECKING:
    from pathlib import Path

STM = "NET/Here/NET_NET_Here_sm_0.000000_0.050000_Probe_20190101_20191231.stm"
TEXT = "NET NET Here 34.75 113.62 110.00 0.00 0.05 Probe\r\n2019/07/01 00:00   0.2310 G M\r\n"


def archive(
    folder: Path, members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    path = folder / "stations.zip"
    with zipfile.ZipFile(path, "w", method) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def test_an_honest_archive_is_read(tmp_path: Path) -> None:
    """Folders, tables of metadata and XML beside the data do not matter."""
    path = archive(tmp_path, {"NET/": "", STM: TEXT, "Metadata.xml": "<x/>", "NET/a.csv": "1;2"})
    assert len(read_ismn(path)) == 1


@pytest.mark.parametrize(
    ("members", "message"),
    {
        "climbs out": ({f"../../{STM}": TEXT}, r"name '\.\./\.\./NET"),
        "absolute": ({f"/etc/{STM}": TEXT}, "name '/etc"),
        "Windows path": ({r"..\..\x.stm": TEXT}, "plain names"),
        "drive": ({"C:/x.stm": TEXT}, "plain names"),
        "control characters": ({"a\nb.stm": TEXT}, "plain names"),
        "nested": ({"more.zip": b"PK\x03\x04", STM: TEXT}, "holds the archive 'more.zip'"),
        "deep": ({"a/" * 30 + "x.stm": TEXT}, "31 folders deep"),
        "bomb": ({STM: b"0" * 8_000_000}, "expands .* times"),
        "empty": ({}, "it is empty"),
        "web page inside": ({STM: "<html>log in</html>"}, "web page"),
    }.values(),
)
def test_a_harmful_archive_is_refused(
    tmp_path: Path, members: dict[str, bytes | str], message: str
) -> None:
    """Names that climb out, archives in archives, and bombs end in a clear error."""
    with pytest.raises(GranuleError, match=message):
        read_ismn(archive(tmp_path, members))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(files=1), "2 files"),
        (Limits(file_bytes=50), "more than 50 bytes"),
        (Limits(total_bytes=100), "expands to"),
    ],
)
def test_limits_hold(tmp_path: Path, limits: Limits, message: str) -> None:
    """Number of files, bytes of one and bytes of all are limited."""
    path = archive(tmp_path, {STM: TEXT, "b.csv": "b" * 30})
    with pytest.raises(GranuleError, match=message):
        read_ismn(path, limits=limits)


def test_a_header_that_lies_about_its_size_is_found_out(tmp_path: Path) -> None:
    """A member is never read beyond what its header announces, nor beyond the limit."""
    path = archive(tmp_path, {STM: "x" * 5000})
    data = bytearray(path.read_bytes())
    central = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, central + 24, 60)
    path.write_bytes(bytes(data))
    with pytest.raises(GranuleError, match="damaged"):
        read_ismn(path)


def test_damaged_encrypted_and_odd_archives_are_refused(tmp_path: Path) -> None:
    """Truncation, wrong bytes, passwords and unusual packing are told apart."""
    path = archive(tmp_path, {STM: TEXT * 200})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GranuleError, match="truncated, damaged"):
        read_ismn(path)
    path.write_bytes(whole[:120] + b"\xff" * 20 + whole[140:])
    with pytest.raises(GranuleError, match="is damaged"):
        read_ismn(path)
    encrypted = bytearray(whole)
    encrypted[whole.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(encrypted))
    with pytest.raises(GranuleError, match="encrypted"):
        read_ismn(path)
    path.write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(GranuleError, match="web page"):
        read_ismn(path)
    with pytest.raises(GranuleError, match="packed by method"):
        read_ismn(archive(tmp_path, {STM: TEXT}, zipfile.ZIP_BZIP2))
    with pytest.raises(GranuleError, match="is not there"):
        read_ismn(tmp_path / "missing.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two would count is anybody's guess."""
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(STM, TEXT)
        target.writestr(STM, TEXT.replace("0.2310", "0.9310"))
    with pytest.raises(GranuleError, match="2 times"):
        read_ismn(path)


def test_nothing_is_written_beside_the_data(tmp_path: Path) -> None:
    """Reading leaves no trace: no cache, no log, no unpacked file."""
    path = archive(tmp_path, {STM: TEXT})
    read_ismn(path)
    assert [one.name for one in tmp_path.rglob("*")] == [path.name]


def test_other_files_are_refused_by_kind(tmp_path: Path) -> None:
    """What is neither a folder nor an archive nor a table is not guessed at."""
    path = tmp_path / "stations.xlsx"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="no known kind"):
        read_stations(path)
    with pytest.raises(InputError, match="no folder"), source_files(path, ".stm"):
        pass


def test_parts_are_the_whole(tmp_path: Path) -> None:
    """Read folder by folder, an archive gives the series that it gives at once."""
    other = STM.replace("Here", "There")
    there = TEXT.replace("Here", "There").replace("34.75", "34.85")
    path = archive(tmp_path, {STM: TEXT, other: there, "NET/readme.txt": "x"})
    parts = [*read_stations_in_parts(path)]
    assert [len(part) for part in parts] == [1, 1]
    whole = [one.key for one in read_stations(path)]
    assert [one.key for part in parts for one in part] == whole


def test_an_archive_without_stations_is_refused_in_parts_too(tmp_path: Path) -> None:
    """A zip archive of something else names what was looked for."""
    path = archive(tmp_path, {"a.txt": "x"})
    with pytest.raises(GranuleError, match="no file of the ISMN"):
        list(read_stations_in_parts(path))

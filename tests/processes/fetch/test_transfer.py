"""One file's way, over lines that break and providers that err."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from engine.errors import InputError
from engine.files import locked
from engine.grids import outline
from engine.products import decode, recognise
from engine.region import load_region
from processes.fetch.errors import (
    IncompleteError,
    RefusedLoginError,
    SpaceError,
    StorageError,
)
from processes.fetch.fetching import LOCK
from processes.fetch.provenance import note_path, read_note
from processes.fetch.testing import PASSWORD, SIGNATURE, TOKEN, USER, Fault, Providers
from processes.fetch.testing_shelves import as_whole, shelf_of
from processes.logs import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.world import World
    from processes.fetch.testing_road import Road

MONTH = "2020-05"
LST = "MOD11A2.A2020129.h27v05.061.2020129000000.hdf"
"""One of the files of that month."""


def test_files_come_as_they_were_published(road: Road, tiny_world: World) -> None:
    """What was fetched is, byte for byte, what the provider had, with a note of where from."""
    done = road.fetch(MONTH, "MOD11A2")
    came = road.granules()
    assert done.files == len(came) == 4
    for name, path in came.items():
        original = next(tiny_world.archive.rglob(name))
        assert path.read_bytes() == original.read_bytes()
        note = read_note(path)
        assert note is not None
        assert note.sha256 == hashlib.sha256(original.read_bytes()).hexdigest()
        assert note.url.endswith(f"/data/{name}")
        assert (note.version, note.size) == ("061", original.stat().st_size)


def test_twice_changes_nothing(road: Road, providers: Providers) -> None:
    """A second run asks nobody for anything."""
    road.fetch(MONTH, "MOD11A2")
    before = {path: path.stat().st_mtime_ns for path in road.granules().values()}
    asked = len(providers.seen)
    assert road.fetch(MONTH, "MOD11A2").files == 0
    assert len(providers.seen) == asked
    assert {path: path.stat().st_mtime_ns for path in road.granules().values()} == before


def test_a_provider_that_is_busy_is_asked_again(road: Road, providers: Providers) -> None:
    """After an error that may pass the same request is made again, ever later."""
    providers.misbehave(LST, Fault(kind="status", status=503), Fault(kind="status", status=429))
    road.fetch(MONTH, "MOD11A2")
    assert len(road.waits) == 2
    assert 0 < road.waits[0] <= 0.01


@pytest.mark.parametrize("etags", [True, False])
def test_half_a_file_is_resumed(
    road_to: Callable[..., Road], providers: Providers, *, etags: bool
) -> None:
    """After a cut only the rest comes, whether versions are told by tag or by date."""
    providers.etags = etags
    road = road_to()
    item = providers.item(LST)
    assert item is not None
    # The first request for the file goes to the catalogue's host and is redirected to the store.
    providers.misbehave(LST, Fault(kind="cut"), host="store")
    road.fetch(MONTH, "MOD11A2")
    sent = providers.answers(LST)
    assert [one.status for one in sent] == [200, 206]
    assert sum(one.sent for one in sent) == item.size
    assert sent[1].range == f"bytes={item.size // 2}-"


def test_what_was_changed_meanwhile_comes_anew(road: Road, providers: Providers) -> None:
    """A part of another version is not gone on from."""
    providers.misbehave(LST, Fault(kind="cut", renews=True), host="store")
    road.fetch(MONTH, "MOD11A2")
    sent = providers.answers(LST)
    assert [one.status for one in sent] == [200, 200]


def test_wrong_bytes_are_thrown_away(road: Road, providers: Providers) -> None:
    """A file whose hash is not the announced one is asked for again."""
    providers.misbehave(LST, Fault(kind="corrupt"), host="store")
    road.fetch(MONTH, "MOD11A2")
    sent = providers.answers(LST)
    assert [one.status for one in sent] == [200, 200]


def test_a_subset_that_breaks_off_is_made_anew(road: Road, providers: Providers) -> None:
    """What has no length is whole or asked for again."""
    providers.misbehave("T013000", *[Fault(kind="cut")] * 3)
    road.fetch(MONTH, "SPL4SMGP")
    assert len(road.granules()) == 31 * 8


def test_the_provider_is_given_the_time_it_asks_for(road: Road, providers: Providers) -> None:
    """``Retry-After`` is obeyed, as seconds."""
    providers.misbehave(LST, Fault(kind="status", status=429, retry_after="7"))
    road.fetch(MONTH, "MOD11A2")
    assert road.waits == [7.0]


def test_a_web_page_is_no_data(road: Road, providers: Providers) -> None:
    """A page in the place of a file is never kept; the other files come, and again means again."""
    providers.misbehave(LST, *[Fault(kind="page")] * 4)
    with pytest.raises(IncompleteError, match=r"1 of 4 files .* web page") as raised:
        road.fetch(MONTH, "MOD11A2")
    assert list(raised.value.failures) == [LST]
    assert len(road.granules()) == 3
    assert road.fetch(MONTH, "MOD11A2").files == 1


def test_an_expired_token_ends_all_at_once(
    road_to: Callable[..., Road], providers: Providers
) -> None:
    """The message names the remedy, and not the token."""
    road = road_to(earthdata_token="expired-and-secret")
    with pytest.raises(
        RefusedLoginError, match="wrong or expired; set VADOSE_EARTHDATA_TOKEN"
    ) as e:
        road.fetch(MONTH, "MOD11A2")
    assert "expired-and-secret" not in str(e.value)
    assert not road.granules()
    assert len(providers.seen) < 12


def test_name_and_password_go_to_the_login_alone(
    road_to: Callable[..., Road],
    providers: Providers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The road through the login's redirects works, and no other host learns the password."""
    path = tmp_path / "netrc"
    path.write_text(f"machine localhost login {USER} password {PASSWORD}\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    road = road_to(earthdata_token=None)
    assert road.fetch(MONTH, "MOD11A2").files == 4
    told = {one.host for one in providers.seen if one.authorization}
    assert told == {"login"}


def test_a_token_is_not_told_to_the_store(road: Road, providers: Providers) -> None:
    """A signed address gets no token besides."""
    road.fetch(MONTH, "MOD11A2")
    told = {one.host for one in providers.seen if one.authorization}
    assert told == {"data"}
    # And who has the catalogue need not know who asks.
    assert not any(one.authorization for one in providers.seen if "/search" in one.path)


def test_a_wrong_password_is_told_as_such(
    road_to: Callable[..., Road], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message holds no password."""
    path = tmp_path / "netrc"
    path.write_text("machine localhost login somebody password forgotten\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    with pytest.raises(RefusedLoginError, match="missing, wrong or expired") as raised:
        road_to(earthdata_token=None).fetch(MONTH, "MOD11A2")
    assert "forgotten" not in str(raised.value)


def test_nothing_secret_is_written_anywhere(
    road: Road, providers: Providers, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither logs of the finest level nor notes hold token or signature."""
    configure_logging("DEBUG")
    try:
        providers.misbehave(LST, Fault(kind="page"), Fault(kind="status", status=500))
        providers.misbehave(LST, Fault(kind="cut"), host="store")
        road.fetch(MONTH, "MOD11A2")
    finally:
        configure_logging("WARNING")
    notes = [note_path(path).read_text() for path in road.granules().values()]
    said = "\n".join([*capfd.readouterr(), *notes])
    assert "once more in" in said
    for secret in (TOKEN, SIGNATURE, USER):
        assert secret not in said


def test_a_disk_that_is_too_small_is_told_before(
    road: Road, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched that has no room."""
    full = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(SpaceError, match="are to come, and 1 kB are free"):
        road.fetch(MONTH, "MOD11A2")
    assert not any("/data/" in one.path for one in providers.seen)


def test_no_credentials_are_told_before(road_to: Callable[..., Road], providers: Providers) -> None:
    """Where a login is needed and there is none, the message says how to get one."""
    road = road_to(earthdata_token=None)
    with pytest.raises(InputError, match="MOD11A2 needs a login") as raised:
        road.fetch(MONTH, "MOD11A2")
    assert "~/.netrc" in str(raised.value)
    assert not any("/data/" in one.path for one in providers.seen)
    assert road.plan(MONTH, "MOD11A2").offers  # which needs no login


def test_two_do_not_fetch_into_one_archive(road: Road) -> None:
    """The second is told so."""
    with (
        locked(road.settings.archive_folder / LOCK),
        pytest.raises(InputError, match="another fetch is at work"),
    ):
        road.fetch(MONTH, "MOD11A2")


def test_leftovers_are_swept(road: Road) -> None:
    """What had come of files that nobody wants any more goes."""
    folder = road.settings.archive_folder / "MOD11A2" / "2020"
    folder.mkdir(parents=True)
    old = [folder / ".old.hdf.part", folder / ".old.hdf.part.etag"]
    old.append(folder / ".old.hdf.provenance-0123456789ab.json")
    for path in old:
        path.write_text("x")
    road.fetch(MONTH, "MOD11A2")
    assert not any(path.exists() for path in old)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_notes_are_json(road: Road) -> None:
    """Notes tell what an archive needs to cite."""
    road.fetch(MONTH, "eSIF")
    note: dict[str, Any] = json.loads(note_path(next(iter(road.granules().values()))).read_text())
    assert {"url", "retrieved", "sha256", "version", "licence", "citation"} <= set(note)
    assert os.sep not in note["product"]


def test_without_opendap_a_window_is_read_by_ranges(
    road: Road, providers: Providers, tiny_world: World
) -> None:
    """A granule whose entry names no OPeNDAP is cut out here, and reads the same."""
    providers.opendap = False
    some = dict(list(providers.shelves["SPL4SMGP"].items())[-4:])
    providers.shelves = {"SPL4SMGP": {name: as_whole(item) for name, item in some.items()}}
    assert road.fetch("2021-01", "SPL4SMGP").files == len(some)
    area = load_region(tiny_world.region).area()
    for name, path in road.granules().items():
        original = next(tiny_world.archive.rglob(name.removesuffix(".nc4")))
        one, other = (recognise(each) for each in (path, original))
        assert one is not None
        assert other is not None
        mine, theirs = (decode(each, area)["soil_moisture"] for each in (one, other))
        assert mine.geobox == theirs.geobox
        np.testing.assert_array_equal(mine.values, theirs.values)
    # Far less than the whole files.
    ranged = sum(one.sent for one in providers.seen if one.host == "store")
    assert ranged < 8 * 2**18


def test_a_disk_that_fills_ends_all_at_once(
    road: Road, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half is left that an archive would take for data, and the message says why."""

    def fail(path: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("processes.fetch.transfer.synced", fail)
    with pytest.raises(StorageError, match="hdf cannot be written: No space left on device"):
        road.fetch(MONTH, "MOD11A2")
    assert not road.granules()
    monkeypatch.undo()
    assert providers.seen


def test_rain_comes_as_a_window(road: Road, providers: Providers, tiny_world: World) -> None:
    """Of a day's COG the region is read, by ranges, again where that may help."""
    providers.misbehave("2020.05.17.cog", Fault(kind="status", status=503))
    assert road.fetch(MONTH, "CHIRPS").files == 31
    path = road.granules()["chirps-v2.0.2020.05.17.cog"]
    with rasterio.open(path) as window, rasterio.open(_rain_of(tiny_world)) as whole:
        assert window.width == pytest.approx(whole.width, abs=8)
        lon, lat = outline(load_region(tiny_world.region).area())
        bounds = np.round([min(lon), min(lat), max(lon), max(lat)], 1)
        values = [one.read(1, window=one.window(*bounds)) for one in (window, whole)]
        np.testing.assert_array_equal(*values)
    asked = [one for one in providers.seen if one.path.endswith(path.name)]
    assert [one.status for one in asked] == [503] + [206] * (len(asked) - 1)


def test_rain_is_kept_as_it_is_packed(road: Road, providers: Providers, tiny_world: World) -> None:
    """A file that comes whole, and packed, stays so."""
    _offer_whole_rain(providers, road, tiny_world)
    road.fetch(MONTH, "CHIRPS")
    path = road.granules()["chirps-v2.0.2020.05.17.tif.gz"]
    assert gzip.decompress(path.read_bytes()) == _rain_of(tiny_world).read_bytes()


def _rain_of(world: World) -> Path:
    return next(world.archive.rglob("chirps-v2.0.2020.05.17.tif"))


def _offer_whole_rain(providers: Providers, road: Road, world: World) -> None:
    """Let the provider have whole days only, and the settings say so."""
    files = {
        f"{path.name}.gz": gzip.compress(path.read_bytes(), mtime=0)
        for path in sorted(world.archive.rglob("chirps-v2.0.2020.05.*.tif"))
    }
    providers.shelves = {**providers.shelves, "CHIRPS": shelf_of(files, "CHIRPS")}
    folder = road.settings.source_folder
    assert folder is not None
    with (folder / "CHIRPS.toml").open("a") as file:
        file.write("windows = false\n")


def test_a_host_that_gives_nothing_is_given_up(
    road: Road, providers: Providers, tiny_world: World
) -> None:
    """After some failures in a row nothing more is asked of it, and the message says why."""
    _offer_whole_rain(providers, road, tiny_world)
    providers.misbehave("/list/CHIRPS/2020/chirps", *[Fault(kind="status", status=404)] * 200)
    with pytest.raises(IncompleteError, match=r"31 of 31 .* status 404; .* …") as raised:
        road.fetch(MONTH, "CHIRPS")
    assert sum(reason.endswith("was given up") for reason in raised.value.failures.values()) > 10
    assert sum(one.status == 404 for one in providers.seen) < 20

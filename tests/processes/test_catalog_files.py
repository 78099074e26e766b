"""Published files over real HTTP: ranges, entity tags, other origins, nothing hidden."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import uvicorn
from rasterio.transform import from_origin

from processes.catalog_files import CatalogFiles
from processes.serving import listen

if TYPE_CHECKING:
    import httpx
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from processes.settings import Settings

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(3).random((1500, 1400), dtype=np.float32)


@pytest.fixture(scope="module", autouse=True)
def catalogue(settings: Settings, values: np.ndarray) -> None:
    """Lay a COG, documents and a half-written file into the catalogue's folder."""
    item = settings.catalog_folder / "maps" / "map-2020-05"
    item.mkdir(parents=True)
    transform = from_origin(12_000_000, 4_000_000, 1000, 1000)
    profile = {"driver": "COG", "height": 1500, "width": 1400, "count": 1, "dtype": "float32"}
    with rasterio.open(
        item / "map.tif", "w", crs="EPSG:6933", transform=transform, **profile
    ) as raster:
        raster.write(values, 1)
    (item / "map-2020-05.json").write_text("{}")
    (item / ".map-abc.tif").write_text("half")
    (settings.catalog_folder / "maps" / "collection.json").write_text("{}")
    (settings.catalog_folder / "catalog.json").write_text('{"id": "c"}')
    (settings.catalog_folder / ".lock").write_text("")
    (settings.data / "secret.txt").write_text("secret")


MAP = "/catalog/maps/map-2020-05/map.tif"


def test_a_range_is_served_alone(client: httpx.Client, settings: Settings) -> None:
    """206 with the very bytes asked for; the length of the whole is told."""
    content = (settings.catalog_folder / "maps/map-2020-05/map.tif").read_bytes()
    reply = client.get(MAP, headers={"Range": "bytes=100-199"})
    assert (reply.status_code, reply.content) == (206, content[100:200])
    assert reply.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    reply = client.get(MAP, headers={"Range": "bytes=-50"})
    assert (reply.status_code, reply.content) == (206, content[-50:])


def test_a_range_beyond_the_end_is_refused(client: httpx.Client) -> None:
    """416 says how long the file is."""
    reply = client.get(MAP, headers={"Range": "bytes=99999999-"})
    assert reply.status_code == 416
    assert reply.headers["Content-Range"].startswith("bytes */")


def test_a_head_tells_what_a_get_would(client: httpx.Client) -> None:
    """HEAD has the headers without the body."""
    head, get = client.head(MAP), client.get(MAP)
    assert head.status_code == 200
    assert not head.content
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Last-Modified"):
        assert head.headers[name] == get.headers[name]
    assert get.headers["Accept-Ranges"] == "bytes"


def test_an_unchanged_file_is_not_sent_again(client: httpx.Client) -> None:
    """304 for the entity tag that the client has."""
    tag = client.head(MAP).headers["ETag"]
    reply = client.get(MAP, headers={"If-None-Match": tag})
    assert (reply.status_code, reply.content) == (304, b"")


def test_a_range_of_another_version_is_not_mixed_in(client: httpx.Client) -> None:
    """With an outdated tag in If-Range the whole file comes."""
    headers = {"Range": "bytes=0-9", "If-Range": '"outdated"'}
    assert client.get(MAP, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("address", "media_type", "lasting"),
    [
        (MAP, COG, True),
        ("/catalog/catalog.json", "application/json", False),
        ("/catalog/maps/collection.json", "application/json", False),
        ("/catalog/maps/map-2020-05/map-2020-05.json", "application/geo+json", False),
    ],
)
def test_files_have_their_media_type_and_lifetime(
    client: httpx.Client, address: str, media_type: str, lasting: bool
) -> None:
    """Maps are immutable by name; documents are looked at again soon."""
    reply = client.head(address)
    assert reply.headers["Content-Type"] == media_type
    assert ("immutable" in reply.headers["Cache-Control"]) == lasting


def test_scripts_of_other_origins_may_read_ranges(client: httpx.Client) -> None:
    """The preflight allows Range; the answer exposes what a range reader needs."""
    preflight = client.options(
        MAP,
        headers={
            "Origin": "https://browser.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "range",
        },
    )
    assert preflight.status_code == 200
    assert "range" in preflight.headers["Access-Control-Allow-Headers"].lower()
    headers = {"Origin": "https://browser.example", "Range": "bytes=0-9"}
    reply = client.get(MAP, headers=headers)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    exposed = reply.headers["Access-Control-Expose-Headers"]
    for name in ("Content-Range", "Content-Length", "ETag", "Accept-Ranges"):
        assert name in exposed


@pytest.mark.parametrize(
    "address",
    [
        "/catalog/maps/map-2020-05/.map-abc.tif",
        "/catalog/.lock",
        "/catalog/../secret.txt",
        "/catalog/%2e%2e/secret.txt",
        "/catalog/..%2fsecret.txt",
        "/catalog/maps/..%2f..%2fsecret.txt",
        "/catalog//etc/passwd",
        "/catalog/maps%00",
        "/catalog/maps",
        f"/catalog/{'x' * 5000}",
    ],
)
def test_nothing_hidden_and_nothing_outside_is_served(client: httpx.Client, address: str) -> None:
    """Half-written files, folders and everything beyond the root do not exist."""
    reply = client.get(address)
    assert reply.status_code == 404
    assert "secret" not in reply.json().get("detail", "")


def test_a_link_out_of_the_root_is_not_followed(client: httpx.Client, settings: Settings) -> None:
    """A symbolic link is no way out."""
    link = settings.catalog_folder / "out.txt"
    link.symlink_to(settings.data / "secret.txt")
    assert client.get("/catalog/out.txt").status_code == 404


def test_the_folder_leads_to_the_catalogue(client: httpx.Client) -> None:
    """Who asks for the folder is sent to its document."""
    reply = client.get("/catalog/", follow_redirects=True)
    assert reply.json() == {"id": "c"}


def test_gdal_reads_a_part_of_a_map_by_ranges(client: httpx.Client, values: np.ndarray) -> None:
    """GDAL opens the COG over HTTP and gets exactly the pixels of the file."""
    address = f"{str(client.base_url).rstrip('/')}{MAP}"
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open(address) as raster,
    ):
        window = rasterio.windows.Window(600, 700, 20, 10)
        np.testing.assert_array_equal(raster.read(1, window=window), values[700:710, 600:620])


class Counting:
    """An application, and the bytes of bodies that it sends.

    Parameters
    ----------
    application
        What answers.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self.sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count."""

        async def counted(message: Message) -> None:
            self.sent += len(message.get("body", b""))
            await send(message)

        await self._application(scope, receive, counted)


def test_a_small_window_needs_few_bytes(settings: Settings, values: np.ndarray) -> None:
    """GDAL fetches less than a tenth of the file, whatever it knows of the map beforehand."""
    counting = Counting(CatalogFiles(settings.catalog_folder))
    path = MAP.removeprefix("/catalog")
    size = (settings.catalog_folder / path.lstrip("/")).stat().st_size
    with listen("127.0.0.1", 0) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
        server = uvicorn.Server(uvicorn.Config(counting, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            # GDAL's own ways, and no listing of the folder, which HTTP does not have.
            with (
                rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
                rasterio.open(f"/vsicurl/{address}") as raster,
            ):
                found = raster.read(1, window=rasterio.windows.Window(600, 700, 20, 10))
        finally:
            server.should_exit = True
            thread.join()
    np.testing.assert_array_equal(found, values[700:710, 600:620])
    assert 0 < counting.sent < size / 10

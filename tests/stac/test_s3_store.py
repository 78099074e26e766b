"""A catalogue in a bucket, on a real server of S3's language."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from engine.errors import InputError
from stac.documents import as_document
from stac.errors import SupersededError, UnwritableCatalogError
from stac.media import JSON
from stac.publish import publish_month
from stac.read import items_of
from stac.s3_store import S3Catalog, S3Lock, open_catalog
from stac.store import Found, LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path


def test_a_published_month_is_whole_and_sound(s3_catalog: S3Catalog) -> None:
    """Files, item, collection and root are in the bucket, and nothing is wrong with them."""
    first = publish_month(s3_catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    again = publish_month(s3_catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    assert as_document(again) == as_document(first)
    publish_month(s3_catalog, toy_series(), MAY, toy_dataset(shift=0.02), toy_provenance())
    (item,) = items_of(s3_catalog, "soil-moisture-1km-monthly")
    assert item.properties["version"] == "2"
    assert validate_catalog(s3_catalog) == []
    assert all("/." not in entry.key for entry in s3_catalog.entries(""))


def test_files_carry_their_media_type_and_how_long_they_last(
    s3_catalog: S3Catalog, s3: str
) -> None:
    """A reader of the bucket gets the same headers as one of the service."""
    item = publish_month(s3_catalog, toy_series(), MAY, toy_dataset(), toy_provenance())
    base = f"{s3}/{s3_catalog.bucket}/{s3_catalog.prefix}"
    # The server knows by this header alone which of its services is meant.
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request"}
    folder = f"{base}/{item.collection_id}/{item.id}"
    cog = httpx.get(
        f"{folder}/{item.assets['soil_moisture'].href.rpartition('/')[2]}", headers=signed
    )
    assert cog.headers["Content-Type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert "immutable" in cog.headers["Cache-Control"]
    document = httpx.get(f"{folder}/{item.id}.json", headers=signed)
    assert document.headers["Content-Type"] == "application/geo+json"
    assert httpx.get(f"{base}/catalog.json", headers=signed).headers["Content-Type"] == JSON


def test_a_document_is_replaced_only_where_it_is_what_was_read(s3_catalog: S3Catalog) -> None:
    """Who was overtaken learns it, also where there was nothing before."""
    nothing = s3_catalog.look("a.json")
    s3_catalog.replace("a.json", b"{}", nothing)
    with pytest.raises(SupersededError, match=r"a\.json"):
        s3_catalog.replace("a.json", b"[]", nothing)
    read = s3_catalog.look("a.json")
    s3_catalog.replace("a.json", b"[1]", read)
    with pytest.raises(SupersededError):
        s3_catalog.replace("a.json", b"[2]", read)
    assert s3_catalog.read("a.json") == b"[1]"


def test_a_file_keeps_its_name_from_other_bytes(s3_catalog: S3Catalog, tmp_path: Path) -> None:
    """The same bytes may be put again; others are refused."""
    file = tmp_path / "a.tif"
    for content, expected in ((b"one", True), (b"one", True), (b"two", False)):
        file.write_bytes(content)
        assert s3_catalog.place(file, "c/i/a.tif") is expected
    assert s3_catalog.read("c/i/a.tif") == b"one"
    with s3_catalog.local("c/i/a.tif") as path:
        assert path.read_bytes() == b"one"
    s3_catalog.remove("c/i/a.tif")
    s3_catalog.remove("c/i/a.tif")
    assert (s3_catalog.names("c/i"), s3_catalog.size("c/i/a.tif")) == ((), None)


def test_a_name_that_a_dead_publisher_took_is_left_to_it(
    s3_catalog: S3Catalog, tmp_path: Path
) -> None:
    """The next publisher takes the next number, and the catalogue is sound."""
    series = toy_series()
    file = tmp_path / "left.tif"
    file.write_bytes(b"left behind")
    folder = f"{series.official_collection}/{series.item_id(MAY)}"
    s3_catalog.place(file, f"{folder}/{series.item_id(MAY)}_lower_v1.tif")
    item = publish_month(s3_catalog, series, MAY, toy_dataset(), toy_provenance())
    assert item.properties["version"] == "2"
    assert item.get_single_link("predecessor-version") is None
    assert validate_catalog(s3_catalog) == []


def test_the_lock_keeps_others_waiting_and_is_given_back(s3_catalog: S3Catalog) -> None:
    """The second one enters when the first one has left."""
    entered = threading.Event()

    def second() -> None:
        with s3_catalog.lock():
            entered.set()

    with s3_catalog.lock():
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.3)
    assert entered.wait(5)
    thread.join()
    assert s3_catalog.read(".lock") is None


def test_a_silent_holder_loses_the_lock(s3_catalog: S3Catalog) -> None:
    """A lock without a sign of life, or that nobody can read, is taken over."""
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    for content in (json.dumps({"holder": "x", "seen": long_ago.isoformat()}), "nonsense"):
        s3_catalog.write(".lock", content.encode())
        with s3_catalog.lock():
            assert s3_catalog.read(".lock") != content.encode()


def test_a_holder_that_lives_keeps_the_lock(s3_catalog: S3Catalog) -> None:
    """It is renewed while work goes on; who has lost it does not release another one's."""
    lock = S3Lock(s3_catalog, ".lock", silence=0.4)
    with lock.held():
        first = s3_catalog.look(".lock")
        other = S3Lock(s3_catalog, ".lock", silence=0.4)
        assert not other._taken()
        threading.Event().wait(0.6)
        assert s3_catalog.look(".lock") != first
        assert not other._taken()
        s3_catalog.write(".lock", b'{"holder": "another"}')
    assert s3_catalog.read(".lock") == b'{"holder": "another"}'


@pytest.mark.parametrize("place", ["s3://", "http://maps", "file:///maps"])
def test_an_address_of_another_kind_is_refused(place: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(InputError, match="s3://BUCKET/PREFIX"):
        open_catalog(place)


def test_an_address_is_opened(bucket: str, tmp_path: Path) -> None:
    """A folder is a folder, an address of S3 a bucket with a prefix."""
    assert isinstance(open_catalog(tmp_path), LocalCatalog)
    opened = open_catalog(f"s3://{bucket}/a/b/")
    assert isinstance(opened, S3Catalog)
    assert opened.address == f"s3://{bucket}/a/b"
    assert opened.look("catalog.json") == Found(None)


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    """Nothing of the request or its credentials is told."""
    missing = S3Catalog(f"{bucket}-not", retry_config={"max_retries": 0})
    with pytest.raises(UnwritableCatalogError, match=f"s3://{bucket}-not") as caught:
        publish_month(missing, toy_series(), MAY, toy_dataset(), toy_provenance())
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)

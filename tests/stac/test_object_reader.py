"""Files of a bucket that are read in parts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import obstore
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore
from rasterio.windows import Window

from stac.object_reader import open_object

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stac.s3_store import S3Catalog

CONTENT = np.random.default_rng(0).bytes(300_000)
PLACES = st.integers(-400_000, 400_000)


@given(st.lists(st.tuples(PLACES, st.sampled_from([0, 1, 2]), st.integers(0, 200_000))))
def test_it_reads_as_a_file_on_the_disk_does(steps: list[tuple[int, int, int]]) -> None:
    """Wherever one goes, the next bytes are the same; after the end there are none."""
    store = MemoryStore()
    obstore.put(store, "file", CONTENT)
    with open_object(store, "file") as ours, io.BytesIO(CONTENT) as true:
        for offset, whence, size in steps:
            start = {0: 0, 1: true.tell(), 2: len(CONTENT)}[whence] + offset
            if start >= 0:
                assert ours.seek(offset, whence) == true.seek(offset, whence)
            assert ours.read(size) == true.read(size)


def test_of_a_large_raster_only_a_part_is_fetched(
    s3_catalog: S3Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small window of a COG takes less than a tenth of its bytes over the network."""
    path, key = tmp_path / "large.tif", "maps/large.tif"
    values = np.random.default_rng(0).random((1, 1536, 1536), np.float32)
    profile = {"driver": "COG", "dtype": "float32", "count": 1, "width": 1536, "height": 1536}
    placed = {"crs": "EPSG:6933", "transform": Affine.translation(10_000_000, 4_000_000)}
    with rasterio.open(path, "w", blocksize=256, **profile, **placed) as raster:
        raster.write(values)
    s3_catalog.place(path, key)

    fetched: list[int] = []
    whole: Callable[..., Any] = obstore.get_range

    def counted(*args: Any, length: int, **named: Any) -> Any:
        fetched.append(length)
        return whole(*args, length=length, **named)

    monkeypatch.setattr(obstore, "get_range", counted)
    with (
        s3_catalog.reader(key) as file,
        rasterio.open("large.tif", driver="GTiff", opener=_only("large.tif", file)) as raster,
    ):
        window = raster.read(1, window=Window(700, 700, 20, 20))
    np.testing.assert_array_equal(window, values[0, 700:720, 700:720])
    assert 0 < sum(fetched) < path.stat().st_size / 10


def test_a_file_that_is_not_there_is_told(s3_catalog: S3Catalog) -> None:
    """At once, not at the first reading."""
    s3_catalog.write("catalog.json", b"{}")
    with pytest.raises(FileNotFoundError):
        s3_catalog.reader("maps/nothing.tif")


def _only(name: str, file: io.BufferedReader) -> Callable[..., io.BufferedReader]:
    def opened(path: str, *_: object, **__: object) -> io.BufferedReader:
        if path != name:
            raise FileNotFoundError(path)
        return file

    return opened

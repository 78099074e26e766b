"""What a dry run foretells for a province and four years, against what providers then send."""

from __future__ import annotations

import io
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from engine.grids import COARSE
from processes.fetch.cmr import coarse_slices
from processes.fetch.road import open_client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processes.fetch.offers import Offer
    from processes.fetch.testing import Providers
    from processes.fetch.testing_road import Road

ALL = "2018-05/2021-12"
SAMPLE = 60
"""Of so many files of a product one is brought; all of them would be 45 GB."""


def _granule(rows: slice, columns: slice) -> bytes:
    """Return a granule of SMAP on a window, whose numbers can hardly be packed."""
    buffer = io.BytesIO()
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    noise = np.random.default_rng(1).random(shape, np.float32)
    a = COARSE.affine
    with h5py.File(buffer, "w") as file:
        for name in ("sm_surface", "soil_temp_layer1"):
            file[f"Geophysical_Data/{name}"] = noise
        file["cell_row"], file["cell_column"] = np.mgrid[rows, columns].astype(np.uint16)
        file["x"] = a.c + a.a * (np.arange(columns.start, columns.stop) + 0.5)
        file["y"] = a.f + a.e * (np.arange(rows.start, rows.stop) + 0.5)
        file["time"] = np.array([6e8])
    return buffer.getvalue()


def _sent(road: Road, offers: Iterable[Offer]) -> Counter[str]:
    """Return the bytes that come for some files, by product; they are kept nowhere."""
    came: Counter[str] = Counter()
    with open_client(road.settings) as client:
        for offer in offers:
            with client.stream(offer.url, login=offer.login) as response:
                came[offer.product] += sum(len(block) for block in response.iter_raw())
    return came


def test_a_province_for_four_years_is_foretold(henan: Road, providers: Providers) -> None:
    """Henan in the paper's 44 months is less than 60 GB, and what comes is what was told."""
    plan = henan.plan(ALL)
    content = _granule(*coarse_slices(plan.region.area()))
    smap = {
        name: replace(one, content=lambda: content)
        for name, one in providers.shelves["SPL4SMGP"].items()
    }
    providers.shelves = {**providers.shelves, "SPL4SMGP": smap}
    # Windows of SoilGrids and CHIRPS are a hundredth of all; other tests measure them.
    sampled = {
        share.product: share.offers[::SAMPLE]
        for share in plan.shares
        if share.offers and share.offers[0].way not in ("raster", "window")
    }
    came = _sent(henan, [offer for offers in sampled.values() for offer in offers])
    total = 0.0
    for product, offers in sampled.items():
        told = sum(offer.size for offer in offers)
        assert came[product] == pytest.approx(told, rel=0.2), product
        total += came[product] * plan.share(product).size / told
    assert total == pytest.approx(plan.size, rel=0.2)
    assert 20e9 < total < 60e9


def test_a_plan_of_four_years_takes_seconds(henan: Road) -> None:
    """Of 10,728 granules of SMAP the catalogue is asked page by page."""
    start = time.process_time()
    assert len(henan.plan(ALL, "SPL4SMGP").offers) == (245 + 365 + 366 + 365) * 8
    assert time.process_time() - start < 60

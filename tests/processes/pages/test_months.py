"""The page of the months: pictures in one set of colours, year below year, links that lead on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from processes.settings import Settings
from stac.departures import refresh_departures
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

SOIL, SIF = "soil-moisture-1km-monthly", "sif-1km-monthly"
HTML = {"Accept": "text/html"}
YEAR = 12


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Any]
) -> Iterator[httpx.Client]:
    """Give a client of a service with two Mays and a June of soil moisture, and one of SIF."""
    settings = Settings.load(data=tmp_path_factory.mktemp("months"))
    catalog = LocalCatalog(settings.catalog_folder)
    for number, month in enumerate((MAY, MAY.shift(1), MAY.shift(YEAR))):
        dataset = toy_dataset(shift=0.05 * number)
        publish_month(catalog, toy_series(), month, dataset, toy_provenance())
    sif = toy_series(product="sif")
    publish_month(catalog, sif, MAY, toy_dataset("sif"), toy_provenance())
    refresh_departures(catalog, SOIL)
    with serve(settings, run_jobs=False) as found:
        yield found


def strips(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    reply = client.get("/months", params=query)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["strips"]
    return found


def frames(strip: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["month"]: one for year in strip["years"].values() for one in year if one}


def test_every_month_has_its_place_in_its_year(client: httpx.Client) -> None:
    """Twelve places for a year; soil moisture before what goes into it; pictures are there."""
    soil, sif = strips(client)
    assert (soil["collection"], sif["collection"]) == (SOIL, SIF)
    assert "Toyland (synthetic)" in soil["title"]
    assert {year: len(months) for year, months in soil["years"].items()} == {
        "2020": YEAR,
        "2021": YEAR,
    }
    assert [one and one["name"] for one in soil["years"]["2020"]][3:7] == [None, "May", "Jun", None]
    shown = frames(soil)
    assert set(shown) == {"2020-05", "2020-06", "2021-05"}
    for one in shown.values():
        assert client.head(f"/{one['picture']}").headers["Content-Type"] == "image/png"
        assert client.get(f"/{one['item']}").json()["id"].endswith(one["month"])
        assert re.fullmatch(r"0\.\d{3}", one["mean"])


def test_departures_say_of_how_many_years(client: httpx.Client) -> None:
    """A May is compared with the other one; a June without another year has no picture."""
    soil = frames(strips(client, layer="anomaly")[0])
    assert [soil[month]["compared"] for month in ("2020-05", "2020-06", "2021-05")] == [2, 0, 2]
    assert [soil[month]["mean"] for month in ("2020-05", "2021-05")] == ["−0.050", "+0.050"]
    assert soil["2020-06"]["picture"] == soil["2020-06"]["mean"] == ""
    assert "anomaly_picture" in soil["2020-05"]["picture"]
    places = frames(strips(client, layer="percentile")[0])
    assert (places["2020-05"]["mean"], places["2021-05"]["mean"]) == ("25", "75")


def test_a_scale_is_fixed(client: httpx.Client) -> None:
    """One legend for all months of a product, with its unit; the usual is in the middle."""
    soil, sif = strips(client)
    assert (soil["legend"]["low"], soil["legend"]["high"]) == ("0.05", "0.45")
    assert soil["legend"]["units"] == "m³ m⁻³"
    assert sif["legend"]["colours"] != soil["legend"]["colours"]
    anomaly = strips(client, layer="anomaly")[0]["legend"]
    assert (anomaly["low"], anomaly["middle"], anomaly["high"]) == ("-0.12", "0", "0.12")


def test_one_collection_is_shown_alone(client: httpx.Client) -> None:
    """The STAC API's collection links its months."""
    (only,) = strips(client, collection=SIF)
    assert only["collection"] == SIF
    collection = client.get(f"/stac/collections/{SIF}").json()
    (page,) = [
        one
        for one in collection["links"]
        if (one["rel"], one["type"]) == ("alternate", "text/html")
    ]
    shown = client.get(page["href"])
    assert shown.headers["Content-Type"].startswith("text/html")
    assert "Solar-induced fluorescence, Toyland" in shown.text
    assert "soil moisture, Toyland" not in shown.text


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("layer=rain", 400, "layer: rain; allowed: map, anomaly, percentile"),
        ("year=2020", 400, "unknown parameter year; allowed: layer, collection, f"),
        ("collection=none", 404, "there is no collection of maps 'none'"),
        ("collection=..%2F..", 404, "there is no collection of maps '../..'"),
    ],
)
def test_what_is_not_there_is_refused(
    client: httpx.Client, query: str, status: int, says: str
) -> None:
    """With what there is."""
    reply = client.get(f"/months?{query}")
    assert (reply.status_code, reply.json()["detail"]) == (status, says)
    assert client.get(f"/months?{query}", headers=HTML).status_code == status


def test_a_reader_goes_from_maps_to_anomalies(client: httpx.Client, watched: Any) -> None:
    """In a browser, on a screen and on a phone: all pictures show, nothing comes from elsewhere."""
    page, base = watched.page, str(client.base_url).rstrip("/")
    page.goto(f"{base}/")
    page.get_by_role("link", name="See the months").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Maps by month")
    expect(page.locator(".film img")).to_have_count(4)
    page.get_by_role("link", name="Anomalies").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Anomalies by month")
    expect(page.locator(".film img")).to_have_count(2)
    expect(page.get_by_text("of 2 years")).to_have_count(2)
    expect(page.get_by_text("no other year")).to_have_count(2)
    for picture in page.locator(".film img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", value=True)
        assert picture.evaluate("picture => picture.naturalWidth") > 0
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert watched.foreign(base) == []
    assert watched.complaints == []

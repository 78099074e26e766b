"""The pages in a real browser: everything a scientist or an operator does with them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from processes.jobs.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from playwright.sync_api import Page

    from processes.jobs.store import SqlJobStore
    from processes.settings import Settings

PAGES = ("/", "/conformance", "/openapi", "/processes", "/processes/downscale-smap", "/jobs")
"""Pages that need no job."""


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlJobStore]:
    """Give the store of the service that runs no job, to play its worker."""
    opened = open_store(settings.job_database)
    yield opened
    opened.close()


@pytest.fixture
def running(store: SqlJobStore) -> str:
    """Give a job that runs, by a worker that is the test."""
    job, _ = store.create("echo", {"stringInput": "hello", "pause": 9}, steps=("run",), reuse=False)
    assert store.claim(job.id, "run", holder="test", lease=600)
    return job.id


def base_of(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


def open_page(page: Page, client: httpx.Client, address: str) -> None:
    page.goto(f"{base_of(client)}{address}")


def field(page: Page, name: str) -> Any:
    return page.locator(f"[data-name={name}]")


@pytest.mark.parametrize("width", [1180, 360])
def test_pages_ask_nobody_else_for_anything(
    client: httpx.Client, watched: Any, running: str, width: int
) -> None:
    """Every page, on a screen and on a phone: no foreign request, no complaint, no sideways."""
    watched.page.set_viewport_size({"width": width, "height": 800})
    for address in (*PAGES, f"/jobs/{running}", f"/jobs/{running}/log", "/nowhere", "/collections"):
        open_page(watched.page, client, address)
        watched.page.wait_for_load_state()
        sideways = "document.documentElement.scrollWidth - innerWidth"
        assert watched.page.evaluate(sideways) <= 0, address
    assert len(watched.requests) > len(PAGES)
    assert watched.foreign(base_of(client)) == []
    assert watched.complaints == []


def test_a_form_executes_and_the_job_is_followed_to_its_results(
    echo_client: httpx.Client, page: Page
) -> None:
    """From the landing page to the results; the bar moves while the page stays the same one."""
    open_page(page, echo_client, "/")
    page.get_by_role("link", name="Make a map").click()
    page.get_by_role("link", name="Echo", exact=True).click()
    page.get_by_label("Text", exact=False).first.fill("soil's moisture")
    page.get_by_label("Pause").fill("3")
    page.get_by_label("Numbers").fill("1, 2, 3")
    page.get_by_label("West").fill("113")
    page.get_by_label("South").fill("34")
    page.get_by_label("East").fill("114.5")
    page.get_by_label("North").fill("35")
    page.get_by_label("Text or number").fill("2.5")
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url(re.compile("/jobs/"))
    page.evaluate("window.stayed = true")
    bar = page.get_by_role("progressbar", name="Progress")
    seen = {bar.evaluate("bar => bar.value")}
    while page.locator(".badge").inner_text() in ("accepted", "running"):
        seen.add(bar.evaluate("bar => bar.value"))
        page.wait_for_timeout(50)
    expect(page.locator(".badge")).to_have_text("successful")
    expect(bar).to_have_attribute("value", "100")
    assert len(seen) > 2
    assert page.evaluate("window.stayed")
    assert page.title().startswith("100 %")
    page.get_by_role("link", name="Results").click()
    expect(page.get_by_text("soil's moisture")).to_be_visible()
    results = echo_client.get(f"{page.url.partition('?')[0]}", params={"f": "json"}).json()
    assert results["arrayInput"] == [1, 2, 3]
    assert results["bboxInput"] == {"bbox": [113, 34, 114.5, 35]}
    assert results["mixedInput"] == 2.5


def test_the_snippet_is_the_request(client: httpx.Client, page: Page) -> None:
    """What the page shows for curl changes with the fields, and quotes what the shell would eat."""
    open_page(page, client, "/processes/echo")
    page.locator("#input-stringInput").fill("it's $HOME")
    page.locator("#input-pause").fill("0.5")
    snippet = page.locator("#curl").inner_text()
    assert snippet.startswith(f"curl '{base_of(client)}/processes/echo/execution'")
    assert "-H 'Prefer: respond-async'" in snippet
    body = snippet.rpartition("-d ")[2].replace("'\\''", "\0").strip("'").replace("\0", "'")
    assert json.loads(body)["inputs"] == {"stringInput": "it's $HOME", "pause": 0.5}


def test_months_polygons_and_choices_become_inputs(client: httpx.Client, page: Page) -> None:
    """What the fields say is what the job gets; a form filled from that job says the same."""
    polygon = {"type": "Polygon", "coordinates": [[[113, 34], [114, 34], [114, 35], [113, 34]]]}
    open_page(page, client, "/processes/downscale-smap")
    field(page, "datetime").get_by_label("First").fill("2020-05")
    field(page, "datetime").get_by_label("Last").fill("2020-07")
    field(page, "training").get_by_label("First").fill("2019-12")
    feature = json.dumps({"type": "Feature", "properties": {}, "geometry": polygon}).encode()
    file = {"name": "area.geojson", "mimeType": "application/geo+json", "buffer": feature}
    field(page, "geometry").locator("input[type=file]").set_input_files(file)
    expect(page.locator("#input-geometry")).to_have_value(re.compile("Polygon"))
    field(page, "sif").get_by_label("without").check()
    page.locator("#input-features").fill("ndvi, elevation")
    page.get_by_label("Publish").uncheck()
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url(re.compile("/jobs/"))
    expected = {
        "datetime": "2020-05/2020-07",
        "geometry": polygon,
        "training": "2019-12",
        "publish": False,
        "sif": "without",
        "features": ["ndvi", "elevation"],
    }
    assert json.loads(page.locator("pre.inputs").inner_text()) == expected
    page.get_by_role("link", name="Execute with these inputs again").click()
    expect(page.locator("#input-features")).to_have_value("ndvi, elevation")
    body = page.locator("#curl").inner_text().rpartition("-d ")[2].strip("'")
    assert json.loads(body)["inputs"] == expected


def test_bad_input_is_told_beside_its_field(client: httpx.Client, page: Page) -> None:
    """The service's own words appear at each field at fault, which a reader's program finds."""
    open_page(page, client, "/processes/echo")
    page.locator("#input-pause").fill("soon")
    page.locator("#input-arrayInput").fill("1, two")
    page.get_by_role("button", name="Execute").click()
    pause = page.locator("#input-pause")
    expect(field(page, "pause").locator(".error")).to_contain_text("allowed: a number of seconds")
    expect(field(page, "arrayInput").locator(".error")).to_contain_text("'two'")
    expect(field(page, "stringInput").locator(".error")).to_contain_text("it is required")
    expect(field(page, "bboxInput").locator(".error")).to_be_hidden()
    expect(pause).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#input-stringInput")).to_be_focused()
    pause.fill("0")
    page.locator("#input-arrayInput").fill("1, 2")
    page.locator("#input-stringInput").fill("well")
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url(re.compile("/jobs/"))


def test_a_service_that_does_not_answer_is_told(
    client: httpx.Client, watched: Any, running: str
) -> None:
    """A form says so, and the page of a job waits until the service is back."""
    page = watched.page
    open_page(page, client, "/processes/echo")
    page.route("**/execution", lambda route: route.abort())
    page.locator("#input-stringInput").fill("x")
    page.get_by_role("button", name="Execute").click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    expect(page.get_by_role("button", name="Execute")).not_to_have_attribute("aria-busy", "true")
    open_page(page, client, f"/jobs/{running}")
    page.route("**/jobs/**", lambda route: route.abort())
    page.wait_for_timeout(1500)
    page.unroute("**/jobs/**")
    client.delete(f"/jobs/{running}")
    expect(page.locator(".badge")).to_have_text("dismissed")


def test_progress_messages_and_log_lines_arrive(
    client: httpx.Client, page: Page, store: SqlJobStore, running: str, log: Callable[..., None]
) -> None:
    """Bar, message, steps and log follow the worker, and rest when the job has ended."""
    open_page(page, client, f"/jobs/{running}")
    assert page.locator("#message").get_attribute("aria-live") == "polite"
    log(store, running, "granules are being read")
    store.report(running, "run", 1, 0.4, "month 2 of 5: predicting 2020-03")
    expect(page.locator("#message")).to_have_text("month 2 of 5: predicting 2020-03")
    expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "40")
    expect(page.get_by_role("log")).to_contain_text("granules are being read")
    log(store, running, "a tile is missing", level="WARNING")
    expect(page.locator("#log .warning")).to_contain_text("a tile is missing")
    store.succeed(running, "run", 1, {"stringInput": "hello"})
    expect(page.locator(".badge")).to_have_text("successful")
    expect(page.get_by_role("link", name="Results")).to_be_visible()
    expect(page.locator("#log li")).to_have_count(2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []


def test_a_running_job_is_dismissed_after_a_question(echo_client: httpx.Client, page: Page) -> None:
    """Keeping it keeps it; yes ends it, and the page shows so by itself."""
    reply = echo_client.post(
        "/processes/echo/execution",
        json={"inputs": {"stringInput": "x", "pause": 60}},
        headers={"Prefer": "respond-async"},
    )
    job = reply.json()["jobID"]
    open_page(page, echo_client, f"/jobs/{job}")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("dialog")).to_contain_text("Dismiss this job?")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert echo_client.get(f"/jobs/{job}").json()["status"] == "running"
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator(".badge")).to_have_text("dismissed")
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)
    assert echo_client.get(f"/jobs/{job}").json()["status"] == "dismissed"


def test_the_list_is_filtered(
    client: httpx.Client, page: Page, store: SqlJobStore, running: str
) -> None:
    """By status, process and day; the filters stay ticked, and the address can be kept."""
    store.create("downscale-smap", {"datetime": "2020-05"}, reuse=False)
    open_page(page, client, "/jobs")
    everything = page.locator(".job").count()
    page.get_by_label("accepted").check()
    page.get_by_label("Process", exact=True).select_option("downscale-smap")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("status=accepted"))
    assert 0 < page.locator(".job").count() < everything
    assert set(page.locator(".job .badge").all_inner_texts()) == {"accepted"}
    expect(page.get_by_label("accepted")).to_be_checked()
    expect(page.get_by_label("Process", exact=True)).to_have_value("downscale-smap")
    open_page(page, client, "/jobs")
    page.get_by_label("To", exact=True).fill("2001-01-31")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile(r"datetime=\.\.%2F2001-01-31"))
    expect(page.get_by_role("status")).to_have_text("No job")
    expect(page.get_by_label("To", exact=True)).to_have_value("2001-01-31")
    page.get_by_role("link", name="Show all jobs").click()
    expect(page.locator(".job").first).to_be_visible()
    # What goes on goes on in the list, too.
    store.report(running, "run", 1, 0.7, "far already")
    expect(page.get_by_text("far already")).to_be_visible()


def test_a_long_list_has_pages(client: httpx.Client, page: Page, store: SqlJobStore) -> None:
    """Older and newer jobs are a link away, with the same filters."""
    for number in range(25):
        store.create("echo", {"stringInput": f"number {number}"}, reuse=False)
    open_page(page, client, "/jobs?processID=echo")
    expect(page.locator(".job")).to_have_count(20)
    expect(page.locator(".job").first).to_contain_text("number 24")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newer")).to_be_visible()
    expect(page.locator(".job").first).to_contain_text("number 4")
    assert "processID=echo" in page.url
    page.get_by_role("link", name="Newer").click()
    expect(page.locator(".job").first).to_contain_text("number 24")


def test_maps_show_as_soon_as_they_are_there(
    client: httpx.Client, page: Page, store: SqlJobStore, settings: Settings
) -> None:
    """A month's picture appears while other months are still being made."""
    job, _ = store.create("downscale-smap", {"datetime": "2020-05/2020-06"}, reuse=False)
    store.claim(job.id, "prepare", holder="test", lease=600)
    open_page(page, client, f"/jobs/{job.id}")
    expect(page.get_by_role("heading", name="Maps")).to_have_count(0)
    then = [("2020-05", 1), ("2020-06", 1), ("finish", 2)]
    assert store.done(job.id, "prepare", 1, None, then)
    assert store.claim(job.id, "2020-05", holder="test", lease=600)
    expect(page.locator(".step.running")).to_contain_text("2020-05")
    publish_item(settings, "soil-moisture-tiny-2020-05")
    path = "catalog/soil/soil-moisture-tiny-2020-05/soil-moisture-tiny-2020-05.json"
    assert store.done(job.id, "2020-05", 1, {"item": path})
    picture = page.get_by_role("img", name="Soil moisture, May 2020")
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('.maps img').naturalWidth === 8")
    expect(page.locator(".step.done")).to_have_count(2)
    expect(page.get_by_role("link", name="Soil moisture, analysis")).to_have_attribute(
        "href", re.compile(r"^\.\./catalog/soil/.*\.tif$")
    )
    assert page.locator(".badge").inner_text() == "running"
    client.delete(f"/jobs/{job.id}")


def publish_item(settings: Settings, name: str) -> None:
    """Put an item with a thumbnail into the catalogue."""
    folder = settings.catalog_folder / "soil" / name
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8), "teal").save(folder / "thumbnail.png")
    assets = {
        "soil_moisture": {
            "href": f"./{name}.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "title": "Soil moisture, analysis",
            "roles": ["data"],
        },
        "thumbnail": {"href": "./thumbnail.png", "type": "image/png", "roles": ["thumbnail"]},
        "away": {"href": "javascript:alert(1)", "type": "image/tiff", "title": "away"},
    }
    properties = {"title": "Soil moisture, May 2020", "start_datetime": "2020-05-01T00:00:00Z"}
    item = {"type": "Feature", "id": name, "properties": properties, "links": [], "assets": assets}
    (folder / f"{name}.json").write_text(json.dumps(item), encoding="utf-8")


ATTACK = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"{{7*7}}</title>'


def test_what_users_give_is_text_and_nothing_else(
    client: httpx.Client,
    watched: Any,
    store: SqlJobStore,
    log: Callable[..., None],
) -> None:
    """Markup in inputs, messages, log lines, results and addresses is shown as it is written."""
    page = watched.page
    job, _ = store.create("echo", {"stringInput": ATTACK}, steps=("run",), reuse=False)
    store.claim(job.id, "run", holder="test", lease=600)
    store.report(job.id, "run", 1, 0.5, ATTACK)
    log(store, job.id, ATTACK)
    open_page(page, client, f"/jobs/{job.id}")
    expect(page.locator("#message")).to_have_text(ATTACK)
    expect(page.locator("#log li")).to_contain_text(ATTACK)
    assert json.loads(page.locator("pre.inputs").inner_text()) == {"stringInput": ATTACK}
    store.report(job.id, "run", 1, 0.6, f"again {ATTACK}")
    expect(page.locator("#message")).to_have_text(f"again {ATTACK}")
    page.get_by_role("link", name="Execute with these inputs again").click()
    expect(page.locator("#input-stringInput")).to_have_value(ATTACK)
    assert "onerror" in page.locator("#curl").inner_text()
    store.succeed(job.id, "run", 1, {"stringInput": ATTACK})
    for address in (
        f"/jobs/{job.id}/log",
        f"/jobs/{job.id}/results",
        "/jobs",
        "/",
        "/jobs/%3Cscript%3Ewindow.pwned=1%3C%2Fscript%3E",
        "/jobs?status=%3Cimg%20src=x%20onerror=window.pwned=1%3E",
    ):
        open_page(page, client, address)
        page.wait_for_load_state()
        assert page.evaluate("window.pwned === undefined"), address
        assert page.locator("main img[src=x]").count() == 0, address
    output = client.get(f"/jobs/{job.id}/results/stringInput")
    assert output.headers["Content-Type"].startswith("text/plain")
    assert output.headers["X-Content-Type-Options"] == "nosniff"
    assert watched.complaints == []


def test_everything_can_be_done_by_keyboard(
    client: httpx.Client, page: Page, store: SqlJobStore
) -> None:
    """Skip link, form, dialog: Tab, Space, Enter and Escape are enough, and focus shows."""
    open_page(page, client, "/processes/echo")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "input-stringInput":
            break
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/jobs/"))
    job = re.search(r"/jobs/([^?]+)", page.url)[1]
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "dismiss":
            break
    page.keyboard.press("Space")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#dismiss")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".badge")).to_have_text("dismissed")
    assert store.get(job).status == "dismissed"

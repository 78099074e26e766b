"""The pages as a reader of HTML gets them, without a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
from starlette.requests import Request

from processes.jobs.store import open_store
from processes.pages.rendering import root_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from processes.jobs.model import Job
    from processes.settings import Settings

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = (
    "/",
    "/conformance",
    "/openapi",
    "/processes",
    "/processes/echo",
    "/processes/downscale-smap",
    "/processes/reconstruct-sif",
    "/jobs",
    "/months",
)


class Document(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.described: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what points elsewhere, what is pointed at, and what would be inline."""
        given = {name: value or "" for name, value in attrs}
        self.links += [given[name] for name in ("href", "src", "action") if name in given]
        for name in ("aria-describedby", "aria-labelledby", "for"):
            self.described += given.get(name, "").split()
        self.ids += [given["id"]] if "id" in given else []
        self.headings += [tag] if tag in ("h1", "h2", "h3") else []
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in given) else []


@pytest.fixture
def job(client: httpx.Client) -> Job:
    """Give a job that waits in line."""
    reply = client.post(
        "/processes/echo/execution",
        json={"inputs": {"stringInput": "Wei & Søn <b>"}},
        headers={"Prefer": "respond-async"},
    )
    assert reply.status_code == 201
    return reply.json()["jobID"]


@pytest.mark.parametrize("address", PAGES)
def test_readers_of_html_get_pages_of_ours(client: httpx.Client, address: str) -> None:
    """A browser gets a page, a program JSON, at the same address; either may say so by f."""
    page = client.get(address, headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'class="brand"' in page.text
    assert "Accept" in page.headers["Vary"]
    assert client.get(address, params={"f": "html"}).text == page.text
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        assert "json" in client.get(address, headers=headers).headers["Content-Type"]
    assert (
        "json" in client.get(address, params={"f": "json"}, headers=BROWSER).headers["Content-Type"]
    )


@pytest.mark.parametrize("address", [*PAGES, "/jobs/{job}", "/jobs/{job}/log", "/nowhere"])
def test_pages_are_sound(client: httpx.Client, job: str, address: str) -> None:
    """One first heading, no identifier twice, labels that point at something, nothing inline."""
    document = Document(client.get(address.format(job=job), headers=BROWSER).text)
    assert document.headings[0] == "h1"
    assert document.headings.count("h1") == 1
    assert len(set(document.ids)) == len(document.ids)
    assert set(document.described) <= set(document.ids)
    assert document.inline == []


@pytest.mark.parametrize("address", [*PAGES, "/jobs/{job}", "/jobs/{job}/log"])
def test_links_of_pages_lead_somewhere(client: httpx.Client, job: str, address: str) -> None:
    """Every address on a page is relative and answered, but those of standards."""
    at = address.format(job=job)
    for href in Document(client.get(at, headers=BROWSER).text).links:
        if href.startswith("http://www.opengis.net/"):
            continue
        assert not re.match(r"[a-z]+:|//|/", href), href
        target = urljoin(str(client.base_url.join(at)), href)
        # Nothing is published here, and STAC Browser may not be built.
        expected = (200, 404) if target.endswith(("catalog.json", "/browser/")) else (200,)
        assert client.get(target, headers=BROWSER, follow_redirects=True).status_code in expected


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("/nowhere", 404, "Not Found"),
        ("/nowhere/at/all", 404, "Not Found"),
        ("/processes/no", 404, "there is no process &#39;no&#39;"),
        ("/jobs/no", 404, "there is no job &#39;no&#39;"),
        ("/jobs?status=odd", 400, "status: allowed:"),
        ("/jobs/{job}/results", 404, "its results are not ready"),
        ("/jobs/{job}/log?after=x", 400, "after: x; allowed: a whole number from 0"),
        ("/processes/echo/%3Cscript%3E", 404, "Not Found"),
    ],
)
def test_what_goes_wrong_is_a_page_for_readers_of_html(
    client: httpx.Client, job: str, address: str, status: int, says: str
) -> None:
    """The status stays, and the page says the same as the problem document."""
    page = client.get(address.format(job=job), headers=BROWSER)
    assert page.status_code == status
    assert page.headers["Content-Type"].startswith("text/html")
    assert says in page.text
    problem = client.get(address.format(job=job))
    assert problem.headers["Content-Type"] == "application/problem+json"


def test_every_page_has_a_strict_policy(client: httpx.Client) -> None:
    """Pages of ours, of errors and of pygeoapi may load nothing but what is ours."""
    for address in ("/", "/jobs", "/nowhere", "/collections"):
        policy = client.get(address, headers=BROWSER).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
    assert "Content-Security-Policy" not in client.get("/").headers


def test_pages_that_pygeoapi_draws_have_our_frame(client: httpx.Client) -> None:
    """They name nothing of another host."""
    text = client.get("/collections", headers=BROWSER).text
    assert 'class="brand"' in text
    assert not re.search(r'(src|href)="https?://(?!127\.0\.0\.1)', text)


def test_assets_may_be_kept_as_long_as_their_version_is_the_present_one(
    client: httpx.Client,
) -> None:
    """The address on a page is for ever; another version's is asked again each time."""
    page = client.get("/", headers=BROWSER).text
    address = re.search(r'href="\./(static/[0-9a-f]{12}/vadose\.css)"', page)[1]
    kept = client.get(f"/{address}")
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert kept.headers["Content-Type"] == "text/css; charset=utf-8"
    other = client.get("/static/000000000000/vadose.css")
    assert other.headers["Cache-Control"] == "no-cache"
    assert other.content == kept.content
    assert client.get("/static/../pages/routes.py").status_code == 404
    assert client.get("/static/%2e%2e/routes.py").status_code == 404


@pytest.mark.parametrize(
    ("path", "root"),
    [("/", "./"), ("/jobs", "./"), ("/jobs/1", "../"), ("/a/b/c", "../../"), ("/a%2Fb/c", "../")],
)
def test_the_way_to_the_root_counts_steps_as_a_browser_does(path: str, root: str) -> None:
    """So pages work below any prefix of a proxy."""
    request = Request({"type": "http", "path": path, "raw_path": path.encode(), "headers": []})
    assert root_of(request) == root
    assert urljoin(f"http://host/prefix{path}", root) == "http://host/prefix/"


def test_the_log_is_read_line_by_line(
    client: httpx.Client, settings: Settings, job: str, log: Callable[..., None]
) -> None:
    """Who follows asks for what comes after the last line seen; a page links the next."""
    store = open_store(settings.job_database)
    log(store, job, *(f"line {number}" for number in range(1, 6)))
    store.close()
    status = client.get(f"/jobs/{job}").json()
    address = next(link["href"] for link in status["links"] if link["rel"] == "runlog")
    first = client.get(address, params={"limit": 2}).json()
    assert [line["text"] for line in first["lines"]] == ["line 1", "line 2"]
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    second = client.get(following).json()
    assert [line["seq"] for line in second["lines"]] == [3, 4]
    end = client.get(address, params={"after": 5}).json()
    assert end["lines"] == []
    assert "next" not in [link["rel"] for link in end["links"]]
    assert set(first["lines"][0]) == {"seq", "time", "level", "step", "attempt", "text"}
    page = client.get(address, params={"limit": 2}, headers=BROWSER).text
    assert "line 2" in page
    assert "?after=2&amp;limit=2&amp;f=html" in page


def test_bad_inputs_are_told_one_by_one(client: httpx.Client) -> None:
    """A form can show what was wrong with an input beside it."""
    inputs = {"stringInput": 1, "pause": -1}
    problem = client.post("/processes/echo/execution", json={"inputs": inputs}).json()
    assert [one["input"] for one in problem["errors"]] == ["stringInput", "pause"]
    assert all("allowed: " in one["detail"] for one in problem["errors"])


def test_results_of_a_reconstruction_begin_with_what_people_read(
    client: httpx.Client, settings: Settings
) -> None:
    """The report's statement and its scores by split are a table; addresses are absolute."""
    store = open_store(settings.job_database)
    made, _ = store.create("reconstruct-sif", {"datetime": "2020-05"}, steps=("run",), reuse=False)
    assert store.claim(made.id, "run", holder="test", lease=60)
    pooled = {"n": 489, "rmse": 0.0290667, "bias": -0.01}
    scores = {"random": {"definition": "rows at random", "pooled": pooled}, "odd": 1}
    outputs = {
        "model": {"href": "models/a.onnx"},
        "report": {"statement": "Good <enough>.", "scores": scores},
    }
    assert store.succeed(made.id, "run", 1, outputs)
    store.close()
    page = client.get(f"/jobs/{made.id}/results", headers=BROWSER).text
    assert "Good &lt;enough&gt;." in page
    assert "rows at random" in page
    assert "<td>489</td><td>0.0291</td><td>−0.0100</td>" in page
    assert f"{str(client.base_url).rstrip('/')}/models/a.onnx" in page
    status = client.get(f"/jobs/{made.id}", headers=BROWSER).text
    assert "successful" in status
    store = open_store(settings.job_database)
    assert store.dismiss(made.id)
    store.close()
    gone = client.get(f"/jobs/{made.id}/results", headers=BROWSER)
    assert gone.status_code == 410
    assert "dismissed" in gone.text

"""pygeoapi behind the routes: what it may answer, in whose words, and who waits for it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from engine.errors import InputError
from processes.behind import Behind
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

SCIENCE = ("numpy", "xarray", "rasterio", "sklearn", "xgboost", "onnxruntime", "matplotlib")
GIVEN = yaml.safe_load(Settings.load(data=".").pygeoapi_config.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "address",
    [
        *("/TileMatrixSets", "/TileMatrixSets/WebMercatorQuad", "/asyncapi", "/admin/config"),
        *("/stac-api", "/stac-api/search", "/collections/nothing", "/collections/nothing/items"),
        *("/collections/nothing/coverage", "/collections/nothing/position", "/collections/"),
    ],
)
def test_what_is_not_served_is_not_found(
    client: httpx.Client, obeys: Callable[[str, object], None], address: str
) -> None:
    """Neither pygeoapi's other routes nor collections that are not there answer anything else."""
    reply = client.get(address)
    assert reply.status_code == 404
    assert reply.headers["Content-Type"] == "application/problem+json"
    obeys("exception.yaml", reply.json())
    page = client.get(address, params={"f": "html"})
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_pygeoapi_lists_its_collections(client: httpx.Client) -> None:
    """Its own answers come through; what it refuses, for whatever reason, is a problem."""
    listed = client.get("/collections").json()["collections"]
    assert [one["id"] for one in listed] == ["records"]
    posted = client.post("/collections")
    assert posted.status_code == 405
    assert set(posted.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    refusal = client.get("/collections", params={"f": "xml"})
    assert refusal.status_code == 400
    assert refusal.headers["Content-Type"] == "application/problem+json"


def test_the_service_answers_before_the_science_is_loaded(tmp_path: Path) -> None:
    """A status can be told without what computes maps, trains models or draws figures."""
    program = (
        "import sys, processes.web\n"
        "from processes.application import create_application\n"
        "from processes.settings import Settings\n"
        f"create_application(Settings.load(data={str(tmp_path)!r}))\n"
        f"print([name for name in {SCIENCE!r} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("{", "expected"),
        ("[1]", "list indices"),
        ("server: {}", "metadata"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    """At once, by the name of the setting, with the reason."""
    path = tmp_path / "given.yml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="VADOSE_PYGEOAPI_CONFIG") as refusal:
        Behind(Settings.load(data=tmp_path, pygeoapi_config=path))
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"resources": 5}, r"\$.resources"), ({"server": None}, "NoneType")],
)
def test_a_configuration_that_pygeoapi_refuses_names_the_place(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    """What is wrong deeper inside is found when pygeoapi is loaded."""
    path = tmp_path / "given.yml"
    path.write_text(yaml.safe_dump(GIVEN | change))
    behind = Behind(Settings.load(data=tmp_path, pygeoapi_config=path))
    with pytest.raises(InputError, match=reason):
        behind.load()

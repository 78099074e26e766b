"""How much a request may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.region import load_region
from processes.definitions import DOWNSCALE_SMAP, ECHO
from processes.errors import InvalidInputsError
from processes.settings import Settings
from processes.validation import read_inputs

if TYPE_CHECKING:
    import httpx

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [40, 0], [40, 40], [0, 40], [0, 0]]]}


def check(settings: Settings, **inputs: Any) -> None:
    checked = read_inputs(DOWNSCALE_SMAP.inputs, {"datetime": "2020-01"} | inputs)
    DOWNSCALE_SMAP.check(checked, settings)


def test_the_main_job_is_within_bounds() -> None:
    """Henan and 44 months; also any part of it, and an open interval."""
    settings = Settings()
    check(settings, region="henan", datetime="2018-05/2021-12")
    check(settings, region="henan", bbox=[113, 34, 114, 35], datetime="2018-05/..")
    shape = load_region("henan").area().shape
    assert 10 * shape.y * shape.x < settings.most_cells


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"datetime": "2010-01/2020-01"}, r"datetime: 121 months; allowed: at most 120 a request"),
        ({"bbox": [-20, -35, 55, 38]}, r"bbox: .*,.* cells of 1 km; allowed: at most 4,000,000"),
        ({"bbox": [-180, -80, 180, 80]}, "bbox: an area of"),
        ({"geometry": SQUARE}, "geometry: an area of"),
        ({"region": "nowhere"}, "region: there is no region 'nowhere'"),
    ],
)
def test_what_is_too_much_is_refused_with_the_bound(inputs: dict[str, Any], message: str) -> None:
    """A continent, ten years and a month: the error names the input and what is allowed."""
    with pytest.raises(InvalidInputsError, match=message):
        check(Settings(), **inputs)


def test_an_operator_sets_the_bounds() -> None:
    """Both are settings."""
    narrow = Settings(most_months=2, most_cells=1000)
    with pytest.raises(InvalidInputsError, match="3 months; allowed: at most 2 a request"):
        check(narrow, datetime="2020-01/2020-03")
    with pytest.raises(InvalidInputsError, match=r"region: .* at most 1,000, about 32 km by as"):
        check(narrow, datetime="2020-01/2020-02")


def test_a_service_tells_the_bounds_and_refuses_at_once(client: httpx.Client) -> None:
    """They stand in the description, in words and in numbers; beyond them no job is made."""
    described = client.get("/processes/downscale-smap").json()
    assert "At most 120 months a request" in described["description"]
    told = {one["name"]: one["value"] for one in described["additionalParameters"]["parameters"]}
    assert told == {"mostMonths": ["120"], "mostCells": ["4000000"]}
    assert "additionalParameters" not in ECHO.describe(Settings())
    body = {"inputs": {"datetime": "2000-01/2019-12"}}
    reply = client.post("/processes/downscale-smap/execution", json=body)
    assert reply.status_code == 400
    assert "datetime: 240 months; allowed: at most 120 a request" in reply.json()["detail"]
    assert client.get("/jobs").json()["jobs"] == []

"""Reports of models over real HTTP, on the command line, and in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from engine.models.store import ModelStore
from processes.cli import app
from processes.pages.report_view import view_report

if TYPE_CHECKING:
    import httpx

    from processes.settings import Settings

HTML = {"Accept": "text/html,application/xhtml+xml"}


def test_a_report_is_a_page_or_json(client: httpx.Client, model_id: str) -> None:
    """By what the reader asks for, at one address."""
    page = client.get(f"/models/{model_id}/report", headers=HTML)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Accept" in page.headers["vary"]
    assert model_id in page.text
    document = client.get(f"/models/{model_id}/report")
    assert document.headers["content-type"] == "application/json"
    assert document.json()["id"] == model_id
    assert client.get(f"/models/{model_id}/report?f=html").content == page.content
    assert client.head(f"/models/{model_id}/report").status_code == 200


def test_a_report_may_load_nothing(client: httpx.Client, model_id: str) -> None:
    """Its policy allows its own styles and pictures alone, by whichever address it is read."""
    for address in (f"/models/{model_id}/report?f=html", f"/models/{model_id}.report.html"):
        policy = client.get(address).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy


def test_a_report_that_is_not_there_says_how_to_make_it(
    client: httpx.Client, settings: Settings
) -> None:
    """No name leads out of the folder of models."""
    reply = client.get("/models/nothing/report")
    assert reply.status_code == 404
    assert "vadose report" in reply.json()["detail"]
    assert client.get("/models/nothing/report?g=1").status_code == 400
    (settings.data / "x.report.json").write_text("{}")
    assert client.get("/models/..%2Fx/report").status_code == 404


def test_a_report_can_be_written_again(settings: Settings, model_id: str, tmp_path: Any) -> None:
    """On the command line, elsewhere too; a model that is not there is one line."""
    command = ["report", model_id, "--data", str(settings.data), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    there = ModelStore(settings.model_folder).report_path(model_id, "html")
    assert (tmp_path / there.name).read_bytes() == there.read_bytes()
    result = CliRunner().invoke(app, ["report", "nothing", "--data", str(settings.data)])
    assert result.exit_code == 1
    assert "there is no model 'nothing'" in result.output


def test_results_name_the_model_that_has_a_report() -> None:
    """So that their page can link it."""
    view = view_report({"statement": "so", "model": {"id": "m"}})
    assert view is not None
    assert view.model == "m"
    other = view_report({"statement": "so"})
    assert other is not None
    assert other.model is None

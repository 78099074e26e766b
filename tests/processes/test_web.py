"""The web server as a process: what it loads late, and when it gives up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import yaml

from processes.application import create_application
from processes.serving import BACKLOG
from processes.settings import Settings
from processes.web import KEEP_ALIVE_SECONDS, Server

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_settings_that_prove_wrong_later_end_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What only pygeoapi can find out is told in the log, and the server ends for good."""
    given = Settings.load(data=tmp_path).pygeoapi_config.read_text(encoding="utf-8")
    path = tmp_path / "given.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(given) | {"resources": "none"}))
    server = Server(create_application(Settings.load(data=tmp_path, pygeoapi_config=path)))
    with caplog.at_level(logging.ERROR):
        server.load()
    assert (server.wrong_settings, server.should_exit) == (True, True)
    assert "VADOSE_PYGEOAPI_CONFIG" in caplog.text


def test_pollers_keep_their_connection(tmp_path: Path) -> None:
    """Connections rest longer than clients pause, and wait in a line that is long enough."""
    server = Server(create_application(Settings.load(data=tmp_path)))
    assert server.config.timeout_keep_alive == KEEP_ALIVE_SECONDS >= 60
    assert server.config.backlog == BACKLOG >= 200
    server.load()
    assert not server.should_exit

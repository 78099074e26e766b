"""Log lines: for people or for programs, each of a job with its identifier."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from processes.audit import audit
from processes.logs import JsonFormatter, TextFormatter, configure_logging

JOB = "2f1c7c5e-6f0c-4b53-9d0a-1d2c3b4a5f60"


def line(message: str, *arguments: object, job_id: str | None = None) -> dict[str, object]:
    record = logging.LogRecord("a.b", logging.INFO, "x.py", 1, message, arguments, None)
    text = JsonFormatter(job_id).format(record)
    assert "\n" not in text
    read: dict[str, object] = json.loads(text)
    return read


def test_a_line_is_json() -> None:
    """With time, level, logger and text, also of text that is hard to write."""
    said = line("%s", 'a "quoted"\nline\x00 ä')
    assert said["message"] == 'a "quoted"\nline\x00 ä'
    assert (said["level"], said["logger"]) == ("INFO", "a.b")
    assert str(said["time"]).endswith("+00:00")


@pytest.mark.parametrize("message", ["job %s: attempt 1", "x job=%s y", "GET /jobs/%s/log"])
def test_a_line_about_a_job_carries_it(message: str) -> None:
    """Whoever writes it, and however."""
    assert line(message, JOB)["job"] == JOB
    assert "job" not in line(message, "none")


def test_every_line_of_a_jobs_own_process_carries_it() -> None:
    """Whatever it is about."""
    assert line("predicting", job_id=JOB)["job"] == JOB


def test_a_traceback_is_part_of_its_line() -> None:
    """So that programs find it with what it belongs to."""
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "x", 1, "failed", (), sys.exc_info())
    said = json.loads(JsonFormatter().format(record))
    assert said["exception"].endswith("ValueError: no")


def test_clients_cannot_write_lines_of_their_own() -> None:
    """A line break in what they sent stays inside of the line."""
    record = logging.LogRecord("a", logging.INFO, "x", 1, "got %s", ("x\nERROR forged",), None)
    assert "\n" not in TextFormatter().format(record)


def test_the_audit_log_is_told_however_little_else_is(capfd: pytest.CaptureFixture[str]) -> None:
    """Its facts are fields of their own."""
    configure_logging("ERROR", form="json")
    logging.getLogger("other").warning("not told")
    audit("execute", job=JOB, caller="key:alice", owner=None)
    (text,) = capfd.readouterr().err.splitlines()
    said = json.loads(text)
    assert said["audit"] == {"action": "execute", "job": JOB, "caller": "key:alice"}

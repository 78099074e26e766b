"""Jobs with steps, attempts, logs, outputs and callbacks.

The version of this program before there were migrations kept a table ``jobs`` alone, in SQLite.
Its jobs are taken over: those that waited or ran get the step that they are to begin with.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, RowMapping

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
_BEFORE = "jobs_before"


def upgrade() -> None:
    """Make the tables, and take over what the version before kept."""
    known = sa.inspect(op.get_bind()).has_table("jobs")
    if known:
        op.drop_index("jobs_by_status", "jobs")
        op.drop_index("jobs_by_process", "jobs")
        op.rename_table("jobs", _BEFORE)
    _make_jobs()
    _make_steps()
    _make_attempts()
    _make_logs()
    _make_outputs()
    _make_callbacks()
    _make_leaders()
    if known:
        _take_over()
        op.drop_table(_BEFORE)


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("process_id", sa.Text, nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("delivery", sa.JSON, nullable=False),
        sa.Column("subscriber", sa.JSON(none_as_null=True)),
        sa.Column("request_hash", sa.Text),
        sa.Column("force", sa.Boolean, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("progress", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("steps_done", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("by_client", sa.Boolean, nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("started", _TIME),
        sa.Column("finished", _TIME),
        sa.Column("updated", _TIME, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("log_seq", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    listed = ["process_id", "created", "started", "finished", "seconds"]
    op.create_index("jobs_in_order", "jobs", ["sequence", "status", *listed])
    op.create_index("jobs_by_status", "jobs", ["status", "sequence", *listed])
    op.create_index("jobs_by_request", "jobs", ["request_hash"])


def _of_job(**options: Any) -> Column[str]:
    key = sa.ForeignKey("jobs.id", ondelete="CASCADE")
    return sa.Column("job_id", sa.Text, key, nullable=False, **options)


def _make_steps() -> None:
    op.create_table(
        "steps",
        _of_job(primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("lease_until", _TIME),
        sa.Column("not_before", _TIME),
        sa.Column("fraction", sa.Float, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True)),
    )
    op.create_index("steps_by_state", "steps", ["state", "lease_until"])


def _make_attempts() -> None:
    op.create_table(
        "attempts",
        _of_job(primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("started", _TIME, nullable=False),
        sa.Column("ended", _TIME),
        sa.Column("ending", sa.String(16)),
        sa.Column("message", sa.Text, nullable=False),
    )


def _make_logs() -> None:
    op.create_table(
        "job_logs",
        _of_job(primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", _TIME, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )


def _make_outputs() -> None:
    op.create_table(
        "job_outputs",
        _of_job(primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size", _NUMBER, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )


def _make_callbacks() -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        _of_job(index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_at", _TIME, index=True),
        sa.Column("delivered", _TIME),
        sa.Column("error", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )


def _make_leaders() -> None:
    op.create_table(
        "leaders",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", _TIME, nullable=False),
    )


def _take_over() -> None:
    """Move the jobs of the version before, in the order that they were accepted."""
    connection = op.get_bind()
    tables = sa.MetaData()
    before = sa.Table(_BEFORE, tables, autoload_with=connection)
    for name in ("jobs", "steps", "job_outputs"):
        sa.Table(name, tables, autoload_with=connection)
    rows = connection.execute(sa.select(before).order_by(before.c.sequence)).mappings()
    for row in rows.all():
        connection.execute(sa.insert(tables.tables["jobs"]).values(**_job(row)))
        if row["finished"] is None:
            connection.execute(sa.insert(tables.tables["steps"]).values(**_first_step(row)))
        for output in _outputs(row):
            connection.execute(sa.insert(tables.tables["job_outputs"]).values(**output))


_KEPT = (
    *("id", "sequence", "process_id", "inputs", "status", "progress", "message", "attempt"),
    *("by_client", "created", "started", "finished", "updated"),
)


def _job(row: RowMapping) -> Mapping[str, Any]:
    ran = row["started"] is not None and row["finished"] is not None
    return {name: row[name] for name in _KEPT} | {
        "delivery": _delivery(row["outputs"]),
        "subscriber": None,
        "force": False,
        "steps": int(row["finished"] is None),
        "steps_done": 0,
        "seconds": _seconds(row["started"], row["finished"]) if ran else None,
        "log_seq": 0,
    }


def _delivery(kept: Any) -> Mapping[str, Any]:
    """Read how results are wanted, also as the very first version wrote it: names alone."""
    if isinstance(kept, list):
        return {"response": "document", "outputs": dict.fromkeys(kept, "value")}
    return dict(kept)


def _seconds(started: str, finished: str) -> float:
    ran = datetime.fromisoformat(finished) - datetime.fromisoformat(started)
    return ran.total_seconds()


def _first_step(row: RowMapping) -> Mapping[str, Any]:
    return {
        "job_id": row["id"],
        "name": "run" if row["process_id"] == "echo" else "prepare",
        "position": 0,
        "state": "waiting",
        "attempt": row["attempt"],
        "holder": "",
        "fraction": 0.0,
        "message": "",
    }


def _outputs(row: RowMapping) -> list[Mapping[str, Any]]:
    return [
        {"job_id": row["id"], "name": name, "position": position, "value": value}
        | {"media_type": "application/json"}
        | _measure(value)
        for position, (name, value) in enumerate((row["results"] or {}).items())
    ]


def _measure(value: object) -> dict[str, Any]:
    options: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": True}
    text = json.dumps(value, **options).encode(errors="surrogatepass")
    return {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}

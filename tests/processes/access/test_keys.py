"""API keys: shown once, kept as hashes, good at once and no longer good at once."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from engine.errors import InputError
from processes.access.callers import Role
from processes.access.keys import KeyFile
from processes.cli import app
from processes.errors import IdentityUnavailableError, UnauthenticatedError

if TYPE_CHECKING:
    from pathlib import Path

runner = CliRunner()


def test_a_key_is_its_callers(key_file: KeyFile, tmp_path: Path) -> None:
    """It names who asks and what they may do; the file holds neither the key nor its secret."""
    stored, key = key_file.add("alice", Role.EXECUTOR)
    caller = key_file.caller(key)
    assert (caller.name, caller.role) == ("key:alice", Role.EXECUTOR)
    text = (tmp_path / "keys.json").read_text()
    assert key not in text
    assert key.partition(".")[2] not in text
    assert stored.sha256 in text
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", [lambda k: k[:-1], lambda k: k + "A", lambda k: k.lower()])
def test_another_key_is_nobodys(key_file: KeyFile, change: object) -> None:
    """Whatever is changed of a key."""
    _, key = key_file.add("alice", Role.ADMIN)
    with pytest.raises(UnauthenticatedError):
        key_file.caller(change(key))  # type: ignore[operator]


def test_a_withdrawn_key_is_no_longer_good(key_file: KeyFile, tmp_path: Path) -> None:
    """At once, whoever else has read the file before; another key of the same caller stays."""
    first, key = key_file.add("alice", Role.EXECUTOR)
    _, other = key_file.add("alice", Role.EXECUTOR)
    reader = KeyFile(tmp_path / "keys.json")
    assert reader.caller(key).name == reader.caller(other).name
    key_file.revoke(first.id)
    with pytest.raises(UnauthenticatedError):
        reader.caller(key)
    assert reader.caller(other).name == "key:alice"
    with pytest.raises(InputError):
        key_file.revoke(first.id)


def test_a_key_ends_by_itself(key_file: KeyFile) -> None:
    """When it was made to end."""
    _, key = key_file.add("alice", Role.EXECUTOR, datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(UnauthenticatedError, match="ended"):
        key_file.caller(key)


def test_a_file_that_cannot_be_read_is_told_and_forgotten(
    key_file: KeyFile, tmp_path: Path
) -> None:
    """Nobody is let in meanwhile, and nobody told that their key is wrong."""
    _, key = key_file.add("alice", Role.EXECUTOR)
    path = tmp_path / "keys.json"
    content = path.read_text()
    path.write_text("{")
    with pytest.raises(IdentityUnavailableError):
        key_file.caller(key)
    with pytest.raises(InputError, match="VADOSE_KEYS"):
        key_file.add("bob", Role.READER)
    path.write_text(content)
    assert key_file.caller(key).name == "key:alice"


def test_keys_made_at_once_are_all_kept(key_file: KeyFile) -> None:
    """Whoever makes one does not overwrite another's."""
    threads = [
        threading.Thread(target=key_file.add, args=(f"caller-{number}", Role.READER))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(key_file.keys()) == 8


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "../x", "x" * 65, "<b>"])
def test_names_are_plain(key_file: KeyFile, name: str) -> None:
    """So that logs and file names can hold them."""
    with pytest.raises(InputError, match="name"):
        key_file.add(name, Role.READER)


def test_the_commands_make_list_and_withdraw(tmp_path: Path) -> None:
    """The key is printed once, alone on standard output; the list does not tell it."""
    made = runner.invoke(app, ["key", "add", "alice", "--role", "admin", "--data", str(tmp_path)])
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert re.fullmatch(r"vdk_[0-9a-f]{16}\.[\w-]{43}", key)
    assert key not in made.stderr
    listed = runner.invoke(app, ["key", "list", "--data", str(tmp_path), "--json"])
    (one,) = json.loads(listed.stdout)
    assert (one["name"], one["role"]) == ("alice", "admin")
    assert "sha256" not in one
    gone = runner.invoke(app, ["key", "revoke", one["id"], "--data", str(tmp_path)])
    assert gone.exit_code == 0
    assert (
        json.loads(runner.invoke(app, ["key", "list", "--data", str(tmp_path), "--json"]).stdout)
        == []
    )
    wrong = runner.invoke(app, ["key", "add", "bob", "--role", "root", "--data", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "reader, executor, admin" in wrong.stderr

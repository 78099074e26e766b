"""Files that appear whole or not at all, and locks between processes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from engine.files import atomic_path, is_locked, locked

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, time
from pathlib import Path
from engine.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_file_that_fails_half_way_is_not_there(tmp_path: Path) -> None:
    """The old one stays, and no temporary name does."""
    path = tmp_path / "a" / "b.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_lock_is_free_when_its_holder_was_killed(tmp_path: Path) -> None:
    """Another process that holds it keeps us waiting, until it is gone, however it went."""
    path = tmp_path / "locks" / "one"
    assert not is_locked(path)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert is_locked(path)
    looks = []

    def waiting() -> None:
        looks.append(1)
        if len(looks) == 2:
            holder.kill()
            holder.wait()

    with holder.stdout, locked(path, waiting):
        assert is_locked(path)
    assert len(looks) >= 2
    assert not is_locked(path)


def test_who_waits_for_a_lock_may_give_up(tmp_path: Path) -> None:
    """What the waiting is told of may raise; the lock stays with its holder."""

    def give_up() -> None:
        raise TimeoutError

    path = tmp_path / "one"
    with locked(path), pytest.raises(TimeoutError), locked(path, give_up):
        raise AssertionError("both hold it")
    assert not is_locked(path)

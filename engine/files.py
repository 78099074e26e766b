"""Files that appear whole or not at all, and locks between processes."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOOK_SECONDS = 0.2
"""Time between two looks at a lock that another process holds."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it on success, remove it on failure.

    The temporary name keeps the suffix, since many writers choose their format by it. Parent
    folders are made. The content is on the disk before the name is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid4().hex[:12]}{path.suffix}")
    try:
        yield temporary
        synced(temporary).replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def synced(path: Path) -> Path:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as written:
        os.fsync(written.fileno())
    return path


@contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a file; the system frees it if the process dies.

    Parameters
    ----------
    path
        The file; it is made, with its folders, and stays.
    waiting
        Called again and again while another process or thread holds the lock; may raise to give
        up. Without it the wait is plain.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        if waiting is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            while not _taken(handle.fileno()):
                waiting()
                time.sleep(_LOOK_SECONDS)
        yield


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of a file; False where there is none."""
    try:
        with path.open("r+") as handle:
            return not _taken(handle.fileno())
    except FileNotFoundError:
        return False


def _taken(handle: int) -> bool:
    """Try to take the lock of an open file."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""What tests of the service need besides the service: a real PostgreSQL."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from types import TracebackType

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of each version."""
USER = "postgres"
"""Who runs the server where we are root, as which it refuses to run."""

_PATIENCE = 60
_PR_SET_PDEATHSIG = 1


class PostgreSQL:
    """A server of its own on a free port of loopback, with its data in a new folder.

    It is for tests: it trusts everyone, it does not wait for the disk, and it ends when its
    parent does. As a context manager it starts, and afterwards stops and leaves nothing.

    Parameters
    ----------
    programs
        Folder with ``initdb`` and ``postgres``.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="vadose-postgresql-"))
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @classmethod
    def find(cls) -> Self:
        """Return a server that is still to be started, or skip the calling test."""
        installed = sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name))
        on_path = shutil.which("initdb")
        folders = [Path(on_path).parent] if on_path else installed[-1:]
        if not folders:
            pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        return cls(folders[0])

    def __enter__(self) -> Self:
        self._hand_over()
        self._run("initdb", "--auth=trust", f"--username={USER}", "--no-sync", "--encoding=UTF8")
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        program = str(self._programs / "postgres")
        command = [program, "-D", str(self._data), *self._options()]
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603  (a program of the machine, paths of ours)
                command,
                stdout=subprocess.DEVNULL,
                stderr=log,
                user=self._user(),
                group=self._group(),
                preexec_fn=_end_with_parent,  # noqa: PLW1509  (one call into C, no lock)
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server at once, as a machine that fails; what was committed stays."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(_PATIENCE)
            self._server = None

    def url(self, database: str = USER) -> str:
        """Return the address of a database."""
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{database}"

    def new_database(self, like: str = "template0") -> str:
        """Make a database like another (an empty one by default), and return its name."""
        name = f"test_{uuid4().hex}"
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._command(make.format(sql.Identifier(name), sql.Identifier(like)))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever still uses it."""
        self._command(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _command(self, command: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(command)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            "fsync": "off",
            "full_page_writes": "off",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        subprocess.run(  # noqa: S603  (a program of the machine, paths of ours)
            command, check=True, capture_output=True, user=self._user(), group=self._group()
        )

    def _hand_over(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER)

    @staticmethod
    def _user() -> int | None:
        return pwd.getpwnam(USER).pw_uid if os.geteuid() == 0 else None

    @staticmethod
    def _group() -> int | None:
        return pwd.getpwnam(USER).pw_gid if os.geteuid() == 0 else None


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port

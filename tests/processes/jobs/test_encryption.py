"""Mutual TLS of Dask, with certificates as docker/secrets.sh makes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from engine.errors import InputError
from processes.checks import State, check_scheduler
from processes.jobs.cluster import ClusterError, DaskPlacer
from processes.jobs.encryption import security_of
from processes.serving import free_port
from processes.settings import Settings
from processes.start import scheduler_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).parents[3] / "docker" / "secrets.sh"


def made(folder: Path) -> Path:
    """Make certificates of a new authority; return their folder."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (Debian: apt-get install openssl)")
    subprocess.run([str(SCRIPT), str(folder)], check=True)
    return folder / "tls"


def settings_with(folder: Path, **changes: Path) -> Settings:
    files = {
        "tls_authority": folder / "authority.pem",
        "tls_certificate": folder / "dask.pem",
        "tls_key": folder / "dask.key",
    }
    return Settings.load(**files | changes)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give certificates of our authority."""
    return made(tmp_path_factory.mktemp("ours"))


@contextmanager
def scheduler(settings: Settings) -> Iterator[tuple[str, psutil.Process]]:
    """Run ``vadose scheduler`` on loopback; give its address and process."""
    port = free_port()
    command = [sys.executable, "-m", "processes", "scheduler", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | settings.environment()) as process:
        found = psutil.Process(process.pid)
        deadline = time.monotonic() + 60
        while port not in {one.laddr.port for one in found.net_connections("tcp")}:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"tls://127.0.0.1:{port}", found
        process.terminate()
        assert process.wait(30) == 0


def test_only_who_shows_a_certificate_of_ours_is_answered(ours: Path, tmp_path: Path) -> None:
    """Neither who shows none, nor who shows one of another authority; and all ports are local."""
    settings, strangers = settings_with(ours), settings_with(made(tmp_path))
    with scheduler(settings) as (address, process):
        placer = DaskPlacer(address, lambda: None, security_of(address, settings))
        assert list(placer.idle()) == []
        placer.close()
        for where, security in (
            (address, security_of(address, strangers)),
            (address.replace("tls:", "tcp:"), None),
        ):
            refused = DaskPlacer(where, lambda: None, security)
            with pytest.raises(ClusterError):
                refused.idle()
        listening = [one for one in process.net_connections("tcp") if one.status == "LISTEN"]
        assert {one.laddr.ip for one in listening} == {"127.0.0.1"}


def test_readiness_tells_certificates_that_are_not_taken(ours: Path, tmp_path: Path) -> None:
    """A scheduler that is there but lets nobody in is not well; nor is one of somebody else's."""
    settings, strangers = settings_with(ours), settings_with(made(tmp_path))
    half = strangers.model_copy(update={"tls_authority": settings.tls_authority})
    with scheduler(settings) as (address, _):
        here = {"scheduler": address}
        assert check_scheduler(settings.model_copy(update=here)).state is State.OK
        for other in (strangers, half):
            check = check_scheduler(other.model_copy(update=here))
            assert check.state is State.FAILED
            assert "certificates" in check.found
            assert address in check.cause


def test_a_key_of_another_certificate_is_told_at_once(ours: Path) -> None:
    """Not at the first connection."""
    settings = settings_with(ours, tls_key=ours / "nginx.key")
    with pytest.raises(InputError, match="VADOSE_TLS_KEY"):
        security_of("tls://scheduler:8786", settings)


def test_no_scheduler_is_open_to_others_unencrypted(ours: Path, tmp_path: Path) -> None:
    """Loopback needs nothing, other addresses all three files."""
    none = Settings.load(data=tmp_path)
    assert not list(scheduler_problems("tcp://127.0.0.1:8786", none))
    assert [one.field for one in scheduler_problems("tcp://10.0.0.7:8786", none)] == [
        "VADOSE_SCHEDULER"
    ]
    assert len(list(scheduler_problems("tls://10.0.0.7:8786", none))) == 3
    assert not list(scheduler_problems("tls://10.0.0.7:8786", settings_with(ours)))

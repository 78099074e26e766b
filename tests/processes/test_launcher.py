"""Parts of the service are started again when they die, and end with their launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from processes import launcher
from processes.launcher import Part
from processes.serving import check_cluster, serve, work
from processes.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

from engine.errors import InputError

SLEEP = "import time; time.sleep(600)"
OWN = """
import sys
from pathlib import Path
from processes.launcher import Launcher, Part
folder = {folder!r}
script = (
    "import os, subprocess, sys, time; from processes.jobs.lineage import die_with_parent; "
    "die_with_parent(int(sys.argv[1])); "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "open(os.path.join({folder!r}, 'pid'), 'w').write(str(os.getpid())); time.sleep(600)"
)
import os
Launcher([Part(name="part", command=[sys.executable, "-c", script], environment=os.environ)]).run()
"""


def part(script: str) -> Part:
    command = [sys.executable, "-c", script]
    return Part(name="part", command=command, environment=os.environ)


@pytest.fixture
def looked_after() -> Iterator[Callable[[Part], Part]]:
    """Give the means to have a part looked after, in a thread."""
    stop = threading.Event()
    threads: list[tuple[threading.Thread, Part]] = []

    def start(one: Part) -> Part:
        def look() -> None:
            while not stop.is_set():
                one.look_after()
                time.sleep(0.01)

        thread = threading.Thread(target=look)
        thread.start()
        threads.append((thread, one))
        return one

    yield start
    stop.set()
    for thread, one in threads:
        thread.join()
        one.ask_to_end()
        one.wait(time.monotonic() + 10)


def test_a_part_that_dies_is_started_again(looked_after: Callable, wait_for: Callable) -> None:
    """Another process takes its place, soon."""
    one = looked_after(part(SLEEP))
    wait_for(lambda: one.pid is not None)
    first = one.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: one.pid not in (None, first))


def test_a_part_that_dies_at_once_is_started_ever_more_seldom(
    looked_after: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: Callable
) -> None:
    """Pauses double, so that a part that cannot start does not keep the machine busy."""
    monkeypatch.setattr(launcher, "FIRST_PAUSE", 0.1)
    script = f"import time; open({str(tmp_path / 'starts')!r}, 'a').write(f'{{time.time()}} ')"
    one = looked_after(part(script))
    starts = tmp_path / "starts"
    wait_for(lambda: starts.exists() and len(starts.read_text().split()) >= 5)
    times = [float(text) for text in starts.read_text().split()]
    assert times[4] - times[3] > 0.8
    assert one.pid is None or one.pid > 0


@contextmanager
def own_launcher(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a launcher in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", OWN.format(folder=str(folder))])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def family(folder: Path, wait_for: Callable) -> list[psutil.Process]:
    """Return a part and its own child, when both are there."""
    wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text() != "")
    one = psutil.Process(int((folder / "pid").read_text()))
    return [one, *one.children()]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_parts_end_when_the_launcher_is_killed(wait_for: Callable, tmp_path: Path) -> None:
    """However the launcher ends, what it started does not go on without it."""
    with own_launcher(tmp_path) as process:
        one, child = family(tmp_path, wait_for)
        process.kill()
        wait_for(lambda: gone([one]))
    child.kill()


def test_what_a_killed_part_has_started_ends(wait_for: Callable, tmp_path: Path) -> None:
    """Orphans come to the launcher, which ends them; the part is started again."""
    with own_launcher(tmp_path):
        one, child = family(tmp_path, wait_for)
        (tmp_path / "pid").unlink()
        one.kill()
        wait_for(lambda: gone([child]))
        again = family(tmp_path, wait_for)
        assert again[0].pid != one.pid


def test_an_orderly_end_takes_everything_along(wait_for: Callable, tmp_path: Path) -> None:
    """After SIGTERM the launcher ends well, and nothing is left."""
    with own_launcher(tmp_path) as process:
        processes = family(tmp_path, wait_for)
        process.terminate()
        assert process.wait(20) == 0
        assert gone(processes)


def test_wrong_settings_end_the_launcher() -> None:
    """A part that says that its settings are at fault is not started again."""
    # In a process of its own: at its end a launcher kills all that it is the parent of.
    script = (
        "import os, sys\n"
        "from processes.launcher import Launcher, Part\n"
        "command = [sys.executable, '-c', 'raise SystemExit(2)']\n"
        "Launcher([Part(name='part', command=command, environment=os.environ)]).run()\n"
    )
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "PartError: the part cannot be started" in run.stderr


def test_a_cluster_needs_a_database_that_all_see(tmp_path: Path) -> None:
    """A scheduler elsewhere and jobs in a file of this machine do not go together."""
    alone = Settings.load(data=tmp_path, scheduler="tcp://127.0.0.1:1")
    for start in (serve, work, check_cluster):
        with pytest.raises(InputError, match="VADOSE_JOBS_DATABASE"):
            start(alone)
    with pytest.raises(InputError, match="VADOSE_SCHEDULER"):
        work(Settings.load(data=tmp_path))

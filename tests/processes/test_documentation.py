"""The documentation says what works: its commands are run, in the order of each page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from processes.settings import Settings
from stac.cube import refresh_cubes
from stac.publish import publish_month
from stac.store import LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"stac/RECIPES.md": "tests/processes/test_recipes.py"}
"""Pages all of whose commands another test runs."""
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_ELSEWHERE = re.compile(r"runs in (?P<file>[\w/.]+): (?P<word>.+)")
_NOT_RUN = re.compile(r"not run: .{20,}")
_SHELLS = re.compile(r"^``` ?\{?\.?(?:bash|console|shell|shell-session|zsh)\b", re.MULTILINE)
_HERE = re.compile(r"(?:http://)?localhost:5000")
_FOLDERS = ("docs", "docker", "engine", "processes", "stac", "tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of shell commands."""

    text: str
    mark: str | None
    """What the comment before it says."""

    @property
    def runs_here(self) -> bool:
        """Whether this test is the one that runs it."""
        return self.mark is None


def pages() -> list[Path]:
    """Return everything that people read."""
    written = chain.from_iterable((ROOT / folder).rglob("*.md") for folder in _FOLDERS)
    return sorted(
        path
        for path in (ROOT / "README.md", *written)
        if not {"node_modules", "dist"} & set(path.parts)
    )


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    marked = re.compile(r"runs in |not run: ")
    found = []
    for one in _BLOCK.finditer(text):
        mark = one["mark"]
        found.append(Block(text=one["text"], mark=mark if mark and marked.match(mark) else None))
    return found


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


PAGES = [page for page in pages() if name(page) not in ELSEWHERE]
RUNNABLE = [page for page in PAGES if any(block.runs_here for block in blocks(page))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with three published months, an archive of one granule, and the command."""
    here = tmp_path_factory.mktemp("read")
    settings = Settings.load(data=here / "data")
    settings.archive_folder.mkdir(parents=True)
    (settings.archive_folder / "MOD11A2.A2020153.h27v05.061.2020162034510.hdf").touch()
    catalog = LocalCatalog(settings.catalog_folder)
    series = toy_series(region="henan")
    made = toy_provenance(synthetic=False)
    for number in range(3):
        moved = toy_dataset(shift=0.02 * number)
        publish_month(catalog, series, MAY.shift(number), moved, made)
    refresh_cubes(catalog, series.official_collection)
    command = here / "bin" / "vadose"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m processes "$@"\n')
    command.chmod(0o755)
    return here


@pytest.fixture(scope="module")
def address(folder: Path, serve_at_work: Callable[..., Any]) -> Iterator[str]:
    """Serve the folder."""
    with serve_at_work(Settings.load(data=folder / "data")) as client:
        yield str(client.base_url).rstrip("/")


@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_commands_do_what_the_page_says(page: Path, folder: Path, address: str) -> None:
    """Every block ends well, after those before it."""
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    for block in filter(lambda one: one.runs_here, blocks(page)):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _HERE.sub(address, block.text)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_not_run_here_says_why(page: Path) -> None:
    """Either a test that speaks of it, or a reason; and no block goes by another name."""
    assert not _SHELLS.search(page.read_text(encoding="utf-8"))
    for block in blocks(page):
        if block.mark is None:
            continue
        if (elsewhere := _ELSEWHERE.fullmatch(block.mark)) is not None:
            test = ROOT / elsewhere["file"]
            assert elsewhere["word"] in test.read_text(encoding="utf-8"), block.mark
        else:
            assert _NOT_RUN.fullmatch(block.mark), block.mark


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_pages_of_other_tests_are_there(page: str, test: str) -> None:
    """And the test names the page."""
    assert blocks(ROOT / page)
    assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")

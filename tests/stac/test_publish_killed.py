"""Publishers that are killed at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stac.read import collections_of, items_of
from stac.store import LocalCatalog
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "8"))
"""Publishers to kill; ``ROUNDS=300`` for a long run."""
LONGEST = 20
"""Most publishers to kill on one catalogue, whose versions grow."""
MONTHS = 4

KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from engine.files import is_locked
from stac.publish import publish_month
from stac.read import collections_of, items_of
from stac.store import LocalCatalog
from stac.testing import MAY, toy_dataset, toy_provenance, toy_series
from stac.validate import validate_catalog

root, rounds, months = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(int(sys.argv[4]))
lock = root / ".lock"

def publish(month, shift):
    publish_month(LocalCatalog(root), toy_series(), MAY.shift(month),
                  toy_dataset(shift=shift), toy_provenance())

def start(month, shift):
    child = os.fork()
    if child:
        return child
    publish(month, shift)
    os._exit(0)

def versions():
    return {item.id: int(item.properties["version"])
            for collection in collections_of(LocalCatalog(root))
            for item in items_of(LocalCatalog(root), collection.id)}

publish(0, 0.0)
killed, problems, lost = 0, [], []
for round in range(rounds):
    before = versions()
    children = [start(chance.randrange(months), chance.choice((0.0, 0.01, 0.02)))
                for _ in range(chance.choice((1, 2)))]
    # Half of them at any moment, half of them while one changes the catalogue.
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0, 0.6))
    else:
        deadline = time.monotonic() + 5
        while not is_locked(lock) and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.06))
    os.kill(children[0], signal.SIGKILL)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    killed += codes[0] == -signal.SIGKILL
    problems += [f"round {round}: {problem}" for problem in validate_catalog(root)]
    problems += [f"round {round}: exit {code}" for code in codes[1:] if code]
    after = versions()
    lost += [name for name in before if after.get(name, 0) < before[name]]
for month in range(months):
    publish(month, 0.0)
print(json.dumps({"killed": killed, "problems": problems, "lost": lost}))
"""


@pytest.fixture(scope="module", params=range(-(-ROUNDS // LONGEST)))
def killed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    """Give a catalogue whose publishers were killed again and again, and what was seen of it."""
    root = tmp_path_factory.mktemp("killed")
    numbers = (min(ROUNDS, LONGEST), MONTHS, request.param)
    arguments = ["-W", "ignore", "-c", KILLER, str(root), *map(str, numbers)]
    done = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, timeout=60 + 30 * LONGEST
    )
    return root, json.loads(done.stdout)


def test_a_killed_publisher_leaves_a_valid_catalogue(
    killed: tuple[Path, dict[str, object]],
) -> None:
    """After each kill the catalogue is valid, and no month or version that was there is lost."""
    _, seen = killed
    assert seen["problems"] == []
    assert seen["lost"] == []
    assert int(str(seen["killed"])) > min(ROUNDS, LONGEST) / 3


def test_the_next_publishers_clean_up(killed: tuple[Path, dict[str, object]]) -> None:
    """When every month was published once more, each file beside an item belongs to a version."""
    root, _ = killed
    catalog = LocalCatalog(root)
    (collection,) = collections_of(catalog)
    items = items_of(catalog, collection.id)
    assert len(items) == MONTHS
    for item in items:
        folder = root / collection.id / item.id
        documents = [json.loads(path.read_text()) for path in folder.glob("*.json")]
        linked = {
            asset["href"].removeprefix("./")
            for document in documents
            for asset in document.get("assets", {}).values()
        }
        written = {f"{document['id']}.json" for document in documents if "assets" in document}
        assert {path.name for path in folder.iterdir()} == linked | written
    assert validate_catalog(root) == []

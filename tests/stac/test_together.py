"""Twenty publishers at once into one collection, some of which are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stac.read import collection_document, item_ids
from stac.s3_store import open_catalog
from stac.validate import validate_catalog

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHERS, EACH, KILLED = 20, 2, 6

TOGETHER = """
import json, os, random, signal, sys, time
from pathlib import Path
from stac.model_catalog import publish_model
from stac.s3_store import open_catalog
from stac.testing import NOW, toy_model

place, folder, count, each, killed = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
cards = [[toy_model(folder, key=f"{one}-{two}") for two in range(each)] for one in range(count)]

def start(mine):
    child = os.fork()
    if child:
        return child
    catalog = open_catalog(place)
    for card in mine:
        publish_model(catalog, card, folder, now=NOW)
    os._exit(0)

children = [start(mine) for mine in cards]
for child in children[:killed]:
    time.sleep(random.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
print(json.dumps([codes, [[card.id for card in mine] for mine in cards]]))
"""


def together(place: str, folder: Path, killed: int) -> tuple[list[int], list[list[str]]]:
    """Publish models from many processes; return their exit codes and what each published."""
    numbers = map(str, (PUBLISHERS, EACH, killed))
    arguments = [sys.executable, "-W", "ignore", "-c", TOGETHER, place, str(folder), *numbers]
    done = subprocess.run(arguments, check=True, capture_output=True, timeout=600)
    codes, published = json.loads(done.stdout)
    return codes, published


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_nothing_is_lost_whoever_is_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What the others published is there and sound; publishing once more completes the rest."""
    if kind == "bucket":
        place = f"s3://{request.getfixturevalue('bucket')}/maps"
    else:
        place = str(tmp_path / "catalog")
    codes, published = together(place, tmp_path / "models", KILLED)
    assert codes[KILLED:] == [0] * (PUBLISHERS - KILLED)
    catalog = open_catalog(place)
    assert validate_catalog(catalog) == []
    there = set(item_ids(collection_document(catalog, "models-synthetic")))
    assert {name for mine in published[KILLED:] for name in mine} <= there
    codes, published = together(place, tmp_path / "models", 0)
    assert codes == [0] * PUBLISHERS
    there = set(item_ids(collection_document(catalog, "models-synthetic")))
    assert there == {name for mine in published for name in mine}
    assert validate_catalog(catalog) == []

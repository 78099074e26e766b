"""Code in the place of data, and what a machine tells of itself."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING

import engine
import processes
import stac

if TYPE_CHECKING:
    import httpx


_LOADERS = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"})
_OWN_CHILD = "engine/world/writers/process.py"
"""It speaks with a child of its own, through a pipe that nobody else has."""


def sources() -> list[Path]:
    roots = (Path(str(package.__file__)).parent for package in (engine, stac, processes))
    return [path for root in roots for path in root.rglob("*.py")]


def test_nothing_that_can_run_code_is_loaded_from_storage() -> None:
    """No pickle and its like, no YAML with objects, no arrays of objects."""
    for path in sources():
        if path.as_posix().endswith(_OWN_CHILD):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None)
                named = [module or "", *(alias.name for alias in node.names)]
                assert _LOADERS.isdisjoint(name.split(".")[0] for name in named), path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "yaml.load", "yaml.unsafe_load"), path
                assert "allow_pickle=True" not in ast.unparse(node), path


def test_no_secret_of_the_machine_is_told(client: httpx.Client) -> None:
    """The configuration, the environment and the server's name are nobody's business."""
    for path in ("/.env", "/.git/config", "/admin/config", "/server-status", "/debug", "/docs"):
        assert client.get(path).status_code == 404
    answer = client.get("/health/ready")
    assert os.environ.get("HOME", "/root") not in answer.text

"""The tutorial: a notebook that is executed, and becomes a page.

The executed notebook stays in ``build/tutorial`` with the world that it made, and serves again
until the notebook itself is another one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from base64 import b64decode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import nbformat
from jupyter_client import AsyncKernelManager
from mkdocs.structure.files import File
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from nbformat import NotebookNode

LOGGER = logging.getLogger("mkdocs.plugins.tutorial")
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "user" / "tutorial.ipynb"
PAGE = "user/tutorial.md"
SECONDS = 1800
"""Longest time of one cell, for machines that are busy with other things."""
STARTUP_SECONDS = 300
"""Longest time until the kernel answers, likewise."""
_MAGIC = re.compile(r"%%(bash)\n")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What colours a terminal's text; a kernel makes programs believe that they have one."""
_LANGUAGES = {"bash": "sh"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page and its pictures."""
    folder = Path(os.environ.get("VADOSE_TUTORIAL", ROOT / "build" / "tutorial"))
    text, pictures = page(executed(SOURCE, folder))
    files.append(File.generated(config, PAGE, content=text))
    for name, content in pictures.items():
        files.append(File.generated(config, f"user/{name}", content=content))
    return files


def executed(source: Path, folder: Path) -> NotebookNode:
    """Return the notebook with its outputs; execute it unless that was done before.

    Parameters
    ----------
    source
        The notebook, without outputs.
    folder
        Where it is executed, and kept.
    """
    content = source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    kept = folder / source.name
    if kept.is_file():
        notebook = nbformat.read(kept, as_version=4)
        if notebook.metadata.get("source_sha256") == digest:
            return notebook
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.reads(content.decode(), as_version=4)
    LOGGER.info("Executing the tutorial in %s", folder)
    # The command is the one of this environment, whatever a shell would find first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    with TemporaryDirectory() as sockets:
        # Nobody else on the machine can join in. Names of sockets are relative by default, to the
        # folder of whoever uses them.
        kernel = AsyncKernelManager(transport="ipc", ip=f"{sockets}/kernel")
        client = NotebookClient(
            notebook,
            km=kernel,
            timeout=SECONDS,
            startup_timeout=STARTUP_SECONDS,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(env=environment, cleanup_kc=True)
    notebook.metadata["source_sha256"] = digest
    nbformat.write(notebook, kept)
    return notebook


def page(notebook: NotebookNode) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by their names."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(_code(cell.source))
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                name = f"tutorial-{len(pictures) + 1}.png"
                pictures[name] = b64decode(output["data"]["image/png"])
                parts.append(f"![What the cell above draws]({name})")
            else:
                parts.extend(_printed(output))
    return "\n\n".join(parts) + "\n", pictures


def _code(source: str) -> str:
    found = _MAGIC.match(source)
    if found is None:
        return _fence("python", source)
    return _fence(_LANGUAGES[found[1]], source[found.end() :])


def _printed(output: NotebookNode) -> Iterator[str]:
    if output.get("name") == "stderr":
        return
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    if text.strip():
        lines = (line.rstrip() for line in _COLOURS.sub("", text).strip("\n").splitlines())
        yield _fence("text", "\n".join(lines))


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"

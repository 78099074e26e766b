"""A Docker engine to test with, the command line of Docker, and what an image consists of."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = shlex.split(os.environ.get("DOCKER_BUILD", ""))
"""What a building place needs, such as ``--network host --secret id=ca_bundle,src=FILE``."""
_LIST = r"""
set -eu
dpkg-query -W -f '${Package} ${Version}\n'
/opt/vadose/.venv/bin/python - <<'END'
from importlib.metadata import distributions
for one in sorted((d.metadata["Name"], d.version) for d in distributions()):
    print(*one)
END
"""
_FILES = "cd / && find . -xdev -type f ! -path './proc/*' ! -path './sys/*' ! -path './etc/host*' \
  ! -path './etc/resolv.conf' ! -path './.dockerenv' -exec sha256sum {} + | sort -k 2"


class NoEngineError(RuntimeError):
    """There is no Docker engine that answers; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an image consists of."""

    versions: tuple[str, ...]
    """Packages of Debian and Python, with their versions."""
    files: dict[str, str]
    """SHA-256 of each file, by path."""

    @property
    def digest(self) -> str:
        """SHA-256 of the names of files and the versions."""
        text = "\n".join((*self.versions, *sorted(self.files)))
        return hashlib.sha256(text.encode()).hexdigest()


def tell(text: str) -> None:
    """Say something while the work goes on."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def docker(*arguments: str, check: bool = True) -> str:
    """Run Docker's command, and return what it prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {shlex.join(arguments)[:200]}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


def find_engine() -> str:
    """Return the version of the engine that answers.

    Raises
    ------
    NoEngineError
        Where there is none.
    """
    if shutil.which("docker") is None:
        raise NoEngineError("the command docker is not installed (Debian: docker.io)")
    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        return docker("info", "--format", "{{.ServerVersion}}")
    except RuntimeError as error:
        raise NoEngineError(f"no engine answers at {where}: {error}") from None


def build(image: str, *options: str) -> None:
    """Build the image of this tree, labelled with its version and commit."""
    revision = _git("rev-parse", "HEAD")
    arguments = [f"--build-arg=REVISION={revision}", f"--tag={image}", *BUILD, *options]
    command = ["docker", "build", "--quiet", "--file", str(ROOT / "docker/Dockerfile"), *arguments]
    environment = os.environ | {"DOCKER_BUILDKIT": "1"}
    subprocess.run([*command, str(ROOT)], check=True, env=environment, stdout=subprocess.DEVNULL)


def contents(image: str) -> Contents:
    """List what an image consists of."""
    return Contents(
        versions=tuple(_within(image, _LIST).splitlines()),
        files={
            path: digest
            for digest, path in (
                line.split(maxsplit=1) for line in _within(image, _FILES).splitlines()
            )
        },
    )


def configuration(image: str) -> dict[str, object]:
    """Return what an image's own configuration says, and its size."""
    (document,) = json.loads(docker("image", "inspect", image))
    return {**document["Config"], "Size": document["Size"]}


def _within(image: str, script: str) -> str:
    run = ("run", "--rm", "--network=none", "--user=0", "--entrypoint=bash", image, "-c", script)
    return docker(*run)


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"

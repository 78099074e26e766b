"""``make audit``: known weaknesses of the locked packages, of our code, and of the Dockerfiles.

- ``pip-audit`` asks the advisories of PyPI about each locked version;
- ruff's rules ``S`` (those of bandit) look at our code;
- ``hadolint`` looks at the Dockerfiles.

What is found fails, unless ``tests/audit.toml`` explains it. What cannot be asked (no network, no
such tool) is said, and fails, too: nobody shall take it for clean. ``--offline`` leaves out what
needs the network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXPLAINED = Path(__file__).with_suffix(".toml")
DOCKERFILES = ("docker/Dockerfile", "tests/docker/Dockerfile")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def main() -> int:
    """Do what the command line says; return how many of the three are not clean."""
    parser = argparse.ArgumentParser(description="Look for known weaknesses.")
    parser.add_argument("--offline", action="store_true", help="leave out what asks the network")
    options = parser.parse_args()
    explained = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))
    results = [look_at_code(), look_at_dockerfiles()]
    if not options.offline:
        results.append(ask_for_advisories(explained["advisories"]))
    return results.count(False)


def look_at_code() -> bool:
    """Whether bandit's rules find nothing in our code."""
    command = ["check", "--select", "S", "--quiet", "engine", "stac", "processes"]
    return _run("code (ruff, rules S)", "ruff", *command)


def look_at_dockerfiles() -> bool:
    """Whether hadolint finds nothing in the Dockerfiles."""
    return _run("Dockerfiles (hadolint)", "hadolint", *DOCKERFILES)


def ask_for_advisories(explained: dict[str, str]) -> bool:
    """Whether no advisory of PyPI speaks of a locked version, but of those that are explained."""
    for name, reason in explained.items():
        _tell(f"advisory {name} is accepted: {reason}")
    ignored = [part for name in explained for part in ("--ignore-vuln", name)]
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", *ignored]
    what = "locked packages (pip-audit)"
    return _run(what, "pip-audit", "--requirement", "requirements.lock", *options)


def _run(what: str, program: str, *arguments: str) -> bool:
    """Run a program of the environment or the machine; say how that ended."""
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    if found is None:
        _tell(f"{what}: NOT LOOKED AT, {program} is not installed (pip install {program})")
        return False
    environment = dict(os.environ)
    if CERTIFICATES.is_file():
        environment.setdefault("REQUESTS_CA_BUNDLE", str(CERTIFICATES))
    done = subprocess.run(
        [found, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    if done.returncode:
        _tell(f"{what}: NOT CLEAN\n{done.stdout[-6000:]}{done.stderr[-2000:]}")
    else:
        _tell(f"{what}: clean")
    return done.returncode == 0


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""``make image-test``: build the image, look into it, start it, use it through HTTP, stop it."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
from containers import (
    ROOT,
    NoEngineError,
    build,
    configuration,
    contents,
    docker,
    find_engine,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1.2e9
"""Most bytes of the image, unpacked."""
LONGEST_START = 20.0
"""Longest time from the start of a container to a service that is ready, seconds."""
MOST_IDLE = 900
"""Most memory (PSS) of all processes of an idle service, MB."""
SETTLE_SECONDS = 10
"""Time between two looks at the memory, which still grows for a while after the start."""
STOP_SECONDS = 20
"""What a container gets to end by itself."""
SAFE = (
    *("--read-only", "--tmpfs=/tmp:mode=1777", "--cap-drop=ALL"),
    "--security-opt=no-new-privileges:true",
)
COMPILERS = ("gcc", "cc", "clang", "ld", "as", "strip", "make", "pip", "uv", "npm", "git", "curl")
_PSS = """
import glob
print(sum(int(line.split()[1]) for name in glob.glob('/proc/[0-9]*/smaps_rollup')
    for line in open(name) if line.startswith('Pss:')) // 1000)
"""


def main() -> None:
    """Test what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default="vadose:test")
    parser.add_argument("--no-build", action="store_true", help="the image is there already")
    parser.add_argument("--twice", action="store_true", help="build anew, and compare the two")
    parser.add_argument(
        "--if-possible", action="store_true", help="say why, and succeed, where there is no engine"
    )
    options = parser.parse_args()
    try:
        tell(f"engine {find_engine()}")
    except NoEngineError as error:
        sys.stderr.write(f"vadose: the image is not tested: {error}\n")
        sys.exit(0 if options.if_possible else 1)
    if not options.no_build:
        build(options.image)
    look_into(options.image)
    if options.twice:
        compare_builds(options.image)
    use(options.image)


def look_into(image: str) -> None:
    """See that the image is small, complete, and holds no tools for an intruder."""
    config = configuration(image)
    size = int(str(config["Size"]))
    tell(f"size {size / 1e6:.0f} MB")
    assert size < LARGEST, size
    assert str(config["User"]) not in {"", "0", "root"}
    assert config["Healthcheck"]
    labels = config["Labels"]
    assert isinstance(labels, dict)
    for name in ("title", "licenses", "version", "revision", "base.name"):
        assert labels.get(f"org.opencontainers.image.{name}"), name
    found = docker(
        *("run", "--rm", "--entrypoint=sh", image, "-c"),
        f"for one in {' '.join(COMPILERS)}; do command -v $one; done; true",
    )
    assert not found, found
    listed = bill_of_materials(image)
    missing = locked_packages() - listed
    # The lock serves every system; what is for others is not in this image.
    tell(f"bill of materials: {len(listed)} packages; of the lock for other systems: {missing}")
    assert len(missing) <= 6, missing


def bill_of_materials(image: str) -> set[str]:
    """Return the packages that the image's own list names, and keep it in ``dist``."""
    text = docker("run", "--rm", "--entrypoint=cat", image, "/opt/vadose/sbom/python.cdx.json")
    folder = ROOT / "dist"
    folder.mkdir(exist_ok=True)
    (folder / "vadose.cdx.json").write_text(text, encoding="utf-8")
    return {_plain(one["name"]) for one in json.loads(text)["components"]}


def locked_packages() -> set[str]:
    """Return the packages of the lock."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {_plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def compare_builds(image: str) -> None:
    """Build once more, from nothing, and see the same files and versions."""
    again = f"{image}-again"
    build(again, "--no-cache")
    first, second = contents(image), contents(again)
    assert first.versions == second.versions
    assert set(first.files) == set(second.files), set(first.files) ^ set(second.files)
    differ = [path for path, digest in first.files.items() if second.files[path] != digest]
    tell(f"built twice: {len(first.files)} files, {len(first.versions)} versions, the same")
    tell(f"  of these files {len(differ)} differ in content: {differ[:12]}")


def use(image: str) -> None:
    """Make a world in a volume, serve it, run jobs by HTTP, and stop."""
    volume = f"vadose-test-{uuid4().hex[:8]}"
    try:
        world = ("world", "--preset=tiny", "--seed=7", "--out=/data")
        docker("run", "--rm", *SAFE, f"--volume={volume}:/data", image, *world)
        with served(image, volume) as (name, client):
            see_ready(client)
            idle = settled_memory(name)
            tell(f"idle memory {idle} MB (PSS)")
            assert idle < MOST_IDLE, idle
            see_jobs(client)
            started = time.monotonic()
            docker("stop", f"--time={STOP_SECONDS}", name)
            seconds = time.monotonic() - started
            (state,) = json.loads(docker("inspect", "--format", "[{{json .State}}]", name))
            tell(f"stopped in {seconds:.1f} s with code {state['ExitCode']}")
            assert state["ExitCode"] == 0, docker("logs", name)
            assert seconds < STOP_SECONDS * crowd()
    finally:
        docker("volume", "rm", "--force", volume, check=False)


@contextmanager
def served(image: str, volume: str) -> Iterator[tuple[str, httpx.Client]]:
    """Run the service as compose does; give the container's name and a client."""
    name = f"{volume}-service"
    environment = {"VADOSE_REGION": "tiny-synthetic", "VADOSE_PUBLIC_WITHOUT_ACCESS": "true"}
    variables = [f"--env={key}={value}" for key, value in environment.items()]
    options = [f"--name={name}", f"--volume={volume}:/data", "--publish=127.0.0.1::5000"]
    docker("run", "--detach", *options, *SAFE, *variables, image)
    try:
        address = docker("port", name, "5000").splitlines()[0]
        with httpx.Client(base_url=f"http://{address}", timeout=60, trust_env=False) as client:
            yield name, client
    except BaseException:
        log = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=False)
        sys.stderr.write(f"{log.stdout[-4000:]}{log.stderr[-4000:]}\n")
        raise
    finally:
        docker("rm", "--force", name, check=False)


def see_ready(client: httpx.Client) -> None:
    """Wait until the service is ready, and for no longer than is promised."""
    started = time.monotonic()
    while not _is_ready(client):
        assert time.monotonic() - started < 10 * LONGEST_START * crowd()
        time.sleep(0.1)
    seconds = time.monotonic() - started
    tell(f"ready after {seconds:.1f} s")
    assert seconds < LONGEST_START * crowd(), seconds


def crowd() -> float:
    """Return how many at work share one processor, at least 1: each gets so much less of it."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _is_ready(client: httpx.Client) -> bool:
    try:
        answer = client.get("/health/ready")
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json()["status"] == "ready"


def settled_memory(container: str) -> int:
    """Return the PSS of all processes of a container, MB, once it grows no more."""
    before = 0
    for _ in range(30):
        time.sleep(SETTLE_SECONDS)
        now = int(docker("exec", container, "python3", "-c", _PSS))
        if now < 1.01 * before:
            break
        before = now
    return now


def see_jobs(client: httpx.Client) -> None:
    """Run a light job and the main one; read what they give, and the pages beside."""
    assert see_job(client, "echo", {"stringInput": "here"})["stringInput"] == "here"
    months = {"datetime": "2020-04/2020-05", "training": "2020-03/2020-06"}
    started = time.monotonic()
    results = see_job(client, "downscale-smap", months)
    tell(f"downscale-smap of two months: {time.monotonic() - started:.0f} s")
    assert results
    catalog = client.get("/catalog/catalog.json").json()
    assert catalog["type"] == "Catalog"
    for path in ("/", "/browser/", "/catalog/catalog.json", "/stac/", "/months"):
        assert client.get(path, follow_redirects=True).status_code == 200, path


def see_job(
    client: httpx.Client, process: str, inputs: dict[str, object], longest: float = 900
) -> dict[str, object]:
    """Run a job to its end by HTTP, and return its results."""
    address = f"/processes/{process}/execution"
    body = {"inputs": inputs, "response": "document"}
    answer = client.post(address, json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 201, answer.text
    job = f"/jobs/{answer.json()['jobID']}"
    deadline = time.monotonic() + longest
    while (status := client.get(job).json())["status"] in {"accepted", "running"}:
        assert time.monotonic() < deadline, status
        time.sleep(0.2)
    assert status["status"] == "successful", status
    results: dict[str, object] = client.get(f"{job}/results").json()
    return results


if __name__ == "__main__":
    main()

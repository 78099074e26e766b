"""Start Compose's profiles for real, run a job through HTTP, read its result: ``PROFILE…``.

The image is there already (``VADOSE_IMAGE``). Where no registry of images is reached, the services
beside it are those of ``Dockerfile`` here, by ``COMPOSE_OVERLAY=tests/docker/stand-ins.yml``.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from containers import ROOT, docker, find_engine, tell
from image import see_job, see_ready

COMPOSE = ROOT / "docker" / "compose"
JOB = {"datetime": "2020-04/2020-05", "training": "2020-03/2020-06"}
MONTHS = 2
SERVICE = "vadose-test-vadose-1"
MAPS, TIFF = "soil-moisture-1km-monthly", "image/tiff"


def main(profiles: list[str]) -> None:
    """Start the profiles, use them, stop them, and leave nothing."""
    tell(f"engine {find_engine()}; profiles: {' '.join(profiles) or 'none'}")
    with tempfile.TemporaryDirectory(prefix="vadose-secrets-") as folder:
        settings = Path(folder) / "vadose.env"
        settings.write_text("VADOSE_LOG_FORMAT=json\n", encoding="utf-8")
        environment = os.environ | {
            "VADOSE_SECRETS": folder,
            "VADOSE_ENV": str(settings),
            "COMPOSE_PROJECT_NAME": "vadose-test",
        }
        if "demo" in profiles:
            environment |= {"VADOSE_REGION": "tiny-synthetic", "DEMO_PRESET": "tiny"}
        try:
            _compose(environment, profiles, "up", "--detach", "--wait")
            with _client(environment, profiles, Path(folder)) as client:
                _use(client, profiles)
                _see_log(client)
            if "dask" in profiles:
                _see_strangers_refused()
            _compose(environment, profiles, "stop")
            codes = docker(
                *("ps", "--all", "--filter", "label=com.docker.compose.project=vadose-test"),
                *("--format", "{{.Names}}: {{.Status}}"),
            )
            tell(codes)
        except BaseException:
            _compose(environment, profiles, "logs", "--tail", "40")
            raise
        finally:
            _compose(environment, profiles, "down", "--volumes", "--timeout", "20")


def _use(client: httpx.Client, profiles: list[str]) -> None:
    see_ready(client)
    assert see_job(client, "echo", {"stringInput": "here"})["stringInput"] == "here"
    tell("echo: successful")
    if "demo" not in profiles:
        return
    assert see_job(client, "downscale-smap", dict(JOB))
    found = client.post("/stac/search", json={"collections": [MAPS]}).json()["features"]
    assert len(found) == MONTHS
    links = (asset["href"] for asset in found[0]["assets"].values() if TIFF in asset["type"])
    link = next(links)
    start = client.get(link, headers={"Range": "bytes=0-3"}, follow_redirects=True)
    assert start.status_code == 206, link
    assert start.content[:2] in {b"II", b"MM"}, link
    tell(f"downscale-smap: {len(found)} items found, {link} read")


def _see_log(client: httpx.Client) -> None:
    """See that the log is as our settings say, and tells who asked, not who they say they are."""
    client.get("/conformance", headers={"X-Forwarded-For": "192.0.2.7"})
    written = subprocess.run(
        ["docker", "logs", SERVICE], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line)["message"] for line in written.stderr.splitlines()]
    (asked,) = [line for line in lines if '"GET /conformance ' in line]
    network = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    assert asked.startswith(f"{docker('inspect', '--format', network, SERVICE)}:"), asked
    tell(f"{len(lines)} lines of JSON in the log, with the caller's address")


def _client(environment: dict[str, str], profiles: list[str], folder: Path) -> httpx.Client:
    """Return a client of the service, or of nginx, whose certificate it checks."""
    if "nginx" not in profiles:
        port = environment.get("VADOSE_PORT", "5000")
        return httpx.Client(base_url=f"http://localhost:{port}", timeout=60, trust_env=False)
    trusted = ssl.create_default_context(cafile=str(folder / "tls" / "authority.pem"))
    port = environment.get("NGINX_PORT", "8443")
    return httpx.Client(
        base_url=f"https://localhost:{port}", verify=trusted, timeout=60, trust_env=False
    )


def _see_strangers_refused() -> None:
    """Connect to the scheduler from a container without a certificate: it is not answered."""
    script = (
        "from distributed import Client\n"
        "try: Client('tcp://scheduler:8786', timeout=5)\n"
        "except OSError: print('refused')"
    )
    said = docker("exec", SERVICE, "/opt/vadose/.venv/bin/python", "-W", "ignore", "-c", script)
    assert said.splitlines()[-1] == "refused", said
    tell("a client without a certificate is refused by the scheduler")


def _compose(environment: dict[str, str], profiles: list[str], *command: str) -> None:
    subprocess.run([str(COMPOSE), *profiles, "--", *command], check=True, env=environment)


if __name__ == "__main__":
    main(sys.argv[1:])

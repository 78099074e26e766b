"""Run the OGC test suite for API - Processes 1.0 against a service of its own: ``make cite``.

The suite is a Java program (17 or newer), ``org.opengis.cite:ets-ogcapi-processes10:1.3:jar:aio``.
``CITE_JAR`` names a copy. Without it Maven Central is asked for one; where it has none, which is
so for that classifier of 1.3, the suite is built by Maven from its source, which ``CITE_SOURCE``
names (by default the OGC's repository), and kept in ``build/cite``. While it runs the suite
downloads schemas from schemas.opengis.net; here it gets them from ``VADOSE_SHARED`` (see
``mirror.py``), so nothing but Maven and git needs the internet.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
from xml.etree import ElementTree as ET

from mirror import STORE_PASSWORD, serve_schemas
from PIL import Image

VERSION = "1.3"
ARTIFACT = f"org.opengis.cite:ets-ogcapi-processes10:{VERSION}:jar:aio"
SOURCE = "https://github.com/opengeospatial/ets-ogcapi-processes10"
KEPT = Path(__file__).parents[2] / "build" / "cite"
MAIN_CLASS = "org.opengis.cite.ogcapiprocesses10.TestNGController"
TESTS = 54
PORT = 5087
START_SECONDS = 90
PROPERTIES = """<?xml version="1.0" encoding="UTF-8"?>
<properties version="1.0">
  <entry key="iut">{address}</entry>
  <entry key="echoprocessid">echo</entry>
  <entry key="testallprocesses">on</entry>
  <entry key="processtestlimit">5</entry>
</properties>
"""


def main() -> int:
    """Run the suite as often as the first argument says; return 0 where every test passed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    shared = Path(os.environ.get("VADOSE_SHARED", Path(__file__).parents[3] / "shared"))
    if not (shared / "ogc-schemas").is_dir():
        sys.exit(f"{shared} has no ogc-schemas: VADOSE_SHARED names the folder with them")
    jar = find_jar()
    with tempfile.TemporaryDirectory(prefix="vadose-cite-") as name:
        folder = Path(name)
        with serve_schemas(shared / "ogc-schemas", folder / "mirror") as mirror:
            counts = [run(jar, mirror, folder / f"round-{number}") for number in range(rounds)]
    for count in counts:
        tell(", ".join(f"{count[kind]} {kind.lower()}" for kind in ("PASS", "FAIL", "SKIP")))
    return 0 if all(count == Counter(PASS=TESTS) for count in counts) else 1


def find_jar() -> Path:
    """Return the suite: the copy that ``CITE_JAR`` names, one kept, one of Maven's, or our own."""
    if "CITE_JAR" in os.environ:
        return Path(os.environ["CITE_JAR"])
    if not (kept := _kept()):
        maven = shutil.which("mvn")
        if maven is None:
            sys.exit("cite: neither CITE_JAR nor mvn is there, and one of them is needed")
        KEPT.mkdir(parents=True, exist_ok=True)
        if not _download(maven):
            _build(maven)
        kept = _kept()
    return kept[0]


def _kept() -> list[Path]:
    return sorted(KEPT.glob("*-aio.jar"))


def _download(maven: str) -> bool:
    """Ask Maven Central for the suite; return whether it has it."""
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
    target = (f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={KEPT}")
    command = [maven, "--batch-mode", "--quiet", "--update-snapshots", goal, *target]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode:
        why = next((line for line in asked.stdout.splitlines() if "ERROR" in line), "no answer")
        tell(f"cite: Maven Central gives no {ARTIFACT}: {why[:300]}")
    return not asked.returncode


def _build(maven: str) -> None:
    """Build the suite from its source; end where that fails."""
    source = os.environ.get("CITE_SOURCE", SOURCE)
    tell(f"cite: building it from {source} at {VERSION}")
    with tempfile.TemporaryDirectory(prefix="vadose-cite-source-") as name:
        clone = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--depth=1"]
        clone += [f"--branch={VERSION}", source, name]
        options = ("-DskipTests", "-Denforcer.skip=true")
        for command in (clone, [maven, "--batch-mode", "--quiet", *options, "package"]):
            if subprocess.run(command, cwd=name, check=False).returncode:
                sys.exit(f"cite: the suite cannot be built: {shlex.join(command)} failed")
        shutil.copy(next(Path(name, "target").glob("*-aio.jar")), KEPT)


def run(jar: Path, mirror: tuple[int, Path], folder: Path) -> Counter[str]:
    """Run the suite once against a fresh service; tell what failed and count the results."""
    folder.mkdir()
    address = f"http://127.0.0.1:{PORT}"
    properties = folder / "properties.xml"
    properties.write_text(PROPERTIES.format(address=address))
    service = start_service(folder / "data", folder / "service.log", address)
    port, trust = mirror
    command = [
        "java",
        *(f"-D{scheme}.proxyHost=127.0.0.1" for scheme in ("http", "https")),
        *(f"-D{scheme}.proxyPort={port}" for scheme in ("http", "https")),
        f"-Djavax.net.ssl.trustStore={trust}",
        f"-Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
        "-classpath",
        f"{jar}{os.pathsep}{picture_folder(folder)}",
        MAIN_CLASS,
        "-o",
        str(folder),
        str(properties),
    ]
    try:
        with (folder / "suite.log").open("wb") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
    except subprocess.CalledProcessError:
        sys.exit(f"cite: the suite did not run:\n{(folder / 'suite.log').read_text()[-4000:]}")
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait()
    return count(next(folder.rglob("*-results.xml")))


def picture_folder(folder: Path) -> Path:
    """Make the picture that the suite sends: it looks for it beside its classes.

    TEAM Engine has it there; the runnable jar lacks it, and one test would fail without.
    """
    picture = folder / "resources" / "org/opengis/cite/testdata/testgeotiff.tiff"
    picture.parent.mkdir(parents=True)
    Image.new("L", (4, 4)).save(picture)
    return folder / "resources"


def start_service(data: Path, log: Path, address: str) -> subprocess.Popen[bytes]:
    """Start a service with an empty folder and wait until it answers."""
    program = Path(sys.executable).with_name("vadose")
    environment = os.environ | {"VADOSE_DATA": str(data), "VADOSE_JOBS_AT_ONCE": "2"}
    with log.open("wb") as stream:
        service = subprocess.Popen(
            [program, "serve", "--port", str(PORT)], env=environment, stdout=stream, stderr=stream
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.poll() is None:
        try:
            with urlopen(f"{address}/health"):  # noqa: S310  (our own address)
                return service
        except URLError:
            time.sleep(0.2)
    service.kill()
    sys.exit(f"cite: the service did not start:\n{log.read_text()}")


def count(results: Path) -> Counter[str]:
    """Count the test methods by result, and print what was not passed."""
    counts: Counter[str] = Counter()
    for method in ET.parse(results).iter("test-method"):  # noqa: S314  (the suite's own file)
        if method.get("is-config") == "true":
            continue
        status = method.get("status", "")
        counts[status] += 1
        if status != "PASS":
            message = method.findtext(".//message") or ""
            tell(f"{status} {method.get('name')}: {' '.join(message.split())[:300]}")
    return counts


def tell(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())

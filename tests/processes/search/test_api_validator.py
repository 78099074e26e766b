"""The STAC community's own validator on the API, for every class that is claimed.

It would fetch the schemas that it judges documents by; it is given the same ones from here.
"""

from __future__ import annotations

import json
import subprocess
import sys

import httpx

from stac.fields import footprint, polygon
from stac.testing import AREA

VALIDATOR = """
from pystac.validation import RegisteredValidator
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from stac_api_validator.__main__ import main
from stac_validator import utilities
from stac.conformity import schema
from stac.extensions import schemas

utilities._schema_cache = lambda address: schema(address.removesuffix("#"))
offline = JsonSchemaSTACValidator()
offline.schema_cache |= schemas()
RegisteredValidator.set_validator(offline)
main()
"""
CLASSES = {
    "https://api.stacspec.org/v1.0.0/core": "core",
    "https://api.stacspec.org/v1.0.0/collections": "collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features": "features",
    "https://api.stacspec.org/v1.0.0/item-search": "item-search",
    "https://api.stacspec.org/v1.0.0-rc.2/item-search#filter": "filter",
    "https://api.stacspec.org/v1.0.0/item-search#sort": "item-search#sort",
    "https://api.stacspec.org/v1.0.0/item-search#fields": "item-search#fields",
}
"""What it calls the classes of STAC; of those of other standards it looks at CQL2's."""


def test_it_finds_no_error(address: str) -> None:
    """In any class of STAC that the API claims."""
    claimed = httpx.get(f"{address}/stac/conformance").json()["conformsTo"]
    assert {uri for uri in claimed if "api.stacspec.org" in uri} == set(CLASSES)
    options = {
        "--root-url": f"{address}/stac/",
        "--collection": "soil-moisture-1km-monthly",
        "--geometry": json.dumps(polygon(footprint(AREA))),
        "--fields-nested-property": "properties.vadose:region",
    }
    command = [sys.executable, "-W", "ignore", "-c", VALIDATOR, "--no-validate-pagination"]
    for name, value in [*options.items(), *(("--conformance", one) for one in CLASSES.values())]:
        command += [name, value]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, "Errors: none" in run.stdout) == (0, True), run.stdout + run.stderr

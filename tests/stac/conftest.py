"""A catalogue in a bucket for the tests of this folder."""

from __future__ import annotations

import pytest

from stac.s3_store import S3Catalog


@pytest.fixture
def s3_catalog(bucket: str) -> S3Catalog:
    """Give an empty catalogue below a prefix of a bucket."""
    return S3Catalog(bucket, "some/where")

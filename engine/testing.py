"""What the tests of all three packages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_path(*parts: str) -> Path:
    """Return a path below the folder of shared reference material, or skip the calling test.

    The folder is named by ``VADOSE_SHARED`` and is ``../shared`` beside the project by default.
    """
    root = Path(os.environ.get("VADOSE_SHARED", Path(__file__).parents[2] / "shared"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"reference material {'/'.join(parts)} is not at VADOSE_SHARED")
    return path

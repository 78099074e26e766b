"""Which code this is: a worker of another version must not take part in a job.

The number of a release does not tell versions of a checkout apart, so the files count, too.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("engine", "stac", "processes")
_KINDS: Final = frozenset({".py", ".toml", ".yaml"})
_DIGITS: Final = 12


@cache
def code_version() -> str:
    """Return the release and a digest of all files that decide what a job makes."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(one for name in _PACKAGES for one in (root / name).rglob("*.*")):
        if path.suffix in _KINDS:
            digest.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return f"{metadata.version('vadose')} ({digest.hexdigest()[:_DIGITS]})"

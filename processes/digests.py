"""Checksums of the archive's files, each taken once for as long as the file is not touched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from engine.files import atomic_path
from stac.assets import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from engine.granules import Granule

    type Known = dict[str, str]


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 of granules, kept beside the features: one file for each product.

    Two processes that keep at once may lose what one of them took; it is taken again.

    Parameters
    ----------
    folder
        Where they are kept; made at the first use.
    """

    folder: Path

    def of(self, granules: Iterable[Granule]) -> Mapping[Path, str]:
        """Return the hexadecimal SHA-256 of every granule's bytes, by its path."""
        by_product: dict[str, list[Path]] = {}
        for granule in granules:
            by_product.setdefault(granule.product, []).append(granule.path)
        return {
            path: digest
            for product, paths in by_product.items()
            for path, digest in self._of_product(product, paths).items()
        }

    def _of_product(self, product: str, paths: Iterable[Path]) -> Mapping[Path, str]:
        file = self.folder / f"{quote(product, safe='')}.json"
        known = _read(file)
        keys = {path: _key(path) for path in paths}
        new = {key: sha256_of(path) for path, key in keys.items() if key not in known}
        if new:
            known |= _read(file) | new
            with atomic_path(file) as temporary:
                temporary.write_text(json.dumps(known, indent=0), encoding="utf-8")
        return {path: known[key] for path, key in keys.items()}


def _key(path: Path) -> str:
    """Return what changes when a file is touched or replaced, wherever the archive is moved."""
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"


def _read(file: Path) -> Known:
    try:
        known: Known = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return known

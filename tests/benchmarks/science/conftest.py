"""The benchmark is a program, not a package: pytest looks into its test alone."""

from __future__ import annotations

from pathlib import Path

collect_ignore = [
    path.name for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_")
]

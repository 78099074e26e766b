"""Other maps of soil moisture, to compare ours with.

A product is a TOML file: ``specs/`` holds those that we know, and users add their own.
"""

from __future__ import annotations

from engine.comparison.product import ComparisonMonth, ComparisonProduct
from engine.comparison.spec import ComparisonSpec, load_comparisons

__all__ = ["ComparisonMonth", "ComparisonProduct", "ComparisonSpec", "load_comparisons"]

"""Source products: one spec per product (package data), one pure decoder per format.

A new product is a new TOML file in ``specs/``; only a new format needs code.
"""

from __future__ import annotations

from engine.products.classes import class_fields
from engine.products.decode import decode
from engine.products.names import recognise
from engine.products.spec import ProductSpec, VariableSpec, load_specs

__all__ = ["ProductSpec", "VariableSpec", "class_fields", "decode", "load_specs", "recognise"]

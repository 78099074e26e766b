"""Instruments: how the products see the truth. Arrays in physical units; no files here."""

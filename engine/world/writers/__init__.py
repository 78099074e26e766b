"""Packers of observations into genuine files: one module per format, no science here."""

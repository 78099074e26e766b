"""The synthetic world: a known 1 km truth and genuine files that observe it."""

"""Search: an index of the catalogue in the database of the jobs, and a STAC API over it."""

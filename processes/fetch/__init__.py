"""Getting the data: what a region's maps need, from those who have it, into an archive.

A plan says what an archive lacks and who offers it; a transfer brings one file, whole or not at
all, with a note of where it came from. What is known of providers is in ``facts/``.
"""

"""One at a time for the large libraries.

They are loaded beside the service's first answers, by several threads. Two threads that load what
refers to each other may be given modules that are only half there.
"""

from __future__ import annotations

import threading

LOADING = threading.Lock()
"""Held while a part of the service is loaded, and for nothing else."""

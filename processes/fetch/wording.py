"""Amounts and times as people read them."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def amount(size: float) -> str:
    """Return a number of bytes.

    >>> amount(999), amount(58_300_000_000)
    ('999 bytes', '58.3 GB')
    """
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time.

    >>> duration(42), duration(5_400), duration(200_000)
    ('42 s', '1.5 h', '2.3 days')
    """
    for length, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.0f} s"

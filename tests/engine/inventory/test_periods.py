"""When a complete archive has its files."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.inventory.periods import lattice
from engine.months import Period


@given(
    first=st.dates(date(2016, 1, 1), date(2022, 1, 1)),
    spacing=st.integers(1, 16),
    missing=st.sets(st.integers(1, 28)),
    before=st.integers(0, 40),
    after=st.integers(0, 40),
)
def test_a_lattice_finds_what_was_taken_away(
    first: date, spacing: int, missing: set[int], before: int, after: int
) -> None:
    """Days at an even pace are recovered from those that are left, and continued to both ends."""
    step = timedelta(days=spacing)
    whole = [first + k * step for k in range(30)]
    left = [day for k, day in enumerate(whole) if k not in missing]
    span = Period(first - timedelta(days=before), whole[-1] + timedelta(days=after + 1))
    days = [day for day in lattice(left, spacing, span) if span.start <= day < span.end]
    expected = [
        day
        for day in (first + k * step for k in range(-before, 31 + after))
        if span.start <= day < span.end
    ]
    assert days == expected

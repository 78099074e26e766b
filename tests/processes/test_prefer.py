"""The header ``Prefer`` is read as RFC 7240 writes it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processes.prefer import Preferences, read_preferences


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Preferences()),
        (["respond-async"], Preferences(respond_async=True)),
        (["RESPOND-ASYNC , wait = 10"], Preferences(respond_async=True, wait=10)),
        (['foo="a, respond-async"; bar, wait="5"'], Preferences(wait=5)),
        (["respond-async", "wait=3"], Preferences(respond_async=True, wait=3)),
        (["wait=3, wait=9"], Preferences(wait=3)),
        (["respond-asynchronously, wait=-1, wait"], Preferences()),
        (["wait=99999999999999999999"], Preferences(wait=999_999_999)),
        (['wait=3, a="\\"b", respond-async'], Preferences(respond_async=True, wait=3)),
        (['wait=3, a="nobody closes this, respond-async'], Preferences(wait=3)),
    ],
)
def test_preferences_are_read(headers: list[str], expected: Preferences) -> None:
    """Case, space, quotes, parameters, lists and repeated headers; the first of a name counts."""
    assert read_preferences(headers) == expected


@given(st.lists(st.text(max_size=60), max_size=3))
def test_any_header_is_read(headers: list[str]) -> None:
    """Whatever a client sends is no error."""
    assert isinstance(read_preferences(headers), Preferences)


@pytest.mark.parametrize(
    "header", ["a" + " " * 60_000 + "b", '"' + '\\"' * 30_000, '"' + '\\"' * 30_000 + "\\"]
)
def test_a_long_header_costs_no_time(header: str) -> None:
    """A header as long as servers take is read at once, whatever it is made of."""
    begin = time.perf_counter()
    assert read_preferences([header]) == Preferences()
    assert time.perf_counter() - begin < 1

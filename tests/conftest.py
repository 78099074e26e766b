"""Fixtures of all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from engine.testing import tiny_world_in

if TYPE_CHECKING:
    from engine.world import World

# How fast a draw is says more about the machine's other work than about us.
settings.register_profile("vadose", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vadose")


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give the ``tiny`` synthetic world, built once a session; read only."""
    return tiny_world_in(tmp_path_factory.mktemp("world"))

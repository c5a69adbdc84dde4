"""What every test needs."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgresql import Server, server

# How long one example takes is a matter of the machine and of what else runs on it; no law is about that.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Let no loop be made behind a test's back.

    looptime asks for the loop of every test; where none was ever set, a first test without one would get a loop that
    nobody closes, and unclosed loops are errors here.
    """
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for all tests of a process; each has a schema of its own."""
    with server() as running:
        yield running


@pytest.fixture
def own_postgresql() -> Iterator[Server]:
    """A server that a test may stop."""
    with server() as running:
        yield running

"""What every test needs."""

import asyncio

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let no loop be made behind a test's back.

    looptime asks for the loop of every test; where none was ever set, a first test without one would get a loop that
    nobody closes, and unclosed loops are errors here.
    """
    asyncio.set_event_loop(None)

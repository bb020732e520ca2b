"""Fixtures for tests that skip time. A test file has them in place of the usual ones by giving them the names of those."""

from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.temporal import Temporal
from embedded.temporal import TemporalServer
from tests.stack import Stack, bootstrapped
from tests.sync_clock import Clock
from worker import make_worker


@pytest.fixture(scope="module")
def temporal_server() -> Iterator[TemporalServer]:
    with TemporalServer(time_skipping=True) as server:
        yield server


@pytest.fixture(scope="module")
async def temporal(temporal_server: TemporalServer) -> Temporal:
    return await bootstrapped(temporal_server)


@pytest.fixture
async def stack(idle_stack: Stack) -> AsyncIterator[Stack]:
    """The worker works; no relay, which lives by the day of today."""
    async with make_worker(idle_stack.settings, idle_stack.database, idle_stack.temporal):
        yield idle_stack


@pytest.fixture
async def clock(stack: Stack) -> Clock:
    """It empties the outbox in place of the relay."""
    return Clock(stack)

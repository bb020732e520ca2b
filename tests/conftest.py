"""Real servers, one set a test process; an empty database a test. Sockets lead to this machine only."""

import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.service import RPCError

import adapters.temporal
from adapters.database.migrate import migrate
from adapters.database.session import Database
from adapters.database.tables import Base
from adapters.settings import Settings
from adapters.temporal import Temporal
from domain.names import onboarding_workflow_id, sync_workflow_id, termination_workflow_id
from embedded import postgres as embedded_postgres
from embedded.temporal import TemporalServer
from tests.apps import playbooks_read_once
from tests.partners_sandbox import SLUGS, Sandbox, sandbox_of, sandbox_process
from tests.stack import PATIENCE, Mails, Stack, bootstrapped, settings_for, stack_on
from tests.test_sandbox import Process

LARGE = 4 * 2**20  # bytes
LIMITS = {
    "adapters.temporal.ANSWER_WITHIN": adapters.temporal.ANSWER_WITHIN,
    "adapters.temporal.HEALTH_WITHIN": adapters.temporal.HEALTH_WITHIN,
}
_connect = socket.socket.connect

# How long an example takes depends on what else the machine does: nothing is timed in tests.
hypothesis.settings.register_profile(
    "racord", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("racord")


@pytest.fixture(autouse=True, scope="session")
def _only_this_machine() -> Iterator[None]:
    """A test that reaches out fails at once and says where to."""

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "unix"
        if host not in ("127.0.0.1", "::1", "localhost", "unix"):
            raise AssertionError(f"a test wanted to reach {address}")
        _connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(autouse=True, scope="session")
def _what_stays_is_no_garbage() -> Iterator[None]:
    """Garbage is looked for among what tests make: a look at all that was imported may take longer than a workflow's turn may."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True, scope="session")
def _a_slow_machine_is_waited_for() -> Iterator[None]:
    """Where a worker is at work, a call is answered, and not merely noted (202) because the machine is slow."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in LIMITS:
            patch.setattr(limit, timedelta(seconds=PATIENCE))
        yield


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests without a worker or without Temporal: what will not come is waited for as long as the product does."""
    for limit, usual in LIMITS.items():
        monkeypatch.setattr(limit, usual)


@pytest.fixture(autouse=True, scope="session")
def _playbooks_are_read_once() -> Iterator[None]:
    with playbooks_read_once():
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A migrated database of this test process's own."""
    with embedded_postgres.temporary() as server:
        migrate(settings_for(server.url, "127.0.0.1:1", 1))
        yield server.url


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """Connected, and empty."""
    database = Database.connect(settings_for(postgres_url, "127.0.0.1:1", 1))
    async with database.engine.begin() as connection:
        await _empty(connection)
    yield database
    await database.close()


async def _empty(connection: AsyncConnection) -> None:
    """Few rows are deleted in a twentieth of the time that new files for all tables take; many are not."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    size = text(
        "SELECT sum(pg_total_relation_size(CAST(name AS regclass))) FROM unnest(CAST(:tables AS text[])) name"
    )
    if (await connection.scalar(size, {"tables": tables}) or 0) > LARGE:
        await connection.execute(text(f"TRUNCATE {', '.join(tables)} CASCADE"))
    else:
        await connection.execute(text("; ".join(f"DELETE FROM {table}" for table in tables)))


@pytest.fixture(scope="session")
def temporal_server() -> Iterator[TemporalServer]:
    with TemporalServer() as server:
        yield server


@pytest.fixture(scope="session")
async def temporal(temporal_server: TemporalServer) -> Temporal:
    return await bootstrapped(temporal_server)


@pytest.fixture
async def mails(tmp_path: Path) -> AsyncIterator[Mails]:
    async with Mails(tmp_path / "mail").serving() as mails:
        yield mails


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """What a test file wants set beside the defaults, by overriding this."""
    return {}


@pytest.fixture
def settings(
    postgres_url: str, temporal_server: TemporalServer, mails: Mails, more_settings: dict[str, Any]
) -> Settings:
    return settings_for(postgres_url, temporal_server.address, mails.port, **more_settings)


@pytest.fixture(scope="session")
def sandbox_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One sandbox for a test process: connections have ids of their own."""
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
async def sandbox(sandbox_running: Process) -> AsyncIterator[Sandbox]:
    """The partners' systems, well-behaved again."""
    async with sandbox_of(sandbox_running) as sandbox:
        for slug in SLUGS:
            await sandbox.order(slug, "behave", mode="ok")
        yield sandbox


@pytest.fixture
async def idle_stack(
    settings: Settings, database: Database, temporal: Temporal, mails: Mails
) -> AsyncIterator[Stack]:
    """Everything but a worker; onboardings left open are ended with the test."""
    async with stack_on(settings, database, temporal, mails) as stack:
        yield stack
        await _end_what_is_open(stack)


@pytest.fixture
async def stack(idle_stack: Stack) -> AsyncIterator[Stack]:
    """Everything, working."""
    async with idle_stack.working():
        yield idle_stack


async def _end_what_is_open(stack: Stack) -> None:
    async with stack.database.transaction() as session:
        ids = (
            await session.scalars(
                text("SELECT id FROM onboardings WHERE status IN ('in_progress', 'on_hold')")
            )
        ).all()
        connection_ids = (await session.scalars(text("SELECT id FROM connections"))).all()
    for onboarding_id in ids:
        if await stack.temporal.status(onboarding_id) is not None:
            handle = stack.temporal.client.get_workflow_handle(onboarding_workflow_id(onboarding_id))
            await handle.terminate("the test is over")
    for id in connection_ids:
        for workflow_id in (sync_workflow_id(id), termination_workflow_id(id)):
            with contextlib.suppress(RPCError):  # it has ended, or never began
                await stack.temporal.client.get_workflow_handle(workflow_id).terminate("the test is over")

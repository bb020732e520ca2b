"""Parts die in the middle of a delivery: the partner sees at most a repetition, and nothing is lost (R14–R17)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.database.migrate import migrate
from adapters.database.session import Database
from adapters.settings import Settings
from adapters.temporal import Temporal
from adapters.temporal_bootstrap import bootstrap
from embedded.postgres import Postgres
from embedded.temporal import TemporalServer
from tests.connections import go_live
from tests.live_channel import Channel
from tests.partners_sandbox import Sandbox, endpoints, variables
from tests.stack import Mails, Stack, settings_for, stack_on
from tests.test_embedded import killed
from tests.test_outages import WorkerProcess
from tests.test_outages_of_stores import folder
from tests.test_sandbox import Process

PATIENCE = 60.0


@pytest.fixture
def more_settings(sandbox_running: Process) -> dict[str, Any]:
    return endpoints(sandbox_running)


@pytest.fixture
def worker(settings: Settings, sandbox_running: Process, tmp_path: Path) -> Iterator[WorkerProcess]:
    """`python -m worker` that knows the sandbox, to be killed."""
    process = WorkerProcess(settings, tmp_path / "worker.log", variables(sandbox_running))
    yield process
    process.kill()


async def is_under_way(channel: Channel) -> None:
    """Waits until a delivery is at the partner, who has not answered."""

    def is_open(seen: Any) -> bool:
        waiting = seen["delivery"]
        return bool(waiting and waiting["tries"] == 1 and waiting["verdict"] is None)

    await channel.stack.until(channel.connection, is_open, patience=PATIENCE)


async def comes_to_hold(channel: Channel, minutes: int) -> None:
    """Waits until the partner holds these minutes, and Racord knows."""

    async def look() -> tuple[bool, bool]:
        held = await channel.held()
        return {one[0] for one in held.values()} == {minutes}, (await channel.connection())[
            "delivery"
        ] is None

    await channel.stack.until(look, all, patience=PATIENCE)


async def answers_again(stack: Stack) -> None:
    """Waits out the moment in which requests are told to try again."""

    async def look() -> int:
        return (await stack.http.get("/api/v1/connections")).status_code

    await stack.until(look, lambda status: status == 200)


async def a_repetition_at_most(channel: Channel, *, most_tries: int) -> None:
    """Each id came with one content, none without a sequence of its own."""
    came = await channel.arrived()
    assert [one["contradicted"] for one in came] == [0] * len(came)
    assert [one["sequence"] for one in came] == list(range(1, len(came) + 1))
    assert max(one["tries"] for one in came) <= most_tries


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
async def test_a_worker_killed_between_push_and_acknowledgement_repeats_the_very_same(
    idle_stack: Stack, sandbox: Sandbox, worker: WorkerProcess, taken: bool
) -> None:
    channel = Channel(idle_stack, sandbox, await go_live(idle_stack.database, "generali", services=1))
    await comes_to_hold(channel, 30)
    await channel.behave("slow" if taken else "hang", seconds=3, times=1)
    await channel.lasts(channel.live.service_ids[0], 45)
    await is_under_way(channel)
    if taken:
        await channel.holds({"S00000": (45, "100.00")})
    worker.die_and_rise()
    await comes_to_hold(channel, 45)
    came = await channel.arrived()
    assert [one["sequence"] for one in came] == [1, 2]
    assert came[-1]["tries"] == 2
    await a_repetition_at_most(channel, most_tries=2)


async def test_a_worker_killed_again_and_again_while_prices_change_loses_none(
    idle_stack: Stack, sandbox: Sandbox, worker: WorkerProcess
) -> None:
    channel = Channel(idle_stack, sandbox, await go_live(idle_stack.database, "generali", services=1))
    await comes_to_hold(channel, 30)
    for minutes in (35, 40, 45):
        await channel.behave("slow", seconds=2, times=1)
        await channel.lasts(channel.live.service_ids[0], minutes)
        await is_under_way(channel)
        worker.die_and_rise()
    await comes_to_hold(channel, 45)
    await a_repetition_at_most(channel, most_tries=1 + worker.deaths)


async def test_temporal_killed_in_the_middle_of_a_delivery_loses_nothing(
    database: Database, postgres_url: str, mails: Mails, sandbox_running: Process, sandbox: Sandbox
) -> None:
    with folder() as home:
        server = await asyncio.to_thread(TemporalServer(home / "temporal").start)
        settings = settings_for(postgres_url, server.address, mails.port, **endpoints(sandbox_running))
        temporal = await Temporal.connect(settings, lazy=False)
        await bootstrap(temporal.client)
        async with stack_on(settings, database, temporal, mails) as stack, stack.working():
            channel = Channel(stack, sandbox, await go_live(database, "generali", services=1))
            await comes_to_hold(channel, 30)
            await channel.behave("slow", seconds=2, times=1)
            await channel.lasts(channel.live.service_ids[0], 45)
            await is_under_way(channel)
            killed(server)
            await channel.lasts(channel.live.service_ids[0], 50)
            server = await asyncio.to_thread(TemporalServer(home / "temporal", server.port).start)
            await comes_to_hold(channel, 50)
            await a_repetition_at_most(channel, most_tries=2)
        await asyncio.to_thread(server.stop)


async def test_postgres_killed_in_the_middle_of_a_delivery_loses_nothing(
    temporal: Temporal,
    temporal_server: TemporalServer,
    mails: Mails,
    sandbox_running: Process,
    sandbox: Sandbox,
) -> None:
    with folder() as home:
        server = await asyncio.to_thread(Postgres(home / "pg", durable=False).start)
        more = endpoints(sandbox_running)
        settings = settings_for(server.url, temporal_server.address, mails.port, **more)
        await asyncio.to_thread(migrate, settings)
        database = Database.connect(settings)
        async with stack_on(settings, database, temporal, mails) as stack, stack.working():
            channel = Channel(stack, sandbox, await go_live(database, "generali", services=1))
            await comes_to_hold(channel, 30)
            await channel.behave("slow", seconds=2, times=1)
            await channel.lasts(channel.live.service_ids[0], 45)
            await is_under_way(channel)
            killed(server)
            server = await asyncio.to_thread(Postgres(home / "pg", server.port, durable=False).start)
            await answers_again(stack)
            await comes_to_hold(channel, 45)
            await a_repetition_at_most(channel, most_tries=3)
            await channel.enable(False)
            await channel.becomes("ended")
        await database.close()
        await asyncio.to_thread(server.stop)

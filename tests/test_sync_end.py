"""The end of a connection on real parts: withdrawn at the partner and proven, told to everybody at once (R17)."""

import asyncio
from typing import Any

import pytest

from adapters.database.session import Database
from adapters.relay import Relay
from adapters.temporal import Temporal
from adapters.temporal_bootstrap import bootstrap
from embedded.temporal import TemporalServer
from tests.connections import CLINIC, go_live
from tests.live_channel import Channel, Held
from tests.partners_sandbox import Sandbox, endpoints
from tests.stack import Mails, Stack, settings_for, stack_on
from tests.test_sandbox import Process

BOTH: Held = {"S00000": (30, "100.00"), "S00001": (30, "100.00")}
SUPPORT = "suport@programari.example"


@pytest.fixture
def more_settings(sandbox_running: Process) -> dict[str, Any]:
    return endpoints(sandbox_running)


async def begun(stack: Stack, sandbox: Sandbox) -> Channel:
    """A connection whose partner holds both services."""
    channel = Channel(stack, sandbox, await go_live(stack.database, "generali"))
    await channel.holds(BOTH)
    return channel


async def everybody_is_told(mails: Mails, stack: Stack) -> None:
    """Provider, partner and support have one message each."""

    async def look() -> list[str]:
        return [mail["X-Envelope-To"] for mail in mails.all()]

    told = await stack.until(look, lambda seen: len(seen) >= 3)
    assert len(set(told)) == len(told) == 3
    assert {CLINIC, SUPPORT} < set(told)


async def nothing_more_is_sent(channel: Channel) -> None:
    """What changes after the end reaches nobody."""
    stack, before = channel.stack, (await channel.arrived(), len(channel.stack.mails.all()))
    first = channel.live.service_ids[0]
    await channel.lasts(first, 75)
    await channel.costs({first: "77.00"})
    await channel.told()
    assert await Relay(stack.settings, stack.database, stack.temporal).compare_connections() == 0
    assert (await channel.arrived(), len(stack.mails.all())) == before


async def test_disabled_while_the_partner_is_down_it_is_told_at_once_and_withdrawn_when_it_is_back(
    stack: Stack, sandbox: Sandbox
) -> None:
    channel = await begun(stack, sandbox)
    await channel.behave("down")
    await channel.enable(False)
    await everybody_is_told(stack.mails, stack)
    seen = await channel.fell_on(2)
    assert (seen["status"], seen["ended_at"], seen["proof"]) == ("ending", None, None)
    assert (seen["cause"], seen["waiting_on"]) == ("permission_disabled", "partner")
    assert await channel.held() == BOTH
    await channel.behave("ok")
    await channel.reached()
    seen = await channel.becomes("ended")
    assert (seen["proof"]["known"], seen["proof"]["held"]) == (True, 0)
    assert await channel.held() == {}
    assert (await channel.arrived())[-1]["type"] == "connection.ended"
    await nothing_more_is_sent(channel)
    assert len(stack.mails.all()) == 3


async def test_who_could_not_be_told_is_told_again_before_the_end_is_closed_and_after_it(
    stack: Stack, sandbox: Sandbox
) -> None:
    channel = await begun(stack, sandbox)
    again = f"/connections/{channel.live.connection_id}/tell-again"
    await channel.behave("down")
    stack.mails.refusals[CLINIC] = "550 5.1.1 No such mailbox"
    await channel.enable(False)
    for _ in range(2):
        seen = await stack.until(channel.connection, lambda one: one["untold"] == 1)
        assert seen["status"] == "ending"
        await stack.call("POST", again, json={})
    await stack.until(channel.connection, lambda one: one["untold"] == 1)
    await channel.behave("ok")
    await channel.reached()
    await channel.becomes("ended")
    stack.mails.refusals.clear()
    await stack.call("POST", again, json={})
    await everybody_is_told(stack.mails, stack)


async def test_what_was_under_way_when_it_ended_is_not_done_after_it(stack: Stack, sandbox: Sandbox) -> None:
    channel = await begun(stack, sandbox)
    await channel.behave("hang", seconds=2, times=1)
    await channel.lasts(channel.live.service_ids[0], 45)
    await stack.until(channel.connection, lambda seen: bool(seen["delivery"] and seen["delivery"]["tries"]))
    await channel.enable(False)
    await channel.becomes("ended")
    assert await channel.held() == {}
    assert [one["type"] for one in await channel.arrived()][-1] == "connection.ended"
    await nothing_more_is_sent(channel)


async def test_a_partner_that_takes_the_end_and_holds_on_is_told_again_until_it_does_not(
    stack: Stack, sandbox: Sandbox
) -> None:
    channel = await begun(stack, sandbox)
    await channel.behave("keep", times=1)
    await channel.enable(False)
    seen = await stack.until(channel.connection, lambda one: bool(one["comparison"]))
    assert (seen["status"], seen["comparison"]["held"]) == ("ending", 2)
    assert (await channel.becomes("ended"))["proof"]["held"] == 0
    assert [one["type"] for one in await channel.arrived()][-2:] == ["connection.ended"] * 2
    assert await channel.held() == {}


async def test_a_partner_that_wants_no_question_any_more_holds_nothing(
    stack: Stack, sandbox: Sandbox
) -> None:
    channel = await begun(stack, sandbox)
    await channel.behave("mute", status=410)
    await channel.enable(False)
    assert (await channel.becomes("ended"))["proof"] == {"known": True, "held": 0, "detail": ""}


async def test_with_its_last_service_deleted_the_connection_ends(stack: Stack, sandbox: Sandbox) -> None:
    channel = await begun(stack, sandbox)
    first, last = channel.live.service_ids
    await channel.delete(first)
    await channel.holds({"S00001": (30, "100.00")})
    assert (await channel.connection())["status"] == "active"
    assert stack.mails.all() == []
    await channel.delete(last)
    seen = await channel.becomes("ended")
    assert (seen["cause"], seen["proof"]["held"]) == ("last_service_deleted", 0)
    assert await channel.held() == {}
    await everybody_is_told(stack.mails, stack)


async def test_with_temporals_store_lost_the_end_goes_on_and_nobody_is_told_twice(
    database: Database, postgres_url: str, mails: Mails, sandbox_running: Process, sandbox: Sandbox
) -> None:
    server = await asyncio.to_thread(TemporalServer().start)
    settings = settings_for(postgres_url, server.address, mails.port, **endpoints(sandbox_running))
    temporal = await Temporal.connect(settings, lazy=False)
    await bootstrap(temporal.client)
    async with stack_on(settings, database, temporal, mails) as stack:
        async with stack.working():
            channel = await begun(stack, sandbox)
            await channel.behave("down")
            await channel.enable(False)
            await everybody_is_told(mails, stack)
            await channel.fell_on(1)
        server.stop()
        server = await asyncio.to_thread(TemporalServer(port=server.port).start)
        await bootstrap(temporal.client)
        assert await Relay(settings, database, temporal).compare_connections() == 1
        await channel.behave("ok")
        async with stack.working():
            await channel.reached()
            await channel.becomes("ended")
        assert await channel.held() == {}
        assert len(mails.all()) == 3
    server.stop()


async def test_whoever_disables_a_channel_while_its_workflow_writes_is_not_in_its_way(
    stack: Stack, sandbox: Sandbox
) -> None:
    channels = [Channel(stack, sandbox, await go_live(stack.database, "generali")) for _ in range(8)]
    await asyncio.gather(*(channel.enable(False) for channel in channels))
    for channel in channels:
        await channel.becomes("ended")

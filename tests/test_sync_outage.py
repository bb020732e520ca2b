"""A partner is down for days, in skipped time: tried ever less often, seen by people, and all follows when it is back (R15–R17)."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests import skipped_time
from tests.connections import go_live
from tests.live_channel import Channel, Held
from tests.partners_sandbox import Sandbox, endpoints
from tests.sync_clock import Clock
from tests.test_sandbox import Process

# docs/partner-protocol.md: after 5 s, 15 s, 1 min, 5 min, 15 min, 1 h, then each 3 h; each up to a fifth longer.
PAUSES = [timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 3600, 10800)]
BETWEEN_PROBES = timedelta(minutes=5)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# An hourly look takes six events, a try thirteen more.
EVENTS_A_DAY = 400
temporal_server, temporal = skipped_time.temporal_server, skipped_time.temporal
stack, clock = skipped_time.stack, skipped_time.clock


@pytest.fixture
def more_settings(sandbox_running: Process) -> dict[str, Any]:
    return endpoints(sandbox_running)


async def begun(clock: Clock, sandbox: Sandbox, slug: str = "generali") -> Channel:
    """A connection whose partner holds its one service."""
    channel = Channel(clock.stack, sandbox, await go_live(clock.stack.database, slug, services=1))
    await clock.begin(channel)
    await clock.passes(MINUTE, channel)
    assert await channel.held() == holding(30)
    return channel


def holding(minutes: int, price: str = "100.00") -> Held:
    return {"S00000": (minutes, price)}


async def lasts(channel: Channel, minutes: int) -> None:
    await channel.lasts(channel.live.service_ids[0], minutes)


async def taken(channel: Channel) -> list[dict[str, Any]]:
    """What the partner took, in the order of coming."""
    return [one for one in await channel.arrived() if one["outcome"] == "taken"]


def as_the_protocol_says(tries: list[datetime]) -> None:
    """Pauses of one delivery, begin to begin: each a fifth longer at most, and what a slow machine adds."""
    gaps = [after - before for before, after in pairwise(tries)]
    wanted = [*PAUSES, *[PAUSES[-1]] * len(gaps)]
    for gap, pause in zip(gaps, wanted, strict=False):
        assert pause <= gap <= pause * 1.2 + MINUTE, gaps


async def test_down_for_three_days_it_is_tried_ever_less_often_and_then_told_once_and_whole(
    clock: Clock, sandbox: Sandbox
) -> None:
    channel = await begun(clock, sandbox)
    before, quiet = len(await clock.tries(channel)), await clock.length(channel)
    await channel.behave("down")
    await lasts(channel, 45)
    await clock.passes(DAY, channel)
    seen = await channel.connection()
    assert (seen["waiting_on"], seen["delivery"]["verdict"]) == ("partner", "later")
    assert seen["delivery"]["answer"]
    assert datetime.fromisoformat(seen["delivery"]["next_try_at"]) > await clock.now(channel)
    assert seen["partner_health"]["failing_since"]
    assert seen["partner_health"]["last_error"] == seen["delivery"]["answer"]
    assert seen["delivery"]["tries"] > 3
    await lasts(channel, 50)
    await clock.passes(DAY, channel)
    await channel.costs({channel.live.service_ids[0]: "120.00"})
    await clock.passes(DAY, channel)
    as_the_protocol_says((await clock.tries(channel))[before:])
    assert await clock.length(channel) - quiet < 3 * EVENTS_A_DAY
    assert await channel.held() == holding(30)
    await channel.behave("ok")
    await clock.passes(4 * HOUR, channel)
    assert await channel.held() == holding(50, "120.00")
    assert len(await taken(channel)) == 2
    assert (await channel.connection())["partner_health"]["failing_since"] is None


async def test_three_connections_share_one_try_each_five_minutes_and_the_first_success_releases_all(
    clock: Clock, sandbox: Sandbox
) -> None:
    channels = [await begun(clock, sandbox) for _ in range(3)]
    other = await begun(clock, sandbox, "europ-assistance")
    tried = [len(await clock.tries(channel)) for channel in channels]
    quiet = [await clock.length(channel) for channel in channels]
    await channels[0].behave("down")
    for channel in channels:
        await lasts(channel, 45)
    # One after the other, so that none of them tries at a moment of which another has only just begun to think.
    for hour in range(72):
        for channel in channels:
            await clock.passes(HOUR, channel)
        if hour % 24 == 12:
            await lasts(other, 40 + hour // 24)
            await clock.passes(DAY, other)
    assert [one["tries"] for one in await other.arrived()] == [1] * 4
    assert await other.held() == holding(42)
    tries: list[datetime] = []
    for channel, before in zip(channels, tried, strict=True):
        tries += (await clock.tries(channel))[before:]
    they_try_as_one(sorted(tries))
    for channel, before in zip(channels, quiet, strict=True):
        assert await clock.length(channel) - before < 3 * EVENTS_A_DAY
    await all_are_released(clock, channels)


def they_try_as_one(tries: list[datetime]) -> None:
    """After three failures in a row one tries for all: after 5 s at first, then less often."""
    gaps = [after - before for before, after in pairwise(tries[2:])]
    for gap, least in zip(gaps, [*PAUSES[:4], *[BETWEEN_PROBES] * len(gaps)], strict=False):
        assert gap >= least, gaps


async def turn(channel: Channel) -> datetime:
    """When its next try is to come."""
    return datetime.fromisoformat((await channel.connection())["delivery"]["next_try_at"])


async def somebody_gets_through(clock: Clock, channels: list[Channel]) -> Channel:
    """Whoever's turn comes first tries, or is told that another one has just done so."""
    for _ in range(20):
        turns = [(await turn(channel), place) for place, channel in enumerate(channels)]
        at, place = min(turns)
        await clock.passes(at - await clock.now(channels[place]) + timedelta(seconds=5), channels[place])
        if await channels[place].held() == holding(45):
            return channels[place]
    raise AssertionError(f"nobody got through: {turns}")


async def all_are_released(clock: Clock, channels: list[Channel]) -> None:
    """The partner is back: the first success brings the others' turns forward."""
    await channels[0].behave("ok")
    first = await somebody_gets_through(clock, channels)
    now = await clock.now(first)
    for channel in [one for one in channels if one is not first]:
        assert await turn(channel) <= now
        await clock.passes(now - await clock.now(channel) + MINUTE, channel)
        assert await channel.held() == holding(45)
        assert len(await taken(channel)) == 2


async def test_a_wish_for_a_later_try_is_respected(clock: Clock, sandbox: Sandbox) -> None:
    channel = await begun(clock, sandbox)
    await channel.behave("fail", status=429, seconds=600, times=1)
    await lasts(channel, 45)
    await clock.passes(9 * MINUTE, channel)
    assert await channel.held() == holding(30)
    await clock.passes(2 * MINUTE, channel)
    assert await channel.held() == holding(45)
    *_, first, second = await clock.tries(channel)
    assert second - first >= 10 * MINUTE > PAUSES[0]


async def test_one_that_wants_nothing_more_is_paused_until_somebody_resumes_it(
    clock: Clock, sandbox: Sandbox
) -> None:
    channel = await begun(clock, sandbox)
    await channel.behave("gone")
    await lasts(channel, 45)
    await clock.passes(DAY, channel)
    seen = await channel.connection()
    assert (seen["status"], seen["delivery"]["verdict"], seen["delivery"]["tries"]) == ("paused", "gone", 1)
    assert seen["reason"]
    await channel.behave("ok")
    await lasts(channel, 50)
    await clock.passes(DAY, channel)
    assert await channel.held() == holding(30)
    path = f"/connections/{channel.live.connection_id}/resume"
    await channel.stack.call("POST", path, json={"reason": "They want it again."})
    await clock.passes(MINUTE, channel)
    assert await channel.held() == holding(50)
    assert len(await taken(channel)) == 2

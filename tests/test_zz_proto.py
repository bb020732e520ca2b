from typing import Any
import time
from datetime import timedelta
import pytest
from temporalio.api.enums.v1 import EventType
from embedded.temporal import TemporalServer
from adapters.temporal import Temporal
from adapters.temporal_bootstrap import bootstrap
from tests.connections import go_live
from tests.live_channel import Channel
from tests.partners_sandbox import endpoints
from tests.stack import settings_for
from tests.sync_clock import Clock, without_rate
from worker import make_worker

@pytest.fixture
def more_settings(sandbox_running, tmp_path) -> dict[str, Any]:
    return endpoints(sandbox_running) | {"partners_dir": str(without_rate(tmp_path))}

@pytest.fixture(scope="module")
def temporal_server():
    with TemporalServer(time_skipping=True) as server:
        yield server

@pytest.fixture(scope="module")
async def temporal(temporal_server):
    temporal = await Temporal.connect(settings_for("postgresql://", temporal_server.address, 1), lazy=False)
    await bootstrap(temporal.client)
    return temporal

async def test_proto(idle_stack, sandbox):
    stack = idle_stack
    clock = Clock(stack)
    channel = Channel(stack, sandbox, await go_live(stack.database, "generali", services=3))
    await clock.begin(channel, timedelta(days=7))
    async with make_worker(stack.settings, stack.database, stack.temporal):
        t = time.time()
        await clock.passes(timedelta(days=3), channel)
        print("first", time.time() - t, await channel.held(), await clock.now(channel))
        for n in range(12):
            t = time.time()
            await channel.lasts(channel.live.service_ids[0], 15 + 5 * (n+3))
            t1 = time.time()
            await clock.told()
            t2 = time.time()
            await clock.passes(timedelta(days=3), channel)
            print(n, t1 - t, t2 - t1, time.time() - t2, (await channel.held())["S00000"], await clock.now(channel))
        history = await clock.handle(channel).fetch_history()
        for e in history.events[-60:]:
            print(e.event_id, e.event_time.ToDatetime(), EventType.Name(e.event_type)[11:])
        return
        await channel.behave("down")
        await channel.lasts(channel.live.service_ids[0], 15)
        t = time.time()
        await clock.passes(timedelta(days=1), channel)
        print("down", time.time() - t, (await channel.connection())["delivery"], await clock.now(channel))
        await channel.behave("ok")
        await clock.passes(timedelta(hours=4), channel)
        print("up", (await channel.held())["S00000"], await clock.now(channel))
        history = await clock.handle(channel).fetch_history()
        for e in history.events[-80:]:
            print(e.event_id, e.event_time.ToDatetime(), EventType.Name(e.event_type)[11:])

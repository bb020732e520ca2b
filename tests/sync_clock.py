"""Live connections in skipped time: years in seconds. Each workflow has a clock of its own; the outbox waits to be told."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.testing import TimeSkipper

from adapters.relay import Relay
from adapters.settings import PACKAGED_PARTNERS
from domain.messages import SyncStart
from domain.names import CHANNEL_SYNC_WORKFLOW, TASK_QUEUE, sync_workflow_id
from tests.live_channel import Channel
from tests.stack import Stack

HOURLY = timedelta(hours=1)


def without_rate(folder: Path) -> Path:
    """The packaged playbooks, of partners who bear any number of requests a second: years go by in one."""
    made = folder / "partners"
    copytree(PACKAGED_PARTNERS, made)
    for path in made.glob("*.yaml"):
        lines = path.read_text().splitlines(keepends=True)
        swift = ["  requests_per_second: 500\n" if "requests_per_second" in one else one for one in lines]
        path.write_text("".join(swift))
    return made


@dataclass
class Clock:
    """Moves the clocks of connections."""

    stack: Stack

    async def begin(self, channel: Channel, look_again: timedelta = HOURLY) -> None:
        """Starts the sync in place of the relay, which would have it look every hour."""
        id = channel.live.connection_id
        await self.stack.temporal.client.start_workflow(
            CHANNEL_SYNC_WORKFLOW,
            SyncStart(connection_id=id, partner=channel.slug, look_again=look_again),
            id=sync_workflow_id(id),
            task_queue=TASK_QUEUE,
        )

    async def told(self) -> None:
        """Every nudge goes out to its workflow."""
        relay = Relay(self.stack.settings, self.stack.database, self.stack.temporal)
        while await relay.deliver():
            pass

    async def passes(self, time: timedelta, *channels: Channel) -> None:
        """All of them live through so much time, after they were told what happened."""
        await self.told()
        skipper = TimeSkipper(self.stack.temporal.client)
        await asyncio.gather(*(skipper.fast_forward(self.handle(one), time) for one in channels))

    async def now(self, channel: Channel) -> datetime:
        return await TimeSkipper(self.stack.temporal.client).get_current_time(self.handle(channel))

    def handle(self, channel: Channel) -> WorkflowHandle[Any, Any]:
        """Of whichever run is the newest."""
        id = sync_workflow_id(channel.live.connection_id)
        return self.stack.temporal.client.get_workflow_handle(id)

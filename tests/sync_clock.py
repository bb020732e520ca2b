"""Live connections in skipped time: years in seconds. Each workflow has a clock of its own; the outbox waits to be told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.testing import TimeSkipper

from activities.contract import ActivityName
from adapters.relay import Relay
from adapters.settings import PACKAGED_PARTNERS
from domain.messages import SyncStart
from domain.names import CHANNEL_SYNC_WORKFLOW, TASK_QUEUE, sync_workflow_id
from tests.live_channel import Channel
from tests.stack import Stack

HOURLY = timedelta(hours=1)
SKIPPING = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
)


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

    async def begin(self, channel: Channel, look_again: timedelta = HOURLY) -> WorkflowHandle[Any, Any]:
        """Starts the sync in place of the relay, which would have it look every hour; its first run."""
        id = channel.live.connection_id
        handle = await self.stack.temporal.client.start_workflow(
            CHANNEL_SYNC_WORKFLOW,
            SyncStart(connection_id=id, partner=channel.slug, look_again=look_again),
            id=sync_workflow_id(id),
            task_queue=TASK_QUEUE,
        )
        client = self.stack.temporal.client
        return client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)

    async def runs(self, first: WorkflowHandle[Any, Any]) -> AsyncIterator[WorkflowHistory]:
        """The histories of the whole chain."""
        run_id = first.run_id
        while run_id:
            handle = self.stack.temporal.client.get_workflow_handle(first.id, run_id=run_id)
            history = await handle.fetch_history()
            yield history
            run_id = history.events[
                -1
            ].workflow_execution_continued_as_new_event_attributes.new_execution_run_id

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

    async def tries(self, channel: Channel) -> list[datetime]:
        """When its pushes began, in its newest run."""
        history = await self.handle(channel).fetch_history()
        return [
            one.event_time.ToDatetime(tzinfo=UTC)
            for one in history.events
            if one.activity_task_scheduled_event_attributes.activity_type.name == ActivityName.PUSH_DELIVERY
        ]

    async def length(self, channel: Channel) -> int:
        """Events of its newest run, without those of skipping time."""
        history = await self.handle(channel).fetch_history()
        return sum(one.event_type not in SKIPPING for one in history.events)

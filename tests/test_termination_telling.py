"""Each party is told of an end by itself: none waits for the mailbox of another, after the close neither (R17)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.contract import ActivityName
from adapters.temporal import Temporal
from domain.messages import CloseConnection, PlanRound, Round, SendFarewell, TerminationStart
from domain.names import LOOK
from domain.steps.base import MailOutcome
from tests.stack import PATIENCE
from worker import workflow_runner
from workflows import termination
from workflows.termination import TerminationWorkflow


@dataclass
class Desk:
    """Activities of an end where support's letter is under way until ``support_is_told``.

    Those to ``full`` mailboxes are put off, by far more than any test waits.
    """

    over: bool
    full: tuple[str, ...] = ()
    is_owed: bool = False
    asked_for: tuple[str, ...] = ()
    is_put_off: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    provider_is_told: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    support_is_told: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name=ActivityName.PLAN_END)
    async def plan(self, ask: PlanRound) -> Round:
        if self.over:
            return Round(over=True, tell=self.is_owed, tell_now=self.asked_for)
        return Round(tell=self.is_owed, tell_now=self.asked_for, wake_at=ask.now + timedelta(days=1))

    @activity.defn(name=ActivityName.CLOSE_CONNECTION)
    async def close(self, ask: CloseConnection) -> None:
        pass

    @activity.defn(name=ActivityName.SEND_FAREWELL)
    async def send(self, ask: SendFarewell) -> MailOutcome:
        if ask.to == "support":
            await self.support_is_told.wait()
        if ask.to in self.full:
            self.is_put_off.put_nowait(None)
            raise ApplicationError("452 mailbox full", next_retry_delay=timedelta(hours=1))
        if ask.to == "provider":
            self.provider_is_told.put_nowait(None)
        return MailOutcome(state="sent", at=datetime.now(UTC))


@asynccontextmanager
async def running(temporal: Temporal, desk: Desk) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    name = secrets.token_hex(4)
    own = Worker(
        temporal.client,
        task_queue=f"telling-{name}",
        workflows=[TerminationWorkflow],
        activities=[desk.plan, desk.close, desk.send],
        workflow_runner=workflow_runner(),
    )
    async with own, asyncio.timeout(PATIENCE):
        start = TerminationStart(connection_id=f"con_{name}", partner=name)
        yield await temporal.client.start_workflow(
            TerminationWorkflow.run, start, id=f"telling-{name}", task_queue=f"telling-{name}"
        )


@pytest.mark.parametrize("over", [False, True])
async def test_one_party_is_told_again_while_anothers_mailbox_is_full(temporal: Temporal, over: bool) -> None:
    desk = Desk(over)
    async with running(temporal, desk) as handle:
        await desk.provider_is_told.get()
        desk.is_owed = True
        while (
            desk.provider_is_told.empty()
        ):  # the workflow may not know yet that the provider was told before
            await handle.signal(LOOK)
            await asyncio.sleep(0.05)
        desk.over, desk.is_owed = True, False
        desk.support_is_told.set()
        await handle.signal(LOOK)
        await handle.result()


@pytest.mark.parametrize("over", [False, True])
async def test_who_is_to_be_told_again_and_nobody_else_does_not_wait_for_a_try_that_was_put_off(
    temporal: Temporal, over: bool
) -> None:
    desk = Desk(over, full=("provider", "partner"))
    desk.support_is_told.set()
    async with running(temporal, desk) as handle:
        for _ in desk.full:
            await desk.is_put_off.get()
        desk.full, desk.is_owed, desk.asked_for = (), True, ("provider",)
        await handle.signal(LOOK)
        await desk.provider_is_told.get()
        assert await tries_cancelled(handle) == 1, "the partner's waits on"
        desk.over, desk.asked_for = True, ("partner",)
        await handle.signal(LOOK)
        await handle.result()


async def tries_cancelled(handle: WorkflowHandle[Any, Any]) -> int:
    cancelled = EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED
    return [event.event_type async for event in handle.fetch_history_events()].count(cancelled)


async def test_a_long_history_is_handed_on_after_the_close_too(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(termination, "LONGEST_HISTORY", 10)
    desk = Desk(over=True, full=("provider",))
    desk.support_is_told.set()
    async with running(temporal, desk) as handle:
        await desk.is_put_off.get()
        await handle.signal(LOOK)
        await desk.is_put_off.get()
        anew = temporal.client.get_workflow_handle(handle.id)
        assert (await anew.describe()).run_id != handle.first_execution_run_id
        desk.full = ()
        await anew.signal(LOOK)
        await handle.result()
    assert desk.provider_is_told.qsize() == 1

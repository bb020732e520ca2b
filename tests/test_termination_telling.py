"""Each party is told of an end by itself: none waits for the mailbox of another, after the close neither (R17)."""

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import activity
from temporalio.worker import Worker

from activities.contract import ActivityName
from adapters.temporal import Temporal
from domain.messages import CloseConnection, PlanRound, Round, SendFarewell, TerminationStart
from domain.names import LOOK
from domain.steps.base import MailOutcome
from tests.stack import PATIENCE
from worker import workflow_runner
from workflows.termination import TerminationWorkflow


@dataclass
class Desk:
    """Activities of an end where support's letter is under way until ``support_is_told``."""

    over: bool
    is_owed: bool = False
    provider_is_told: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    support_is_told: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name=ActivityName.PLAN_END)
    async def plan(self, ask: PlanRound) -> Round:
        if self.over:
            return Round(over=True, tell=self.is_owed)
        return Round(tell=self.is_owed, wake_at=ask.now + timedelta(days=1))

    @activity.defn(name=ActivityName.CLOSE_CONNECTION)
    async def close(self, ask: CloseConnection) -> None:
        pass

    @activity.defn(name=ActivityName.SEND_FAREWELL)
    async def send(self, ask: SendFarewell) -> MailOutcome:
        if ask.to == "support":
            await self.support_is_told.wait()
        if ask.to == "provider":
            self.provider_is_told.put_nowait(None)
        return MailOutcome(state="sent", at=datetime.now(UTC))


@pytest.mark.parametrize("over", [False, True])
async def test_one_party_is_told_again_while_anothers_mailbox_is_full(temporal: Temporal, over: bool) -> None:
    desk, name = Desk(over), secrets.token_hex(4)
    own = Worker(
        temporal.client,
        task_queue=f"telling-{name}",
        workflows=[TerminationWorkflow],
        activities=[desk.plan, desk.close, desk.send],
        workflow_runner=workflow_runner(),
    )
    async with own, asyncio.timeout(PATIENCE):
        start = TerminationStart(connection_id=f"con_{name}", partner=name)
        handle = await temporal.client.start_workflow(
            TerminationWorkflow.run, start, id=f"telling-{name}", task_queue=f"telling-{name}"
        )
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

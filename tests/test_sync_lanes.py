"""The partner's system, its mailbox and support's are served side by side: none waits for another (R14–R17)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.contract import ActivityName
from adapters.temporal import Temporal
from domain.messages import PlanRound, PushDelivery, Pushed, Round, SendNotice, SyncStart
from domain.names import partner_queue
from domain.steps.base import MailOutcome
from tests.stack import PATIENCE
from worker import workflow_runner
from workflows import sync
from workflows.sync import ChannelSyncWorkflow


@dataclass
class Desk:
    """Activities that note what they are asked for; there is always something to push and to tell."""

    is_full: Callable[[str], bool] = lambda to: False
    notices: tuple[str, ...] = ("ntc_1",)
    refusals: int = 0
    pushes: int = 0
    told: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @activity.defn(name=ActivityName.PLAN_ROUND)
    async def plan(self, ask: PlanRound) -> Round:
        delivery_id = "dlv_1" if ask.may_push else None
        return Round(notices=self.notices, copies=self.notices, delivery_id=delivery_id)

    @activity.defn(name=ActivityName.PUSH_DELIVERY)
    async def push(self, ask: PushDelivery) -> Pushed:
        self.pushes += 1
        return Pushed(taken=True)

    @activity.defn(name=ActivityName.SEND_NOTICE)
    async def send(self, ask: SendNotice) -> MailOutcome:
        if self.is_full(ask.to):
            raise RuntimeError("452 mailbox full")
        self.asked.append((ask.to, ask.notice_id))
        if [to for to, _ in self.asked].count(ask.to) <= self.refusals:
            return MailOutcome(state="refused", at=datetime.now(UTC), detail="Not sent: it is paused.")
        self.told.append(ask.to)
        return MailOutcome(state="sent", at=datetime.now(UTC))


@asynccontextmanager
async def running(temporal: Temporal, desk: Desk) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    name = secrets.token_hex(4)
    own = Worker(
        temporal.client,
        task_queue=f"lanes-{name}",
        workflows=[ChannelSyncWorkflow],
        activities=[desk.plan, desk.send],
        workflow_runner=workflow_runner(),
    )
    partners = Worker(temporal.client, task_queue=partner_queue(name), activities=[desk.push])
    async with own, partners:
        start = SyncStart(connection_id=f"con_{name}", partner=name, quiet=timedelta(milliseconds=1))
        handle = await temporal.client.start_workflow(
            ChannelSyncWorkflow.run, start, id=f"lanes-{name}", task_queue=f"lanes-{name}"
        )
        yield handle
        await temporal.client.get_workflow_handle(handle.id).terminate("the test is over")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - it is another thread's doing
            await asyncio.sleep(0.02)


async def test_the_partner_is_told_while_supports_mailbox_is_full(temporal: Temporal) -> None:
    desk = Desk(is_full=lambda to: to == "support")
    async with running(temporal, desk):
        await until(lambda: desk.told[:2] == ["partner", "partner"])


@pytest.mark.parametrize("to", ["partner", "support"])
async def test_what_comes_behind_a_notice_that_did_not_go_out_is_not_sent_before_it(
    temporal: Temporal, to: str
) -> None:
    """R16: paused and resumed while they go out."""
    desk = Desk(notices=("ntc_1", "ntc_2"), refusals=1)

    def asked() -> list[str]:
        return [notice for whom, notice in desk.asked if whom == to]

    async with running(temporal, desk):
        await until(lambda: len(asked()) >= 3)
    assert asked()[:3] == ["ntc_1", "ntc_1", "ntc_2"]


async def test_pushes_go_on_over_long_histories_while_mails_are_stuck(
    temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "LONGEST_HISTORY", 60)
    desk = Desk(is_full=lambda to: True)
    async with running(temporal, desk) as handle:
        await until(lambda: desk.pushes >= 30)
        anew = temporal.client.get_workflow_handle(handle.id)
        assert (await anew.describe()).run_id != handle.first_execution_run_id

"""OnboardingWorkflow on a real Temporal server, the outside world in memory."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from adapters.temporal import Temporal
from domain import progress as engine
from domain.commands import Accepted, StatusCommand, StepCommand, Verb
from domain.errors import TooEarly
from domain.facts import ChannelFacts
from domain.messages import CatalogueChanged, OnboardingEnded, OnboardingStart
from domain.model import OnboardingStatus, Party
from domain.names import SEARCH_PARTNER, SEARCH_STATUS, SEARCH_WAITING_ON, onboarding_workflow_id
from domain.progress import Case, Progress
from embedded.temporal import arguments, binary
from tests.fakes import FakeWorld, Gate
from tests.playbooks import EVIDENCE, MANAGER, NOW, READY, SIGNED, playbook
from tests.stack import PATIENCE
from worker import workflow_runner
from workflows.onboarding import OnboardingWorkflow

Handle = WorkflowHandle[OnboardingWorkflow, OnboardingEnded]


class Run:
    """One running onboarding and its world."""

    def __init__(self, temporal: Temporal, world: FakeWorld, handle: Handle) -> None:
        self.temporal = temporal
        self.world = world
        self.handle = handle

    async def act(
        self,
        step: str,
        action: str = "complete",
        body: dict[str, Any] | None = None,
        id: str | None = None,
        **more: Any,
    ) -> Accepted:
        command = StepCommand(
            command_id=id or uuid.uuid4().hex,
            step=step,
            action=action,
            body=body or {},
            actor=MANAGER,
            **more,
        )
        return await self.temporal.command(self.handle.id.removeprefix("onboarding:"), command)

    async def by_link(
        self,
        step: str,
        body: dict[str, Any] | None = None,
        party: Party = Party.PARTNER,
        action: str = "complete",
    ) -> Accepted:
        return await self.act(
            step, action, SIGNED | (body or {}), party=party, link_id=f"lnk_{step}_{party}", attempt=1
        )

    async def facts(self, facts: ChannelFacts) -> None:
        self.world.facts = facts
        await self.handle.signal(
            OnboardingWorkflow.catalogue_changed, CatalogueChanged(version=facts.version)
        )

    async def progress(self) -> Progress:
        return await self.handle.query(OnboardingWorkflow.progress)

    async def state(self, step: str, state: str) -> None:
        """Waits (by asking the workflow) until the step is in that state."""
        for _ in range(1000):
            if (await self.progress()).steps[step].state == state:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{step} never got {state}: {(await self.progress()).steps[step]}")


@asynccontextmanager
async def running(temporal: Temporal, world: FakeWorld) -> AsyncIterator[Run]:
    queue = f"test-{uuid.uuid4().hex}"
    case = Case(
        onboarding_id=uuid.uuid4().hex,
        provider_id="prv_1",
        provider_name="Clinica",
        playbook=playbook(),
        rules=engine.RULES,
    )
    start = OnboardingStart(case=case, progress=engine.begin(case, ChannelFacts(), NOW, MANAGER).progress)
    async with Worker(
        temporal.client,
        task_queue=queue,
        workflows=[OnboardingWorkflow],
        activities=[world.read_facts, world.record_progress, world.send_mail],
        workflow_runner=workflow_runner(),
        workflow_failure_exception_types=[Exception],
    ):
        handle = await temporal.client.start_workflow(
            OnboardingWorkflow.run, start, id=onboarding_workflow_id(case.onboarding_id), task_queue=queue
        )
        yield Run(temporal, world, handle)


async def go_live(run: Run) -> OnboardingEnded:
    await up_to_activation(run)
    await run.by_link("activation")
    return await run.handle.result()


async def up_to_activation(run: Run) -> None:
    await run.act("contract", body=EVIDENCE)
    await run.state("intent", "done")
    await run.facts(READY)
    await run.state("settings", "waiting")
    await run.by_link("settings")
    for party in (Party.PROVIDER, Party.PARTNER):
        await run.by_link("joint_test", {"scenarios": {"booking": "passed"}}, party)


async def test_it_goes_from_contract_to_live_and_every_revision_is_written_once(temporal: Temporal) -> None:
    world = FakeWorld()
    async with running(temporal, world) as run:
        ended = await go_live(run)
    assert ended.status is OnboardingStatus.LIVE
    revisions = [record.progress.revision for record in world.records]
    assert revisions == list(range(2, ended.revision + 1))
    assert world.sent[:2] == ["intent:1:message", "notice:1:message"]
    assert len(world.sent) == len(set(world.sent))


async def test_a_refused_command_leaves_no_event_and_says_why(temporal: Temporal) -> None:
    async with running(temporal, FakeWorld()) as run:
        with pytest.raises(TooEarly, match="it needs notice"):
            await run.act("settings", body=EVIDENCE, id="refused-once")
        history = await run.handle.fetch_history()
        assert not any(
            e.HasField("workflow_execution_update_accepted_event_attributes") for e in history.events
        )
        assert (await run.act("contract", body=EVIDENCE, id="refused-once")).revision == 2


async def test_the_same_command_id_forty_times_in_parallel_has_one_effect(temporal: Temporal) -> None:
    async with running(temporal, FakeWorld()) as run:
        answers = await asyncio.gather(*(run.act("contract", body=EVIDENCE, id="once") for _ in range(9)))
        assert {answer.revision for answer in answers} == {2}
        assert len([r for r in run.world.records if r.command_id == "once"]) == 1


async def test_signals_in_any_number_and_order_are_read_as_one_truth(temporal: Temporal) -> None:
    async with running(temporal, FakeWorld()) as run:
        await run.act("contract", body=EVIDENCE)
        await run.state("intent", "done")
        run.world.facts = READY
        for version in (3, 9, 1, 9, 9):
            await run.handle.signal(OnboardingWorkflow.catalogue_changed, CatalogueChanged(version=version))
        await run.state("settings", "waiting")
        assert run.world.sent.count("notice:1:message") == 1


async def test_cancelling_ends_it_and_says_so(temporal: Temporal) -> None:
    async with running(temporal, FakeWorld()) as run:
        command = StatusCommand(command_id="c", verb=Verb.CANCEL, reason="The clinic closed.", actor=MANAGER)
        await temporal.command(run.handle.id.removeprefix("onboarding:"), command)
        assert (await run.handle.result()).status is OnboardingStatus.CANCELLED
        events = [event for record in run.world.records for event in record.events]
        said = next(event for event in events if event.type == "onboarding.cancel")
        assert said.data == {"reason": "The clinic closed."}
        assert (events[-1].type, events[-1].data["template"]) == ("mail.sent", "cancelled")


async def test_what_changes_while_it_goes_live_takes_nothing_back(temporal: Temporal) -> None:
    """Temporal throws a workflow's last turn away where news came in meanwhile; who activated was told that it counts."""
    world = FakeWorld()
    async with running(temporal, world) as run:
        await up_to_activation(run)
        world.before_live = Gate()
        activating = asyncio.create_task(run.by_link("activation"))
        await world.before_live.reached.wait()
        await run.facts(READY.model_copy(update={"enabled": False, "version": READY.version + 1}))
        world.before_live.opened.set()
        accepted = await activating
        ended = await run.handle.result()
    assert ended.status is OnboardingStatus.LIVE
    live = next(record for record in world.records if record.progress.revision == accepted.revision)
    assert live.progress.status is OnboardingStatus.LIVE


async def test_who_is_just_getting_a_letter_when_it_is_cancelled_is_told_of_that_too(
    temporal: Temporal,
) -> None:
    world = FakeWorld()
    async with running(temporal, world) as run:
        gate = world.handing_over["intent:1:message"] = Gate()
        await run.act("contract", body=EVIDENCE)
        await gate.reached.wait()
        command = StatusCommand(command_id="c", verb=Verb.CANCEL, reason="The clinic closed.", actor=MANAGER)
        await temporal.command(run.handle.id.removeprefix("onboarding:"), command)
        gate.opened.set()
        await run.handle.result()
    told = [event for record in world.records for event in record.events if event.type == "mail.sent"]
    assert [event.data["template"] for event in told if event.data["to"] == "ops"] == ["intent", "cancelled"]
    assert [event.data["template"] for event in told if event.data["to"] == "provider"] == ["cancelled"]


async def test_nobody_waits_for_anothers_mailbox_to_be_told_of_a_cancellation(temporal: Temporal) -> None:
    world = FakeWorld()
    async with running(temporal, world) as run:
        intent, told = Gate(), {role: Gate() for role in ("ops", "provider")}
        world.handing_over["intent:1:message"] = intent
        world.handing_over |= {f"cancelled:{role}": gate for role, gate in told.items()}
        await run.act("contract", body=EVIDENCE)
        await intent.reached.wait()
        command = StatusCommand(command_id="c", verb=Verb.CANCEL, reason="The clinic closed.", actor=MANAGER)
        await temporal.command(run.handle.id.removeprefix("onboarding:"), command)
        await told["provider"].reached.wait()
        intent.opened.set()
        await asyncio.wait_for(told["ops"].reached.wait(), PATIENCE)
        for gate in told.values():
            gate.opened.set()
        await run.handle.result()
    assert sorted(world.sent) == ["cancelled:ops", "cancelled:provider", "intent:1:message"]


async def test_a_cancellation_that_reaches_nobody_stands_in_the_history(temporal: Temporal) -> None:
    world = FakeWorld()
    world.refuse = "550 5.1.1 No such mailbox"
    async with running(temporal, world) as run:
        command = StatusCommand(command_id="c", verb=Verb.CANCEL, reason="The clinic closed.", actor=MANAGER)
        await temporal.command(run.handle.id.removeprefix("onboarding:"), command)
        await run.handle.result()
    said = world.records[-1].events[-1]
    assert (said.type, said.data["to"], said.data["detail"]) == ("mail.refused", "provider", world.refuse)


async def test_temporals_own_pages_say_whom_it_waits_for(temporal: Temporal) -> None:
    async with running(temporal, FakeWorld()) as run:
        await run.act("contract", body=EVIDENCE)
        await run.state("channel", "waiting")
        described = await run.handle.describe()
        assert described.search_attributes[SEARCH_WAITING_ON] == ["provider"]
        details = (
            await run.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        ).current_details
        assert "waiting on **provider**" in details
        assert "**Contract**: done" in details


async def test_a_server_busy_for_days_is_tried_again_and_then_handed_to_a_person() -> None:
    flags = arguments(port=0, http_port=0, time_skipping=True)
    dynamic = flags[flags.index("--dynamic-config-value") :]
    env = await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(binary()),
        dev_server_extra_args=dynamic,
        search_attributes=[
            SearchAttributeKey.for_keyword(name)
            for name in (SEARCH_STATUS, SEARCH_PARTNER, SEARCH_WAITING_ON)
        ],
    )
    async with env:
        world = FakeWorld()
        world.busy_for = 10_000
        async with running(Temporal(env.client), world) as run:
            await run.act("contract", body=EVIDENCE)
            await env.fast_forward(run.handle, timedelta(days=4))
            assert (await run.progress()).steps["intent"].state == "running"
            await env.fast_forward(run.handle, timedelta(days=2))
            await run.state("intent", "waiting")
            record = (await run.progress()).steps["intent"]
            assert record.waiting_on is Party.US
            assert "451" in (record.blocker or "")
            world.busy_for = 0
            await run.act("intent", "retry")
            await run.state("intent", "done")

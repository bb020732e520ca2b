"""The number of a workflow's turn on a real Temporal server: what a lost turn wrote is behind what counts (0014)."""

import asyncio
import uuid
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.enums.v1 import ResetReapplyExcludeType as Excluded
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.contract import ActivityName
from adapters.temporal import Temporal
from domain.commands import StatusCommand, Verb
from domain.messages import RecordProgress
from tests.fakes import FakeWorld
from tests.playbooks import EVIDENCE, MANAGER
from tests.test_onboarding_workflow import Run, running
from workflows.turns import Turns


class Witness(FakeWorld):
    """Keeps the turn of every write."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[int] = []

    @activity.defn(name=ActivityName.RECORD_PROGRESS)
    async def record_progress(self, record: RecordProgress) -> None:
        self.turns.append(record.turn)


async def reset(run: Run) -> None:
    """Back to its second turn, with no command applied again."""
    history = await run.handle.fetch_history()
    _, second, *_ = (
        e for e in history.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    )
    await run.temporal.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=run.temporal.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.handle.id),
            reason="a test",
            workflow_task_finish_event_id=second.event_id,
            request_id=uuid.uuid4().hex,
            reset_reapply_exclude_types=[Excluded.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE],
        )
    )


async def steer(run: Run, verb: Verb) -> None:
    command = StatusCommand(command_id=uuid.uuid4().hex, verb=verb, reason="They move house.", actor=MANAGER)
    await run.temporal.command(run.handle.id.removeprefix("onboarding:"), command)


async def test_what_is_written_after_a_reset_comes_from_a_later_turn(temporal: Temporal) -> None:
    world = Witness()
    async with running(temporal, world) as run:
        await run.act("contract", body=EVIDENCE)
        await run.state("intent", "done")
        await steer(run, Verb.HOLD)
        await steer(run, Verb.RESUME)
        before = [*world.turns]
        await reset(run)
        await steer(run, Verb.HOLD)
    assert before == sorted(before)
    assert min(world.turns[len(before) :]) > max(before)


@activity.defn
async def dawdle() -> None:
    await asyncio.sleep(0.05)


@workflow.defn
class Dawdling:
    """Asks for its turn's number before and after it waits for something that its turn lasts for."""

    @workflow.run
    async def run(self) -> tuple[int, int, bool]:
        turns, began = Turns(), workflow.now()
        before = turns.present()
        await workflow.execute_local_activity(dawdle, start_to_close_timeout=timedelta(seconds=9))
        return before, turns.present(), workflow.now() > began


async def test_a_turn_keeps_its_number_though_its_clock_goes_on(temporal: Temporal) -> None:
    queue = f"test-{uuid.uuid4().hex}"
    async with Worker(
        temporal.client,
        task_queue=queue,
        workflows=[Dawdling],
        activities=[dawdle],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        before, after, clock_went_on = await temporal.client.execute_workflow(
            Dawdling.run, id=queue, task_queue=queue
        )
    assert clock_went_on
    assert before == after

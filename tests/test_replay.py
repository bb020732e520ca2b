"""Recorded histories replay with the workflows as they are now: an upgrade breaks nothing that runs."""

import re
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from domain.messages import (
    OnboardingEnded,
    OnboardingStart,
    PlanRound,
    ReadFacts,
    SyncStart,
    TerminationStart,
)
from domain.names import CHANNEL_SYNC_WORKFLOW, ONBOARDING_WORKFLOW, TERMINATION_WORKFLOW
from tests.record_histories import COMMAND, CONNECTIONS, FOLDER, SCENARIOS
from worker import workflow_runner
from workflows import options
from workflows.onboarding import OnboardingWorkflow
from workflows.sync import ChannelSyncWorkflow
from workflows.termination import TerminationWorkflow

WORKFLOWS: tuple[type, ...] = (OnboardingWorkflow, ChannelSyncWorkflow, TerminationWorkflow)
RECORDED = sorted(FOLDER.glob("*.json"))
LARGEST = 150_000
WORKER = re.compile(r'"\d+@[^"]+"')
ADVICE = f"""The workflow no longer does what it did when “{{name}}” was recorded:

    {{failure}}

Onboardings and connections that run now would stop for good after the upgrade. Keep what they did behind
`if workflow.patched("what-changed"): <new> else: <old>` (https://docs.temporal.io/develop/python/versioning), and record
a further history of the new way. Only if nothing runs anywhere that was begun with the old code may the old
histories go: then `{COMMAND}` records all of them anew.
"""


async def must_replay(
    recorded: WorkflowHistory,
    workflows: tuple[type, ...] = WORKFLOWS,
    runner: WorkflowRunner | None = None,
) -> None:
    """Fails with :data:`ADVICE` where the workflow goes another way than the recorded history."""
    replayer = Replayer(
        workflows=workflows,
        workflow_runner=runner or workflow_runner(),
        data_converter=pydantic_data_converter,
    )
    failure = (await replayer.replay_workflow(recorded, raise_on_replay_failure=False)).replay_failure
    if failure is not None:
        raise AssertionError(ADVICE.format(name=recorded.workflow_id, failure=failure))


@workflow.defn(name=ONBOARDING_WORKFLOW)
class LooksTwice(OnboardingWorkflow):
    """Broken on purpose: it asks the catalogue once more before anything else, which no running onboarding did."""

    @workflow.init
    def __init__(self, start: OnboardingStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: OnboardingStart) -> OnboardingEnded:
        await options.read_facts(
            ReadFacts(provider_id=start.case.provider_id, partner=start.case.playbook.slug)
        )
        return await super().run(start)


@workflow.defn(name=CHANNEL_SYNC_WORKFLOW)
class PlansTwice(ChannelSyncWorkflow):
    """Broken on purpose: it plans once more before anything else."""

    @workflow.init
    def __init__(self, start: SyncStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: SyncStart) -> None:
        await self._plan()
        await super().run(start)


@workflow.defn(name=TERMINATION_WORKFLOW)
class WithdrawsFirst(TerminationWorkflow):
    """Broken on purpose: it plans the withdrawal before the sync is stopped."""

    @workflow.init
    def __init__(self, start: TerminationStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: TerminationStart) -> None:
        ask = PlanRound(connection_id=start.connection_id, may_push=True, now=workflow.now())
        await options.plan_end(ask)
        await super().run(start)


@pytest.fixture(params=RECORDED, ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> WorkflowHistory:
    path: Path = request.param
    return WorkflowHistory.from_json(path.stem, path.read_text())


async def test_everything_recorded_replays(recorded: WorkflowHistory) -> None:
    await must_replay(recorded)


async def test_a_workflow_that_goes_another_way_is_found_out_and_told_the_mend(
    recorded: WorkflowHistory,
) -> None:
    broken = (LooksTwice, PlansTwice, WithdrawsFirst)
    with pytest.raises(AssertionError, match=r"workflow\.patched") as told:
        await must_replay(recorded, broken, UnsandboxedWorkflowRunner())
    assert f"“{recorded.workflow_id}”" in str(told.value)
    assert COMMAND in str(told.value)


def test_every_scenario_was_recorded() -> None:
    missing = (SCENARIOS.keys() | CONNECTIONS.keys()) - {path.stem for path in RECORDED}
    assert not missing, f"record them: {COMMAND} {' '.join(sorted(missing))}"


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_history_is_small_and_names_no_machine(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    assert not WORKER.search(path.read_text()), f"record it again: {COMMAND} {path.stem}"

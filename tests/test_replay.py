"""Recorded histories replay with the workflow as it is now: an upgrade breaks no onboarding that runs."""

import re
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from domain.messages import OnboardingEnded, OnboardingStart, ReadFacts
from domain.names import ONBOARDING_WORKFLOW, onboarding_workflow_id
from tests.record_histories import COMMAND, FOLDER, SCENARIOS
from worker import workflow_runner
from workflows import options
from workflows.onboarding import OnboardingWorkflow

RECORDED = sorted(FOLDER.glob("*.json"))
LARGEST = 150_000
WORKER = re.compile(r'"\d+@[^"]+"')
ADVICE = f"""The workflow no longer does what it did when “{{name}}” was recorded:

    {{failure}}

Onboardings that run now would stop for good after the upgrade. Keep what they did behind
`if workflow.patched("what-changed"): <new> else: <old>` (https://docs.temporal.io/develop/python/versioning), and record
a further history of the new way. Only if no onboarding runs anywhere that was begun with the old code may the old
histories go: then `{COMMAND}` records all of them anew.
"""


async def must_replay(
    recorded: WorkflowHistory,
    onboarding: type[OnboardingWorkflow] = OnboardingWorkflow,
    runner: WorkflowRunner | None = None,
) -> None:
    """Fails with :data:`ADVICE` where the workflow goes another way than the recorded history."""
    replayer = Replayer(
        workflows=[onboarding],
        workflow_runner=runner or workflow_runner(),
        data_converter=pydantic_data_converter,
    )
    failure = (await replayer.replay_workflow(recorded, raise_on_replay_failure=False)).replay_failure
    if failure is not None:
        name = recorded.workflow_id.removeprefix(onboarding_workflow_id(""))
        raise AssertionError(ADVICE.format(name=name, failure=failure))


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


@pytest.fixture(params=RECORDED, ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> WorkflowHistory:
    path: Path = request.param
    return WorkflowHistory.from_json(onboarding_workflow_id(path.stem), path.read_text())


async def test_every_recorded_onboarding_replays(recorded: WorkflowHistory) -> None:
    await must_replay(recorded)


async def test_a_workflow_that_goes_another_way_is_found_out_and_told_the_mend(
    recorded: WorkflowHistory,
) -> None:
    with pytest.raises(AssertionError, match=r"workflow\.patched") as told:
        await must_replay(recorded, LooksTwice, UnsandboxedWorkflowRunner())
    assert recorded.workflow_id.partition(":")[2] in str(told.value)
    assert COMMAND in str(told.value)


def test_every_scenario_was_recorded() -> None:
    missing = set(SCENARIOS) - {path.stem for path in RECORDED}
    assert not missing, f"record them: {COMMAND} {' '.join(sorted(missing))}"


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_history_is_small_and_names_no_machine(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    assert not WORKER.search(path.read_text()), f"record it again: {COMMAND} {path.stem}"

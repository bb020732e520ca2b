"""The yardstick: a workflow whose eight Updates each run one local activity that writes one row. Nothing else."""

from datetime import timedelta

from temporalio import workflow

STEPS = 8
WRITE_ROW = "write_row"
BARE_QUEUE = "bench-bare"


@workflow.defn(name="BareWorkflow")
class BareWorkflow:
    """Ends after :data:`STEPS` steps."""

    def __init__(self) -> None:
        self._done = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._done == STEPS and workflow.all_handlers_finished())
        return self._done

    @workflow.update
    async def step(self, key: str) -> int:
        """Answers when the row is written."""
        await workflow.execute_local_activity(
            WRITE_ROW, args=[workflow.info().workflow_id, key], start_to_close_timeout=timedelta(seconds=10)
        )
        self._done += 1
        return self._done

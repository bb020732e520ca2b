"""The read model, as an activity: what the workflow decided becomes what everyone sees."""

from temporalio import activity

from activities.contract import ActivityName
from adapters.database import records, tested
from adapters.database.session import Database
from domain.messages import RecordProgress


class RecordActivities:
    """Writes onboardings' progress to Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name=ActivityName.RECORD_PROGRESS)
    async def record_progress(self, record: RecordProgress) -> None:
        """Moves row, steps, history and links to one revision, in one statement.

        Idempotent by (onboarding, turn, revision): one that is there, or passed, changes nothing. Every failure is retried.
        """
        async with self._database.single.connect() as connection:
            events = await tested.with_differences(connection, record.onboarding_id, record.events)
            await records.write(
                connection,
                record.onboarding_id,
                record.progress,
                events,
                command_id=record.command_id,
                used_link=record.used_link,
                turn=record.turn,
            )

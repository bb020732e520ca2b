"""The catalogue as workflows see it."""

from datetime import UTC, datetime

from temporalio import activity

from activities.contract import ActivityName
from adapters.database import facts, tested
from adapters.database.session import Database
from adapters.playbooks import Playbooks
from domain.facts import ChannelFacts
from domain.messages import ReadFacts


class CatalogueActivities:
    """Reads the catalogue; changes nothing in it."""

    def __init__(self, database: Database, playbooks: Playbooks) -> None:
        self._database = database
        self._playbooks = playbooks

    @activity.defn(name=ActivityName.READ_FACTS)
    async def read_facts(self, ask: ReadFacts) -> ChannelFacts:
        """The channel's facts now, against the declaration in force now (R9). Free to repeat.

        A partner whose playbook was taken away has no declaration in force, so no consent holds. While an onboarding
        is open, what the digest stands for is kept, so that a joint test that it voids can show the difference (R12).
        """
        in_force = self._playbooks.counting(ask.partner)
        async with self._database.transaction() as session:
            # One snapshot: the digest is of the very configuration that is kept under it.
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            found = await facts.read_facts(session, ask.provider_id, ask.partner, in_force, datetime.now(UTC))
            await tested.keep(session, ask.provider_id, ask.partner, found.digest)
        return found

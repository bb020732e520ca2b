"""The catalogue as workflows see it."""

from temporalio import activity

from activities.contract import ActivityName
from adapters.database import facts
from adapters.database.session import Database
from adapters.playbooks import Playbooks
from domain.facts import ChannelFacts
from domain.messages import ReadFacts


class CatalogueActivities:
    """Reads the catalogue; changes nothing."""

    def __init__(self, database: Database, playbooks: Playbooks) -> None:
        self._database = database
        self._playbooks = playbooks

    @activity.defn(name=ActivityName.READ_FACTS)
    async def read_facts(self, ask: ReadFacts) -> ChannelFacts:
        """The channel's facts now, against the declaration in force now (R9). Free to repeat.

        A partner whose playbook was taken away has no declaration in force, so no consent holds.
        """
        in_force = ("", "")
        if ask.partner in self._playbooks:
            declaration = self._playbooks.get(ask.partner).declaration
            in_force = (declaration.document, declaration.version)
        async with self._database.transaction() as session:
            return await facts.read_facts(session, ask.provider_id, ask.partner, in_force)

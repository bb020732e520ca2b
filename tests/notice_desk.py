"""A live connection to Global Assistance at whose desk notices are written: what the tests of them stand on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.mail import MailActivities
from adapters.database import connection_lists, connections, ledger, notice_order, notices
from adapters.database.connection_tables import ConnectionEventRow
from adapters.database.tables import MailRow
from adapters.mail.smtp import Mailer
from adapters.signing import LinkSigner
from domain.connection import ConnectionEvent, ConnectionStatus
from domain.messages import SendFarewell, SendNotice
from domain.playbook import Playbook
from domain.steps.base import MailOutcome
from tests.connections import IOANA, Live
from tests.stack import settings_for
from tests.test_mail_server import MailServer

SUPPORT = "suport@programari.example"
PARTNER = "retea-medicala@global-assistance.example"


@dataclass
class Desk:
    """A live connection to Global Assistance, and the activity that writes its mails."""

    live: Live
    server: MailServer
    playbook: Playbook

    @property
    def activities(self) -> MailActivities:
        settings = settings_for("postgresql://", "127.0.0.1:1", self.server.port, support_email=SUPPORT)
        signer = LinkSigner([key.get_secret_value() for key in settings.secret_keys])
        known = {self.playbook.slug: self.playbook}
        return MailActivities(self.live.database, Mailer(settings), signer, settings, known)

    async def send(self, notice_id: str, to: str = "partner") -> MailOutcome:
        ask = SendNotice(connection_id=self.live.connection_id, notice_id=notice_id, to=to)
        return await ActivityEnvironment().run(self.activities.send_notice, ask)

    async def say_farewell(self, to: str) -> MailOutcome:
        ask = SendFarewell(connection_id=self.live.connection_id, to=to)
        return await ActivityEnvironment().run(self.activities.send_farewell, ask)

    async def to_send(self) -> list[str]:
        """Ids of the notices that the sync would send now, in order."""
        async with self.live.database.transaction() as session:
            return list(await notice_order.to_send(session, self.live.connection_id))

    async def held_back(self) -> dict[int, int]:
        """By the numbers of notices: which one each of them waits for."""
        async with self.live.database.transaction() as session:
            listed = await connection_lists.notices(session, self.live.connection_id, limit=50, before=None)
        return {row.number: row.held_by for row in listed if row.held_by}

    def taken(self) -> list[EmailMessage]:
        contents = [envelope.content for envelope in self.server.taken]
        return [message_from_bytes(c, policy=policy.default) for c in contents if isinstance(c, bytes)]

    async def mails(self) -> list[MailRow]:
        async with self.live.database.transaction() as session:
            return list(await ledger.of_onboarding(session, self.live.onboarding_id))

    async def events(self, type: ConnectionEvent) -> list[dict[str, Any]]:
        ask = select(ConnectionEventRow.data).where(ConnectionEventRow.type == type)
        async with self.live.database.transaction() as session:
            return list(await session.scalars(ask.order_by(ConnectionEventRow.id)))

    async def move(self, status: ConnectionStatus) -> None:
        async with self.live.database.transaction() as session:
            found = await connections.locked(session, self.live.connection_id)
            assert found is not None
            await connections.move(session, found, status, ConnectionEvent.PAUSED)

    async def acknowledge(self, notice_id: str) -> None:
        async with self.live.database.transaction() as session:
            await connections.locked(session, self.live.connection_id)
            row = await notices.locked(session, notice_id)
            assert row is not None
            await notices.acknowledge(session, row, IOANA, datetime.now(UTC))

    async def again(self, notice_id: str) -> None:
        async with self.live.database.transaction() as session:
            row = await notices.locked(session, notice_id)
            assert row is not None
            await notices.again(session, row, IOANA, datetime.now(UTC))

"""An onboarding at whose desk mails are written: what the tests of the mail activity stand on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.mail import MailActivities
from adapters.database import ledger
from adapters.database.session import Database
from adapters.database.tables import Consent, MailRow, OnboardingRow, Provider
from adapters.mail.smtp import Mailer
from adapters.settings import Settings
from adapters.signing import LinkSigner
from domain import progress as engine
from domain.commands import StepCommand
from domain.facts import ChannelFacts, ConsentFact
from domain.messages import SendMail
from domain.model import Actor, Party
from domain.playbook import Playbook
from domain.progress import Case
from domain.steps.base import MailOrder, MailOutcome
from tests.stack import settings_for
from tests.test_mail_server import MailServer

NOW = datetime(2026, 3, 12, 8, 0, tzinfo=UTC)
US = Actor(kind="api_key", id="key_1", name="Ana", role="manager")
SUPPORT, CLINIC, TEAM = "suport@programari.example", "clinica@sfanta-maria.example", "team@partner.example"
PLAYBOOK = Playbook.model_validate(
    {
        "slug": "partner",
        "name": "Partner",
        "country": "RO",
        "time_zone": "Europe/Bucharest",
        "languages": ["en", "ro"],
        "channel_name": "Partner channel",
        "contacts": {
            "team": {"name": "Integration team", "email": TEAM},
            "medical": {"name": "Medical partnerships", "email": "medical@partner.example", "language": "ro"},
        },
        "declaration": {"document": "partner", "version": "1"},
        "steps": [
            {"key": "contract", "kind": "attest", "title": "Contract"},
            {
                "key": "intent", "kind": "mail", "title": "Intent", "needs": ["contract"],
                "sender": "provider", "to": "team", "cc": ["support", "medical"], "template": "intent",
            },
            {"key": "consent", "kind": "consent", "title": "Consent", "needs": ["intent"]},
            {
                "key": "notice", "kind": "mail", "title": "Notice", "needs": ["consent"], "to": "team",
                "template": "notice", "on_trouble": "hold",
            },
            {
                "key": "settings", "kind": "confirm", "title": "Settings", "needs": ["notice"], "to": "team",
                "template": "technical_settings",
            },
        ],
    }
)  # fmt: skip


class Desk:
    """One onboarding in the database, moved on by hand, and the activity that writes its mails."""

    def __init__(self, database: Database, server: MailServer, settings: Settings) -> None:
        self.database, self.server, self.settings = database, server, settings
        self.case = Case(onboarding_id="onb_1", provider_id="prv_1", playbook=PLAYBOOK)
        self.progress = engine.begin(self.case, ChannelFacts(), NOW, US).progress
        self.activities = MailActivities(
            database, Mailer(settings), LinkSigner(settings.secret_keys), settings, {}
        )

    async def store(self) -> None:
        """Writes down where the onboarding stands, as the workflow does before it orders a mail."""
        async with self.database.transaction() as session:
            found = await session.get(OnboardingRow, "onb_1")
            if found is None:
                found = OnboardingRow(
                    id="onb_1",
                    provider_id="prv_1",
                    partner="partner",
                    status="in_progress",
                    revision=1,
                    progress={},
                )
                found.case = self.case.model_dump(mode="json")
                session.add(found)
            found.progress = self.progress.model_dump(mode="json")

    async def answer(self, step: str, action: str, **body: Any) -> None:
        link = body.pop("link_id", None)
        command = StepCommand(
            command_id="c", step=step, action=action, body=body, actor=US, link_id=link,
            party=Party.PARTNER if link else Party.US,
        )  # fmt: skip
        self.progress = engine.answer(self.case, self.progress, command, NOW).progress
        await self.store()

    async def facts(self, facts: ChannelFacts) -> None:
        self.progress = engine.with_facts(self.case, self.progress, facts, NOW).progress
        await self.store()

    def order(self) -> MailOrder:
        """The one message that is wanted now."""
        (order,) = engine.orders(self.case, self.progress)
        return order

    async def send(self, order: MailOrder | None = None) -> MailOutcome:
        mail = SendMail(onboarding_id="onb_1", order=order or self.order())
        return await ActivityEnvironment().run(self.activities.send_mail, mail)

    async def deliver(self) -> MailOutcome:
        """Sends what is wanted, and takes the outcome in."""
        order = self.order()
        outcome = await self.send(order)
        self.progress = engine.with_mail(self.case, self.progress, order, outcome, NOW).progress
        await self.store()
        return outcome

    async def until_settings(self) -> None:
        """Contract, intent, consent and notice done: the invitation to the settings is wanted."""
        await self.deliver()
        await self.facts(consented())
        await self.deliver()

    def taken(self) -> list[Message]:
        contents = [envelope.content for envelope in self.server.taken]
        return [message_from_bytes(content) for content in contents if isinstance(content, bytes)]

    async def rows(self) -> list[MailRow]:
        async with self.database.transaction() as session:
            return list(await ledger.of_onboarding(session, "onb_1"))


@asynccontextmanager
async def desk_on(database: Database) -> AsyncIterator[Desk]:
    """An onboarding whose contract is recorded: its intent mail is wanted."""
    async with MailServer().serving() as server, database.transaction() as session:
        session.add(
            Provider(
                id="prv_1",
                name="Clinica Sfânta Maria",
                email=CLINIC,
                locale="ro",
                time_zone="Europe/Bucharest",
                country="RO",
            )
        )
        await session.flush()
        session.add(
            Consent(
                id="con_1",
                provider_id="prv_1",
                partner="partner",
                document="partner",
                version="1",
                language="ro",
                sha256="0" * 64,
                accepted_name="Ioana Pop",
                accepted_role="Director",
                accepted_at=NOW,
                recorded_by={},
            )
        )
        await session.commit()
        settings = settings_for("postgresql://", "127.0.0.1:1", server.port, support_email=SUPPORT)
        desk = Desk(database, server, settings)
        await desk.answer(
            "contract", "complete", evidence={"document": "C-17", "date": str(date(2026, 1, 17))}
        )
        yield desk


def text_of_bytes(content: bytes | str | None) -> str:
    assert isinstance(content, bytes)
    parts = message_from_bytes(content).walk()
    plain = next(part for part in parts if part.get_content_type() == "text/plain").get_payload(decode=True)
    assert isinstance(plain, bytes)
    return plain.decode().replace("\r\n", "\n")


def consented() -> ChannelFacts:
    accepted = ConsentFact(version="1", accepted_by="Ioana Pop", accepted_at=NOW, in_force=True)
    return ChannelFacts(version=1, published=14, consent=accepted)

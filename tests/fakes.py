"""Stand-ins for the outside world in workflow tests: the same names and messages as the activities, kept in memory."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract import ActivityName
from domain.facts import ChannelFacts
from domain.messages import ReadFacts, RecordProgress, SendMail
from domain.model import OnboardingStatus
from domain.steps.base import MailOutcome


class Gate:
    """Stops who comes by until it is opened; ``reached`` says that somebody waits there."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.opened.wait()


class FakeWorld:
    """A catalogue, a read model and a mail server that remember what was asked of them."""

    def __init__(self) -> None:
        self.facts = ChannelFacts()
        self.records: list[RecordProgress] = []
        self.sent: list[str] = []
        self.busy_for: int = 0
        self.refuse: str | None = None
        self.before_live: Gate | None = None
        self.handing_over: dict[str, Gate] = {}

    @activity.defn(name=ActivityName.READ_FACTS)
    async def read_facts(self, ask: ReadFacts) -> ChannelFacts:
        return self.facts

    @activity.defn(name=ActivityName.RECORD_PROGRESS)
    async def record_progress(self, record: RecordProgress) -> None:
        if self.before_live and record.progress.status is OnboardingStatus.LIVE:
            await self.before_live.pass_through()
        if all(record.progress.revision > known.progress.revision for known in self.records):
            self.records.append(record)

    @activity.defn(name=ActivityName.SEND_MAIL)
    async def send_mail(self, mail: SendMail) -> MailOutcome:
        if self.busy_for:
            self.busy_for -= 1
            raise ApplicationError("451 4.2.1 try again later", type="try-later")
        if self.refuse is not None:
            return MailOutcome(state="refused", at=datetime.now(UTC), detail=self.refuse)
        if gate := self.handing_over.get(mail.order.key):
            await gate.pass_through()
        self.sent.append(mail.order.key)
        return MailOutcome(state="sent", at=datetime.now(UTC), message_id=f"<{mail.order.key}@test>")

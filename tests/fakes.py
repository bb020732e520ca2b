"""Stand-ins for the outside world in workflow tests: the same names and messages as the activities, kept in memory."""

from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract import ActivityName
from domain.facts import ChannelFacts
from domain.messages import ReadFacts, RecordProgress, SendMail
from domain.steps.base import MailOutcome


class FakeWorld:
    """A catalogue, a read model and a mail server that remember what was asked of them."""

    def __init__(self) -> None:
        self.facts = ChannelFacts()
        self.records: list[RecordProgress] = []
        self.sent: list[str] = []
        self.busy_for: int = 0
        self.refuse: str | None = None

    @activity.defn(name=ActivityName.READ_FACTS)
    async def read_facts(self, ask: ReadFacts) -> ChannelFacts:
        return self.facts

    @activity.defn(name=ActivityName.RECORD_PROGRESS)
    async def record_progress(self, record: RecordProgress) -> None:
        if all(record.progress.revision > known.progress.revision for known in self.records):
            self.records.append(record)

    @activity.defn(name=ActivityName.SEND_MAIL)
    async def send_mail(self, mail: SendMail) -> MailOutcome:
        if self.busy_for:
            self.busy_for -= 1
            raise ApplicationError("451 4.2.1 try again later", type="try-later")
        if self.refuse is not None:
            return MailOutcome(state="refused", at=datetime.now(UTC), detail=self.refuse)
        self.sent.append(mail.order.key)
        return MailOutcome(state="sent", at=datetime.now(UTC), message_id=f"<{mail.order.key}@test>")

"""What an onboarding is made of: its case, its progress, its history. Values; see :mod:`domain.progress` for what moves them."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from domain import errors
from domain.deadlines import WorkCalendar
from domain.facts import ChannelFacts
from domain.model import SYSTEM, Actor, Frozen, OnboardingStatus, Party
from domain.playbook import Playbook
from domain.steps import Step
from domain.steps.base import MailOutcome, StepRecord

# The newest rules of the engine. What runs keeps those that it began with, for its history is replayed by them:
# 2 waits at the end for letters that are being handed over, keeps what was agreed with each party when a letter comes
# back, sends nothing again that is still on its way, wants another meeting when one is called off before everybody
# tested, moves no meeting to where it is, nor changes what a move does not name, and asks for the results of a meeting
# that is over whether or not its invitation arrived, or tells us of one of which neither party knew.
RULES = 2
WAITED_ON_FIRST = (Party.US, Party.PROVIDER, Party.PARTNER, Party.SYSTEM)


class Case(Frozen):
    """What does not change while an onboarding runs: its playbook as pinned at the start, and who works when."""

    onboarding_id: str
    provider_id: str
    provider_name: str = ""
    playbook: Playbook
    calendars: dict[Party, WorkCalendar] = {}
    rules: int = Field(default=1, description="of the engine, as they were when it began")

    def step(self, key: str) -> Step:
        step = self.playbook.step(key)
        if step is None:
            raise errors.NotFound(
                "There is no step “{step}” in this onboarding.",
                mend="Use one of: {steps}.",
                step=key,
                steps=", ".join(step.key for step in self.playbook.steps),
            )
        return step

    def party_of(self, role: str) -> Party:
        """The side that a reader with this role is on."""
        if role in self.playbook.contacts:
            return Party.PARTNER
        return Party.PROVIDER if role == Party.PROVIDER else Party.US

    def calendar(self, party: Party | None) -> WorkCalendar:
        """When that side works."""
        return self.calendars.get(party, WorkCalendar()) if party else WorkCalendar()


class Hold(Frozen):
    """The clocks stand since ``since``, as planned until the day ``until``; ``is_over``: that day came, and we were asked."""

    since: datetime
    until: date | None = None
    is_over: bool = False


class Progress(Frozen):
    """Where an onboarding stands. ``revision`` grows by one with every change and never goes back."""

    status: OnboardingStatus = OnboardingStatus.IN_PROGRESS
    revision: int = 0
    facts: ChannelFacts = ChannelFacts()
    steps: dict[str, StepRecord] = {}
    reason: str | None = None
    hold: Hold | None = None
    mails: dict[str, MailOutcome] = Field(default={}, description="of the onboarding as a whole")

    @property
    def waiting_on(self) -> Party | None:
        """The party to look at first: us before the provider before the partner before Racord itself."""
        if self.status is not OnboardingStatus.IN_PROGRESS:
            return None
        open_on = {record.waiting_on for record in self.steps.values() if record.is_open}
        return next((party for party in WAITED_ON_FIRST if party in open_on), None)


class Event(Frozen):
    """One line of the history."""

    type: str
    at: datetime
    step: str | None = None
    actor: Actor = SYSTEM
    on_behalf_of: str | None = None
    data: dict[str, Any] = {}


class Change(Frozen):
    """The next progress and what happened on the way; no events means that nothing changed."""

    progress: Progress
    events: tuple[Event, ...] = ()


class Earlier(Frozen):
    """The onboarding whose connection ended, and why it ended: what it recorded may still be valid (R17)."""

    onboarding_id: str
    progress: Progress
    cause: str

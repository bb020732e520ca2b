"""One channel at one moment: all that the explainer looks at (R5–R9, R20)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from domain.availability import DAYS, has_availability
from domain.connection import Cause, ConnectionStatus, NoticeState
from domain.facts import ChannelFacts, FactName
from domain.model import Frozen, OnboardingStatus
from domain.playbook import Playbook
from domain.progress import Progress
from domain.steps import Step
from domain.steps.check import CheckStep

# Whatever a playbook asks for: without these nothing is published (R7), permitted (R17) or transmitted (R9).
ALWAYS = (FactName.CHANNEL_ENABLED, FactName.SERVICES_PUBLISHED, FactName.CONSENT_ACCEPTED)


class Known(Frozen):
    """When something was done, and by whom where that is known."""

    at: datetime
    by: str | None = None


class Rejected(Frozen):
    """When the partner's system refused to take a service, and what it said."""

    at: datetime
    why: str = ""


class Asked(Frozen):
    """The open notice by which the partner is asked to take up a new service (R14): ``at`` is when it was opened.

    ``sent`` is when it went to the partner. ``refused``: since when it is back with us, by the partner's no or, where it
    is not ``declined``, because its mail did not go; ``why`` says what they said.
    """

    at: datetime
    state: NoticeState = NoticeState.WAITING
    sent: datetime | None = None
    refused: datetime | None = None
    why: str = ""

    @property
    def is_declined(self) -> bool:
        return self.state is NoticeState.REJECTED


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the catalogue says of one service on one channel. Not a model: there are 20,000 of them.

    ``longest_opening``: of its calendars, in the days ahead; zero where they never open, None where it is in none (R6).
    ``unticked``, ``unpriced``, ``uncovered``: when the tick, the price, the calendar last went, of one without (R20).
    ``confirmed_by_partner``: whether the live connection may offer it (R14), None without one; ``asked`` is how far it is
    with asking the partner. ``rejected``: since when its system does not take the service, and why.
    """

    id: str
    code: str
    name: str
    deleted: Known | None = None
    ticked: bool = False
    priced: bool = False
    duration: timedelta = timedelta(minutes=30)
    longest_opening: timedelta | None = None
    unticked: Known | None = None
    unpriced: Known | None = None
    uncovered: Known | None = None
    confirmed_by_partner: bool | None = None
    asked: Asked | None = None
    rejected: Rejected | None = None

    @property
    def has_availability(self) -> bool:
        return has_availability(self.duration, self.longest_opening)


class Run(Frozen):
    """The onboarding that governs the channel; ``since`` is when its status came about, where known."""

    id: str
    progress: Progress
    since: datetime | None = None


class Link(Frozen):
    """The connection that the onboarding led to: live, or how and through whom it ended (R17, R20)."""

    id: str
    status: ConnectionStatus
    since: datetime
    cause: Cause | None = None
    by: str | None = None
    reason: str | None = None
    silent_since: datetime | None = Field(default=None, description="the partner's system does not answer")
    refused: bool = Field(
        default=False, description="the partner's system refused what was delivered as a whole"
    )


class Snapshot(Frozen):
    """One channel at one moment. ``playbook`` is the onboarding's own where one is open or live.

    ``services`` is None where nobody looked at them; deleted ones belong to it, so that the past is explained (R20).
    """

    playbook: Playbook
    facts: ChannelFacts
    run: Run | None = None
    services: tuple[ServiceFacts, ...] | None = None
    disabled: Known | None = None
    link: Link | None = None
    days: int = Field(default=DAYS, description="in which a service must have an opening")

    @property
    def status(self) -> OnboardingStatus | None:
        return self.run.progress.status if self.run else None

    @property
    def is_live(self) -> bool:
        return self.status is OnboardingStatus.LIVE and (self.link is None or self.link.status.is_live)

    def step_of(self, fact: FactName) -> Step | None:
        watching = (step for step in self.playbook.steps if isinstance(step, CheckStep) and step.fact is fact)
        return next(watching, None)

    def wants(self, fact: FactName) -> bool:
        return fact in ALWAYS or self.step_of(fact) is not None

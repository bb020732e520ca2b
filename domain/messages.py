"""The history contract: what starts a workflow and what it hands to activities. New fields get defaults (replay)."""

from datetime import datetime, timedelta

from pydantic import Field

from domain.model import Frozen, OnboardingStatus
from domain.progress import Case, Event, Progress
from domain.steps.base import MailOrder


class OnboardingStart(Frozen):
    """Starts (or, with Temporal's store lost, rebuilds) an onboarding from where Postgres says it stands."""

    case: Case
    progress: Progress


class OnboardingEnded(Frozen):
    """How an onboarding ended."""

    onboarding_id: str
    status: OnboardingStatus
    revision: int


class ReadFacts(Frozen):
    """Asks the catalogue for the facts of one channel."""

    provider_id: str
    partner: str


class RecordProgress(Frozen):
    """Writes a new progress, its history and its side effects on links, in one transaction."""

    onboarding_id: str
    progress: Progress
    events: tuple[Event, ...]
    command_id: str | None = None
    used_link: str | None = Field(default=None, description="the signed link whose one use this is")
    turn: int = Field(
        default=0, description="of the workflow; a later one's word counts before an earlier one's"
    )


class SendMail(Frozen):
    """Sends one message of one onboarding, once."""

    onboarding_id: str
    order: MailOrder


class CatalogueChanged(Frozen):
    """A nudge: the channel's catalogue is at this version now. The reader reads what it says."""

    version: int


class MailBounced(Frozen):
    """A message came back from ``address``. ``to`` is the role of who did not get it; ``cc`` where it was a copy."""

    order_key: str
    step: str
    to: str
    address: str
    at: datetime
    detail: str = ""
    cc: bool = False


class SyncStart(Frozen):
    """Starts, or goes on with, keeping a partner in step; everything else is in Postgres."""

    connection_id: str
    partner: str
    quiet: timedelta = Field(default=timedelta(seconds=1), description="changes within it go out together")
    look_again: timedelta = Field(default=timedelta(hours=1), description="without any nudge")


class PlanRound(Frozen):
    """Asks what is to be done for a connection; ``may_push`` is False while a delivery is under way."""

    connection_id: str
    may_push: bool
    now: datetime


class Round(Frozen):
    """What is to be done: nothing any more, or a delivery, notices in order, support's copies of notices, a comparison,
    and when to look again; with ``tell``, though it be over, letters about the end, which to those in ``tell_now`` were
    asked for and wait for no earlier try: `provider`, `partner`, `support`.
    """

    over: bool = False
    delivery_id: str | None = None
    notices: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    compare: bool = False
    tell: bool = False
    tell_now: tuple[str, ...] = ()
    wake_at: datetime | None = None


class PushDelivery(Frozen):
    """One try of one delivery, at the workflow's time."""

    connection_id: str
    delivery_id: str
    now: datetime


class Pushed(Frozen):
    """What came of it; the rest is in Postgres."""

    taken: bool
    next_try_at: datetime | None = None


class CompareHeld(Frozen):
    """Asks the partner what it holds."""

    connection_id: str
    now: datetime


class Compared(Frozen):
    """``known`` is False where the partner does not tell; ``held`` counts the services that it holds, or, where it does
    not tell after the end, those that it rejected to let go.
    """

    known: bool
    held: int = 0
    detail: str = ""


class SendNotice(Frozen):
    """Sends one notice at one attempt, once: to the `partner`, with its link, or to `support`, who gets none."""

    connection_id: str
    notice_id: str
    to: str = "partner"


class TerminationStart(Frozen):
    """Starts, or goes on with, the end of a connection."""

    connection_id: str
    partner: str


class SendFarewell(Frozen):
    """Tells one party that the connection ended, once: `provider`, `support` or one of the partner's roles."""

    connection_id: str
    to: str


class CloseConnection(Frozen):
    """Writes down the end, with what the partner said that it still holds."""

    connection_id: str
    now: datetime
    held: Compared

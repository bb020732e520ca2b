"""The history contract: what starts a workflow and what it hands to activities. New fields get defaults (replay)."""

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


class SendMail(Frozen):
    """Sends one message of one onboarding, once."""

    onboarding_id: str
    order: MailOrder


class CatalogueChanged(Frozen):
    """A nudge: the channel's catalogue is at this version now. The reader reads what it says."""

    version: int

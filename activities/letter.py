"""What a kind of letter says about itself. How it is sent is the same for all: see :mod:`activities.post`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from adapters.database import ledger, people
from adapters.database.ledger import MailState
from adapters.database.tables import MailRow, OnboardingRow, Provider
from adapters.mail.context import MailContext
from adapters.mail.message import Attachment, Invitation
from adapters.settings import Settings
from domain.people import Ours
from domain.playbook import Playbook
from domain.progress import Case, Progress
from domain.steps.base import MailOrder, MailOutcome


@dataclass(frozen=True)
class Parties:
    """An onboarding, and who corresponds about it; ``ours`` are the people who act on our side today."""

    case: Case
    progress: Progress
    provider: Provider
    ours: Ours

    @property
    def playbook(self) -> Playbook:
        return self.case.playbook


class Letter(ABC):
    """One letter inside one transaction. ``order`` says which row of the ledger is its own, to whom it goes, and how."""

    parties: Parties
    order: MailOrder

    @abstractmethod
    def no_longer_wanted(self) -> str | None:
        """Why it has lost its sense while it waited; None where it is wanted. May ask to be tried again later."""

    @abstractmethod
    async def context(self, session: AsyncSession, settings: Settings) -> MailContext:
        """All that its template may speak of; the link is added by whoever sends it."""

    def attachments(self, language: str) -> tuple[Attachment, ...]:
        return ()

    def invitation(self, context: MailContext, settings: Settings) -> Invitation | None:
        """The calendar entry that goes along."""
        return None


class Occasion(ABC):
    """Why a letter is written: finds what it is about, and hears what became of it."""

    @abstractmethod
    async def open(self, session: AsyncSession) -> Letter | MailOutcome:
        """The letter as things are now; an outcome where nothing is to be sent, and nothing to be written down."""

    async def settle(self, session: AsyncSession, mail_id: str, state: MailState, answer: str) -> MailRow:
        """Closes the ledger's row, and whatever follows from that, in this one transaction; again, it changes nothing."""
        return await ledger.settle(session, mail_id, state, answer, now())


async def read_parties(
    session: AsyncSession, onboarding_id: str, playbooks: Mapping[str, Playbook]
) -> Parties:
    """The partner's contacts as they are now: a corrected address reaches what already runs.

    ``playbooks`` are those of now, by slug; who answers is not part of what an onboarding pinned.
    """
    row = await session.get(OnboardingRow, onboarding_id)
    if row is None:
        not_there("onboarding", onboarding_id)
    provider = await session.get_one(Provider, row.provider_id)
    case = Case.model_validate(row.case)
    if newest := playbooks.get(row.partner):
        # Those of now first, in the order of the file: which of them is the first counts, and JSONB keeps no order.
        contacts = {**newest.contacts, **case.playbook.contacts, **newest.contacts}
        playbook = case.playbook.model_copy(update={"contacts": contacts, "sync": newest.sync})
        case = case.model_copy(update={"playbook": playbook})
    ours = (await people.staff(session)).ours(row.assignee_id, now()) if row.assignee_id else Ours()
    return Parties(case, Progress.model_validate(row.progress), provider, ours)


def not_there(what: str, id: str) -> NoReturn:
    raise ApplicationError(f"There is no {what} {id}", type="not-found", non_retryable=True)


def try_again(reason: str) -> NoReturn:
    raise ApplicationError(reason, type="try-later", category=ApplicationErrorCategory.BENIGN) from None


def now() -> datetime:
    return datetime.now(UTC)

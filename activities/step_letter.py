"""The letters that steps of an onboarding order (R3, R10–R13)."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.letter import Letter, Occasion, Parties, now, read_parties, try_again
from adapters.database import readiness
from adapters.database.tables import Consent
from adapters.mail.context import MailContext, context_of
from adapters.mail.invitation import invitation_of
from adapters.mail.meeting_context import ALL_CANCELLED, with_appointment
from adapters.mail.message import Invitation
from adapters.mail.render import ABOUT_MEETINGS
from adapters.settings import Settings
from domain import progress as engine
from domain.messages import SendMail
from domain.playbook import Playbook
from domain.readiness import explain
from domain.steps.appointment import MEETING, is_about_meeting, meeting_of
from domain.steps.base import MailOrder


@dataclass(frozen=True)
class StepLetter(Letter):
    parties: Parties
    order: MailOrder

    def no_longer_wanted(self) -> str | None:
        """One that may get its sense back waits on."""
        case, progress = self.parties.case, self.parties.progress
        if any(wanted.key == self.order.key for wanted in engine.orders(case, progress)):
            return "Not sent: the meeting is over." if self._invites_too_late() else None
        if self.order.step not in progress.steps:
            return "Not sent: it is not so any more."
        record = progress.steps[self.order.step]
        if is_about_meeting(self.order) and meeting_of(record, self.order, case.rules) is None:
            return "Not sent: a newer message about the meeting takes its place."
        over = record.state.is_finished or record.attempt != self.order.attempt
        if not over and progress.status.is_open:
            try_again("The step does not ask for this message at the moment.")
        return "Not sent: the step no longer asks for it."

    def _invites_too_late(self) -> bool:
        if self.order.template != MEETING:
            return False
        case, progress = self.parties.case, self.parties.progress
        meeting = meeting_of(progress.steps[self.order.step], self.order, case.rules)
        return meeting is not None and meeting.ends_at <= now()

    async def context(self, session: AsyncSession, settings: Settings) -> MailContext:
        parties = self.parties
        seen = await readiness.as_seen(session, parties.case, parties.progress)
        lacks = (one for one in explain(seen).reasons if one.step == self.order.step and one.fact)
        context = context_of(
            parties.case,
            parties.progress,
            self.order,
            parties.provider,
            await _newest_consent(session, parties.provider.id, parties.playbook.slug),
            missing=next(lacks, None),
            ours=parties.ours,
            public_url=settings.public_url,
            support_email=settings.support_email,
        )
        return with_appointment(
            context, parties.case, parties.progress, self.order, parties.provider, parties.ours, now()
        )

    def invitation(self, context: MailContext, settings: Settings) -> Invitation | None:
        """Of a message about a meeting; and of the end of all, where a meeting was still to come."""
        if self.order.template not in (*ABOUT_MEETINGS, ALL_CANCELLED) or context.appointment is None:
            return None
        if context.recipient.role not in {who.role for who in context.appointment.attendees}:
            return None
        return invitation_of(context, context.appointment, settings.mail_from)


@dataclass(frozen=True)
class StepOccasion(Occasion):
    """A step wants a message out."""

    mail: SendMail
    playbooks: Mapping[str, Playbook]

    async def open(self, session: AsyncSession) -> StepLetter:
        return StepLetter(
            await read_parties(session, self.mail.onboarding_id, self.playbooks), self.mail.order
        )


async def _newest_consent(session: AsyncSession, provider_id: str, partner: str) -> Consent | None:
    newest = select(Consent).where(Consent.provider_id == provider_id, Consent.partner == partner)
    return await session.scalar(newest.order_by(Consent.accepted_at.desc()).limit(1))

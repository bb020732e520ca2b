"""Reading what came back: lists for people, and what the loop has to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import bounces
from adapters.database.bounce_tables import BounceRow
from adapters.database.ledger import MailState
from adapters.database.tables import MailRow, OnboardingRow, Provider
from domain.messages import MailBounced
from domain.model import OnboardingStatus
from domain.steps.base import OURS

# Of live connections, and of their end.
LETTERS = ("new_services", "price_notice", "ended")


@dataclass(frozen=True)
class Found:
    """A mark, the message that it is about, and whose."""

    row: BounceRow
    mail: MailRow
    provider_id: str
    provider_name: str
    provider_email: str
    partner: str
    status: OnboardingStatus
    contacts: dict[str, Any]

    @property
    def news(self) -> MailBounced:
        """What its workflow is told."""
        return MailBounced(
            order_key=self.mail.order_key,
            step=self.mail.step,
            to=self.row.role,
            address=self.row.address,
            at=self.row.received_at,
            detail=self.row.diagnostic or self.row.status,
            cc=self.row.is_copy,
        )

    @property
    def is_about_meeting(self) -> bool:
        return ":meeting-" in self.mail.order_key

    @property
    def needs_resending(self) -> bool:
        """Not where everybody but a reader of the copy got it, nor what told one of us that something waits.

        A meeting is in nobody's calendar without its message.
        """
        if self.row.role in OURS and not self.is_about_meeting:
            return False
        return not self.row.is_copy or self.mail.state == MailState.REFUSED

    @property
    def is_sent_again(self) -> bool:
        """Whether it goes out again by itself once the address is corrected; else the correction is all there is."""
        is_letter = self.mail.template in LETTERS
        return self.needs_resending and (is_letter or (bool(self.mail.step) and self.status.is_open))


@dataclass(frozen=True)
class Chosen:
    """What a list is narrowed to; None means everything."""

    onboarding_id: str | None = None
    provider_id: str | None = None
    unresolved: bool = False


_ALL = (
    select(
        BounceRow,
        MailRow,
        Provider.id,
        Provider.name,
        Provider.email,
        OnboardingRow.partner,
        OnboardingRow.status,
        OnboardingRow.case["playbook"]["contacts"],
    )
    .join(MailRow, MailRow.id == BounceRow.mail_id)
    .join(OnboardingRow, OnboardingRow.id == MailRow.onboarding_id)
    .join(Provider, Provider.id == OnboardingRow.provider_id)
)
_IS_RESOLVED = BounceRow.resolved_at.is_not(None)


async def untold(session: AsyncSession) -> Sequence[Found]:
    """Marks of which the workflow does not know yet, oldest first."""
    ask = _ALL.where(BounceRow.told_at.is_(None)).order_by(BounceRow.received_at, BounceRow.id)
    return await _found(session, ask)


async def unresolved(session: AsyncSession) -> Sequence[Found]:
    """Marks that everybody concerned knows of and that nothing has lifted, or may be about to lift, newest first."""
    ask = _ALL.where(BounceRow.resolved_at.is_(None), BounceRow.told_at.is_not(None))
    marks = await _found(session, ask.order_by(BounceRow.received_at.desc(), BounceRow.id.desc()))
    awaited = await bounces.awaited(session)
    # An onboarding that is over tries nothing again: what stayed queued there never leaves.
    return [found for found in marks if not (found.status.is_open and found.row.id in awaited)]


async def listed(
    session: AsyncSession, chosen: Chosen, *, limit: int, after: tuple[bool, datetime, str] | None = None
) -> Sequence[Found]:
    """At most ``limit``: what nobody settled first, the newest of them first; behind ``after`` = the row's sort key."""
    ask = _ALL.order_by(_IS_RESOLVED, BounceRow.received_at.desc(), BounceRow.id.desc()).limit(limit)
    if chosen.onboarding_id is not None:
        ask = ask.where(MailRow.onboarding_id == chosen.onboarding_id)
    if chosen.provider_id is not None:
        ask = ask.where(OnboardingRow.provider_id == chosen.provider_id)
    if chosen.unresolved:
        ask = ask.where(BounceRow.resolved_at.is_(None))
    if after is not None:
        resolved, at, id = after
        older = tuple_(BounceRow.received_at, BounceRow.id) < (at, id)
        ask = ask.where(_IS_RESOLVED, older) if resolved else ask.where(or_(_IS_RESOLVED, older))
    return await _found(session, ask)


async def some(session: AsyncSession, ids: Sequence[str]) -> Sequence[Found]:
    """Those marks, oldest first."""
    ask = _ALL.where(BounceRow.id.in_(ids)).order_by(BounceRow.received_at, BounceRow.id)
    return await _found(session, ask)


async def _found(session: AsyncSession, ask: Select[Any]) -> Sequence[Found]:
    rows = await session.execute(ask)
    return [
        Found(row, mail, id, name, email, partner, OnboardingStatus(status), contacts or {})
        for row, mail, id, name, email, partner, status, contacts in rows
    ]

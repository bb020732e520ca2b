"""Signed links as rows: for one recipient, step and attempt; used once, revoked by reissue or by the end.

Nothing here commits. A link is usable until its ``expires_at``; :func:`use` does not look at the clock again,
because an answer that was accepted in time must count.
"""

from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.tables import LinkRow
from adapters.identifiers import new_id
from domain.model import Frozen, Party

# Whoever answers on the last day, or a few days late, still can.
OUTLIVES_DUE = timedelta(days=7)


class LinkHolder(Frozen):
    """Whom a link is for: what is asked of which party, and the one address that it is sent to."""

    onboarding_id: str
    step: str
    attempt: int
    party: Party
    role: str = Field(description="`provider`, or a role in the partner's contacts")
    name: str
    email: str
    language: str


async def issue(
    session: AsyncSession,
    holder: LinkHolder,
    *,
    now: datetime,
    valid: timedelta,
    due_at: datetime | None = None,
    fresh: bool = False,
) -> LinkRow:
    """The holder's usable link, or a new one where there is none or ``fresh`` is asked for.

    It outlives what is asked for, which is ``due_at``: a due date that moves later takes it along
    (:func:`adapters.database.records.write`).

    A new link revokes, in the same transaction, every other live link to this step for the role, also those
    of earlier attempts or of an address given up since: one role never holds two.
    """
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_lock_name(holder), 0))))
    live = await session.scalars(
        select(LinkRow)
        .where(
            LinkRow.onboarding_id == holder.onboarding_id,
            LinkRow.step == holder.step,
            LinkRow.recipient_role == holder.role,
            LinkRow.used_at.is_(None),
            LinkRow.revoked_at.is_(None),
        )
        .order_by(LinkRow.created_at.desc())
        .with_for_update()
    )
    links = list(live)
    same = (link for link in links if _belongs_to(link, holder) and is_usable(link, now))
    if not fresh and (found := next(same, None)):
        return found
    for link in links:
        link.revoked_at = now
    link = LinkRow(
        id=new_id("lnk"),
        onboarding_id=holder.onboarding_id,
        step=holder.step,
        attempt=holder.attempt,
        party=holder.party,
        recipient_role=holder.role,
        recipient_name=holder.name,
        recipient_email=holder.email,
        language=holder.language,
        created_at=now,
        expires_at=max(now + valid, due_at + OUTLIVES_DUE) if due_at else now + valid,
    )
    session.add(link)
    await session.flush()
    return link


def is_usable(link: LinkRow, now: datetime) -> bool:
    """Whether the link opens anything at this moment."""
    return link.used_at is None and link.revoked_at is None and now < link.expires_at


async def find(session: AsyncSession, link_id: str) -> LinkRow | None:
    """The link, usable or not."""
    return await session.get(LinkRow, link_id, populate_existing=True)


async def newest_like(session: AsyncSession, link: LinkRow) -> LinkRow:
    """The newest link for the same step and role, usable or not."""
    ask = select(LinkRow).where(
        LinkRow.onboarding_id == link.onboarding_id,
        LinkRow.step == link.step,
        LinkRow.recipient_role == link.recipient_role,
    )
    return (await session.scalars(ask.order_by(LinkRow.created_at.desc(), LinkRow.id).limit(1))).one()


async def use(session: AsyncSession, link_id: str, now: datetime) -> bool:
    """Takes the link's one use; ``False`` where somebody took it before, or it was revoked."""
    taken = await session.execute(
        update(LinkRow)
        .where(LinkRow.id == link_id, LinkRow.used_at.is_(None), LinkRow.revoked_at.is_(None))
        .values(used_at=now)
        .returning(LinkRow.id)
        .execution_options(synchronize_session=False)
    )
    return taken.first() is not None


async def revoke_all(session: AsyncSession, onboarding_id: str, now: datetime) -> int:
    """Revokes every live link of an onboarding; how many there were."""
    revoked = await session.execute(
        update(LinkRow)
        .where(
            LinkRow.onboarding_id == onboarding_id, LinkRow.used_at.is_(None), LinkRow.revoked_at.is_(None)
        )
        .values(revoked_at=now)
        .returning(LinkRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(revoked.all())


def _lock_name(holder: LinkHolder) -> str:
    return f"link:{holder.onboarding_id}:{holder.step}:{holder.role}"


def _belongs_to(link: LinkRow, holder: LinkHolder) -> bool:
    return (
        link.attempt == holder.attempt and link.recipient_email == holder.email and link.party == holder.party
    )

"""The outbox's reading side: which channels changed and were not yet told to Temporal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.connections import Alive, alive
from adapters.database.records import open_on_channel
from adapters.database.tables import Outbox


@dataclass(frozen=True)
class Nudge:
    """The newest undelivered change of one channel, and the onboarding and the connections that are to hear of it."""

    last_id: int
    provider_id: str
    partner: str
    version: int
    onboarding_id: str | None
    connections: Sequence[Alive] = ()


async def waiting(session: AsyncSession, limit: int = 200) -> Sequence[Nudge]:
    """The undelivered changes, one row a channel: a nudge says only that something changed, so the newest stands for all."""
    newest = (
        select(
            Outbox.provider_id,
            Outbox.partner,
            func.max(Outbox.id).label("last_id"),
            func.max(Outbox.version).label("version"),
        )
        .where(Outbox.delivered_at.is_(None))
        .group_by(Outbox.provider_id, Outbox.partner)
        .order_by(func.max(Outbox.id))
        .limit(limit)
    )
    rows = (await session.execute(newest)).all()
    return [
        Nudge(
            last_id=row.last_id,
            provider_id=row.provider_id,
            partner=row.partner,
            version=row.version,
            onboarding_id=await open_on_channel(session, row.provider_id, row.partner),
            connections=await alive(session, row.provider_id, row.partner),
        )
        for row in rows
    ]


async def delivered(session: AsyncSession, nudge: Nudge) -> None:
    """Marks the nudge and all older ones of its channel."""
    await session.execute(
        update(Outbox)
        .where(
            Outbox.provider_id == nudge.provider_id,
            Outbox.partner == nudge.partner,
            Outbox.id <= nudge.last_id,
            Outbox.delivered_at.is_(None),
        )
        .values(delivered_at=datetime.now(UTC))
    )

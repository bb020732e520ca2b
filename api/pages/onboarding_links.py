"""What an onboarding is linked with: the connection that it led to, and the earlier one that it took over from (R17)."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.connection_tables import ConnectionRow
from adapters.database.tables import EventRow
from api.pages import connection_words as words
from domain.progress import CARRIED_OVER, Case


@dataclass(frozen=True)
class Connected:
    """The connection of a live onboarding."""

    id: str
    status: str


@dataclass(frozen=True)
class Earlier:
    """What was taken over from an earlier onboarding: the steps' titles, the version of the consent; and why it ended."""

    onboarding_id: str
    cause: str
    steps: tuple[str, ...]
    consent: str | None


async def connected(session: AsyncSession, onboarding_id: str) -> Connected | None:
    ask = select(ConnectionRow.id, ConnectionRow.status).where(ConnectionRow.onboarding_id == onboarding_id)
    row = (await session.execute(ask)).one_or_none()
    return Connected(row.id, row.status) if row else None


async def earlier(session: AsyncSession, onboarding_id: str, case: Case, language: str) -> Earlier | None:
    ask = select(EventRow.data).where(EventRow.onboarding_id == onboarding_id, EventRow.type == CARRIED_OVER)
    data = await session.scalar(ask.limit(1))
    if data is None:
        return None
    titles = tuple(case.step(key).title.in_(language) for key in data.get("steps", ()))
    return Earlier(data["from"], words.CAUSES.get(data.get("cause", ""), ""), titles, data.get("consent"))

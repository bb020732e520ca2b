"""Which services a partner has otherwise than they are bookable here, and since when (R15, R16). Nothing here commits."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.playbook import Sync, SyncPolicy

# `domain.connection.drifts` as a condition; `:priced` are the partners who take recorded prices.
_DRIFTS = """(
    CASE WHEN connections.partner = ANY(CAST(:priced AS text[])) THEN connection_services.content
        ELSE connection_services.content - 'price' END IS DISTINCT FROM connection_services.acknowledged
    OR (connection_services.content IS NOT NULL AND connections.partner <> ALL(CAST(:priced AS text[]))
        AND connection_services.content -> 'price' IS DISTINCT FROM connection_services.known_price))"""
_NOTE = text(
    f"""
    UPDATE connection_services SET differs_since = CASE WHEN differs_since IS NULL THEN CAST(:now AS timestamptz) END
    FROM connections
    WHERE connections.id = :connection AND connection_services.connection_id = connections.id
        AND {_DRIFTS} <> (differs_since IS NOT NULL)
    """  # noqa: S608 - our own text
)


def drifting(priced: Sequence[str], negated: bool = False) -> TextClause:
    """Whether a service of a connection drifts; ``priced`` are the partners who take recorded prices."""
    return text(f"NOT {_DRIFTS}" if negated else _DRIFTS).bindparams(priced=list(priced))


async def note(session: AsyncSession, connection_id: str, partner: str, sync: Sync, now: datetime) -> None:
    """Writes down which services began to differ ``now``, or do no more.

    Asked before and after every change of what is bookable: a difference that is there all the while keeps its time.
    """
    priced = [partner] if sync.price is SyncPolicy.PUSH else []
    await session.execute(_NOTE, {"connection": connection_id, "priced": priced, "now": now})

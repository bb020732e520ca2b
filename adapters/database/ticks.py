"""Choosing services to tick or untick in bulk (R7). Set-based: 20,000 at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.availability import AVAILABLE, COVERED, asked, openings_ahead
from adapters.database.tables import Service

# As in facts: one row a thing said of a service, then one group a service. Right after a bulk edit Postgres has no
# statistics, and joins or sub-selects of 20,000 services take a minute.
_CHOOSE = text(
    f"""
    SELECT id FROM (
        SELECT id, max(code) AS code, max(name) AS name, max(duration_minutes) AS duration_minutes,
            bool_or(priced) AS priced, {AVAILABLE} AS available
        FROM (
            SELECT id, code, name, duration_minutes, false AS priced, NULL::int AS longest
            FROM services WHERE provider_id = :provider AND deleted_at IS NULL
            UNION ALL SELECT service_id, NULL, NULL, NULL, true, NULL
            FROM prices WHERE provider_id = :provider AND partner = :partner
            UNION ALL SELECT service_id, NULL, NULL, NULL, false, longest FROM {COVERED}
        ) said GROUP BY id HAVING count(code) > 0
    ) offered
    WHERE (CAST(:q AS text) IS NULL OR code ILIKE :q OR name ILIKE :q)
        AND duration_minutes BETWEEN :duration_min AND :duration_max
        AND coalesce(priced = :has_price, true) AND coalesce(available = :has_calendar, true)
    """  # noqa: S608 - constants of ours
)


@dataclass(frozen=True)
class Filter:
    """Which services are meant; None means any. ``q`` is part of a code or a name, in small or capital letters.

    ``has_calendar``: has availability, that is an opening long enough in the next 30 days.
    """

    q: str | None = None
    duration_min: int = 1
    duration_max: int = 1440
    has_price: bool | None = None
    has_calendar: bool | None = None


async def chosen(
    session: AsyncSession, provider_id: str, partner: str, wanted: Filter, now: datetime
) -> set[str]:
    """Ids of the living services that the filter means ``now``; the price as on that channel."""
    ahead = await openings_ahead(session, provider_id, now)
    given = {"provider": provider_id, "partner": partner, **vars(wanted), **asked(ahead)}
    if wanted.q is not None:
        literal = wanted.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        given["q"] = f"%{literal}%"
    return set((await session.scalars(_CHOOSE, given)).all())


async def with_codes(session: AsyncSession, provider_id: str, codes: Sequence[str]) -> dict[str, str]:
    """Ids of living services by code; a code that no service has is not in the answer."""
    ask = select(Service.code, Service.id).where(
        Service.provider_id == provider_id, Service.deleted_at.is_(None), Service.code.in_(codes)
    )
    return {row.code: row.id for row in await session.execute(ask)}

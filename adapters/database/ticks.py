"""Choosing services to tick or untick in bulk, and what ticked services still lack (R7). Set-based: 20,000 at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.tables import Service

# As in facts: one row a thing said of a service, then one group a service. Right after a bulk edit Postgres has no
# statistics, and joins or sub-selects of 20,000 services take a minute.
_OFFERED = """
    SELECT id, max(code) AS code, max(name) AS name, max(duration_minutes) AS duration_minutes,
        bool_or(ticked) AS ticked, bool_or(priced) AS priced, bool_or(covered) AS covered
    FROM (
        SELECT id, code, name, duration_minutes, false AS ticked, false AS priced, false AS covered
        FROM services WHERE provider_id = :provider AND deleted_at IS NULL
        UNION ALL SELECT service_id, NULL, NULL, NULL, true, false, false
        FROM published_services WHERE provider_id = :provider AND partner = :partner
        UNION ALL SELECT service_id, NULL, NULL, NULL, false, true, false
        FROM prices WHERE provider_id = :provider AND partner = :partner
        UNION ALL SELECT jsonb_array_elements_text(service_ids), NULL, NULL, NULL, false, false, true
        FROM calendars WHERE provider_id = :provider AND jsonb_array_length(weekly_hours) > 0
    ) said GROUP BY id HAVING count(code) > 0
"""
_CHOOSE = text(
    f"""
    SELECT id FROM ({_OFFERED}) offered
    WHERE (CAST(:q AS text) IS NULL OR code ILIKE :q OR name ILIKE :q)
        AND duration_minutes BETWEEN :duration_min AND :duration_max
        AND coalesce(priced = :has_price, true) AND coalesce(covered = :has_calendar, true)
    """  # noqa: S608 - a constant of ours
)
_LACKING = text(
    f"""
    SELECT id, code, name, NOT priced AS no_price, NOT covered AS no_calendar FROM ({_OFFERED}) offered
    WHERE ticked AND ((:price AND NOT priced) OR (:calendar AND NOT covered)) ORDER BY code, id
    """  # noqa: S608 - a constant of ours
)


@dataclass(frozen=True)
class Filter:
    """Which services are meant; None means any. ``q`` is part of a code or a name, in small or capital letters."""

    q: str | None = None
    duration_min: int = 1
    duration_max: int = 1440
    has_price: bool | None = None
    has_calendar: bool | None = None


@dataclass(frozen=True)
class Lacking:
    """A ticked service that cannot be booked yet."""

    id: str
    code: str
    name: str
    no_price: bool
    no_calendar: bool


async def chosen(session: AsyncSession, provider_id: str, partner: str, wanted: Filter) -> set[str]:
    """Ids of the living services that the filter means; price and calendar as on that channel."""
    given = {"provider": provider_id, "partner": partner, **vars(wanted)}
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


async def lacking(
    session: AsyncSession, provider_id: str, partner: str, *, price: bool, calendar: bool
) -> list[Lacking]:
    """The ticked services without a price or a calendar, of these two what the playbook needs, by code."""
    given = {"provider": provider_id, "partner": partner, "price": price, "calendar": calendar}
    return [
        Lacking(row.id, row.code, row.name, price and row.no_price, calendar and row.no_calendar)
        for row in await session.execute(_LACKING, given)
    ]

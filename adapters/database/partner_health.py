"""Whether a partner's system answers: a circuit that all of its connections share. Nothing here commits.

After :data:`TRIPS_AT` failures in a row it is open: one try goes out when its time has come, for all of them. When one
gets through, the others follow at once; before that many failures each keeps its own turn. A delivery opens it with its
first tries only: one that fails for ever is its own trouble, and keeps nobody waiting who would get through.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections
from adapters.database.connection_tables import ConnectionRow, PartnerHealthRow
from domain.connection import ConnectionStatus
from domain.delivery import pause_after

TRIPS_AT = 3
PROBES = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300))
_RELEASE = text(
    """
    UPDATE deliveries d SET next_try_at = greatest(:now, d.not_before)
    FROM connections c
    WHERE c.id = d.connection_id AND c.partner = :partner AND d.state = 'waiting' AND d.next_try_at > :now
        AND d.verdict IS DISTINCT FROM 'refused' AND d.status IS DISTINCT FROM 429
    RETURNING c.id
    """
)


@dataclass(frozen=True, slots=True)
class Health:
    """How a partner's system does; ``open_until`` is set while its circuit is open."""

    partner: str
    failures: int = 0
    failing_since: datetime | None = None
    open_until: datetime | None = None
    last_error: str | None = None
    last_ok_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """No try makes sense before ``until``; what failed already waits about so long as ``pause``."""

    until: datetime
    pause: timedelta


async def outage(session: AsyncSession, partner: str, now: datetime) -> Outage | None:
    """To read; None where a try may be made."""
    row = await session.get(PartnerHealthRow, partner, populate_existing=True)
    return _outage(row, now) if row else None


async def may_try(session: AsyncSession, partner: str, now: datetime) -> Outage | None:
    """None where a try may be made. The one that may while it is open is the probe."""
    row = await _locked(session, partner)
    if row is None or row.open_until is None:
        return None
    if found := _outage(row, now):
        return found
    # Whoever comes next finds the circuit open until this probe has had time to answer.
    row.open_until = now + PROBES[min(row.failures - TRIPS_AT, len(PROBES) - 1)]
    return None


async def failed(session: AsyncSession, partner: str, error: str, now: datetime, *, tries: int) -> None:
    """It did not answer a delivery's try, the one with the number ``tries``."""
    await session.execute(
        insert(PartnerHealthRow).values(partner=partner, failures=0).on_conflict_do_nothing()
    )
    row = await _locked(session, partner)
    assert row is not None
    if row.open_until is not None or tries <= TRIPS_AT:
        row.failures += 1
    row.failing_since = row.failing_since or now
    row.last_error = error
    if row.failures >= TRIPS_AT:
        row.open_until = now + PROBES[min(row.failures - TRIPS_AT, len(PROBES) - 1)]


async def answered(session: AsyncSession, partner: str, now: datetime) -> None:
    """It answers, whatever it says: the circuit closes, and what waits for it is told."""
    await session.execute(
        insert(PartnerHealthRow).values(partner=partner, failures=0).on_conflict_do_nothing()
    )
    row = await _locked(session, partner)
    assert row is not None
    was_open = row.failures >= TRIPS_AT
    row.failures, row.failing_since, row.open_until = 0, None, None
    row.last_error, row.last_ok_at = None, now
    if was_open:
        released = await session.scalars(_RELEASE, {"partner": partner, "now": now})
        ending = await session.scalars(
            select(ConnectionRow.id).where(
                ConnectionRow.partner == partner, ConnectionRow.status == ConnectionStatus.ENDING
            )
        )
        await connections.nudge(session, sorted({*released, *ending}))


async def all_of_them(session: AsyncSession) -> Sequence[Health]:
    rows = await session.scalars(select(PartnerHealthRow).order_by(PartnerHealthRow.partner))
    return [Health(**{name: getattr(row, name) for name in Health.__slots__}) for row in rows]


def _outage(row: PartnerHealthRow, now: datetime) -> Outage | None:
    if row.open_until is None or row.open_until <= now:
        return None
    return Outage(row.open_until, pause_after(now - (row.failing_since or now)))


async def _locked(session: AsyncSession, partner: str) -> PartnerHealthRow | None:
    ask = select(PartnerHealthRow).where(PartnerHealthRow.partner == partner).with_for_update()
    return (await session.scalars(ask.execution_options(populate_existing=True))).one_or_none()

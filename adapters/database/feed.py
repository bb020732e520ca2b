"""The partner's feed: what is bookable on its connections now, and what changed since a position (R1). Nothing here commits.

A position is given to every change of what is bookable, in the order in which changes are committed for one partner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections, publishing
from adapters.database.availability import physician_calendar
from adapters.database.connection_tables import ConnectionRow, ConnectionServiceRow
from adapters.database.tables import Calendar, Channel, Provider, Service
from adapters.playbooks import Playbooks
from domain.availability import PhysicianCalendar
from domain.connection import ConnectionStatus

LIVE = tuple(status for status in ConnectionStatus if status.is_live)


@dataclass(frozen=True, slots=True)
class Entry:
    """One service of one connection; without ``content`` it is bookable no more."""

    connection_id: str
    service_id: str
    code: str
    name: str
    content: dict[str, Any] | None
    changed_at: datetime | None
    position: int
    provider: Provider


async def behind(
    session: AsyncSession, partner: str, provider_id: str | None, now: datetime
) -> Sequence[str]:
    """Ids of the connections of which what is written down may not be so any more; one statement."""
    row, content = ConnectionRow, ConnectionServiceRow.content
    has_content = select(ConnectionServiceRow.service_id).where(
        ConnectionServiceRow.connection_id == row.id, content.is_not(None)
    )
    # As `publishing.is_stale` says; and one that ends, but from which nobody has taken the services yet.
    is_stale = or_(
        row.derived_at.is_(None),
        row.derived_at <= now - publishing.STALE_AFTER,
        row.derived_until <= now,
        func.coalesce(Channel.version, 0) != row.derived_version,
    )
    ask = (
        select(row.id)
        .outerjoin(Channel, and_(Channel.provider_id == row.provider_id, Channel.partner == row.partner))
        .where(row.partner == partner)
        .where(
            or_(
                and_(row.status.in_(LIVE), is_stale),
                and_(row.status == ConnectionStatus.ENDING, has_content.exists()),
            )
        )
        .order_by(row.id)
    )
    if provider_id is not None:
        ask = ask.where(row.provider_id == provider_id)
    return (await session.scalars(ask)).all()


async def bring_up_to_date(
    session: AsyncSession, connection_id: str, playbooks: Playbooks, now: datetime
) -> None:
    """Writes down what is bookable now, so that the feed never says what the explainer does not.

    The sync has yet to act on it, and to open the notices that the change needs (R14, R16).
    """
    found = await connections.locked(session, connection_id)
    if found is None:
        return
    if found.status == ConnectionStatus.ENDING:
        await publishing.withdraw_all(session, found, now)
    elif ConnectionStatus(found.status).is_live and await publishing.is_stale(session, found, now):
        await publishing.refresh(session, found, playbooks, now)


async def newest_position(session: AsyncSession, partner: str) -> int:
    """The position of the last change; 0 before the first."""
    row = ConnectionServiceRow
    ask = (
        select(func.max(row.position))
        .join(ConnectionRow, ConnectionRow.id == row.connection_id)
        .where(ConnectionRow.partner == partner)
    )
    return await session.scalar(ask) or 0


async def bookable(
    session: AsyncSession,
    partner: str,
    provider_id: str | None,
    *,
    limit: int,
    after: tuple[str, str] | None,
) -> Sequence[Entry]:
    """At most ``limit`` services that are bookable, from behind ``after`` = (connection id, service id)."""
    row = ConnectionServiceRow
    key = tuple_(row.connection_id, row.service_id)
    ask = _entries(partner, provider_id).where(row.content.is_not(None), ConnectionRow.status.in_(LIVE))
    if after is not None:
        ask = ask.where(key > after)
    return await _read(session, ask.order_by(row.connection_id, row.service_id).limit(limit))


async def changes(
    session: AsyncSession, partner: str, provider_id: str | None, *, since: int, limit: int
) -> Sequence[Entry]:
    """At most ``limit`` services that changed after the position ``since``, in the order of their last change."""
    row = ConnectionServiceRow
    ask = _entries(partner, provider_id).where(row.position > since)
    return await _read(session, ask.order_by(row.position).limit(limit))


def _entries(partner: str, provider_id: str | None) -> Select[ConnectionServiceRow, str, bool]:
    row = ConnectionServiceRow
    ask = (
        select(row, ConnectionRow.provider_id, ConnectionRow.status.in_(LIVE))
        .join(ConnectionRow, ConnectionRow.id == row.connection_id)
        .where(ConnectionRow.partner == partner, row.changed_at.is_not(None))
    )
    return ask if provider_id is None else ask.where(ConnectionRow.provider_id == provider_id)


async def _read(session: AsyncSession, ask: Select[ConnectionServiceRow, str, bool]) -> Sequence[Entry]:
    # Services and providers of the page alone are read by themselves: with statistics of before a bulk edit, a join with
    # all of 10,000 services takes seconds.
    page = (await session.execute(ask)).all()
    named = select(Service).where(Service.id.in_([row.service_id for row, _, _ in page]))
    services = {one.id: one for one in await session.scalars(named)}
    theirs = select(Provider).where(Provider.id.in_({provider_id for _, provider_id, _ in page}))
    providers = {one.id: one for one in await session.scalars(theirs)}
    return [
        Entry(
            connection_id=row.connection_id,
            service_id=row.service_id,
            code=services[row.service_id].code,
            name=services[row.service_id].name,
            content=row.content if is_live else None,
            changed_at=row.changed_at,
            position=row.position,
            provider=providers[provider_id],
        )
        for row, provider_id, is_live in page
    ]


@dataclass(frozen=True, slots=True)
class Hours:
    """A physician's calendar, and the services that are offered in it."""

    calendar: PhysicianCalendar
    service_ids: frozenset[str]


async def calendars(session: AsyncSession, provider_ids: Sequence[str]) -> dict[str, list[Hours]]:
    """The calendars of these providers, by provider."""
    found: dict[str, list[Hours]] = {id: [] for id in provider_ids}
    ask = select(Calendar).where(Calendar.provider_id.in_(provider_ids)).order_by(Calendar.id)
    for row in await session.scalars(ask):
        found[row.provider_id].append(Hours(physician_calendar(vars(row)), frozenset(row.service_ids)))
    return found

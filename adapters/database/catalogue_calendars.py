"""Physicians' calendars (R6). Nothing here commits; writers hold :func:`catalogue.lock`."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import changes as history
from adapters.database.catalogue import change, touch
from adapters.database.changes import RACORD, Author, Kind
from adapters.database.tables import Calendar

CONTENT = ("physician", "weekly_hours", "exceptions", "service_ids")


async def calendar(session: AsyncSession, provider_id: str, calendar_id: str) -> Calendar | None:
    return await session.get(Calendar, (provider_id, calendar_id))


async def put_calendar(
    session: AsyncSession,
    provider_id: str,
    calendar_id: str,
    content: Mapping[str, Any],
    *,
    by: Author = RACORD,
) -> Calendar:
    """Makes the calendar, or gives it this ``content``.

    ``content`` is plain JSON: physician, weekly_hours, exceptions, service_ids.
    """
    found = await calendar(session, provider_id, calendar_id)
    if found is None:
        found = Calendar(provider_id=provider_id, id=calendar_id, version=1, **content)
        session.add(found)
        await session.flush()
        await _remember(session, found, Kind.CALENDAR_CREATED, by, {}, dict(content))
    elif old := await change(session, found, content):
        await _remember(session, found, Kind.CALENDAR_CHANGED, by, old, {name: content[name] for name in old})
    else:
        return found
    await touch(session, provider_id)
    return found


async def delete_calendar(session: AsyncSession, found: Calendar, *, by: Author = RACORD) -> None:
    """Takes the calendar away; the history keeps what it was. Its id is free again."""
    old = {name: getattr(found, name) for name in CONTENT}
    await session.delete(found)
    await session.flush()
    await _remember(session, found, Kind.CALENDAR_DELETED, by, old, {})
    await touch(session, found.provider_id)


async def _remember(
    session: AsyncSession, found: Calendar, kind: Kind, by: Author, old: dict[str, Any], new: dict[str, Any]
) -> None:
    """Of the services offered, only those that went are kept as old, and those that came as new."""
    before, after = old.get("service_ids", []), new.get("service_ids", [])
    went, came = sorted({*before} - {*after}), sorted({*after} - {*before})
    if "service_ids" in new:
        old, new = {**old, "service_ids": went}, {**new, "service_ids": came}
    of = {"calendar": found.id, "physician": found.physician}
    await history.write(
        session,
        found.provider_id,
        kind,
        by,
        service_ids=sorted({*went, *came}),
        old=None if kind is Kind.CALENDAR_CREATED else {**of, **old},
        new=None if kind is Kind.CALENDAR_DELETED else {**of, **new},
    )


async def list_calendars(
    session: AsyncSession, provider_id: str, *, limit: int, after: tuple[str, str] | None = None
) -> Sequence[Calendar]:
    """At most ``limit`` by physician, from behind ``after`` = (physician, id)."""
    ask = select(Calendar).where(Calendar.provider_id == provider_id)
    ask = ask.order_by(Calendar.physician, Calendar.id).limit(limit)
    if after is not None:
        ask = ask.where(tuple_(Calendar.physician, Calendar.id) > after)
    return (await session.scalars(ask)).all()

"""The one reader of calendars: which openings lie ahead of a provider (R6).

Facts, ticks and the explainer put :data:`COVERED` among what they read of services, and compare by :data:`AVAILABLE`:
the rule of :func:`domain.availability.has_availability`, for 20,000 services in one statement.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.tables import Calendar, Provider
from adapters.holidays import public_holidays
from domain.availability import MIDNIGHT, Hours, PhysicianCalendar, longest_opening, next_change

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE = timedelta(minutes=1)

# One row for each service in each calendar: the minutes of the calendar's longest opening. Wants :func:`asked`.
COVERED = """
    (SELECT jsonb_array_elements_text(service_ids) AS service_id, ahead.longest
    FROM calendars JOIN unnest(CAST(:calendar_ids AS text[]), CAST(:openings AS int[])) AS ahead(calendar_id, longest)
        ON ahead.calendar_id = calendars.id
    WHERE provider_id = :provider) covered
"""
# In a group of what is said of one service.
AVAILABLE = "coalesce(max(longest) >= max(duration_minutes), false)"

Ahead = Mapping[str, timedelta]


async def openings_ahead(session: AsyncSession, provider_id: str, now: datetime) -> Ahead:
    """The longest opening of each of the provider's calendars in the next 30 days, by the calendar's id.

    The minutes count whole, as durations are whole. A calendar that never opens then has zero.
    """
    return {
        calendar.id: longest_opening(calendar, zone, free_days(country, zone, now), now) // _MINUTE * _MINUTE
        for calendar, country, zone in await _calendars(session, provider_id)
    }


async def next_change_ahead(
    session: AsyncSession, provider_id: str, durations: Collection[timedelta], now: datetime
) -> datetime | None:
    """When next a service that takes so long may gain or lose its availability through time alone.

    As :func:`domain.availability.next_change` says it of one calendar: not farther ahead than tomorrow.
    """
    moments = [
        next_change(calendar, zone, free_days(country, zone, now), durations, now)
        for calendar, country, zone in await _calendars(session, provider_id)
    ]
    return min((at for at in moments if at is not None), default=None)


async def _calendars(session: AsyncSession, provider_id: str) -> list[tuple[PhysicianCalendar, str, str]]:
    """The provider's calendars, each with the country and the time zone; without the services offered."""
    columns = (Calendar.id, Calendar.physician, Calendar.weekly_hours, Calendar.exceptions)
    ask = select(Provider.country, Provider.time_zone, *columns).join(
        Calendar, Calendar.provider_id == Provider.id
    )
    rows = (await session.execute(ask.where(Provider.id == provider_id))).mappings()
    return [(physician_calendar(dict(row)), row["country"], row["time_zone"]) for row in rows]


def asked(ahead: Ahead) -> dict[str, list[Any]]:
    """The parameters of :data:`COVERED`."""
    return {"calendar_ids": list(ahead), "openings": [longest // _MINUTE for longest in ahead.values()]}


async def calendars_of(session: AsyncSession, provider_id: str, service_id: str) -> list[PhysicianCalendar]:
    """The calendars that a service is offered in."""
    ask = select(Calendar).where(
        Calendar.provider_id == provider_id, Calendar.service_ids.contains([service_id])
    )
    return [physician_calendar(vars(row)) for row in await session.scalars(ask.order_by(Calendar.id))]


def free_days(country: str, time_zone: str, now: datetime) -> frozenset[date]:
    """The public holidays of the country, this year and the next."""
    return public_holidays(country, now.astimezone(ZoneInfo(time_zone)).year, 2)


def physician_calendar(row: Mapping[str, Any]) -> PhysicianCalendar:
    """A calendar's row as the rules read it."""
    weekly: dict[int, list[Hours]] = {}
    for opening in row["weekly_hours"]:
        weekly.setdefault(WEEKDAYS.index(opening["day"]), []).append(_hours(opening))
    open_days: dict[date, list[Hours]] = {}
    for day in row["exceptions"]:
        if not day.get("closed"):
            open_days.setdefault(date.fromisoformat(day["date"]), []).append(_hours(day))
    return PhysicianCalendar(
        id=row["id"],
        physician=row["physician"],
        weekly={day: tuple(hours) for day, hours in weekly.items()},
        closed=frozenset(date.fromisoformat(day["date"]) for day in row["exceptions"] if day.get("closed")),
        open_days={day: tuple(hours) for day, hours in open_days.items()},
    )


def _hours(opening: Mapping[str, str]) -> Hours:
    end = MIDNIGHT if opening["to"] == "24:00" else time.fromisoformat(opening["to"])
    return Hours(start=time.fromisoformat(opening["from"]), end=end)

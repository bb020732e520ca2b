"""When a provider's physicians receive patients: openings from weekly hours, exceptions and public holidays (R6).

Hours are said on the provider's own wall clock, openings are spans of time. So where summer time takes an hour away
the opening is shorter, and where an hour comes twice it is longer: a moment is open if the clock then shows open hours.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import merge
from itertools import chain, islice
from zoneinfo import ZoneInfo

from domain.model import Frozen

DAYS = 30
NONE = timedelta(0)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_NEAR = 2  # local days: a change must be foreseen across the next midnight
# Wide enough for a local day at any offset, and narrow enough for at most one change of the clock.
_AROUND_NOON = timedelta(hours=36)


MIDNIGHT = time()


class Hours(Frozen):
    """From ``start`` until just before ``end``, on the wall clock of one day; an ``end`` of 00:00 is where the day ends."""

    start: time
    end: time


class PhysicianCalendar(Frozen):
    """One physician's hours: ``weekly`` by weekday (Monday is 0), and the days that are otherwise."""

    id: str
    physician: str
    weekly: Mapping[int, tuple[Hours, ...]] = {}
    closed: frozenset[date] = frozenset()
    open_days: Mapping[date, tuple[Hours, ...]] = {}
    service_ids: frozenset[str] = frozenset()

    def hours_on(self, day: date, holidays: Collection[date]) -> tuple[Hours, ...]:
        """An open day replaces the weekly hours, on a public holiday too; a closed day and a holiday have none."""
        if day in self.open_days:
            return self.open_days[day]
        if day in self.closed or day in holidays:
            return ()
        return self.weekly.get(day.weekday(), ())


class Opening(Frozen):
    """A span, in UTC, in which one physician receives patients on one local ``date``."""

    calendar_id: str
    physician: str
    date: date
    begins: datetime
    ends: datetime

    @property
    def length(self) -> timedelta:
        return self.ends - self.begins


def openings(
    calendar: PhysicianCalendar,
    zone: str,
    holidays: Collection[date],
    from_date: date,
    days: int = DAYS,
    not_before: datetime | None = None,
) -> Iterator[Opening]:
    """The openings of ``days`` local days from ``from_date``, in order; hours that touch are one opening.

    ``zone`` is the provider's IANA name. What lies before ``not_before`` (aware) is cut off.
    """
    for number in range(days):
        day = from_date + timedelta(days=number)
        hours = sorted(calendar.hours_on(day, holidays), key=lambda one: one.start)
        for begins, ends in _joined(chain.from_iterable(spans(zone, day, one) for one in hours)):
            start = max(begins, not_before) if not_before else begins
            if start < ends:
                yield Opening(
                    calendar_id=calendar.id, physician=calendar.physician, date=day, begins=start, ends=ends
                )


def longest_opening(
    calendar: PhysicianCalendar, zone: str, holidays: Collection[date], now: datetime, days: int = DAYS
) -> timedelta:
    """The longest opening that is left, from ``now`` (aware), of the next ``days`` local days; zero where none is."""
    today = now.astimezone(ZoneInfo(zone)).date()
    ahead = openings(calendar, zone, holidays, today, days, not_before=now)
    return max((one.length for one in ahead), default=NONE)


def next_change(
    calendar: PhysicianCalendar,
    zone: str,
    holidays: Collection[date],
    durations: Collection[timedelta],
    now: datetime,
    days: int = DAYS,
) -> datetime | None:
    """The first moment from which :func:`has_availability` may say something else than ``now`` of one of ``durations``.

    Looked for until the end of tomorrow, None where there is none. It may be named in vain, but none is left out. Openings
    are used up as time passes, and with each local day another one comes into sight.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    near = list(openings(calendar, zone, holidays, today, _NEAR, not_before=now))
    farther = openings(calendar, zone, holidays, today + _NEAR * _DAY, days - _NEAR)
    entering = list(openings(calendar, zone, holidays, today + days * _DAY, 1))
    lasts = {duration: _last_chance(near, duration) for duration in durations}
    lost = {duration: at for duration, at in lasts.items() if at is not None}
    won = {one for one in durations if one not in lost and _last_chance(entering, one) is not None}
    for opening in farther:
        if not lost and not won:
            return None
        lost = {duration: at for duration, at in lost.items() if duration > opening.length}
        won = {duration for duration in won if duration > opening.length}
    midnight = datetime.combine(today + _DAY, MIDNIGHT, ZoneInfo(zone)).astimezone(UTC)
    moments = [at + datetime.resolution for at in lost.values()]
    return min([*moments, midnight] if won else moments, default=None)


def _last_chance(ahead: Iterable[Opening], duration: timedelta) -> datetime | None:
    """Until when one of these openings holds the whole of it."""
    return max((one.ends - duration for one in ahead if one.length >= duration), default=None)


def has_availability(duration: timedelta, longest: timedelta | None) -> bool:
    """The one rule: a service has availability where the longest opening of its calendars holds the whole of it.

    ``longest`` is None for a service that is in no calendar.
    """
    return longest is not None and longest >= duration > NONE


def next_openings(
    ahead: Iterable[Iterable[Opening]], duration: timedelta, now: datetime, most: int | None = None
) -> list[Opening]:
    """The openings, or the first ``most`` of them, in which ``duration`` is left ``now``, of several physicians' ``ahead``, each in order.

    One that is under way keeps its beginning: so the answer stays the same until something really changes.
    """
    in_order = merge(*ahead, key=lambda one: (one.begins, one.calendar_id))
    return list(islice((one for one in in_order if one.ends - max(one.begins, now) >= duration), most))


def spans(zone: str, day: date, hours: Hours) -> list[tuple[datetime, datetime]]:
    """The moments, in UTC, at which the zone's clock shows these hours of that day: none in a gap, two spans at most."""
    found = []
    last = day if hours.end > MIDNIGHT else day + timedelta(days=1)
    for begins, ends, offset in _clocks(zone, day):
        start = max(datetime.combine(day, hours.start, UTC) - offset, begins)
        end = min(datetime.combine(last, hours.end, UTC) - offset, ends)
        if start < end:
            found.append((start, end))
    return list(_joined(found))


def _joined(found: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Spans that touch or overlap, as one."""
    begun: tuple[datetime, datetime] | None = None
    for start, end in sorted(found):
        if begun and start <= begun[1]:
            begun = (begun[0], max(begun[1], end))
            continue
        if begun:
            yield begun
        begun = (start, end)
    if begun:
        yield begun


@lru_cache(maxsize=4096)
def _clocks(zone: str, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """Around that day: the stretches of UTC in which the zone keeps one offset."""
    noon = datetime.combine(day, time(12), UTC)
    first, last = noon - _AROUND_NOON, noon + _AROUND_NOON
    before, after = _offset(zone, first), _offset(zone, last)
    if before == after:
        return ((first, last, before),)
    low, high = first, last
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return ((first, high, before), (high, last, after))


def _offset(zone: str, at: datetime) -> timedelta:
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset

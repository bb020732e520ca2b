"""When both parties can meet: within the working hours of each, on its own wall clock (R12). Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.deadlines import BEGIN_OF_WORK, END_OF_WORK, WorkCalendar
from domain.errors import Invalid

PROPOSED = 6
_FURTHEST_DAYS = 60  # parties who never work at the same time get no proposal
_NOON = time(12, 0)
_HALF_HOUR = timedelta(minutes=30)


def proposals(
    calendars: Sequence[WorkCalendar], not_before: datetime, minutes: int, count: int = PROPOSED
) -> tuple[datetime, ...]:
    """At most ``count`` beginnings, aware: on full and half hours of the first calendar's wall clock.

    From the working day after the next one on, one a morning and one an afternoon, each as early as everybody works.
    """
    first = max(calendar.plus(calendar.day_of(not_before), 2) for calendar in calendars)
    found: list[datetime] = []
    for day in (first + timedelta(days=number) for number in range(_FURTHEST_DAYS)):
        found += _of_day(calendars, day, minutes)
        if len(found) >= count:
            break
    return tuple(found[:count])


def is_within(calendars: Sequence[WorkCalendar], starts_at: datetime, minutes: int) -> bool:
    """Whether everybody is at work from the beginning to the end."""
    ends_at = starts_at + timedelta(minutes=minutes)
    return all(_is_at_work(calendar, starts_at, ends_at) for calendar in calendars)


def must_suit(calendars: Sequence[WorkCalendar], starts_at: datetime, minutes: int, now: datetime) -> None:
    """Raises Invalid, which names two times that suit, where the meeting is past or somebody is not at work."""
    if starts_at > now and is_within(calendars, starts_at, minutes):
        return
    free = [wall(at, calendars[0]) for at in proposals(calendars, now, minutes, 2)]
    raise Invalid(
        "{when} is not within the working hours of both parties."
        if starts_at > now
        else "{when} lies in the past.",
        mend="Take a time that suits both, such as {first} or {second}; or say “outside_hours” where they agreed."
        if len(free) == 2
        else "They have no working hours of that length in common: agree on a time, and say “outside_hours”.",
        when=wall(starts_at, calendars[0]),
        first=free[0] if free else "",
        second=free[-1] if free else "",
    )


def wall(at: datetime, calendar: WorkCalendar) -> str:
    """A moment on a wall clock, as a program and a person can read it: `2026-03-12 10:00 (Europe/Bucharest)`."""
    return f"{at.astimezone(ZoneInfo(calendar.time_zone)):%Y-%m-%d %H:%M} ({calendar.time_zone})"


def _of_day(calendars: Sequence[WorkCalendar], day: date, minutes: int) -> Iterator[datetime]:
    fitting = [at for at in _half_hours(day) if is_within(calendars, calendars[0].at(day, at), minutes)]
    morning = next((at for at in fitting if at < _NOON), None)
    afternoon = next((at for at in fitting if at >= _NOON), None)
    return (calendars[0].at(day, at) for at in (morning, afternoon) if at is not None)


def _half_hours(day: date) -> Iterator[time]:
    at, end = datetime.combine(day, BEGIN_OF_WORK), datetime.combine(day, END_OF_WORK)
    while at < end:
        yield at.time()
        at += _HALF_HOUR


def _is_at_work(calendar: WorkCalendar, starts_at: datetime, ends_at: datetime) -> bool:
    day = calendar.day_of(starts_at)
    return (
        calendar.is_working_day(day)
        and calendar.at(day, BEGIN_OF_WORK) <= starts_at
        and ends_at <= calendar.at(day, END_OF_WORK)
    )

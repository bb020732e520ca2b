"""Working days and working hours of whoever must act, in its own time zone (R21). Pure: calendars come as data.

A due date lies at the close of work. What is counted in days is counted on the wall calendar, so one working day is
not 24 hours: it spans week-ends, holidays and the change of summer time.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.model import Frozen

BEGIN_OF_WORK = time(9, 0)
END_OF_WORK = time(17, 0)
_DAY = timedelta(days=1)


class WorkCalendar(Frozen):
    """When a party works: its IANA time zone and the public holidays of its country, as plain data.

    Holidays come as data, so that a running workflow replays the same whatever a library learns later.
    """

    time_zone: str = "UTC"
    holidays: frozenset[date] = frozenset()

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.holidays

    def day_of(self, moment: datetime) -> date:
        """The date on the party's wall calendar at an aware time."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def at(self, day: date, hour: time) -> datetime:
        """An hour of the party's wall clock on a day; aware, in UTC."""
        return datetime.combine(day, hour, tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)

    def plus(self, day: date, working_days: int) -> date:
        """So many working days after ``day``, or before it where negative; the day itself where zero."""
        step = _DAY if working_days > 0 else -_DAY
        left = abs(working_days)
        while left > 0:
            day += step
            left -= self.is_working_day(day)
        return day

    def days_between(self, begin: date, end: date) -> int:
        """Working days behind ``begin`` up to ``end``, with it; none where it does not lie behind."""
        days = (end - begin).days
        return sum(self.is_working_day(begin + _DAY * number) for number in range(1, days + 1))

    def opening(self, moment: datetime) -> datetime:
        """The first time from ``moment`` on at which somebody is at work: never at night, never on a holiday."""
        day = self.day_of(moment)
        if self.is_working_day(day):
            if moment < (begins := self.at(day, BEGIN_OF_WORK)):
                return begins
            if moment < self.at(day, END_OF_WORK):
                return moment
        return self.at(self.plus(day, 1), BEGIN_OF_WORK)

    def worked(self, begin: datetime, end: datetime) -> timedelta:
        """Working time between two moments: 09:00 to 17:00 of each working day, on the wall clock."""
        return sum((until - since for since, until in self._hours(begin, end)), timedelta())

    def _hours(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        day, last = self.day_of(begin), self.day_of(end)
        while day <= last:
            if self.is_working_day(day):
                since = max(begin, self.at(day, BEGIN_OF_WORK))
                until = min(end, self.at(day, END_OF_WORK))
                if since < until:
                    yield since, until
            day += _DAY


def due_at(since: datetime, working_days: int, calendar: WorkCalendar) -> datetime:
    """The close of work on the last of ``working_days`` full working days after ``since``; aware, in UTC.

    Counted from the day after ``since`` as the party's own wall calendar shows it.
    """
    return due_on(calendar.plus(calendar.day_of(since), working_days), calendar)


def due_on(day: date, calendar: WorkCalendar) -> datetime:
    """The close of work on a day; aware, in UTC."""
    return calendar.at(day, END_OF_WORK)


def shifted(moment: datetime, held_from: datetime, held_until: datetime, calendar: WorkCalendar) -> datetime:
    """``moment`` later by the working days that a hold took: the same hour of the wall clock, on another day.

    Additive: two holds, one after the other, shift as far as one from the first's beginning to the second's end.
    """
    days = calendar.days_between(calendar.day_of(held_from), calendar.day_of(held_until))
    local = moment.astimezone(ZoneInfo(calendar.time_zone))
    return datetime.combine(
        calendar.plus(local.date(), days), local.time(), tzinfo=ZoneInfo(calendar.time_zone)
    ).astimezone(UTC)

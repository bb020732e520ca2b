"""Working days: one is a day on which the party that must act is at work, in its own time zone (R21)."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.model import Frozen

END_OF_WORK = time(17, 0)


class WorkCalendar(Frozen):
    """When a party works: its IANA time zone and the public holidays of its country, as plain data.

    Holidays come as data, so that a running workflow replays the same whatever a library learns later.
    """

    time_zone: str = "UTC"
    holidays: frozenset[date] = frozenset()

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.holidays


def due_at(since: datetime, working_days: int, calendar: WorkCalendar) -> datetime:
    """The close of work on the last of ``working_days`` full working days after ``since``; aware, in UTC.

    Working days are counted from the day after ``since`` as the party's own wall calendar shows it, so one working
    day is not 24 hours: it spans week-ends, holidays and the change of summer time.
    """
    zone = ZoneInfo(calendar.time_zone)
    day = since.astimezone(zone).date()
    left = working_days
    while left > 0:
        day += timedelta(days=1)
        left -= calendar.is_working_day(day)
    return datetime.combine(day, END_OF_WORK, tzinfo=zone).astimezone(ZoneInfo("UTC"))

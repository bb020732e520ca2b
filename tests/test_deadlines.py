"""Working days and hours: the rules hold for every day, and the days that go wrong elsewhere are written out (R21)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deadlines import END_OF_WORK, WorkCalendar, due_at, due_on, shifted

FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)
BUCHAREST = WorkCalendar(
    time_zone="Europe/Bucharest",
    holidays=frozenset({date(2026, 4, 10), date(2026, 4, 13), date(2026, 12, 1)}),  # Easter; the national day
)
BUDAPEST = WorkCalendar(time_zone="Europe/Budapest", holidays=frozenset({date(2026, 10, 23)}))
SOON = timedelta(microseconds=1)

days = st.dates(FIRST, LAST)
moments = st.datetimes(
    datetime.combine(FIRST, time()), datetime.combine(LAST, time()), timezones=st.just(UTC)
)
calendars = st.builds(
    WorkCalendar,
    time_zone=st.sampled_from(["Europe/Bucharest", "Europe/Budapest"]),
    holidays=st.frozensets(days, max_size=40),
)
few = st.integers(0, 60)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on_the_wall(moment: datetime, calendar: WorkCalendar) -> datetime:
    return moment.astimezone(ZoneInfo(calendar.time_zone))


# --- one working day is not 24 hours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "since", "close", "due"),
    [
        (BUCHAREST, date(2026, 3, 3), "2026-03-03 15:00", "2026-03-04 15:00"),  # 24 hours, for once
        (BUCHAREST, date(2026, 3, 6), "2026-03-06 15:00", "2026-03-09 15:00"),  # a week-end: 72
        (BUCHAREST, date(2026, 3, 27), "2026-03-27 15:00", "2026-03-30 14:00"),  # summer time begins: 71
        (BUCHAREST, date(2026, 10, 23), "2026-10-23 14:00", "2026-10-26 15:00"),  # and ends: 73
        (BUCHAREST, date(2026, 4, 9), "2026-04-09 14:00", "2026-04-14 14:00"),  # Orthodox Easter: 120
        (BUCHAREST, date(2026, 11, 30), "2026-11-30 15:00", "2026-12-02 15:00"),  # 1 December: 48
        (BUDAPEST, date(2026, 3, 27), "2026-03-27 16:00", "2026-03-30 15:00"),  # summer time begins: 71
        (BUDAPEST, date(2026, 10, 22), "2026-10-22 15:00", "2026-10-26 16:00"),  # a holiday, and it ends: 97
    ],
)
def test_one_working_day_later_is_the_close_of_work_on_the_next_working_day(
    calendar: WorkCalendar, since: date, close: str, due: str
) -> None:
    assert due_on(since, calendar) == utc(close)
    assert due_at(utc(close) - timedelta(hours=5), 1, calendar) == utc(due)
    assert calendar.worked(utc(close), utc(due)) == timedelta(hours=8)


def test_the_day_is_that_of_the_party_and_not_of_greenwich() -> None:
    late = utc("2026-03-03 22:30")  # half past midnight in Bucharest, half past eleven at night in Budapest
    assert due_at(late, 1, BUCHAREST) == utc("2026-03-05 15:00")
    assert due_at(late, 1, BUDAPEST) == utc("2026-03-04 16:00")


@given(moments, st.integers(1, 60), calendars)
def test_a_due_date_is_17_00_on_the_wall_of_a_working_day_so_many_days_on(
    since: datetime, count: int, calendar: WorkCalendar
) -> None:
    due = due_at(since, count, calendar)
    wall = on_the_wall(due, calendar)
    assert wall.time() == END_OF_WORK
    assert calendar.is_working_day(wall.date())
    assert due > since
    assert calendar.days_between(calendar.day_of(since), wall.date()) == count


# --- counting days -------------------------------------------------------------------------------------------------


@given(days, few, few, calendars)
def test_days_on_and_days_on_again_are_as_many_at_once(
    day: date, one: int, other: int, calendar: WorkCalendar
) -> None:
    assert calendar.plus(calendar.plus(day, one), other) == calendar.plus(day, one + other)
    assert calendar.plus(calendar.plus(day, -one), -other) == calendar.plus(day, -one - other)


@given(days, few, calendars)
def test_so_many_days_on_and_back_is_the_working_day_that_it_was(
    day: date, count: int, calendar: WorkCalendar
) -> None:
    day = calendar.plus(day, 1)
    assert calendar.plus(calendar.plus(day, count), -count) == day
    assert calendar.plus(calendar.plus(day, -count), count) == day


@given(days, few, calendars)
def test_counting_the_days_between_undoes_going_on(day: date, count: int, calendar: WorkCalendar) -> None:
    assert calendar.days_between(day, calendar.plus(day, count)) == count


@given(st.lists(days, min_size=3, max_size=3).map(sorted), calendars)
def test_days_between_add_up_and_there_are_none_backwards(three: list[date], calendar: WorkCalendar) -> None:
    a, b, c = three
    assert calendar.days_between(a, b) + calendar.days_between(b, c) == calendar.days_between(a, c)
    assert calendar.days_between(c, a) == 0


# --- holds ---------------------------------------------------------------------------------------------------------


@given(moments, st.lists(moments, min_size=3, max_size=3).map(sorted), calendars)
def test_two_holds_one_after_the_other_shift_as_far_as_one(
    due: datetime, held: list[datetime], calendar: WorkCalendar
) -> None:
    begin, between, end = held
    twice = shifted(shifted(due, begin, between, calendar), between, end, calendar)
    assert twice == shifted(due, begin, end, calendar)


@given(moments, st.lists(moments, min_size=2, max_size=2).map(sorted), calendars)
def test_a_hold_moves_nothing_earlier_and_keeps_the_hour_on_the_wall(
    due: datetime, held: list[datetime], calendar: WorkCalendar
) -> None:
    begin, end = held
    later = shifted(due, begin, end, calendar)
    assert later >= due
    assert on_the_wall(later, calendar).time() == on_the_wall(due, calendar).time()


@given(days, st.lists(moments, min_size=2, max_size=2).map(sorted), calendars)
def test_a_due_date_that_a_hold_shifted_is_still_the_close_of_a_working_day(
    day: date, held: list[datetime], calendar: WorkCalendar
) -> None:
    begin, end = held
    due = due_on(calendar.plus(day, 1), calendar)
    later = on_the_wall(shifted(due, begin, end, calendar), calendar)
    assert (later.time(), calendar.is_working_day(later.date())) == (END_OF_WORK, True)


def test_a_hold_over_the_end_of_summer_time_keeps_17_00() -> None:
    due = due_on(date(2026, 10, 22), BUCHAREST)
    # Held from Tuesday to Tuesday: five working days.
    assert shifted(due, utc("2026-10-20 08:00"), utc("2026-10-27 08:00"), BUCHAREST) == utc(
        "2026-10-29 15:00"
    )


# --- counting hours ------------------------------------------------------------------------------------------------


@given(st.lists(moments, min_size=3, max_size=3).map(sorted), calendars)
def test_working_time_adds_up_and_is_never_negative(three: list[datetime], calendar: WorkCalendar) -> None:
    a, b, c = three
    parts = calendar.worked(a, b), calendar.worked(b, c)
    assert min(parts) >= timedelta()
    assert sum(parts, timedelta()) == calendar.worked(a, c)
    assert calendar.worked(c, b) == timedelta()


@given(days, st.integers(0, 15 * 60), calendars)
def test_nobody_works_at_night(day: date, minutes: int, calendar: WorkCalendar) -> None:
    close = due_on(day, calendar)
    assert calendar.worked(close, close + timedelta(minutes=minutes)) == timedelta()


@given(days, days, calendars)
def test_from_close_to_close_each_working_day_counts_eight_hours(
    one: date, other: date, calendar: WorkCalendar
) -> None:
    begin, end = sorted((one, other))
    worked = calendar.worked(due_on(begin, calendar), due_on(end, calendar))
    assert worked == timedelta(hours=8) * calendar.days_between(begin, end)


@given(moments, calendars)
def test_the_opening_is_in_working_time_and_never_before_it_was_asked_for(
    moment: datetime, calendar: WorkCalendar
) -> None:
    opening = calendar.opening(moment)
    assert opening >= moment
    assert calendar.opening(opening) == opening
    assert calendar.worked(opening, opening + SOON) == SOON
    assert calendar.worked(moment, opening) == timedelta()


def test_work_that_is_over_opens_on_the_next_working_day() -> None:
    assert BUCHAREST.opening(utc("2026-04-09 14:00")) == utc("2026-04-14 06:00")
    assert BUCHAREST.opening(utc("2026-10-23 14:00")) == utc("2026-10-26 07:00")
    assert BUCHAREST.opening(utc("2026-04-09 13:59")) == utc("2026-04-09 13:59")

"""Openings are wall-clock hours turned into spans of time: holidays, exceptions and summer time right (R6)."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.database.availability import physician_calendar
from adapters.holidays import public_holidays
from api.schemas.calendars import WeeklyHours
from domain.availability import Hours, PhysicianCalendar, has_availability, longest_opening, openings, spans

BUCHAREST = "Europe/Bucharest"
FORWARD, BACK = date(2026, 3, 29), date(2026, 10, 25)
ZONES = (BUCHAREST, "UTC", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kolkata")
MONDAY = date(2026, 3, 2)
NINE_TO_FIVE = Hours(start=time(9), end=time(17))


def calendar(**more: object) -> PhysicianCalendar:
    weekly = dict.fromkeys(range(5), (NINE_TO_FIVE,))
    values = {"id": "cal", "physician": "Dr. Pop", "weekly": weekly, "service_ids": frozenset({"srv"})}
    return PhysicianCalendar.model_validate({**values, **more})


def at(day: date) -> datetime:
    """The first moment of that day in Bucharest."""
    return datetime.combine(day, time(), ZoneInfo(BUCHAREST))


def days_open(
    one: PhysicianCalendar, holidays: frozenset[date] = frozenset(), first: date = MONDAY, days: int = 7
) -> list[date]:
    return [opening.date for opening in openings(one, BUCHAREST, holidays, first, days)]


def test_a_week_has_its_weekly_hours() -> None:
    found = list(openings(calendar(), BUCHAREST, (), MONDAY, 7))
    assert [one.date.isoweekday() for one in found] == [1, 2, 3, 4, 5]
    assert (found[0].begins, found[0].length) == (datetime(2026, 3, 2, 7, tzinfo=UTC), timedelta(hours=8))


def test_a_closed_day_has_none() -> None:
    assert date(2026, 3, 4) not in days_open(calendar(closed={date(2026, 3, 4)}))


def test_an_open_day_replaces_the_weekly_hours() -> None:
    saturday, monday = date(2026, 3, 7), MONDAY
    short = (Hours(start=time(10), end=time(11)),)
    found = list(openings(calendar(open_days={saturday: short, monday: short}), BUCHAREST, (), MONDAY, 7))
    assert {one.date: one.length for one in found if one.length < timedelta(hours=8)} == {
        monday: timedelta(hours=1),
        saturday: timedelta(hours=1),
    }


def test_a_public_holiday_is_closed_unless_the_day_is_said_to_be_open() -> None:
    christmas, holidays = date(2026, 12, 25), public_holidays("RO", 2026)
    assert christmas in holidays
    assert christmas not in days_open(calendar(), holidays, christmas)
    duty = {christmas: (Hours(start=time(9), end=time(12)),)}
    assert christmas in days_open(calendar(open_days=duty), holidays, christmas)


def test_a_country_that_nobody_knows_has_no_holidays() -> None:
    assert public_holidays("QQ", 2026) == frozenset()


def test_the_opening_follows_the_wall_clock_across_the_change_of_summer_time() -> None:
    before, after = (
        next(iter(openings(calendar(), BUCHAREST, (), day, 1)))
        for day in (date(2026, 3, 27), date(2026, 3, 30))
    )
    assert (before.begins.hour, after.begins.hour) == (7, 6)
    assert before.length == after.length == timedelta(hours=8)


@pytest.mark.parametrize(
    ("day", "start", "end", "minutes"),
    [
        (FORWARD, time(2), time(5), [120]),
        (FORWARD, time(3, 15), time(3, 45), []),
        (FORWARD, time(2), time(3, 30), [60]),
        (BACK, time(2), time(5), [240]),
        (BACK, time(3, 15), time(3, 45), [30, 30]),
        (MONDAY, time(2), time(5), [180]),
        (MONDAY, time(22), time(), [120]),
        (FORWARD, time(), time(), [23 * 60]),
        (BACK, time(), time(), [25 * 60]),
    ],
)
def test_a_gap_shortens_and_a_repeated_hour_lengthens(
    day: date, start: time, end: time, minutes: list[int]
) -> None:
    found = spans(BUCHAREST, day, Hours(start=start, end=end))
    assert [(ends - begins) / timedelta(minutes=1) for begins, ends in found] == minutes


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    """An end of 00:00 is that of the day."""
    first, last = sorted(draw(st.sets(st.integers(0, 1440), min_size=2, max_size=2)))
    return Hours(start=time(first // 60, first % 60), end=time(last // 60 % 24, last % 60))


_days = st.one_of(
    st.sampled_from(
        [FORWARD, BACK, date(2026, 4, 5), date(2026, 10, 4), date(2026, 9, 6), date(2026, 4, 24)]
    ),
    st.dates(date(2024, 1, 1), date(2028, 12, 31)),
)


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), day=_days, open_=hours())
def test_a_moment_is_open_exactly_when_the_clock_on_the_wall_shows_open_hours(
    zone: str, day: date, open_: Hours
) -> None:
    found = spans(zone, day, open_)
    midnight = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    for minute in range(0, 54 * 60, 5):
        at = midnight + timedelta(minutes=minute)
        wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        shown = (
            wall.date() == day
            and open_.start <= wall.time()
            and (wall.time() < open_.end or not _ends(open_))
        )
        assert shown == any(begins <= at < ends for begins, ends in found), (at, wall)


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), day=_days, one=hours(), other=hours())
def test_openings_never_overlap_and_are_as_long_as_the_hours_but_for_the_clock(
    zone: str, day: date, one: Hours, other: Hours
) -> None:
    found = list(openings(calendar(open_days={day: (one, other)}), zone, (), day, 1))
    for first, second in itertools.pairwise(found):
        assert first.ends < second.begins
    seconds = sum((opening.length for opening in found), timedelta())
    at_most = sum((_length(each) for each in (one, other)), timedelta())
    assert seconds <= at_most + timedelta(hours=2)


def _ends(one: Hours) -> bool:
    """Whether they end before the day does."""
    return one.end > time()


def _length(one: Hours) -> timedelta:
    last = MONDAY if _ends(one) else MONDAY + timedelta(days=1)
    return datetime.combine(last, one.end) - datetime.combine(MONDAY, one.start)


def test_a_night_is_two_openings_that_leave_no_moment_between_them() -> None:
    row = {
        "id": "cal",
        "physician": "Dr. Pop",
        "weekly_hours": [
            {"day": "mon", "from": "22:00", "to": "24:00"},
            {"day": "tue", "from": "00:00", "to": "06:00"},
        ],
        "exceptions": [{"date": "2026-03-07", "from": "20:00", "to": "24:00"}],
    }
    first, second, extra = openings(physician_calendar(row), BUCHAREST, (), MONDAY, 7)
    assert (first.length, second.length) == (timedelta(hours=2), timedelta(hours=6))
    assert first.ends == second.begins
    assert extra.ends == datetime(2026, 3, 7, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "mend"),
    [
        ("22:00", "06:00", "22:00 to 24:00, and 00:00 to 06:00 on the next day"),
        ("22:00", "00:00", "22:00 to 24:00 on the same day"),
    ],
)
def test_hours_over_midnight_are_refused_with_the_way_to_write_them(start: str, end: str, mend: str) -> None:
    with pytest.raises(ValidationError) as found:
        WeeklyHours.model_validate({"day": "mon", "from": start, "to": end})
    assert mend in str(found.value)


def test_hours_that_touch_are_one_opening() -> None:
    halves = (Hours(start=time(12), end=time(17)), Hours(start=time(9), end=time(12)))
    (found,) = openings(calendar(weekly={0: halves}), BUCHAREST, (), MONDAY, 7)
    assert found.length == timedelta(hours=8)


@pytest.mark.parametrize(("minutes", "bookable"), [(480, True), (481, False), (30, True), (0, False)])
def test_an_opening_must_hold_the_whole_examination(minutes: int, bookable: bool) -> None:
    longest = longest_opening(calendar(), BUCHAREST, (), at(MONDAY))
    assert has_availability(timedelta(minutes=minutes), longest) is bookable


def test_a_service_in_no_calendar_has_no_availability() -> None:
    assert not has_availability(timedelta(minutes=30), None)


def test_only_the_next_thirty_days_count() -> None:
    only_in_april = calendar(weekly={}, open_days={date(2026, 4, 1): (NINE_TO_FIVE,)})
    assert longest_opening(only_in_april, BUCHAREST, (), at(date(2026, 3, 3))) == timedelta(hours=8)
    assert longest_opening(only_in_april, BUCHAREST, (), at(MONDAY)) == timedelta()


def test_the_days_are_counted_from_the_providers_own_today() -> None:
    """It is the third of March already in Bucharest, and still the second in UTC."""
    only_in_april = calendar(weekly={}, open_days={date(2026, 4, 1): (NINE_TO_FIVE,)})
    late = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
    assert longest_opening(only_in_april, BUCHAREST, (), late) == timedelta(hours=8)
    assert longest_opening(only_in_april, "UTC", (), late) == timedelta()


def test_what_is_over_is_cut_off() -> None:
    noon = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    (left,) = openings(calendar(), BUCHAREST, (), MONDAY, 1, not_before=noon)
    assert left.length == timedelta(minutes=30)
    assert not list(openings(calendar(), BUCHAREST, (), MONDAY, 1, not_before=noon + timedelta(hours=1)))


def test_the_longest_opening_counts_as_far_as_it_is_still_to_come() -> None:
    hours = {MONDAY: (NINE_TO_FIVE,), date(2026, 3, 4): (Hours(start=time(9), end=time(12)),)}
    one = calendar(weekly={}, open_days=hours)
    assert longest_opening(one, BUCHAREST, (), at(MONDAY)) == timedelta(hours=8)
    assert longest_opening(one, BUCHAREST, (), datetime(2026, 3, 2, 13, tzinfo=UTC)) == timedelta(hours=3)
    assert longest_opening(one, BUCHAREST, (), at(date(2026, 3, 5))) == timedelta()

"""When next the clock alone gives or takes availability: never named too late (R6)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.availability import Hours, has_availability, longest_opening, next_change
from tests.test_availability import BACK, BUCHAREST, FORWARD, MONDAY, NINE_TO_FIVE, ZONES, at, calendar

HALF_AN_HOUR = timedelta(minutes=30)


def test_the_next_change_is_just_after_the_last_chance_that_is_left() -> None:
    hours = {MONDAY: (NINE_TO_FIVE,), date(2026, 3, 3): (Hours(start=time(9), end=time(9, 30)),)}
    one, durations = calendar(weekly={}, open_days=hours), {HALF_AN_HOUR, timedelta(hours=2)}
    three = datetime(2026, 3, 2, 15, tzinfo=ZoneInfo(BUCHAREST))
    assert next_change(one, BUCHAREST, (), durations, at(MONDAY)) == three + datetime.resolution
    nine = datetime(2026, 3, 3, 9, tzinfo=ZoneInfo(BUCHAREST))
    assert (
        next_change(one, BUCHAREST, (), durations, three + datetime.resolution) == nine + datetime.resolution
    )


def test_a_day_that_comes_into_sight_is_a_change_for_what_fits_nowhere_else() -> None:
    only_in_april = calendar(weekly={}, open_days={date(2026, 4, 1): (NINE_TO_FIVE,)})
    assert next_change(only_in_april, BUCHAREST, (), {HALF_AN_HOUR}, at(MONDAY)) == at(date(2026, 3, 3))
    assert next_change(only_in_april, BUCHAREST, (), {timedelta(hours=9)}, at(MONDAY)) is None


def test_where_other_days_have_room_as_well_no_change_is_foreseen() -> None:
    for hour in range(24):
        assert (
            next_change(calendar(), BUCHAREST, (), {HALF_AN_HOUR}, at(MONDAY) + timedelta(hours=hour)) is None
        )


_some_hours = st.builds(
    lambda start, minutes: Hours(start=time(start), end=time(start + minutes // 60, minutes % 60)),
    st.integers(0, 20),
    st.sampled_from([15, 60, 179]),
)
_ahead = st.dictionaries(
    st.sampled_from([0, 1, 2, 29, 30, 31]),
    st.lists(_some_hours, min_size=1, max_size=2).map(tuple),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    first=st.sampled_from([FORWARD - timedelta(days=1), BACK, MONDAY, date(2026, 9, 5), date(2026, 4, 23)]),
    days=_ahead,
    minutes=st.sets(st.sampled_from([15, 60, 75, 179]), min_size=1),
    begun=st.timedeltas(timedelta(), timedelta(days=1)),
    passed=st.floats(0, 1, exclude_max=True),
)
def test_until_the_next_change_availability_stays_as_it_is(
    zone: str,
    first: date,
    days: dict[int, tuple[Hours, ...]],
    minutes: set[int],
    begun: timedelta,
    passed: float,
) -> None:
    one = calendar(
        weekly={}, open_days={first + timedelta(days=ahead): found for ahead, found in days.items()}
    )
    durations = {timedelta(minutes=each) for each in minutes}
    now = datetime.combine(first, time(), UTC) + begun
    until = next_change(one, zone, (), durations, now) or now + timedelta(hours=23)
    later = now + (until - now) * passed
    if later == until:
        later -= datetime.resolution
    before, after = longest_opening(one, zone, (), now), longest_opening(one, zone, (), later)
    for duration in durations:
        assert has_availability(duration, before) == has_availability(duration, after), duration

"""The forecast of the live date, from histories that the real engine left behind; no I/O (R21)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.commands import Verb
from domain.forecast import ENOUGH, Forecast, Outlook, Story, forecast
from tests.histories import OURS, Timed, at, begun, until_tested, went_live
from tests.playbooks import NOW, playbook

ORDER = tuple(step.key for step in playbook().in_order())
JANUARY, JUNE = at("2026-01-05 08:00"), at("2026-06-01 08:00")  # Mondays
WEEK = 7


def story(timed: Timed) -> Story:
    return Story(timed.marks, OURS)


def past(*weeks: int, days: int = WEEK) -> list[Story]:
    """Onboardings that went live so many weeks of five working days after their test."""
    return [story(went_live(JANUARY + timedelta(days=days), days, more * WEEK)) for more in weeks]


def ask(present: Timed, others: Iterable[Story], now: datetime | None = None) -> Forecast:
    return forecast(story(present), ORDER, others, now or present.now)


def test_the_range_is_the_20th_50th_and_80th_of_the_hundred_by_nearest_rank() -> None:
    said = ask(until_tested(JUNE, 0), past(1, 2, 3, 4, 10))
    assert (said.outlook, said.comparable, said.reached) == (Outlook.RANGE, 5, "joint_test")
    assert (said.early, said.middle, said.late) == (date(2026, 6, 8), date(2026, 6, 22), date(2026, 6, 29))


def test_dates_are_working_days_of_ours() -> None:
    said = ask(until_tested(at("2026-04-03 08:00"), 0), past(1, 1, 1, 1, 1))
    assert {said.early, said.middle, said.late} == {date(2026, 4, 14)}, "over Orthodox Easter: eleven days"


def test_what_matters_is_the_time_from_the_furthest_point_and_not_the_way_there() -> None:
    slow = [story(went_live(JANUARY, 10 * WEEK, WEEK)) for _ in range(ENOUGH)]
    assert ask(until_tested(JUNE, 0), slow).late == date(2026, 6, 8)
    assert ask(begun(JUNE), slow).late == date(2026, 6, 1) + timedelta(weeks=11)


def test_only_those_count_that_took_at_least_as_long_as_this_one_already_has() -> None:
    present = until_tested(JUNE, 0)
    others = past(1, 1, 1, 3, 3, 3, 3, 3)
    assert ask(present, others).comparable == 8
    later = ask(present, others, present.now + timedelta(weeks=2))
    assert (later.comparable, later.early, later.late) == (5, date(2026, 6, 22), date(2026, 6, 22))
    at_the_end = ask(present, others, present.now + timedelta(weeks=3))
    assert (at_the_end.comparable, at_the_end.late) == (5, date(2026, 6, 22)), "today, if as ever"


def test_fewer_than_five_comparable_ones_give_no_range_and_say_how_many_there_are() -> None:
    present = until_tested(JUNE, 0)
    few = ask(present, past(1, 2, 3, 4))
    assert few == Forecast(outlook=Outlook.TOO_FEW, comparable=4, reached="joint_test")
    late = ask(present, past(1, 2, 3, 4, 5, 6), present.now + timedelta(weeks=9))
    assert (late.outlook, late.comparable, late.middle) == (Outlook.TOO_FEW, 0, None)


def test_on_hold_the_clock_stands_and_nothing_is_foretold() -> None:
    present = until_tested(JUNE, 0)
    present.later(days=1).steer(Verb.HOLD)
    assert ask(present, past(1, 2, 3, 4, 5), present.now + timedelta(days=30)).outlook is Outlook.ON_HOLD
    assert ask(present, past(1, 2, 3, 4, 5)).outlook is Outlook.ON_HOLD, "from this very moment"
    present.later(days=1).steer(Verb.RESUME)
    assert ask(present, past(1, 2, 3, 4, 5)).outlook is Outlook.RANGE


def test_holds_count_neither_in_the_past_nor_now() -> None:
    held = [story(went_live(JANUARY, 0, WEEK, held=9 * WEEK)) for _ in range(ENOUGH)]
    present = until_tested(JUNE, 0)
    assert ask(present, held).late == date(2026, 6, 8)
    present.steer(Verb.HOLD)
    present.later(days=2 * WEEK).steer(Verb.RESUME)
    assert ask(present, held).late == date(2026, 6, 22)


def test_what_is_over_has_nothing_ahead() -> None:
    assert ask(went_live(JANUARY, 1, 1), past(1, 2, 3, 4, 5)).outlook is Outlook.ENDED
    cancelled = begun(JUNE)
    cancelled.steer(Verb.CANCEL)
    assert ask(cancelled, past(1, 2, 3, 4, 5)).outlook is Outlook.ENDED


def test_an_onboarding_that_just_began_is_compared_from_its_start() -> None:
    said = ask(Timed(JUNE), past(1, 1, 1, 1, 1))
    assert (said.reached, said.middle) == (None, date(2026, 6, 15))


def test_a_step_that_is_done_again_takes_the_onboarding_back() -> None:
    present = until_tested(JUNE, 0)
    present.later(days=1).act("settings", "reopen", {"reason": "Another system."})
    assert ask(present, past(1, 1, 1, 1, 1)).reached == "notice"


def test_a_step_that_was_skipped_counts_as_done_until_it_is_reopened() -> None:
    present = Timed(JUNE)
    present.act("contract", "skip", {"reason": "It is not needed."})
    assert ask(present, past(1, 1, 1, 1, 1)).reached == "contract"
    present.act("contract", "reopen", {"reason": "It is needed."})
    assert ask(present, past(1, 1, 1, 1, 1)).reached is None


def test_a_past_one_whose_playbook_had_other_steps_is_not_compared() -> None:
    shorter = [Story([one for one in other.marks if one.step != "intent"], OURS) for other in past(*[2] * 5)]
    assert ask(until_tested(JUNE, 0), shorter) == Forecast(
        outlook=Outlook.TOO_FEW, comparable=0, reached="joint_test"
    )


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 90), st.integers(0, 30)), max_size=9),
    st.integers(0, 60),
    st.integers(0, 120),
)
def test_the_range_is_in_order_never_in_the_past_and_on_working_days(
    others: list[tuple[int, int, int]], days: int, rest: int
) -> None:
    present = until_tested(NOW, days)
    now = present.now + timedelta(days=rest)
    said = ask(present, [story(went_live(JANUARY, *one)) for one in others], now)
    assert (said.outlook is Outlook.RANGE) == (said.comparable >= ENOUGH)
    if said.early and said.middle and said.late:
        assert OURS.day_of(now) <= said.early <= said.middle <= said.late
        assert all(OURS.is_working_day(day) for day in (said.early, said.middle, said.late))

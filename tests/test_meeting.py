"""The meeting of a joint test: proposals within both parties' hours, and what the step makes of it (R12)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import errors
from domain import progress as engine
from domain.deadlines import WorkCalendar
from domain.meeting import is_within, must_suit, proposals
from domain.model import Party
from domain.playbook import Playbook
from domain.steps.appointment import MeetingPlan, standing_meeting
from domain.steps.base import Meeting, StepRecord
from domain.steps.joint_test import JointTestStep
from tests.playbooks import NOW, READY, Walk, playbook

BUCHAREST = WorkCalendar(time_zone="Europe/Bucharest", holidays=frozenset({date(2026, 3, 4)}))
ROME = WorkCalendar(time_zone="Europe/Rome")
HAWAII = WorkCalendar(time_zone="Pacific/Honolulu")
ZONES = st.sampled_from(
    ["Europe/Bucharest", "Europe/Rome", "Europe/London", "UTC", "Asia/Kathmandu", "America/New_York"]
)
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
CALENDARS = st.builds(WorkCalendar, time_zone=ZONES, holidays=st.frozensets(DAYS, max_size=60))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(CALENDARS, CALENDARS, MOMENTS, st.integers(15, 240), st.integers(1, 8))
def test_every_proposal_suits_both_and_leaves_them_a_working_day_between(
    ours: WorkCalendar, theirs: WorkCalendar, now: datetime, minutes: int, count: int
) -> None:
    found = proposals((ours, theirs), now, minutes, count)
    assert len(found) <= count
    assert list(found) == sorted(set(found))
    days = [ours.day_of(at) for at in found]
    assert all(days.count(day) <= 2 for day in days)
    for at in found:
        assert is_within((ours, theirs), at, minutes)
        assert at.astimezone(ZoneInfo(ours.time_zone)).minute in (0, 30)
        for calendar in (ours, theirs):
            assert calendar.days_between(calendar.day_of(now), calendar.day_of(at)) >= 2


def test_proposals_are_a_morning_and_an_afternoon_on_days_that_both_work() -> None:
    """From Monday: Tuesday is too soon, Wednesday is a holiday of one of them."""
    found = proposals((BUCHAREST, ROME), NOW, 60, 4)
    assert [f"{at.astimezone(ZoneInfo('Europe/Bucharest')):%d %H:%M}" for at in found] == [
        "05 10:00",
        "05 12:00",
        "06 10:00",
        "06 12:00",
    ]


def test_parties_that_never_work_at_the_same_time_get_no_proposal_but_a_way_on() -> None:
    assert proposals((ROME, HAWAII), NOW, 60) == ()
    with pytest.raises(errors.Invalid) as refused:
        must_suit((ROME, HAWAII), datetime(2026, 3, 10, 9, tzinfo=UTC), 60, NOW)
    assert "outside_hours" in refused.value.mend


@pytest.mark.parametrize(
    "at", [datetime(2026, 3, 5, 7, 30, tzinfo=UTC), datetime(2026, 2, 27, 9, tzinfo=UTC)]
)
def test_a_time_that_does_not_suit_is_refused_with_two_that_do(at: datetime) -> None:
    with pytest.raises(errors.Invalid) as refused:
        must_suit((BUCHAREST, ROME), at, 60, NOW)
    assert "2026-03-05 10:00 (Europe/Bucharest) or 2026-03-05 12:00 (Europe/Bucharest)" in refused.value.mend


def test_a_meeting_that_ends_after_work_is_not_within_the_hours() -> None:
    at = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
    assert is_within((BUCHAREST,), at, 30)
    assert not is_within((BUCHAREST,), at, 31)


FIRST = "2026-03-05T10:00:00+02:00"
LATER = "2026-03-09T12:00:00+02:00"
PASSED, FAILED = (
    {"scenarios": {"booking": "passed"}},
    {"scenarios": {"booking": "failed"}, "note": "No booking."},
)


def with_meeting(plan: bool | MeetingPlan) -> Playbook:
    steps = [
        step.model_copy(update={"meeting": plan}) if isinstance(step, JointTestStep) else step
        for step in playbook().steps
    ]
    return playbook().model_copy(update={"steps": tuple(steps)})


def at_the_test() -> Walk:
    return Walk(book=with_meeting(MeetingPlan())).to("joint_test")


def arrange(walk: Walk, starts_at: str = FIRST, **more: object) -> None:
    walk.act("joint_test", "arrange_meeting", {"starts_at": starts_at, "place": "Room 2", **more})


def record(walk: Walk) -> StepRecord:
    return walk.progress.steps["joint_test"]


def meeting(walk: Walk) -> Meeting:
    found = record(walk).meeting
    assert found is not None
    return found


def offered(walk: Walk) -> list[str]:
    return [one.name for one in engine.actions(walk.case, walk.progress, "joint_test") if not one.by_link]


def wanted(walk: Walk) -> list[str]:
    return [order.key for order in engine.orders(walk.case, walk.progress)]


def test_a_test_in_a_meeting_waits_on_us_until_it_is_arranged_and_its_links_work_all_the_same() -> None:
    walk = at_the_test()
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.US, None)
    assert offered(walk)[0] == "arrange_meeting"
    assert "cancel_meeting" not in offered(walk)
    arrange(walk)
    assert record(walk).waiting_on is Party.PROVIDER
    early = at_the_test()
    early.by_link("joint_test", body=PASSED, party=Party.PROVIDER)
    assert record(early).waiting_on is Party.PARTNER


def test_a_playbook_that_says_only_that_there_is_a_meeting_leaves_it_to_the_parties() -> None:
    """As playbooks pinned before meetings were arranged here."""
    walk = Walk(book=with_meeting(True)).to("joint_test")
    assert record(walk).waiting_on is Party.PROVIDER
    assert "arrange_meeting" not in offered(walk)


def test_everybody_is_told_of_every_version_once() -> None:
    walk = at_the_test()
    arrange(walk)
    assert (meeting(walk).uid, meeting(walk).sequence, meeting(walk).minutes) == ("joint_test-1-1", 0, 60)
    roles = ("provider", "ops", "account_manager")
    assert wanted(walk) == [f"joint_test:1:meeting-joint_test-1-1-0:{role}" for role in roles]
    walk.send_all()
    arrange(walk, LATER, reason="Too soon for the laboratory.")
    assert (meeting(walk).uid, meeting(walk).sequence) == ("joint_test-1-1", 1)
    assert walk.send_all() == [f"joint_test:1:meeting-joint_test-1-1-1:{role}" for role in roles]
    walk.act("joint_test", "cancel_meeting", {"reason": "The tester is ill."})
    assert record(walk).waiting_on is Party.US
    cancelling = engine.orders(walk.case, walk.progress)
    assert {order.template for order in cancelling} == {"meeting_cancelled"}
    assert [order.key for order in cancelling] == [
        f"joint_test:1:meeting-joint_test-1-1-2:{role}" for role in roles
    ]


def test_a_cancellation_still_goes_out_when_another_meeting_is_arranged_at_once() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.send_all()
    walk.act("joint_test", "cancel_meeting", {"reason": "The tester is ill."})
    arrange(walk, LATER)
    assert meeting(walk).uid == "joint_test-1-2"
    assert [key.rpartition(":")[0] for key in wanted(walk)[::3]] == [
        "joint_test:1:meeting-joint_test-1-1-1",
        "joint_test:1:meeting-joint_test-1-2-0",
    ]


def test_moving_a_meeting_needs_a_reason_and_no_meeting_is_in_the_past() -> None:
    walk = at_the_test()
    for odd in (
        "2026-03-02T08:59:00Z",
        "2027-06-01T09:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-03-05T10:00",
    ):
        with pytest.raises(errors.Invalid):
            arrange(walk, odd)
    arrange(walk)
    with pytest.raises(errors.Invalid):
        arrange(walk, LATER)


def test_a_failed_test_wants_a_new_meeting_and_arranging_it_says_that_the_cause_is_settled() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.send_all()
    walk.by_link("joint_test", body=FAILED, party=Party.PARTNER)
    assert (record(walk).attempt, record(walk).waiting_on) == (2, Party.US)
    assert standing_meeting(record(walk)) is None
    arrange(walk, LATER)
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.PROVIDER, None)
    assert (meeting(walk).uid, meeting(walk).sequence, meeting(walk).attempt) == ("joint_test-1-1", 1, 2)


def test_after_a_meeting_that_is_over_the_next_one_is_another_entry() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.by_link("joint_test", body=FAILED, party=Party.PARTNER)
    walk.now = NOW + timedelta(days=5)
    arrange(walk, LATER)
    found = meeting(walk)
    assert (found.uid, found.sequence, found.after) == ("joint_test-2-2", 0, None)


def test_a_changed_configuration_keeps_the_meeting_that_stands() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.send_all()
    walk.by_link("joint_test", body=PASSED, party=Party.PROVIDER)
    walk.facts(READY.model_copy(update={"digest": "another"}))
    assert (record(walk).attempt, record(walk).waiting_on) == (2, Party.PROVIDER)
    assert standing_meeting(record(walk)) is not None
    assert not [key for key in wanted(walk) if "meeting" in key]


def test_at_the_end_of_the_meeting_whoever_is_silent_is_reminded() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.by_link("joint_test", body=PASSED, party=Party.PROVIDER)
    step = walk.case.step("joint_test")
    (moment,) = step.moments(record(walk))
    assert (moment.at, moment.what, moment.to) == (datetime(2026, 3, 5, 9, tzinfo=UTC), "remind", "ops")


def test_a_party_that_the_meeting_did_not_reach_is_trouble_and_our_own_copy_is_not() -> None:
    walk = at_the_test()
    walk.send_all()
    arrange(walk)
    orders = {order.to: order for order in engine.orders(walk.case, walk.progress)}
    walk.send_one(orders["account_manager"], "refused", "550 away")
    assert record(walk).blocker is None
    walk.send_one(orders["ops"], "refused", "550 nobody here")
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.US, "550 nobody here")
    walk.send_one(orders["provider"])
    walk.act("joint_test", "retry")
    again = [order for order in engine.orders(walk.case, walk.progress) if "meeting" in order.key]
    assert [order.to for order in again] == ["ops", "account_manager"]
    for order in again:
        walk.send_one(order)
    assert record(walk).waiting_on is Party.PROVIDER
    assert not [key for key in wanted(walk) if "meeting" in key]


def test_a_test_that_was_done_once_wants_a_meeting_of_its_own_when_it_is_done_again() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.send_all()
    for party in (Party.PROVIDER, Party.PARTNER):
        walk.by_link("joint_test", body=PASSED, party=party)
    walk.act("joint_test", "reopen", {"reason": "The system was moved."})
    assert (record(walk).waiting_on, offered(walk)[0]) == (Party.US, "arrange_meeting")

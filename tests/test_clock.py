"""Clocks that stand, run late, are set anew or stop for good (R21)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import progress as engine
from domain.commands import Verb
from domain.deadlines import WorkCalendar
from domain.errors import Conflict, Invalid, TooLate
from domain.model import OnboardingStatus, Party, StepState
from tests.clocked import BUCHAREST, MONDAY, Clocked, waiting_on_the_partner
from tests.playbooks import EVIDENCE, playbook


def test_after_a_long_standstill_one_reminder_is_sent_and_not_three() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.now = datetime(2026, 3, 17, 11, tzinfo=UTC)
    onboarding.take(engine.pass_time(onboarding.case, onboarding.progress, onboarding.now))
    assert sorted(what for what in onboarding.letters()) == [
        "Tue 17.03. 13:00 escalation → account_manager",
        "Tue 17.03. 13:00 escalation → boss",
        "Tue 17.03. 13:00 reminder → ops",
    ]


def test_a_hold_stops_the_clocks_and_moves_what_is_due_by_its_working_days() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(datetime(2026, 3, 6, 12, tzinfo=UTC))
    due = onboarding.progress.steps["settings"].due_at
    onboarding.sent.clear()
    onboarding.steer(Verb.HOLD, date(2026, 3, 20))
    onboarding.passes(datetime(2026, 3, 24, 12, tzinfo=UTC))
    assert onboarding.letters() == ["Fri 20.03. 09:00 hold_over → account_manager"]
    assert onboarding.progress.hold is not None
    assert onboarding.progress.hold.is_over
    onboarding.steer(Verb.RESUME)
    record = onboarding.progress.steps["settings"]
    assert due == datetime(2026, 3, 9, 16, tzinfo=UTC)
    # Eleven working days of the partner lie in the hold: from Monday, 9 March, without the holiday.
    assert (record.held_days, record.due_at) == (11, datetime(2026, 3, 25, 16, tzinfo=UTC))
    assert onboarding.progress.hold is None
    onboarding.sent.clear()
    onboarding.passes(datetime(2026, 3, 26, 22, tzinfo=UTC))
    assert onboarding.letters() == ["Wed 25.03. 10:00 reminder → ops", "Thu 26.03. 10:00 escalation → boss"]


def test_a_hold_can_be_planned_longer_and_refuses_an_odd_end() -> None:
    onboarding = waiting_on_the_partner()
    with pytest.raises(Invalid, match="2026-03-02"):
        onboarding.steer(Verb.HOLD, date(2026, 3, 2))
    onboarding.steer(Verb.HOLD)
    with pytest.raises(TooLate):
        onboarding.steer(Verb.HOLD)
    onboarding.now += timedelta(days=1)
    onboarding.steer(Verb.HOLD, date(2026, 4, 1))
    assert onboarding.progress.hold is not None
    assert (onboarding.progress.hold.since, onboarding.progress.hold.until) == (MONDAY, date(2026, 4, 1))


def test_another_due_date_moves_the_reminders_and_says_why() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(datetime(2026, 3, 5, 12, tzinfo=UTC))
    with pytest.raises(Invalid, match="past"):
        onboarding.act("settings", "due", due_on="2026-03-04", reason="Too early")
    with pytest.raises(Invalid, match="week-end") as refused:
        onboarding.act("settings", "due", due_on="2026-03-10", reason="A holiday there")
    assert "2026-03-11" in refused.value.mend
    onboarding.act("settings", "due", due_on="2026-03-16", reason="They are moving house")
    assert onboarding.events[-1].data["reason"] == "They are moving house"
    onboarding.passes(datetime(2026, 3, 16, 22, tzinfo=UTC))
    assert onboarding.letters() == [
        "Thu 05.03. 10:00 reminder → ops",
        "Thu 12.03. 10:00 reminder → ops",
        "Mon 16.03. 10:00 reminder → ops",
    ]


def test_only_what_the_playbook_allows_is_skipped_and_it_can_be_reopened() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.act("settings", "skip", reason="Done for another clinic of theirs")
    assert onboarding.progress.steps["settings"].state is StepState.SKIPPED
    assert onboarding.progress.steps["joint_test"].state is StepState.WAITING
    with pytest.raises(Conflict, match="does not offer"):
        onboarding.act("joint_test", "skip", reason="No time")
    with pytest.raises(TooLate, match="skipped"):
        onboarding.act("settings", "remind")
    onboarding.act("settings", "reopen", reason="Needed after all")
    assert onboarding.progress.steps["settings"].state in (StepState.WAITING, StepState.STALE)
    assert onboarding.progress.steps["settings"].attempt == 2


def test_a_cancellation_is_told_to_the_provider_and_to_whom_had_been_written() -> None:
    early = Clocked()
    early.steer(Verb.CANCEL)
    assert early.letters() == ["Mon 02.03. 11:00 cancelled → provider"]
    onboarding = waiting_on_the_partner()
    onboarding.steer(Verb.CANCEL)
    assert onboarding.letters() == [
        "Mon 02.03. 11:00 cancelled → provider",
        "Mon 02.03. 11:00 cancelled → ops",
    ]
    assert onboarding.progress.status is OnboardingStatus.CANCELLED
    assert engine.next_moment(onboarding.case, onboarding.progress, onboarding.now) is None


def test_nobody_is_reminded_before_a_meeting_and_the_due_date_lies_behind_it() -> None:
    book = playbook()
    steps = [step.model_dump(mode="json", exclude_none=True) for step in book.steps]
    test = next(step for step in steps if step["key"] == "joint_test")
    test["meeting"] = {"minutes": 60}
    onboarding = waiting_on_the_partner(steps=steps)
    onboarding.act("settings", "skip", reason="Nothing to set")
    onboarding.act(
        "joint_test", "arrange_meeting", starts_at="2026-03-18T10:00:00+00:00", place="https://meet.example/1"
    )
    due = onboarding.progress.steps["joint_test"].due_at
    assert due == datetime(2026, 3, 19, 15, tzinfo=UTC)
    onboarding.sent.clear()
    onboarding.passes(datetime(2026, 3, 19, 22, tzinfo=UTC))
    assert onboarding.letters() == [
        "Wed 18.03. 13:00 reminder → provider",
        "Wed 18.03. 13:00 reminder → ops",
        "Thu 19.03. 09:00 reminder → provider",
        "Thu 19.03. 10:00 reminder → ops",
    ]


def night(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, 30, tzinfo=BUCHAREST)


def test_what_a_hold_made_late_comes_when_its_reader_is_at_work_and_not_at_night() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(night(5, 9))
    onboarding.steer(Verb.HOLD)
    onboarding.now = night(5, 23)
    onboarding.steer(Verb.RESUME)
    onboarding.passes(night(6, 12))
    assert onboarding.letters() == ["Fri 06.03. 10:00 reminder → ops"]


def test_what_an_outage_made_late_comes_on_the_next_working_day_and_once() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.now = night(7, 3)  # a Saturday
    change = engine.pass_time(onboarding.case, onboarding.progress, onboarding.now)
    assert change.events == ()
    assert change.progress.revision == onboarding.progress.revision
    onboarding.progress = change.progress
    moment = engine.next_moment(onboarding.case, onboarding.progress, onboarding.now)
    assert moment == datetime(2026, 3, 9, 10, tzinfo=BUCHAREST)
    onboarding.passes(night(9, 12))
    assert onboarding.letters() == ["Mon 09.03. 10:00 reminder → ops"]


@given(
    begin=st.integers(0, 30 * 24),
    length=st.integers(0, 30 * 24),
    theirs=st.frozensets(st.dates(date(2026, 3, 2), date(2026, 6, 30)), max_size=12),
    ours=st.frozensets(st.dates(date(2026, 3, 2), date(2026, 6, 30)), max_size=12),
)
def test_a_hold_loses_no_letter_and_doubles_none(
    begin: int, length: int, theirs: frozenset[date], ours: frozenset[date]
) -> None:
    calendars = dict.fromkeys(Party, WorkCalendar(time_zone="Europe/Bucharest", holidays=ours))
    calendars[Party.PARTNER] = WorkCalendar(time_zone="Europe/Budapest", holidays=theirs)

    def letters(*, held: bool) -> list[str]:
        onboarding = Clocked()
        onboarding.case = onboarding.case.model_copy(update={"calendars": calendars})
        onboarding.act("contract", **EVIDENCE)
        onboarding.sent.clear()
        if held:
            onboarding.passes(MONDAY + timedelta(hours=begin))
            onboarding.steer(Verb.HOLD)
            onboarding.now += timedelta(hours=length)
            onboarding.steer(Verb.RESUME)
        onboarding.passes(MONDAY + timedelta(days=200))
        for at, _, to in onboarding.sent:
            assert onboarding.case.calendar(onboarding.case.party_of(to)).opening(at) == at
        return sorted(f"{what} {to}" for _, what, to in onboarding.sent)

    with_hold, without = letters(held=True), letters(held=False)
    # Two rungs that a hold made late, or that fall on one morning, are one letter.
    assert set(with_hold) == set(without)
    assert len(with_hold) <= len(without)


def test_a_voided_test_begins_its_clock_anew() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.act("settings", "skip", reason="Nothing to set")
    onboarding.by_link("joint_test", Party.PARTNER, scenarios={"booking": "passed"})
    onboarding.passes(night(20, 12))
    changed = onboarding.progress.facts.model_copy(update={"digest": "another"})
    onboarding.take(engine.with_facts(onboarding.case, onboarding.progress, changed, onboarding.now))
    record = onboarding.progress.steps["joint_test"]
    assert (record.attempt, record.since) == (2, onboarding.now)
    assert record.due_at == datetime(2026, 3, 27, 17, tzinfo=BUCHAREST)
    assert record.next is not None
    onboarding.sent.clear()
    onboarding.passes(night(27, 12))
    assert {to for _, what, to in onboarding.sent if what == "reminder"} == {"provider", "ops"}


def test_today_is_no_due_date_any_more_once_work_there_is_over() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(datetime(2026, 3, 2, 19, tzinfo=UTC))
    with pytest.raises(Invalid, match="over on 2026-03-02") as refused:
        onboarding.act("settings", "due", due_on="2026-03-02", reason="Urgent")
    assert refused.value.mend == "Take 2026-03-03."
    onboarding.act("settings", "due", due_on="2026-03-03", reason="Urgent")


def test_a_due_date_further_than_a_year_is_refused() -> None:
    onboarding = waiting_on_the_partner()
    with pytest.raises(Invalid, match="more than a year"):
        onboarding.act("settings", "due", due_on="9999-10-01", reason="Some day")


def test_a_meeting_can_be_called_off_on_hold_and_when_all_is_cancelled_everybodys_calendar_is_cleared() -> (
    None
):
    steps = [step.model_dump(mode="json", exclude_none=True) for step in playbook().steps]
    next(step for step in steps if step["key"] == "joint_test")["meeting"] = {"minutes": 60}
    held, cancelled = waiting_on_the_partner(steps=steps), waiting_on_the_partner(steps=steps)
    for onboarding in (held, cancelled):
        onboarding.act("settings", "skip", reason="Nothing to set")
        onboarding.act("joint_test", "arrange_meeting", starts_at="2026-03-18T10:00:00+00:00", place="Room 2")
        onboarding.sent.clear()
    held.steer(Verb.HOLD)
    names = [one.name for one in engine.actions(held.case, held.progress, "joint_test")]
    assert names == ["cancel_meeting"]
    held.act("joint_test", "cancel_meeting", reason="We are on hold")
    everybody = {"provider", "ops", "account_manager"}
    assert {(what, to) for _, what, to in held.sent} == {("meeting_cancelled", to) for to in everybody}
    cancelled.steer(Verb.CANCEL)
    assert {(what, to) for _, what, to in cancelled.sent} == {("cancelled", to) for to in everybody}


def test_a_second_contact_that_was_told_can_be_asked_again_with_a_fresh_link() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(night(11, 12))
    assert onboarding.sent[-1][1:] == ("escalation", "boss")
    onboarding.act("settings", "remind", to="boss")
    assert onboarding.sent[-1][1:] == ("escalation", "boss")
    with pytest.raises(Invalid, match="nobody"):
        onboarding.act("settings", "remind", to="nobody")
    with pytest.raises(Invalid, match="lead"):
        onboarding.act("settings", "remind", to="lead")


def with_a_meeting(at: str = "2026-03-26T10:00:00+00:00") -> Clocked:
    steps = [step.model_dump(mode="json", exclude_none=True) for step in playbook().steps]
    next(step for step in steps if step["key"] == "joint_test")["meeting"] = {"minutes": 60}
    onboarding = waiting_on_the_partner(steps=steps)
    onboarding.act("settings", "skip", reason="Nothing to set")
    onboarding.act("joint_test", "arrange_meeting", starts_at=at, place="Room 2")
    onboarding.sent.clear()
    return onboarding


def test_a_test_that_both_passed_early_takes_its_meeting_out_of_the_calendars() -> None:
    onboarding = with_a_meeting()
    for party in (Party.PROVIDER, Party.PARTNER):
        onboarding.by_link("joint_test", party, scenarios={"booking": "passed"})
    told = {to for _, what, to in onboarding.sent if what == "meeting_cancelled"}
    assert told == {"provider", "ops", "account_manager"}
    assert engine.actions(onboarding.case, onboarding.progress, "joint_test") == ()


def test_what_waits_on_us_does_not_wait_for_a_meeting_of_which_a_party_does_not_know() -> None:
    onboarding = with_a_meeting()
    (invited,) = (
        key for key in onboarding.progress.steps["joint_test"].mails if key.endswith("invitation:ops")
    )
    onboarding.bounce("joint_test", invited)
    record = onboarding.progress.steps["joint_test"]
    assert (record.waiting_on, record.due_at) == (Party.US, datetime(2026, 3, 9, 17, tzinfo=BUCHAREST))
    assert record.next is not None
    assert record.next.to == "account_manager"


def test_a_meeting_called_off_after_one_party_tested_waits_on_us_for_another_and_hurries_nobody() -> None:
    onboarding = with_a_meeting("2026-03-30T10:00:00+00:00")
    onboarding.by_link("joint_test", Party.PROVIDER, scenarios={"booking": "passed"})
    assert onboarding.waits_on("joint_test") == "partner"
    onboarding.passes(datetime(2026, 3, 26, 10, tzinfo=UTC))
    onboarding.act("joint_test", "cancel_meeting", reason="Their tester is ill")
    assert onboarding.waits_on("joint_test") == "us"
    onboarding.sent.clear()
    onboarding.passes(datetime(2026, 3, 27, 20, tzinfo=UTC))
    assert onboarding.letters() == []
    onboarding.act("joint_test", "arrange_meeting", starts_at="2026-04-02T10:00:00+00:00", place="Room 2")
    assert onboarding.waits_on("joint_test") == "partner"
    assert "provider" in onboarding.progress.steps["joint_test"].result["parties"]


def test_a_meeting_that_is_moved_forward_takes_the_due_date_with_it() -> None:
    onboarding = with_a_meeting("2026-04-27T10:00:00+00:00")
    far = onboarding.progress.steps["joint_test"].due_at
    onboarding.act(
        "joint_test",
        "arrange_meeting",
        starts_at="2026-03-05T10:00:00+00:00",
        place="Room 2",
        reason="They can earlier",
    )
    near = onboarding.progress.steps["joint_test"].due_at
    assert far == datetime(2026, 4, 28, 17, tzinfo=BUCHAREST)
    assert near == datetime(2026, 3, 9, 17, tzinfo=BUCHAREST)

"""Reminders and escalation of a waiting step, on the calendars of their readers (R21)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import progress as engine
from domain.commands import StatusCommand, StepCommand, Verb
from domain.deadlines import WorkCalendar
from domain.errors import Conflict, Invalid, TooLate
from domain.facts import ChannelFacts
from domain.model import OnboardingStatus, Party, StepState
from domain.progress import Case, Change, Progress
from domain.steps.base import MailOutcome
from tests.playbooks import EVIDENCE, MANAGER, READY, playbook

BUCHAREST = ZoneInfo("Europe/Bucharest")
HOLIDAY = date(2026, 3, 10)
OURS = WorkCalendar(time_zone="Europe/Bucharest")
THEIRS = WorkCalendar(time_zone="Europe/Berlin", holidays=frozenset({HOLIDAY}))
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LADDER: dict[str, Any] = {
    "reminders": [-2, 0, 3],
    "escalation": [
        {"after": 1, "to": "boss"},
        {"after": 5, "to": "account_manager"},
        {"after": 10, "to": "lead"},
    ],
}


class Clocked:
    """An onboarding whose time is moved by hand; messages are sent at once."""

    def __init__(self, facts: ChannelFacts = READY, **more: Any) -> None:
        contacts = {
            "ops": {"name": "Ops", "email": "ops@small.example"},
            "boss": {"name": "Boss", "email": "boss@small.example"},
        }
        book = playbook(**{"contacts": contacts, **LADDER, **more})
        steps = tuple(
            step.model_copy(update={"due_working_days": 5, "skippable": step.key == "settings"})
            for step in book.steps
        )
        book = book.model_copy(update={"steps": steps})
        calendars = {party: THEIRS if party is Party.PARTNER else OURS for party in Party}
        self.case = Case(onboarding_id="onb_1", provider_id="prv_1", playbook=book, calendars=calendars)
        self.now, self.sent = MONDAY, list[tuple[datetime, str, str]]()
        self.events = list[engine.Event]()
        self.progress = Progress()
        self._take(engine.begin(self.case, facts, self.now, MANAGER))

    def act(self, step: str, action: str = "complete", /, **body: Any) -> None:
        command = StepCommand(command_id="c", step=step, action=action, body=body, actor=MANAGER)
        self._take(engine.answer(self.case, self.progress, command, self.now))

    def steer(self, verb: Verb, until: date | None = None) -> None:
        command = StatusCommand(command_id="c", verb=verb, reason="As agreed", until=until, actor=MANAGER)
        self._take(engine.steer(self.case, self.progress, command, self.now))

    def passes(self, until: datetime) -> None:
        """Time goes on, and everything happens when it is due."""
        while (moment := engine.next_moment(self.case, self.progress)) is not None and moment <= until:
            assert moment >= self.now
            self.now = moment
            self._take(engine.pass_time(self.case, self.progress, self.now))
        self.now = until

    def bounce(self, step: str, key: str) -> None:
        came_back = MailOutcome(
            state="bounced", at=self.now, detail="no such user", address="ops@small.example"
        )
        self._take(engine.with_bounce(self.case, self.progress, step, key, came_back, self.now))

    def waits_on(self, key: str) -> str | None:
        return self.progress.steps[key].waiting_on

    def letters(self, zone: ZoneInfo = BUCHAREST) -> list[str]:
        """What was sent: when on the wall clock of ``zone``, as what, to whom."""
        return [f"{at.astimezone(zone):%a %d.%m. %H:%M} {what} → {to}" for at, what, to in self.sent]

    def _take(self, change: Change) -> None:
        self.progress = change.progress
        self.events.extend(change.events)
        while wanted := engine.orders(self.case, self.progress):
            outcome = MailOutcome(state="sent", at=self.now, message_id=wanted[0].key)
            self.sent.append((self.now, wanted[0].template, wanted[0].to))
            change = engine.with_mail(self.case, self.progress, wanted[0], outcome, self.now)
            self.progress = change.progress
            self.events.extend(change.events)


def waiting_on_the_partner(**more: Any) -> Clocked:
    """Since Monday, 2 March; due on Monday, 9 March. The day behind it is a holiday there."""
    onboarding = Clocked(**more)
    onboarding.act("contract", **EVIDENCE)
    onboarding.sent.clear()
    return onboarding


def test_a_neglected_step_is_reminded_of_and_then_told_to_others() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(MONDAY + timedelta(days=60))
    assert onboarding.letters() == [
        "Thu 05.03. 10:00 reminder → ops",
        "Mon 09.03. 10:00 reminder → ops",
        "Wed 11.03. 10:00 escalation → boss",
        "Fri 13.03. 10:00 reminder → ops",
        "Mon 16.03. 09:00 escalation → account_manager",
        "Mon 23.03. 09:00 escalation → lead",
    ]
    assert onboarding.progress.steps["settings"].state is StepState.WAITING
    assert onboarding.progress.steps["settings"].next is None


def test_the_second_contact_gets_a_link_and_our_side_none() -> None:
    onboarding = Clocked()
    onboarding.act("contract", **EVIDENCE)
    record = onboarding.progress.steps["settings"]
    called = record.model_copy(update={"calls": ("boss", "lead")})
    steps = {**onboarding.progress.steps, "settings": called}
    wanted = engine.orders(onboarding.case, onboarding.progress.model_copy(update={"steps": steps}))
    assert [(order.to, order.link) for order in wanted] == [("boss", True), ("lead", False)]


def test_what_waits_on_us_is_told_to_the_account_manager_and_then_to_the_lead() -> None:
    onboarding = Clocked()
    onboarding.passes(MONDAY + timedelta(days=40))
    assert onboarding.letters() == [
        "Thu 05.03. 09:00 escalation → account_manager",
        "Mon 09.03. 09:00 escalation → account_manager",
        "Thu 12.03. 09:00 escalation → account_manager",
        "Mon 23.03. 09:00 escalation → lead",
    ]


def test_nothing_comes_after_the_step_is_done() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(datetime(2026, 3, 6, 12, tzinfo=UTC))
    link = StepCommand(
        command_id="c",
        step="settings",
        action="complete",
        body={"name": "Mihai", "role": "IT"},
        actor=MANAGER,
        party=Party.PARTNER,
        link_id="lnk_1",
    )
    onboarding._take(engine.answer(onboarding.case, onboarding.progress, link, onboarding.now))
    assert onboarding.progress.steps["settings"].next is None


def test_a_reminder_by_hand_takes_the_place_of_that_days_own() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(datetime(2026, 3, 5, 6, tzinfo=UTC))
    onboarding.act("settings", "remind")
    onboarding.passes(datetime(2026, 3, 9, 23, tzinfo=UTC))
    assert onboarding.letters() == ["Thu 05.03. 08:00 reminder → ops", "Mon 09.03. 10:00 reminder → ops"]


def test_after_a_long_standstill_one_reminder_is_sent_and_not_three() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.now = datetime(2026, 3, 17, 11, tzinfo=UTC)
    onboarding._take(engine.pass_time(onboarding.case, onboarding.progress, onboarding.now))
    assert sorted(what for what in onboarding.letters()) == [
        "Tue 17.03. 13:00 escalation → account_manager",
        "Tue 17.03. 13:00 escalation → boss",
        "Tue 17.03. 13:00 reminder → ops",
    ]


def test_a_message_that_came_back_stops_the_reminders_and_waits_on_us() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.bounce("settings", "settings:1:invitation:ops")
    record = onboarding.progress.steps["settings"]
    assert (record.waiting_on, record.blocker) == (Party.US, "no such user")
    assert onboarding.progress.steps["joint_test"].state is StepState.PENDING
    onboarding.passes(MONDAY + timedelta(days=8))
    assert {to for _, _, to in onboarding.sent} == {"account_manager"}
    onboarding.act("settings", "retry")
    assert onboarding.sent[-1][1:] == ("technical_settings", "ops")
    assert onboarding.progress.steps["settings"].waiting_on is Party.PARTNER


def test_a_reminder_to_the_provider_that_came_back_waits_on_us_until_another_one_arrives() -> None:
    onboarding = Clocked(facts=ChannelFacts())
    onboarding.act("contract", **EVIDENCE)
    onboarding.passes(MONDAY + timedelta(days=4))
    assert onboarding.letters()[-1] == "Thu 05.03. 09:00 reminder → provider"
    onboarding.bounce("channel", "channel:1:reminder-1:provider")
    assert onboarding.waits_on("channel") == "us"
    onboarding.sent.clear()
    onboarding.passes(MONDAY + timedelta(days=15))
    assert {to for _, _, to in onboarding.sent} == {"account_manager"}
    onboarding.act("channel", "remind")
    assert onboarding.sent[-1][1:] == ("reminder", "provider")
    assert onboarding.waits_on("channel") == "provider"


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
    assert engine.next_moment(onboarding.case, onboarding.progress) is None


@given(
    reminders=st.lists(st.integers(-10, 30), max_size=6),
    minutes=st.integers(0, 900_000),
    holidays=st.frozensets(st.dates(date(2026, 1, 1), date(2028, 6, 30)), max_size=40),
)
def test_whatever_the_ladder_everything_comes_in_working_hours_of_its_reader_and_never_the_same_day(
    reminders: list[int], minutes: int, holidays: frozenset[date]
) -> None:
    theirs = WorkCalendar(time_zone="Europe/Budapest", holidays=holidays)
    onboarding = Clocked(reminders=reminders)
    calendars = {**onboarding.case.calendars, Party.PARTNER: theirs}
    onboarding.case = onboarding.case.model_copy(update={"calendars": calendars})
    onboarding.now = begin = MONDAY + timedelta(minutes=minutes)
    onboarding.act("contract", **EVIDENCE)
    onboarding.sent.clear()
    onboarding.passes(begin + timedelta(days=200))
    days = list[tuple[date, str]]()
    for at, template, to in onboarding.sent:
        calendar = onboarding.case.calendar(onboarding.case.party_of(to))
        assert calendar.opening(at) == at
        assert calendar.day_of(at) > calendar.day_of(begin)
        days.append((calendar.day_of(at), f"{template} {to}"))
    assert len(days) == len(set(days))
    assert [at for at, _, _ in onboarding.sent] == sorted(at for at, _, _ in onboarding.sent)


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

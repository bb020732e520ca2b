"""Reminders and escalation of a waiting step, on the calendars of their readers (R21)."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain import progress as engine
from domain.commands import StepCommand, Verb
from domain.deadlines import WorkCalendar, shifted
from domain.facts import ChannelFacts
from domain.model import Party, StepState
from tests.clocked import MONDAY, THEIRS, Clocked, waiting_on_the_partner
from tests.playbooks import EVIDENCE, MANAGER, READY


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
    onboarding.take(engine.answer(onboarding.case, onboarding.progress, link, onboarding.now))
    assert onboarding.progress.steps["settings"].next is None


def test_a_reminder_by_hand_takes_the_place_of_that_days_own() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.passes(datetime(2026, 3, 5, 6, tzinfo=UTC))
    onboarding.act("settings", "remind")
    onboarding.passes(datetime(2026, 3, 9, 23, tzinfo=UTC))
    assert onboarding.letters() == ["Thu 05.03. 08:00 reminder → ops", "Mon 09.03. 10:00 reminder → ops"]


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


def test_a_due_date_that_was_agreed_holds_again_once_the_message_that_came_back_is_sent_again() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.act("settings", "due", due_on="2026-04-24", reason="They asked for April")
    agreed = onboarding.progress.steps["settings"].due_at
    onboarding.bounce("settings", "settings:1:invitation:ops")
    assert onboarding.progress.steps["settings"].due_at != agreed, "what waits on us has its own due date"
    onboarding.steer(Verb.HOLD)
    onboarding.passes(MONDAY + timedelta(days=7))
    onboarding.steer(Verb.RESUME)
    onboarding.act("settings", "retry")
    record = onboarding.progress.steps["settings"]
    assert agreed is not None
    assert record.due_at == shifted(agreed, MONDAY, onboarding.now, THEIRS), "later by the days of the hold"
    later = record.due_at
    onboarding.take(engine.with_facts(onboarding.case, onboarding.progress, ChannelFacts(), onboarding.now))
    begin = onboarding.now
    onboarding.steer(Verb.HOLD)
    onboarding.passes(begin + timedelta(days=7))
    onboarding.steer(Verb.RESUME)
    onboarding.take(engine.with_facts(onboarding.case, onboarding.progress, READY, onboarding.now))
    moved = onboarding.progress.steps["settings"].due_at
    assert later is not None
    assert moved == shifted(later, begin, onboarding.now, THEIRS), "also where its step stood still meanwhile"
    onboarding.by_link("settings", Party.PARTNER)
    onboarding.act("settings", "reopen", reason="Another address")
    due = onboarding.progress.steps["settings"].due_at
    assert due is not None
    assert due < agreed, "what was agreed was of that attempt"


def test_who_is_asked_and_was_also_told_that_it_takes_too_long_gets_a_reminder_of_what_is_asked() -> None:
    onboarding = waiting_on_the_partner(escalation=[{"after": 1, "to": "ops"}])
    onboarding.passes(MONDAY + timedelta(days=11))
    assert onboarding.progress.steps["settings"].calls == ("ops",)
    onboarding.bounce("settings", "settings:1:invitation:ops")
    onboarding.act("settings", "remind", to="ops")
    assert onboarding.sent[-1][1:] == ("reminder", "ops")
    assert onboarding.waits_on("settings") == "partner"


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

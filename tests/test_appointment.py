"""A meeting that stands is moved only by a change of it; everybody in it gets an update for each (R12)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from adapters.database.onboardings import Found
from adapters.database.tables import OnboardingRow
from api.meetings import prepared
from api.pages.onboarding_cards import Card
from api.schemas.meetings import MeetingView
from api.schemas.onboardings import ActionView, StepView
from domain import errors
from domain import progress as engine
from domain.model import Party
from domain.steps.appointment import ArrangeMeeting, MeetingPlan, arranging
from domain.steps.base import MailOrder, MailOutcome, Meeting
from tests.playbooks import NOW, READY, Walk
from tests.test_meeting import (
    FAILED,
    FIRST,
    LATER,
    PASSED,
    arrange,
    at_the_test,
    meeting,
    offered,
    record,
    wanted,
)


def test_a_move_that_changes_nothing_is_refused_and_one_that_changes_anything_is_not() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.send_all()
    said = {"reason": "Once more.", "note": "As it was.", "outside_hours": True}
    for same in (FIRST, "2026-03-05T08:00:00Z"):
        with pytest.raises(errors.Invalid) as refused:
            arrange(walk, same, **said)
        assert refused.value.detail == "The meeting is at that time and place already."
    for change in ({"place": "Room 3"}, {"place": "Room 3", "minutes": 30}):
        arrange(walk, FIRST, reason="Once more.", **change)
    arrange(walk, LATER, place="Room 3", minutes=30, reason="Once more.")
    assert meeting(walk).sequence == 3


def test_the_meeting_of_a_test_that_failed_before_it_may_be_kept_for_the_next_one_as_it_is() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.by_link("joint_test", body=FAILED, party=Party.PARTNER)
    arrange(walk)
    assert (record(walk).waiting_on, meeting(walk).attempt, meeting(walk).sequence) == (Party.PROVIDER, 2, 1)


def letters(walk: Walk) -> dict[str, MailOrder]:
    """What is wanted out about the meeting, by reader."""
    wanted = engine.orders(walk.case, walk.progress)
    return {order.to: order for order in wanted if ":meeting-" in order.key}


def test_whose_invitation_is_on_its_way_gets_no_second_one_when_another_reader_is_told_again() -> None:
    for refused, action, body in (
        ("ops", "retry", {}),
        ("account_manager", "remind", {"to": "account_manager"}),
    ):
        walk = at_the_test()
        walk.send_all()
        arrange(walk)
        first = letters(walk)
        walk.send_one(first[refused], "refused", "550 nobody here")
        walk.act("joint_test", action, body)
        waiting = letters(walk)
        assert waiting["provider"] == first["provider"]
        assert [key for key in wanted(walk) if key.endswith("again-1:provider")] == []
        walk.send_one(waiting[refused])
        walk.send_one(waiting["provider"], "refused", "550 full")
        assert "provider" not in letters(walk), "nobody corrected anything"
        assert record(walk).blocker == "550 full"


def test_who_had_it_when_it_was_told_again_to_another_is_not_told_again_when_it_comes_back() -> None:
    walk = untold("account_manager")
    walk.act("joint_test", "remind", {"to": "account_manager"})
    walk.send_all()
    back = MailOutcome(state="bounced", at=walk.now, detail="550 no such user", address="ops@small.example")
    key = "joint_test:1:meeting-joint_test-1-1-0:ops"
    walk._take(engine.with_bounce(walk.case, walk.progress, "joint_test", key, back, walk.now))
    assert (letters(walk), record(walk).blocker) == ({}, "550 no such user")
    walk.act("joint_test", "retry")
    assert [*letters(walk)] == ["ops"]


def test_a_meeting_of_before_it_was_counted_for_each_is_told_again_to_all_as_often_as_it_says() -> None:
    before = meeting(untold()).model_dump() | {"again": 2}
    kept = Meeting.model_validate_json(Meeting.model_validate(before).model_dump_json())
    assert [kept.again_to(role) for role in ("provider", "ops", "account_manager")] == [2, 2, 2]


def body_of(walk: Walk, **typed: object) -> ArrangeMeeting:
    return arranging(MeetingPlan(), record(walk), walk.case.rules).model_validate(typed)


def test_a_move_keeps_the_length_and_the_place_that_it_does_not_name() -> None:
    walk = at_the_test()
    assert body_of(walk, starts_at=FIRST, place="Room 2").minutes == 60
    arrange(walk, minutes=30)
    form = body_of(walk, starts_at=LATER, reason="Too soon.").model_json_schema()["properties"]
    assert (form["minutes"]["default"], form["place"]["default"]) == (30, "Room 2")
    walk.act("joint_test", "arrange_meeting", {"starts_at": LATER, "reason": "Too soon."})
    assert (meeting(walk).minutes, meeting(walk).place, meeting(walk).sequence) == (30, "Room 2", 1)
    with pytest.raises(errors.Invalid, match="already"):
        walk.act("joint_test", "arrange_meeting", {"starts_at": LATER, "reason": "Once more."})


def test_whether_a_move_suits_both_is_looked_at_with_the_length_that_it_keeps() -> None:
    walk = at_the_test()
    arrange(walk, minutes=30)
    found = Found(OnboardingRow(), "", walk.case, walk.progress)
    late = {"starts_at": "2026-03-09T16:30:00+00:00", "reason": "They can only then."}
    assert prepared(found, "joint_test", late, walk.now) == late
    with pytest.raises(errors.Invalid, match="working hours"):
        prepared(found, "joint_test", late | {"minutes": 60}, walk.now)


def test_a_new_meeting_after_one_that_was_called_off_has_the_usual_length_and_no_place() -> None:
    walk = at_the_test()
    arrange(walk, minutes=30)
    walk.act("joint_test", "cancel_meeting", {"reason": "The tester is ill."})
    form = arranging(MeetingPlan(), record(walk), walk.case.rules).model_json_schema()
    assert form["properties"]["minutes"]["default"] == 60
    assert "place" in form["required"]


NIGHT = datetime(2026, 3, 5, 20, tzinfo=UTC)  # the meeting ended in the morning


def untold(*roles: str) -> Walk:
    """A meeting of which these were not told; the others were, and everybody was asked to test."""
    walk = at_the_test()
    walk.send_all()
    arrange(walk)
    for role, order in letters(walk).items():
        walk.send_one(order, *(("refused", "550 nobody here") if role in roles else ()))
    return walk


def passes(walk: Walk, until: datetime) -> None:
    while (moment := engine.next_moment(walk.case, walk.progress, walk.now)) and moment <= until:
        walk.now = moment
        walk._take(engine.pass_time(walk.case, walk.progress, walk.now))
    walk.now = until


def asked(walk: Walk) -> list[str]:
    return [order.to for order in engine.orders(walk.case, walk.progress) if order.template == "reminder"]


def test_at_the_end_of_a_meeting_a_party_that_was_not_told_of_it_is_asked_for_its_results_too() -> None:
    walk = untold("ops")
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.US, "550 nobody here")
    passes(walk, NIGHT)
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.PROVIDER, None)
    assert asked(walk) == ["provider", "ops"]
    assert "retry" not in offered(walk)
    walk.send_all()
    passes(walk, NIGHT + timedelta(days=9))
    assert asked(walk) == [], "once"


def test_who_answers_before_the_others_are_at_work_again_does_not_keep_them_from_being_asked() -> None:
    walk = untold("ops")
    walk.now = NIGHT
    walk.by_link("joint_test", body=PASSED, party=Party.PROVIDER)
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.PARTNER, None)
    passes(walk, NIGHT + timedelta(days=1))
    assert asked(walk) == ["ops"]


def test_a_meeting_that_is_over_is_not_told_again_and_a_reminder_asks_for_the_results() -> None:
    for action, body in (("retry", {}), ("remind", {"to": "ops"})):
        walk = untold("ops")
        walk.now = NIGHT
        walk.act("joint_test", action, body)
        assert letters(walk) == {}
        assert "ops" in asked(walk)
    walk = untold("account_manager")
    walk.now = NIGHT
    with pytest.raises(errors.Invalid, match="Nobody"):
        walk.act("joint_test", "remind", {"to": "account_manager"})


@pytest.mark.parametrize(("changed", "due"), [(NOW, ["ops"]), (NIGHT, [])])
def test_after_a_meeting_kept_for_the_next_attempt_who_was_not_told_of_it_is_asked_unless_just_invited(
    changed: datetime, due: list[str]
) -> None:
    walk = untold("ops")
    walk.by_link("joint_test", body=PASSED, party=Party.PROVIDER)
    walk.now = changed
    walk.facts(READY.model_copy(update={"digest": "another", "version": 10}))
    walk.send_all()
    assert (record(walk).attempt, meeting(walk).attempt) == (2, 1)
    walk.now = NIGHT
    walk.by_link("joint_test", body=PASSED, party=Party.PROVIDER)
    passes(walk, NIGHT + timedelta(days=1))
    assert asked(walk) == due


@pytest.mark.parametrize("roles", [("provider", "ops"), ()])
def test_a_meeting_that_went_by_and_of_which_neither_party_knew_is_told_to_us_and_asks_nobody(
    roles: tuple[str, ...],
) -> None:
    """Their mail servers refused the invitation; or they did not take it in time."""
    walk = untold(*roles)
    if not roles:
        walk = at_the_test()
        walk.send_all()
        arrange(walk)
    passes(walk, NIGHT)
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.US, None)
    assert (record(walk).calls, asked(walk)) == (("account_manager",), [])
    assert offered(walk)[0] == "arrange_meeting"
    passes(walk, NIGHT + timedelta(days=9))
    assert record(walk).calls == ("account_manager",), "once"


def test_trying_again_after_a_meeting_of_which_neither_party_knew_reminds_nobody_of_it() -> None:
    walk = untold("provider", "ops")
    walk.now = NIGHT
    walk.act("joint_test", "retry")
    assert (record(walk).waiting_on, record(walk).blocker) == (Party.US, None)
    assert (wanted(walk), offered(walk)[0]) == ([], "arrange_meeting")
    walk.by_link("joint_test", body=PASSED, party=Party.PROVIDER)
    assert record(walk).waiting_on is Party.PARTNER


@pytest.mark.parametrize(("ends_in", "keeps"), [(timedelta(hours=1), True), (timedelta(hours=-1), False)])
def test_the_card_of_a_step_that_is_not_open_is_unfolded_for_its_meeting_until_that_is_over(
    ends_in: timedelta, keeps: bool
) -> None:
    def only(model: type[BaseModel], **fields: object) -> Any:
        return model.model_construct(_fields_set=None, **fields)

    call_off = only(ActionView, name="cancel_meeting")
    meeting = only(MeetingView, ends_at=datetime.now(UTC) + ends_in)
    step = only(StepView, waiting_on=None, actions=[call_off], meeting=meeting)
    assert Card(step=step, number=1, needs=(), recorded=()).is_open is keeps

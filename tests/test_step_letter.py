"""What a step's letter says when its turn comes to be sent: whether it still makes sense."""

from datetime import UTC, datetime, timedelta

from activities.letter import Parties
from activities.step_letter import StepLetter
from adapters.database.tables import Provider
from domain import progress as engine
from domain.commands import StatusCommand, Verb
from domain.people import Ours
from domain.steps.appointment import MeetingPlan
from tests.playbooks import MANAGER, Walk
from tests.test_meeting import with_meeting

EVERYBODY = ("provider", "ops", "account_manager")


def invited(begins: timedelta) -> Walk:
    """An onboarding whose meeting was arranged ten days ago and that was held until now; ``begins`` from now."""
    walk = Walk(book=with_meeting(MeetingPlan())).to("joint_test")
    today = datetime.now(UTC)
    walk.now = today - timedelta(days=10)
    starts_at = (today + begins).isoformat()
    walk.act("joint_test", "arrange_meeting", {"starts_at": starts_at, "place": "Room 2", "minutes": 60})
    steer(walk, Verb.HOLD)
    walk.now = today
    steer(walk, Verb.RESUME)
    return walk


def steer(walk: Walk, verb: Verb) -> None:
    command = StatusCommand(command_id="c", verb=verb, reason="As agreed", actor=MANAGER)
    walk.progress = engine.steer(walk.case, walk.progress, command, walk.now).progress


def answers(walk: Walk) -> dict[str, str | None]:
    """Of every message about the meeting that the onboarding wants out: why it is not sent, by reader."""
    parties = Parties(walk.case, walk.progress, Provider(), Ours())
    return {
        order.to: StepLetter(parties, order).no_longer_wanted()
        for order in engine.orders(walk.case, walk.progress)
        if ":meeting-" in order.key
    }


def test_after_a_hold_nobody_is_invited_to_a_meeting_that_is_over() -> None:  # R12
    over = "Not sent: the meeting is over."
    assert answers(invited(timedelta(hours=-2))) == dict.fromkeys(EVERYBODY, over)


def test_after_a_hold_everybody_is_invited_to_a_meeting_that_is_to_come_or_goes_on() -> None:
    for begins in (timedelta(days=1), timedelta(minutes=-30)):
        assert answers(invited(begins)) == dict.fromkeys(EVERYBODY)


def test_who_was_never_told_of_a_meeting_that_is_over_is_invited_to_the_next_one() -> None:
    walk = invited(timedelta(hours=-2))
    for order in engine.orders(walk.case, walk.progress):
        walk.send_one(order, "refused", "Not sent: the meeting is over.")
    assert walk.progress.steps["joint_test"].waiting_on == "us"
    later = (walk.now + timedelta(days=3)).isoformat()
    walk.act(
        "joint_test", "arrange_meeting", {"starts_at": later, "place": "Room 2", "reason": "It was missed."}
    )
    assert walk.progress.steps["joint_test"].waiting_on == "provider"
    assert answers(walk) == dict.fromkeys(EVERYBODY)

"""A reminder by hand goes out beside no message that asks the same and has not arrived yet (R21)."""

from datetime import timedelta

from adapters.database.onboardings import Found
from adapters.database.tables import OnboardingRow
from api.reminding import refuse_too_soon
from domain import progress as engine
from domain.commands import StepCommand
from domain.errors import Conflict
from domain.model import Party
from domain.playbook import Playbook
from domain.steps.appointment import MeetingPlan
from domain.steps.base import MailOrder
from tests.playbooks import MANAGER, Walk, playbook
from tests.test_appointment import passes
from tests.test_meeting import arrange, with_meeting


def refused(walk: Walk, step: str, **body: str) -> str | None:
    """The code with which a reminder is refused."""
    command = StepCommand(command_id="c", step=step, action="remind", body=body, actor=MANAGER)
    found = Found(OnboardingRow(), "", walk.case, walk.progress)
    try:
        refuse_too_soon(found, command, walk.now)
    except Conflict as conflict:
        return conflict.reason
    return None


def just_asked(book: Playbook | None = None) -> tuple[Walk, MailOrder]:
    """A step that was opened a day ago, whose letter no mail server has taken since."""
    walk = Walk(book=book).to("settings")
    walk.by_link("settings")
    walk.send_all()
    walk.act("settings", "reopen", {"reason": "Another system."})
    (first,) = engine.orders(walk.case, walk.progress)
    walk.now += timedelta(days=1)
    return walk, first


def test_nobody_is_reminded_of_a_letter_that_is_still_on_its_way() -> None:
    walk, _ = just_asked()
    assert refused(walk, "settings") == "still-on-its-way"
    walk.send_all()
    assert refused(walk, "settings") is None
    walk.act("settings", "remind")
    assert refused(walk, "settings") == "reminded-lately"
    walk.now += timedelta(hours=2)
    assert refused(walk, "settings") == "still-on-its-way", "the reminder waits at their server"


def test_whose_letter_is_on_its_way_keeps_no_other_from_being_reminded_and_a_meeting_on_its_way_keeps_nobody_from_it() -> (
    None
):
    walk = Walk(book=with_meeting(MeetingPlan())).to("settings")
    walk.by_link("settings")
    first = {order.to: order for order in engine.orders(walk.case, walk.progress)}
    walk.send_one(first["provider"])
    assert refused(walk, "joint_test", to="ops") == "still-on-its-way"
    assert refused(walk, "joint_test") is None
    walk.act("joint_test", "remind")
    reminders = [order for order in engine.orders(walk.case, walk.progress) if order != first["ops"]]
    assert [order.to for order in reminders] == ["provider"]
    walk.now += timedelta(hours=2)
    assert refused(walk, "joint_test") == "still-on-its-way", "to both"
    walk.send_all()
    walk.now += timedelta(hours=2)
    arrange(walk)
    assert refused(walk, "joint_test") is None


def test_by_older_rules_which_would_remind_both_one_letter_on_its_way_keeps_all_from_being_reminded() -> None:
    walk = Walk(book=with_meeting(MeetingPlan())).to("settings")
    walk.by_link("settings")
    walk.send_one(next(order for order in engine.orders(walk.case, walk.progress) if order.to == "provider"))
    walk.case = walk.case.model_copy(update={"rules": 1})
    assert refused(walk, "joint_test") == "still-on-its-way"
    assert refused(walk, "joint_test", to="provider") is None


def test_nothing_that_reminds_of_a_letter_on_its_way_is_held_back_to_go_out_after_it() -> None:
    steps = [
        step.model_copy(update={"due_working_days": 3} if step.key == "settings" else {})
        for step in playbook().steps
    ]
    book = playbook(reminders=[-1, 0, 1, 2]).model_copy(update={"steps": tuple(steps)})
    walk, first = just_asked(book)
    walk.act("settings", "remind")
    passes(walk, walk.now + timedelta(days=3, hours=12))
    assert engine.orders(walk.case, walk.progress) == (first,)
    walk.send_one(first)
    passes(walk, walk.now + timedelta(minutes=1))
    assert engine.orders(walk.case, walk.progress) == ()
    passes(walk, walk.now + timedelta(days=4))
    assert [order.template for order in engine.orders(walk.case, walk.progress)] == ["reminder"]


def test_trying_again_after_a_letter_was_refused_sends_it_again_once_and_no_other() -> None:
    walk = Walk(book=with_meeting(False)).to("settings")
    walk.by_link("settings")
    first = {order.to: order for order in engine.orders(walk.case, walk.progress)}
    walk.send_one(first["ops"], "refused", "550 nobody here")
    for _ in range(2):
        walk.act("joint_test", "retry")
    walk.send_one(first["provider"])
    (again,) = engine.orders(walk.case, walk.progress)
    assert (again.to, again.template) == ("ops", first["ops"].template)
    walk.send_one(again)
    assert walk.progress.steps["joint_test"].waiting_on is Party.PROVIDER

"""A reminder by hand goes out beside no message that asks the same and has not arrived yet (R21)."""

from datetime import timedelta

import pytest

from adapters.database.onboardings import Found
from adapters.database.tables import OnboardingRow
from api.reminding import refuse_too_soon
from domain import progress as engine
from domain.commands import StepCommand
from domain.errors import Conflict
from domain.model import Party
from domain.steps.appointment import MeetingPlan
from domain.steps.base import MailOrder
from tests.playbooks import MANAGER, Walk
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


def just_asked() -> tuple[Walk, MailOrder]:
    """A step that was opened a day ago, whose letter no mail server has taken since."""
    walk = Walk().to("settings")
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


def test_whose_letter_arrived_is_reminded_alone_and_a_meeting_on_its_way_keeps_nobody_from_it() -> None:
    walk = Walk(book=with_meeting(MeetingPlan())).to("settings")
    walk.by_link("settings")
    first = {order.to: order for order in engine.orders(walk.case, walk.progress)}
    walk.send_one(first["provider"])
    assert refused(walk, "joint_test") == "still-on-its-way"
    assert refused(walk, "joint_test", to="provider") is None
    walk.send_one(first["ops"])
    arrange(walk)
    assert refused(walk, "joint_test") is None


@pytest.mark.parametrize("outcome", ["sent", "refused"])
def test_what_is_to_remind_of_a_letter_goes_out_after_it(outcome: str) -> None:
    walk, first = just_asked()
    walk.act("settings", "remind")
    assert engine.orders(walk.case, walk.progress) == (first,)
    walk.send_one(first, outcome, "550 nobody here")
    (second,) = engine.orders(walk.case, walk.progress)
    assert second.template == ("reminder" if outcome == "sent" else first.template)
    walk.send_one(second)
    assert walk.progress.steps["settings"].waiting_on is Party.PARTNER

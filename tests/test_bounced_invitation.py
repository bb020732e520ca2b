"""An invitation to a meeting that came back from the account manager, whose copy keeps nobody from meeting (R12)."""

import pytest

from domain import errors
from domain import progress as engine
from domain.steps.base import MailOrder, MailOutcome
from tests import delivery_reports as written
from tests.playbooks import Walk
from tests.stack import Stack
from tests.test_bounce_marks import marks, take
from tests.test_bounces import loop_of
from tests.test_invitation import CalendarStore
from tests.test_meeting import LATER, arrange, at_the_test, meeting, record, wanted
from tests.test_meeting_mails import at_the_test as journey_at_the_test
from tests.test_meeting_mails import came, invitation_in, step_of

WRONG, RIGHT = "ana.typo@racord.example", "ana@racord.example"
OURS = "account_manager"


def told() -> tuple[Walk, dict[str, MailOrder]]:
    """Everybody was asked to test, and was sent the meeting."""
    walk = at_the_test()
    walk.send_all()
    arrange(walk)
    orders = {order.to: order for order in engine.orders(walk.case, walk.progress)}
    walk.send_all()
    return walk, orders


def comes_back(walk: Walk, order: MailOrder) -> None:
    bounced = MailOutcome(state="bounced", at=walk.now, detail="550 nobody here")
    walk.progress = engine.with_bounce(
        walk.case, walk.progress, order.step, order.key, bounced, walk.now
    ).progress


def remind_ours(walk: Walk) -> None:
    walk.act("joint_test", "remind", {"to": OURS})


def test_it_is_sent_again_to_the_account_manager_alone() -> None:
    walk, orders = told()
    comes_back(walk, orders[OURS])
    remind_ours(walk)
    assert wanted(walk) == [f"joint_test:1:meeting-joint_test-1-1-0-again-1:{OURS}"]
    assert (meeting(walk).sequence, record(walk).reminders) == (0, 0)


def test_what_reached_the_account_manager_or_is_on_its_way_there_is_not_sent_again() -> None:
    walk, orders = told()
    with pytest.raises(errors.Invalid):
        remind_ours(walk)
    comes_back(walk, orders[OURS])
    remind_ours(walk)
    with pytest.raises(errors.Invalid):
        remind_ours(walk)
    walk.send_all()
    arrange(walk, LATER, reason="Too soon for the laboratory.")
    with pytest.raises(errors.Invalid):
        remind_ours(walk)


def test_while_a_party_lacks_it_too_nobody_elses_address_is_tried_again_for_the_account_manager() -> None:
    walk, orders = told()
    comes_back(walk, orders[OURS])
    comes_back(walk, orders["ops"])
    with pytest.raises(errors.Invalid):
        remind_ours(walk)
    walk.act("joint_test", "retry")
    again = [key for key in wanted(walk) if "meeting" in key]
    assert [key.rpartition(":")[2] for key in again] == ["ops", OURS]


async def test_a_corrected_account_manager_gets_the_meeting_and_nobody_else_gets_it_twice(
    stack: Stack,
) -> None:
    who = {"name": "Ana Pop", "email": WRONG, "locale": "en", "time_zone": "Europe/Bucharest"}
    manager = await stack.call("POST", "/account-managers", json=who)
    journey = await journey_at_the_test(stack)
    to_her = {"account_manager_id": manager["id"], "reason": "It is hers."}
    await stack.call("POST", f"/onboardings/{journey.id}/assign", json=to_her)
    await journey.arrange_meeting()
    (invitation,) = await came(journey, WRONG, 1)
    await take(stack.database, written.postfix(invitation["Message-ID"], WRONG))
    (mark,) = (await stack.call("GET", "/bounces?unresolved=true"))["items"]
    assert mark["is_sent_again"]
    loop = loop_of(stack)
    assert await loop.tell() == 1
    assert await loop.correct() == 0, "the address is still the same"
    await _correct(stack, manager["id"])
    assert await stack.until(loop.correct, bool) == 1
    (again,) = await came(journey, RIGHT, 1)
    store = CalendarStore()
    for mail in (invitation, again):
        store.take(invitation_in(mail))
    assert list(store.newest.values()) == [0], "the same entry in the same version"
    assert len(await journey.meeting_mails()) == 3
    assert (await step_of(journey))["blocker"] is None
    (found,) = await marks(stack.database)
    assert found.row.resolved_at is not None


async def _correct(stack: Stack, id: str) -> None:
    seen = await stack.http.get(f"/api/v1/account-managers/{id}")
    headers = {"If-Match": seen.headers["etag"]}
    await stack.call("PATCH", f"/account-managers/{id}", json={"email": RIGHT}, headers=headers)

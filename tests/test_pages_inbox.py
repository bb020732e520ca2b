"""The inbox as a page: what waits and what comes next in words, saved views, and many at once after a look (R12, R21)."""

from collections.abc import AsyncIterator
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.i18n import format_day
from tests.stack import Stack
from tests.test_journey import Journey
from tests.visitor import Visitor, sign_in, visiting


@pytest.fixture
async def ana(idle_stack: Stack) -> AsyncIterator[Visitor]:
    """An account manager, signed in."""
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor)
        yield visitor


async def test_the_inbox_says_how_long_what_comes_next_and_whose_it_is(
    idle_stack: Stack, ana: Visitor
) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    page = await ana.see("/tasks")
    assert "less than a working day" in page
    assert "Reminder to the account manager" in page
    assert "Assigned to nobody" in page
    assert journey.id in await ana.see("/tasks?assignee=none&kind=step&q=armonia&sort=due")
    assert journey.id not in await ana.see("/tasks?overdue=true")
    assert journey.id in await ana.see("/tasks?waiting_on=nonsense&utm=1"), "an old address still opens"
    assert "Reminder to the account manager" in await ana.see(f"/onboardings/{journey.id}")


async def test_a_view_is_saved_applied_and_deleted_without_javascript(
    idle_stack: Stack, ana: Visitor
) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    page = await ana.see("/tasks?waiting_on=partner&overdue=true")
    answer = await ana.send(page, "form-save-view", name="Late partners", is_shared="true")
    saved = parse_qs(urlsplit(str(answer.url)).query)
    assert [*saved] == ["view"]
    assert "The view “Late partners”" in answer.text
    assert journey.id not in answer.text
    page = await ana.see("/tasks?waiting_on=partner")
    again = await ana.send(page, "form-save-view", name="Late partners")
    assert again.status_code == 409
    assert "There is a view “Late partners” already." in again.text
    assert f'action="/tasks/views/{saved["view"][0]}/delete"' in answer.text
    gone = await ana.http.post(f"/tasks/views/{saved['view'][0]}/delete")
    assert "Late partners" not in gone.text
    assert journey.id in gone.text


async def test_many_are_put_on_hold_after_a_look_at_what_it_would_do(stack: Stack, ana: Visitor) -> None:
    first, second = await Journey(stack, "generali").begin(), await Journey(stack, "europ-assistance").begin()
    items = [f"{first.id} contract", f"{second.id} contract"]
    page = await ana.see("/tasks")
    assert all(f'value="{item}"' in page for item in items)
    asked = await ana.http.post("/tasks/bulk", data={"item": items, "action": "hold"})
    assert 'name="reason"' in asked.text
    assert "Nothing is changed yet" not in asked.text
    wrong = await ana.send(asked.text, "form-bulk", reason="x")
    assert (wrong.status_code, 'id="bulk-reason-mistake"' in wrong.text) == (422, True)
    looked = await ana.send(asked.text, "form-bulk", reason="The clinic moves house.", until="2020-01-01")
    assert looked.text.count("The hold cannot end on 2020-01-01.") == 2
    assert 'name="_do"' not in looked.text
    looked = await ana.send(looked.text, "form-bulk", until="")
    assert "Nothing is changed yet" in looked.text
    assert (await first.see())["status"] == "in_progress"
    done = await ana.send(looked.text, "form-bulk", _do="1")
    assert done.text.count("Done") >= 2
    assert {(await one.see())["status"] for one in (first, second)} == {"on_hold"}
    page = await ana.see("/tasks")
    assert "The onboarding is on hold" in page
    assert "The clinic moves house." in page
    page = await ana.see(f"/onboardings/{first.id}")
    assert "without a planned end" in page
    assert "Plan another end of the hold" in page


async def test_due_dates_skips_and_reminders_are_told_in_the_history(stack: Stack, ana: Visitor) -> None:
    journey = await Journey(stack, "generali").begin()
    path = f"/onboardings/{journey.id}/steps/contract"
    working_day = (await journey.see())["steps"][0]["due_at"][:10]
    await stack.call("POST", f"{path}/due", json={"due_on": working_day, "reason": "The board meets then."})
    page = await ana.see(f"/onboardings/{journey.id}")
    assert "tests gave “Contract with Generali” another due date." in page
    assert format_day(date.fromisoformat(working_day), "en") in page
    assert "Change the due date" in page
    refused = await stack.call("POST", f"{path}/skip", 409, json={"reason": "Not needed."})
    assert refused["mend"]


async def test_a_reader_who_may_not_steer_is_offered_no_boxes(idle_stack: Stack) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    async with visiting(idle_stack) as visitor:
        await sign_in(idle_stack, visitor, "viewer")
        page = await visitor.see("/tasks")
        assert journey.id in page
        assert "form-bulk" not in page
        answer = await visitor.http.post("/tasks/bulk", data={"action": "hold", "item": journey.id})
        assert answer.status_code == 403

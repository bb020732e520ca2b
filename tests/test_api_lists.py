"""Lists of onboardings and tasks, and the history: narrowed, found again, and read page by page."""

from typing import Any

import pytest

from adapters.database import onboardings, records
from api.access import Principal, Role
from api.opening import open_onboarding
from api.schemas.onboardings import StartOnboarding
from domain import progress as engine
from domain.commands import StatusCommand, StepCommand, Verb
from tests.playbooks import EVIDENCE, MANAGER, NOW
from tests.stack import Stack
from tests.test_journey import PARTNERS, Journey

CLINICS = 20


@pytest.fixture
async def many(idle_stack: Stack) -> Stack:
    """Sixty onboardings, twenty at each partner: waiting on us, on hold, waiting on Racord itself. No worker is needed."""
    context = idle_stack.app.state.context
    somebody = Principal(kind="api_key", id="key_1", name="Ana", role=Role.MANAGER)
    providers = []
    for number in range(CLINICS):
        body = {
            "name": f"Clinica 100%_{number:02}",
            "email": "c@c.example",
            "locale": "ro",
            "time_zone": "Europe/Bucharest",
        }
        providers.append((await idle_stack.call("POST", "/providers", json=body))["id"])
    for partner in PARTNERS:
        for half in (providers[:10], providers[10:]):  # ten at the very same moment
            async with idle_stack.database.transaction() as session:
                for provider in half:
                    wanted = StartOnboarding(provider_id=provider, partner=partner)
                    made = await open_onboarding(session, context, somebody, wanted)
                    await _move(session, made, partner)
    return idle_stack


async def _move(session: Any, onboarding_id: str, partner: str) -> None:
    found = await onboardings.one(session, onboarding_id)
    assert found is not None
    if partner == "generali":
        return
    if partner == "europ-assistance":
        hold = StatusCommand(command_id="h", verb=Verb.HOLD, reason="Wait.", actor=MANAGER)
        change = engine.steer(found.case, found.progress, hold, NOW)
    else:
        sign = StepCommand(command_id="s", step="contract", action="complete", body=EVIDENCE, actor=MANAGER)
        change = engine.answer(found.case, found.progress, sign, found.row.created_at)
    await records.write(await session.connection(), onboarding_id, change.progress, change.events)


async def pages(stack: Stack, path: str, **query: Any) -> list[list[Any]]:
    """Every page of a list, by following its cursors."""
    found, cursor = [], None
    while True:
        page = await stack.call("GET", path, params={**query, **({"cursor": cursor} if cursor else {})})
        found.append(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def ids(stack: Stack, **query: Any) -> list[str]:
    return [one["id"] for page in await pages(stack, "/onboardings", limit=200, **query) for one in page]


async def test_cursors_lead_through_sixty_onboardings_each_once_newest_first(many: Stack) -> None:
    for limit in (1, 7, 20, 60, 200):
        found = await pages(many, "/onboardings", limit=limit)
        assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
        rows = [one for page in found for one in page]
        assert len({one["id"] for one in rows}) == len(rows) == 60
        keys = [(one["created_at"], one["id"]) for one in rows]
        assert keys == sorted(keys, reverse=True)


async def test_what_is_begun_while_somebody_turns_pages_disturbs_nobody(many: Stack) -> None:
    first = await many.call("GET", "/onboardings", params={"limit": 30})
    await Journey(many, "generali").begin()
    second = await many.call("GET", "/onboardings", params={"limit": 200, "cursor": first["next_cursor"]})
    assert len({one["id"] for one in (*first["items"], *second["items"])}) == 60


async def test_lists_are_narrowed_by_status_partner_and_whom_they_wait_on(many: Stack) -> None:
    everything = await ids(many)
    generali = await ids(many, partner="generali")
    assert len(generali) == 20
    assert await ids(many, waiting_on="us") == generali
    assert await ids(many, status="on_hold") == await ids(many, partner="europ-assistance")
    assert await ids(many, waiting_on="system") == await ids(
        many, partner="global-assistance", status="in_progress"
    )
    assert await ids(many, waiting_on="partner") == []
    assert await ids(many, status="live") == []
    assert await ids(many, status="on_hold", waiting_on="us") == []
    assert len(await ids(many, status="in_progress")) == 40
    assert set(generali) < set(everything)


async def test_words_find_names_whatever_they_hold_and_ids(many: Stack) -> None:
    assert len(await ids(many, q="CLINICA 100%_07")) == 3
    assert len(await ids(many, q="100%_0")) == 30
    assert await ids(many, q="100_") == []
    assert await ids(many, q="%%%") == []
    wanted = (await ids(many))[17]
    assert await ids(many, q=wanted) == [wanted]
    assert len(await ids(many, q="generali")) == 20
    assert await ids(many, q="nobody is called so") == []


async def test_the_list_says_on_whom_where_and_since_when(many: Stack) -> None:
    (row,) = (await pages(many, "/onboardings", partner="generali", q="100%_03"))[0]
    assert (row["waiting_on"], row["waiting_step"], row["done"], row["total"]) == ("us", "contract", 0, 10)
    assert row["waiting_since"] <= row["updated_at"]
    assert row["due_at"] > row["waiting_since"]
    (held,) = (await pages(many, "/onboardings", partner="europ-assistance", q="100%_03"))[0]
    assert (held["status"], held["waiting_on"], held["waiting_step"]) == ("on_hold", None, None)


async def test_tasks_are_the_steps_that_wait_and_what_is_on_hold_longest_first(many: Stack) -> None:
    tasks = [one for page in await pages(many, "/tasks", limit=7) for one in page]
    assert len(tasks) == 60
    assert [one["since"] for one in tasks] == sorted(one["since"] for one in tasks)
    assert {(one["step"], one["waiting_on"]) for one in tasks} == {
        ("contract", "us"),
        ("intent", "system"),
        ("on_hold", "us"),
    }
    mine = [one for page in await pages(many, "/tasks", waiting_on="us") for one in page]
    assert {one["onboarding"]["partner"] for one in mine} == {"generali", "europ-assistance"}


async def test_the_history_leads_page_by_page_back_to_the_start(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await journey.enable()
    await stack.step(journey.id, "channel", "done")
    found = [
        event for page in await pages(stack, f"/onboardings/{journey.id}/events", limit=3) for event in page
    ]
    assert [int(event["id"]) for event in found] == sorted(
        (int(event["id"]) for event in found), reverse=True
    )
    revisions = [event["revision"] for event in found]
    assert revisions == sorted(revisions, reverse=True)
    assert set(revisions) == set(range(1, (await journey.see())["revision"] + 1))
    assert found[-1]["type"] == "onboarding.started"
    signed = next(event for event in found if event["type"] == "step.complete")
    assert (signed["step"], signed["actor"]["name"], signed["actor"]["kind"]) == (
        "contract",
        "tests",
        "api_key",
    )

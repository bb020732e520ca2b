"""On hold over HTTP: until a day, links wait with a plain page, clocks are shifted; cancelled, parties are told (R21)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.database import onboardings, records
from adapters.database.tables import LinkRow
from api.access import Principal, Role
from api.opening import open_onboarding
from api.schemas.onboardings import StartOnboarding
from domain import progress as engine
from domain.commands import StatusCommand, Verb
from domain.deadlines import WorkCalendar
from domain.model import SYSTEM, Party
from tests.stack import Stack
from tests.test_api_onboardings import step_of
from tests.test_journey import Journey
from tests.test_signed_links import PAGE, YES, at_settings, contents, quiet

REASON = "The clinic moves house."


def days_ahead(days: int) -> str:
    return str((datetime.now(UTC) + timedelta(days=days)).date())


async def steer(stack: Stack, journey: Journey, verb: str, expect: int = 200, **more: Any) -> Any:
    body = {"reason": REASON, **more}
    return await stack.call("POST", f"/onboardings/{journey.id}/{verb}", expect, json=body)


async def test_a_hold_has_a_planned_end_that_can_be_planned_anew(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    for until in (days_ahead(-1), days_ahead(400), "soon"):
        await steer(stack, journey, "hold", 422, until=until)
    await steer(stack, journey, "hold", until=days_ahead(9))
    seen = await journey.see()
    assert (seen["hold"]["until"], seen["hold"]["is_over"]) == (days_ahead(9), False)
    assert [step["next"] for step in seen["steps"]] == [None] * len(seen["steps"])
    await steer(stack, journey, "hold", 409)
    await steer(stack, journey, "hold", until=days_ahead(30))
    later = (await journey.see())["hold"]
    assert later == {**seen["hold"], "until": days_ahead(30)}
    await steer(stack, journey, "resume", 422, until=days_ahead(30))
    await steer(stack, journey, "resume")
    seen = await journey.see()
    assert (seen["hold"], seen["status"]) == (None, "in_progress")
    assert step_of(seen, "contract")["next"]["what"] == "remind"
    assert step_of(seen, "contract")["age_working_days"] == 0


async def test_a_link_waits_with_a_plain_page_and_works_again_afterwards(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    await steer(stack, journey, "hold", until=days_ahead(9))
    page = await stack.anybody.get(link, headers=PAGE)
    assert page.status_code == 200
    assert "tests" in page.text, "who paused it"
    assert "<form" not in page.text
    assert stack.settings.support_email in page.text, "whom to ask"
    shown = (await stack.anybody.get(link)).json()
    assert (shown["on_hold"], shown["actions"]) == (True, [])
    before = await contents(stack)
    for headers in (PAGE, {}):
        refused = await stack.anybody.post(link, json=YES, headers=headers)
        assert refused.status_code == 409
    assert refused.json()["code"] == "on-hold"
    assert "<form" not in (await stack.anybody.post(link, data={"action": "complete"}, headers=PAGE)).text
    assert await contents(stack) == before
    await steer(stack, journey, "resume")
    ends, ended = (await stack.anybody.get(link)).json()["expires_at"], shown["expires_at"]
    assert datetime.fromisoformat(ends) > datetime.fromisoformat(ended)
    assert (await stack.anybody.post(link, json=YES)).status_code == 200
    await stack.step(journey.id, "settings", "done")


async def test_resuming_shifts_due_dates_by_working_days_and_links_by_the_whole_hold(
    idle_stack: Stack,
) -> None:
    stack, journey = idle_stack, Journey(idle_stack, "generali")
    journey.provider = (
        await stack.call(
            "POST",
            "/providers",
            json={"name": "C", "email": "c@c.example", "locale": "ro", "time_zone": "Europe/Bucharest"},
        )
    )["id"]
    ana = Principal(kind="api_key", id="key_1", name="Ana", role=Role.MANAGER)
    since = datetime.now(UTC) - timedelta(days=14)
    async with stack.database.transaction() as session:
        wanted = StartOnboarding(provider_id=journey.provider, partner="generali")
        journey.id = await open_onboarding(session, stack.app.state.context, ana, wanted)
        found = await onboardings.one(session, journey.id)
        assert found is not None
        hold = StatusCommand(command_id="h", verb=Verb.HOLD, reason=REASON, actor=SYSTEM)
        change = engine.steer(found.case, found.progress, hold, since)
        await records.write(await session.connection(), journey.id, change.progress, change.events)
        link = LinkRow(
            **{
                "id": "lnk_1",
                "onboarding_id": journey.id,
                "step": "contract",
                "attempt": 1,
                "party": "partner",
            },
            **{
                "recipient_role": "r",
                "recipient_name": "R",
                "recipient_email": "r@r.example",
                "language": "en",
            },
            expires_at=since + timedelta(days=1),
        )
        session.add(link)
    token = stack.app.state.context.links.token("lnk_1")
    assert (await stack.anybody.get(f"/l/{token}", headers=PAGE)).status_code == 200, (
        "good when the hold began"
    )
    before = step_of(await journey.see(), "contract")
    async with stack.working():
        await steer(stack, journey, "resume")
    after = step_of(await journey.see(), "contract")
    calendar: WorkCalendar = found.case.calendar(Party.US)
    held = calendar.days_between(calendar.day_of(since), calendar.day_of(datetime.now(UTC)))
    days = [calendar.day_of(datetime.fromisoformat(one["due_at"])) for one in (before, after)]
    assert held > 5
    assert days[1] == calendar.plus(days[0], held)
    async with stack.database.transaction() as session:
        kept = await session.get_one(LinkRow, "lnk_1")
        assert kept.expires_at > datetime.now(UTC)


async def test_cancelling_tells_the_parties_and_kills_the_links(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    await steer(stack, journey, "hold")
    await steer(stack, journey, "cancel")
    assert (await stack.anybody.get(link)).status_code == 410

    async def told() -> Any:
        mails = (await stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
        return {
            to["role"]
            for one in mails
            if one["template"] == "cancelled" and one["state"] == "sent"
            for to in one["to"]
        }

    roles = await stack.until(told, lambda seen: len(seen) >= 2)
    assert "provider" in roles

"""One thing done to many tasks: looked at first, a result for each, and nothing twice (R12, R21)."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.stack import Stack
from tests.test_journey import Journey
from tests.test_signed_links import at_settings, contents, events, quiet

HOLD = {"reason": "The clinic moves house."}


async def bulk(stack: Stack, action: str, items: list[Any], *, dry_run: bool = False, **more: Any) -> Any:
    """The answer, with the results alone as `said`."""
    key, body = more.pop("key", secrets.token_hex(8)), more.pop("body", None)
    sent = {"action": action, "items": items, **({"body": body} if body is not None else {})}
    answer = await stack.call(
        "POST",
        "/tasks/bulk",
        200,
        json=sent,
        params={"dry_run": "true"} if dry_run else {},
        headers={"Idempotency-Key": key},
    )
    return {**answer, "said": [(one["result"], one["code"]) for one in answer["items"]]}


def settings_of(*journeys: Journey) -> list[Any]:
    return [{"onboarding_id": journey.id, "step": "settings"} for journey in journeys]


async def test_many_are_reminded_once_and_a_dry_run_sends_nothing(stack: Stack) -> None:
    journey, _ = await at_settings(stack)
    await quiet(stack, journey, 3)
    items = [
        *settings_of(journey),
        {"onboarding_id": journey.id, "step": "contract"},
        {"onboarding_id": journey.id},
        {"onboarding_id": "onb_unknown", "step": "settings"},
    ]
    refused = [("refused", "already-done"), ("refused", "invalid"), ("refused", "not-found")]
    before = await contents(stack)
    looked = await bulk(stack, "remind", items, dry_run=True)
    assert looked["said"] == [("would_do", None), *refused]
    assert looked["totals"] == {"would_do": 1, "refused": 3}
    assert all(one["detail"] and one["mend"] for one in looked["items"][1:])
    assert [(one["onboarding_id"], one["step"]) for one in looked["items"]] == [
        (item["onboarding_id"], item.get("step")) for item in items
    ]
    assert await contents(stack) == before
    for _ in range(2):
        assert (await bulk(stack, "remind", items, key="monday"))["said"] == [("done", None), *refused]
    await journey.mails_of("settings", 2)
    await quiet(stack, journey, 4)
    assert len(await events(stack, journey, "step.remind")) == 1
    other = await bulk(stack, "remind", settings_of(journey), key="monday", body={"note": "Another."})
    assert other["said"] == [("refused", "idempotency-mismatch")]


async def test_a_role_is_reminded_once_an_hour_unless_the_message_came_back(stack: Stack) -> None:
    journey, _ = await at_settings(stack)
    await quiet(stack, journey, 3)
    path = f"/onboardings/{journey.id}/steps/settings/remind"
    once = {"Idempotency-Key": "a"}
    first = await stack.call("POST", path, json={}, headers=once)
    assert await stack.call("POST", path, json={}, headers=once) == first, "the same again is no second one"
    await quiet(stack, journey, 4)
    refused = await stack.call("POST", path, 409, json={})
    assert refused["code"] == "reminded-lately"
    assert (await bulk(stack, "remind", settings_of(journey)))["said"] == [("refused", "reminded-lately")]

    async def look(set_to: str, path: str) -> Any:
        async with stack.database.transaction() as session:
            change = f"UPDATE onboardings SET progress = jsonb_set(progress, '{path}', '\"{set_to}\"') WHERE id = :id"
            await session.execute(text(change), {"id": journey.id})
        return (await bulk(stack, "remind", settings_of(journey), dry_run=True))["said"]

    seen = (await stack.call("GET", f"/onboardings/{journey.id}/events"))["items"]
    (role,) = {one["data"]["to"] for one in seen if one["type"] == "mail.sent" and one["step"] == "settings"}
    mail = f"{{steps,settings,mails,settings:1:reminder-1:{role}"
    assert await look("bounced", f"{mail},state}}") == [("would_do", None)]
    assert await look("sent", f"{mail},state}}") == [("refused", "reminded-lately")]
    assert await look("2026-01-01T00:00:00Z", f"{mail},at}}") == [("would_do", None)]


async def test_of_many_who_remind_at_the_same_moment_one_does(stack: Stack) -> None:
    journey, _ = await at_settings(stack)
    await quiet(stack, journey, 3)
    path = f"/api/v1/onboardings/{journey.id}/steps/settings/remind"
    for odd in ("nobody", "x" * 9000):
        wrong = [stack.http.post(path, json={"to": odd}) for _ in range(3)]
        assert {answer.status_code for answer in await asyncio.gather(*wrong)} == {422}
    keys = [secrets.token_hex(8) for _ in range(20)]
    calls = [stack.http.post(path, json={}, headers={"Idempotency-Key": key}) for key in (*keys, *keys)]
    answers = await asyncio.gather(*calls)
    said = list(zip((*keys, *keys), answers, strict=True))
    winners = {key for key, answer in said if answer.is_success}
    assert len(winners) == 1, "and the same key gets the same answer"
    assert len({answer.text for _, answer in said if answer.is_success}) == 1
    assert {a.json()["code"] for _, a in said if not a.is_success} == {"reminded-lately"}
    assert len(await events(stack, journey, "step.remind")) == 1
    await journey.mails_of("settings", 2)


async def test_whoever_was_refused_keeps_nobody_else_from_reminding(stack: Stack) -> None:
    journey, _ = await at_settings(stack)
    await quiet(stack, journey, 3)
    path = f"/onboardings/{journey.id}/steps/settings/remind"
    await stack.call("POST", path, 422, json={"to": "provider"})
    await stack.call("POST", path, 422, json={"note": 1})
    first = await stack.call("POST", path, json={}, headers={"Idempotency-Key": "a"})
    assert await stack.call("POST", path, json={}, headers={"Idempotency-Key": "a"}) == first


@pytest.mark.usefixtures("nobody_answers")
async def test_a_reminder_whose_outcome_is_not_known_counts_until_it_is(idle_stack: Stack) -> None:
    """No worker answers: it may still be carried out, so another one is not sent beside it."""
    stack = idle_stack
    async with stack.working():
        journey, _ = await at_settings(stack)
        await quiet(stack, journey, 3)
    path = f"/onboardings/{journey.id}/steps/settings/remind"
    once = {"Idempotency-Key": "a"}
    await stack.call("POST", path, 202, json={}, headers=once)
    assert (await stack.call("POST", path, 409, json={}))["code"] == "reminded-lately"
    async with stack.working():
        await stack.call("POST", path, json={}, headers=once)
        await journey.mails_of("settings", 2)
    assert len(await events(stack, journey, "step.remind")) == 1


async def test_onboardings_are_held_together_each_once(stack: Stack) -> None:
    first, second = await Journey(stack, "generali").begin(), await Journey(stack, "europ-assistance").begin()
    items = [
        {"onboarding_id": first.id, "step": "contract"},
        {"onboarding_id": first.id, "step": "intent"},
        {"onboarding_id": second.id},
    ]
    assert (await bulk(stack, "hold", items, body=HOLD, dry_run=True))["totals"] == {"would_do": 3}
    assert (await first.see())["status"] == "in_progress"
    for _ in range(2):
        assert (await bulk(stack, "hold", items, body=HOLD, key="k"))["totals"] == {"done": 3}
    for journey in (first, second):
        assert (await journey.see())["hold"]["until"] is None
        assert len(await events(stack, journey, "onboarding.hold")) == 1
    seen = (await first.see())["hold"]
    until = {**HOLD, "until": str((datetime.now(UTC) + timedelta(days=9)).date())}
    for dry_run in (True, False):
        for body in (HOLD, until):
            held = await bulk(stack, "hold", items[1:2], body=body, dry_run=dry_run)
            assert held["said"] == [("refused", "on-hold-already")]
            assert "without a planned end" in held["items"][0]["detail"]
    assert (await first.see())["hold"] == seen
    assert len(await events(stack, first, "onboarding.hold")) == 1
    await stack.call("POST", f"/onboardings/{second.id}/hold", json=until)
    held = await bulk(stack, "hold", items[2:], body=HOLD, dry_run=True)
    assert until["until"] in held["items"][0]["detail"]
    await stack.call("POST", f"/onboardings/{second.id}/cancel", json=HOLD)
    for dry_run in (True, False):
        ((result, code),) = (await bulk(stack, "hold", items[2:], body=HOLD, dry_run=dry_run))["said"]
        assert result == "refused"
        # The real one may still meet the workflow, which tells the parties of the end.
        assert code in (("onboarding-ended",) if dry_run else ("onboarding-ended", "too-late"))
    await stack.call("POST", "/tasks/bulk", 422, json={"action": "hold", "items": items, "body": {}})
    await stack.call("POST", "/tasks/bulk", 422, json={"action": "remind", "items": items * 70})


async def test_onboardings_are_assigned_with_no_worker_running(idle_stack: Stack) -> None:
    stack = idle_stack
    journey = await Journey(stack, "generali").begin()
    eva = await stack.call("POST", "/account-managers", json={"name": "Eva", "email": "eva@racord.example"})
    items = [{"onboarding_id": journey.id, "step": "contract"}, {"onboarding_id": "onb_unknown"}]
    body = {"account_manager_id": eva["id"], "reason": "She knows the clinic."}
    expected = ("refused", "not-found")
    before = await contents(stack)
    looked = await bulk(stack, "assign", items, body=body, dry_run=True)
    assert looked["said"] == [("would_do", None), expected]
    assert await contents(stack) == before
    for _ in range(2):
        done = await bulk(stack, "assign", items, body=body, key="k")
        assert done["said"] == [("done", None), expected]
    assert (await journey.see())["assignee"]["name"] == "Eva"
    assert len(await events(stack, journey, "onboarding.assigned")) == 1
    nobody = {**body, "account_manager_id": "amg_unknown"}
    assert (await bulk(stack, "assign", items[:1], body=nobody))["said"] == [expected]

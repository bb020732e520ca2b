"""The same Idempotency-Key gives the same answer and one effect, whatever the network does."""

import asyncio
import secrets
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from adapters.database.access import create_api_key
from tests.stack import Stack
from tests.test_journey import EVIDENCE, Journey

CLINIC = {
    "name": "Clinica Armonia",
    "email": "c@armonia.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
}
REASON = {"reason": "The clinic moves house."}
MANY = 40


def once(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def post(stack: Stack, path: str, body: Any, key: str, **headers: str) -> httpx2.Response:
    return await stack.http.post(f"/api/v1{path}", json=body, headers={**once(key), **headers})


async def count(stack: Stack, table: str) -> int:
    async with stack.database.transaction() as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def settled(stack: Stack, path: str, body: Any, key: str) -> httpx2.Response:
    """What a client gets that does as it is told: it waits while the first request is in flight."""
    while True:
        answer = await post(stack, path, body, key)
        if answer.status_code != 409:
            return answer
        assert answer.json()["code"] == "idempotency-in-flight"
        await asyncio.sleep(0.05)


@pytest.fixture
async def journey(stack: Stack) -> Journey:
    return await Journey(stack, "generali").begin()


async def test_a_provider_asked_for_forty_times_at_once_is_made_once(idle_stack: Stack) -> None:
    answers = await asyncio.gather(*(settled(idle_stack, "/providers", CLINIC, "once") for _ in range(MANY)))
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sum("idempotent-replay" not in answer.headers for answer in answers) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await count(idle_stack, "providers") == 1


async def test_an_onboarding_asked_for_forty_times_at_once_is_started_once(idle_stack: Stack) -> None:
    provider = (await idle_stack.call("POST", "/providers", json=CLINIC))["id"]
    body = {"provider_id": provider, "partner": "generali"}
    answers = await asyncio.gather(*(settled(idle_stack, "/onboardings", body, "once") for _ in range(MANY)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await count(idle_stack, "onboardings") == 1
    assert await count(idle_stack, "onboarding_events WHERE type = 'onboarding.started'") == 1


async def test_without_a_key_forty_at_once_start_one_onboarding_and_name_it_to_the_others(
    idle_stack: Stack,
) -> None:
    provider = (await idle_stack.call("POST", "/providers", json=CLINIC))["id"]
    body = {"provider_id": provider, "partner": "generali"}
    answers = await asyncio.gather(
        *(idle_stack.http.post("/api/v1/onboardings", json=body) for _ in range(MANY))
    )
    (made,) = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code != 201]
    assert {(one["status"], one["code"]) for one in refused} == {(409, "already-open")}
    assert all(made in one["detail"] for one in refused)


async def test_a_step_completed_forty_times_at_once_is_completed_once(journey: Journey) -> None:
    stack, path = journey.stack, f"/onboardings/{journey.id}/steps/contract/complete"
    answers = await asyncio.gather(*(post(stack, path, EVIDENCE, "once") for _ in range(MANY)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    await stack.step(journey.id, "intent", "done")
    assert await count(stack, "onboarding_events WHERE type = 'step.complete'") == 1
    assert len(stack.mails.all()) == 1


async def test_forty_different_keys_at_once_complete_a_step_once(journey: Journey) -> None:
    stack, path = journey.stack, f"/onboardings/{journey.id}/steps/contract/complete"
    answers = await asyncio.gather(*(post(stack, path, EVIDENCE, f"key {n}") for n in range(MANY)))
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer.json() for answer in answers if answer.status_code != 200]
    assert len(won) == 1
    assert {(one["status"], one["code"]) for one in lost} == {(409, "already-done")}
    await stack.step(journey.id, "intent", "done")
    assert await count(stack, "onboarding_events WHERE type = 'step.complete'") == 1
    assert len(stack.mails.all()) == 1


async def test_a_key_used_again_for_another_request_is_refused(journey: Journey) -> None:
    stack, step = journey.stack, f"/onboardings/{journey.id}/steps/contract/complete"
    at_europ = {"provider_id": journey.provider, "partner": "europ-assistance"}
    for path, body, other in (
        ("/providers", CLINIC, {**CLINIC, "name": "Other"}),
        ("/onboardings", at_europ, {**at_europ, "partner": "global-assistance"}),
        (step, EVIDENCE, {**EVIDENCE, "note": "Signed in Dej"}),
    ):
        key = secrets.token_hex(8)
        assert (await post(stack, path, body, key)).is_success
        refused = await post(stack, path, other, key)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-mismatch"), path
    assert await count(stack, "providers") == 2
    assert await count(stack, "onboardings") == 2
    contract = next(one for one in (await journey.see())["steps"] if one["key"] == "contract")
    assert contract["result"]["note"] == EVIDENCE["note"]


async def test_a_key_used_for_another_address_is_refused(journey: Journey) -> None:
    stack, base = journey.stack, f"/onboardings/{journey.id}"
    assert (await post(stack, f"{base}/hold", REASON, "once")).status_code == 200
    refused = await post(stack, f"{base}/cancel", REASON, "once")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-mismatch")
    assert (await journey.see())["status"] == "on_hold"


async def test_callers_keys_are_their_own(journey: Journey) -> None:
    stack = journey.stack
    async with stack.database.transaction() as session:
        other = await create_api_key(session, "another manager", "manager")
    mine = await post(stack, "/providers", CLINIC, "once")
    theirs = await post(
        stack, "/providers", {**CLINIC, "name": "Theirs"}, "once", authorization=f"Bearer {other}"
    )
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]
    path = f"/onboardings/{journey.id}/steps/contract/complete"
    assert (await post(stack, path, EVIDENCE, "twice")).status_code == 200
    refused = await post(stack, path, EVIDENCE, "twice", authorization=f"Bearer {other}")
    assert (refused.status_code, refused.json()["code"]) == (409, "already-done")


async def test_a_refused_request_leaves_its_key_free(journey: Journey) -> None:
    stack, path = journey.stack, f"/onboardings/{journey.id}/steps/contract/complete"
    assert (await post(stack, path, {}, "once")).status_code == 422
    assert (await post(stack, path, EVIDENCE, "once")).status_code == 200
    assert (await post(stack, "/providers", {**CLINIC, "name": ""}, "again")).status_code == 422
    assert (await post(stack, "/providers", CLINIC, "again")).status_code == 201


async def test_the_answer_stays_the_same_when_the_onboarding_has_gone_on(journey: Journey) -> None:
    stack, path = journey.stack, f"/onboardings/{journey.id}/steps/contract/complete"
    first = await post(stack, path, EVIDENCE, "once")
    await stack.step(journey.id, "intent", "done")
    await stack.call("POST", f"/onboardings/{journey.id}/hold", json=REASON)
    again = await post(stack, path, EVIDENCE, "once")
    assert (again.status_code, again.json()) == (200, first.json())


async def test_the_answer_stays_the_same_when_the_onboarding_has_ended(journey: Journey) -> None:
    stack, base = journey.stack, f"/onboardings/{journey.id}"
    first = await post(stack, f"{base}/steps/contract/complete", EVIDENCE, "once")
    end = await post(stack, f"{base}/cancel", REASON, "the end")
    assert end.status_code == 200
    again = await post(stack, f"{base}/steps/contract/complete", EVIDENCE, "once")
    assert (again.status_code, again.json()) == (200, first.json())
    again = await post(stack, f"{base}/cancel", REASON, "the end")
    assert (again.status_code, again.json()) == (200, end.json())
    other = await post(stack, f"{base}/steps/contract/complete", EVIDENCE, "another")
    assert other.status_code == 409
    assert "cancelled" in other.json()["detail"]

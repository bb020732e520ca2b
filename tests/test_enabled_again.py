"""The end of a connection and its new beginning, over HTTP (R17): what is shown beforehand, what is carried over."""

from typing import Any

import pytest

from tests.connections import Live, go_live
from tests.stack import Stack


@pytest.fixture
async def live(idle_stack: Stack) -> Live:
    return await go_live(idle_stack.database, "generali")


async def channel(stack: Stack, live: Live, enabled: bool, **more: Any) -> Any:
    path = f"/providers/{live.provider_id}/channels/generali"
    return await stack.call("PATCH", path, json={"enabled": enabled}, **more)


async def why(stack: Stack, live: Live) -> list[str]:
    found = await stack.call("GET", f"/providers/{live.provider_id}/channels/generali/readiness")
    return [one["code"] for one in found["reasons"]]


async def test_a_preview_says_what_would_be_lost_and_nothing_is(idle_stack: Stack, live: Live) -> None:
    shown = await channel(idle_stack, live, False, params={"dry_run": "true"})
    (effect,) = shown["channels"]
    assert (effect["ends_connection"], effect["withdrawn"]["total"]) == (True, 2)
    assert await why(idle_stack, live) == []


async def test_deleting_a_service_that_is_not_the_last_ends_nothing(idle_stack: Stack, live: Live) -> None:
    for service_id, ends in zip(live.service_ids, (False, True), strict=True):
        path = f"/providers/{live.provider_id}/services/{service_id}"
        (effect,) = (await idle_stack.call("DELETE", path, params={"dry_run": "true"}))["channels"]
        assert effect["ends_connection"] is ends
        await idle_stack.call("DELETE", path, expect=204)
    assert await why(idle_stack, live) == [
        "connection.ending",
        "services.none_ticked",
        "prices.missing",
    ]


async def test_enabling_again_starts_an_onboarding_that_carries_over_what_is_valid(
    idle_stack: Stack, live: Live
) -> None:
    await channel(idle_stack, live, False)
    shown = await channel(idle_stack, live, True, params={"dry_run": "true"})
    (effect,) = shown["channels"]
    assert effect["starts_onboarding"] is True
    assert (await idle_stack.call("GET", "/onboardings?status=in_progress"))["items"] == []
    await channel(idle_stack, live, True)
    (begun,) = (await idle_stack.call("GET", "/onboardings?status=in_progress"))["items"]
    found = await idle_stack.call("GET", f"/onboardings/{begun['id']}")
    states = {step["key"]: step["state"] for step in found["steps"]}
    assert states["contract"] == "done"
    contract = next(step for step in found["steps"] if step["key"] == "contract")
    assert contract["result"]["carried_over_from"] == live.onboarding_id
    events = (await idle_stack.call("GET", f"/onboardings/{begun['id']}/events"))["items"]
    (carried,) = [event for event in events if event["type"] == "onboarding.carried_over"]
    assert carried["data"]["from"] == live.onboarding_id
    assert carried["data"]["cause"] == "permission_disabled"
    assert carried["data"]["steps"] == ["contract"]
    assert carried["data"]["consent"] == live.playbook.declaration.version


async def test_enabling_a_channel_that_was_never_live_starts_nothing(idle_stack: Stack, live: Live) -> None:
    path = f"/providers/{live.provider_id}/channels/europ-assistance"
    await idle_stack.call("PATCH", path, json={"enabled": True})
    assert (await idle_stack.call("GET", "/onboardings?status=in_progress"))["items"] == []


async def test_what_is_live_is_not_onboarded_again(idle_stack: Stack, live: Live) -> None:
    body = {"provider_id": live.provider_id, "partner": "generali"}
    refused = await idle_stack.call("POST", "/onboardings", 409, json=body)
    assert refused["code"] == "already-live"
